"""Tokens of the host site: what is accepted, what is refused, and who may enter a conversation."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest

from frontdesk.bot.errors import ChannelError, ConfigError
from frontdesk.bot.types import Conversation, Customer, Message, Turn
from frontdesk.channels.identity import HostTokens, may_enter, new_conversation_id, visitor

SECRET = b"k" * 32


def signed(secret: bytes = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "c-1", "aud": "frontdesk", "exp": int(time.time()) + 300, "nonce": "n"} | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)


def refusal(token: str, tokens: HostTokens | None = None) -> str:
    with pytest.raises(ChannelError) as caught:
        (tokens or HostTokens(SECRET)).customer(token)
    assert caught.value.status == 401
    assert caught.value.fix
    return caught.value.code


def test_a_signed_customer() -> None:
    customer = HostTokens(SECRET).customer(signed(name="Nora", email="n@shop.example", role="admin"))
    assert (customer.id, customer.identity, customer.verified) == ("c-1", "token", True)
    assert customer.attributes == {"name": "Nora", "email": "n@shop.example"}


def test_what_we_sign_we_accept() -> None:
    tokens = HostTokens(SECRET)
    assert tokens.customer(tokens.sign("c-2", name="Ben")).attributes == {"name": "Ben"}


def test_expired_has_its_own_code() -> None:
    assert refusal(signed(exp=int(time.time()) - 1)) == "token_expired"


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": "a\nb"},
        {"aud": None},
        {"aud": "elsewhere"},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": int(time.time()) + 3600},
        {"exp": int(time.time()) + 600, "iat": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"iat": "x"},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_bad_claims(changes: dict[str, Any]) -> None:
    assert refusal(signed(**changes)) == "invalid_token"


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "RS256", ""])
def test_only_hs256(algorithm: str) -> None:
    claims = {"sub": "c-1", "aud": "frontdesk", "exp": int(time.time()) + 300, "nonce": "n"}
    unsigned = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."
    assert refusal(unsigned) == "invalid_token"
    assert refusal(unsigned + signed().rpartition(".")[2]) == "invalid_token"


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_other_keys_and_algorithms() -> None:
    assert refusal(signed(secret=b"x" * 32)) == "invalid_token"
    assert refusal(signed(algorithm="HS512")) == "invalid_token"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "\x00", "x" * 5000, signed()[:-2], signed() + "A"])
def test_malformed(token: str) -> None:
    assert refusal(token) == "invalid_token"


def test_without_a_secret_no_token_counts() -> None:
    assert refusal(signed(), HostTokens(None)) == "invalid_token"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="host_secret"):
        HostTokens(b"short")


def test_ids_cannot_be_guessed_or_derived() -> None:
    ids = {new_conversation_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 32 and visitor(each).id not in each and each not in visitor(each).id for each in ids)


def test_who_may_enter() -> None:
    nora, ben = (Customer(id=name, identity="token") for name in ("nora", "ben"))
    posing = Customer(id="nora", identity="anonymous")
    said = Message(text="x", conversation_id="c", brand="b", channel="web", customer=nora, id="m")
    once_hers = Conversation(id="c", brand="b", customer=posing, turns=(Turn(message=said),))
    assert [may_enter(once_hers, who) for who in (nora, ben, None)] == [True, False, False]
    hers, open_to_holder = (Conversation(id="c", brand="b", customer=who) for who in (nora, posing))
    assert [may_enter(hers, who) for who in (nora, ben, None)] == [True, False, False]
    assert [may_enter(open_to_holder, who) for who in (nora, ben, None)] == [True, True, True]
