"""Who is writing on the web: nobody we know, or a customer for whom the host site signed a token.

The token is a JWT (RFC 7519), HS256 with the secret shared by host site and bot: `sub` the customer's id, `aud`
"frontdesk", `exp` at most ten minutes ahead, `nonce` any unique text, and perhaps `name` and `email`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from frontdesk.bot.errors import ChannelError, ConfigError
from frontdesk.bot.types import Conversation, Customer

AUDIENCE = "frontdesk"
LIFETIME = 600
SKEW = 30
SECRET_BYTES = 32
_CLAIM_CHARS = 200


class HostTokens:
    """Checks, and for the demo signs, the tokens of one host site."""

    def __init__(self, secret: bytes | None) -> None:
        if secret is not None and len(secret) < SECRET_BYTES:
            raise ConfigError(
                f"host_secret has {len(secret)} bytes, which can be guessed.",
                where="channels.web.host_secret",
                fix=f"use at least {SECRET_BYTES} random bytes, for example from `openssl rand -hex 32`.",
            )
        self._secret = secret

    def customer(self, token: str) -> Customer:
        """Return the verified customer; raises ChannelError 401, `token_expired` when a fresh one is needed."""
        if self._secret is None:
            raise _refused("This bot takes no customer tokens.", fix="set channels.web.host_secret.")
        claims = _claims(token, self._secret)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _CLAIM_CHARS or not subject.isprintable():
            raise _refused("The token's sub is not a customer id.")
        attributes = {key: claims[key][:_CLAIM_CHARS] for key in ("name", "email") if isinstance(claims.get(key), str)}
        return Customer(id=subject, identity="token", attributes=attributes)

    def sign(self, customer_id: str, *, name: str = "", email: str = "") -> str:
        """Return a token for `customer_id`, as a host site would make it."""
        import jwt

        if self._secret is None:
            raise _refused("This bot signs no customer tokens.", fix="set channels.web.host_secret.")
        at = int(time.time())
        claims: dict[str, Any] = {"sub": customer_id, "aud": AUDIENCE, "iat": at, "exp": at + LIFETIME}
        claims |= {"nonce": secrets.token_urlsafe(12)} | ({"name": name} if name else {})
        return jwt.encode(claims | ({"email": email} if email else {}), self._secret, algorithm="HS256")


def _claims(token: str, secret: bytes) -> dict[str, Any]:
    import jwt

    required = ["sub", "exp", "aud", "nonce"]
    try:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": required}
        )
        issued = min(float(claims.get("iat", time.time())), time.time())
        lives = float(claims["exp"]) - issued
    except jwt.ExpiredSignatureError:
        raise ChannelError("The customer token has expired.", status=401, code="token_expired", fix=_FRESH) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise _refused("The customer token is not valid.") from None
    if not lives <= LIFETIME + SKEW or not isinstance(claims["nonce"], str) or not claims["nonce"]:
        raise _refused("The customer token lives too long or has no nonce.")
    return claims


_FRESH = "ask the host site for a fresh token."
_SIGNED = "sign HS256 with sub, aud 'frontdesk', exp within 10 minutes and a nonce."


def _refused(what: str, fix: str = _SIGNED) -> ChannelError:
    return ChannelError(what, status=401, code="invalid_token", fix=fix)


def new_conversation_id() -> str:
    """Return an id that cannot be guessed (128 random bits): whoever knows it may read the conversation."""
    return secrets.token_hex(16)


def visitor(conversation_id: str) -> Customer:
    """Return the anonymous customer of a conversation; the id does not give the conversation's away."""
    return Customer(id="visitor-" + hashlib.sha256(conversation_id.encode()).hexdigest()[:16])


def may_enter(conversation: Conversation, customer: Customer | None) -> bool:
    """Whether this customer may read and write here: where a signed-in customer wrote, nobody else may."""
    wrote = [conversation.customer, *(turn.message.customer for turn in conversation.turns)]
    owners = {who.id for who in wrote if who is not None and who.identity == "token"}
    return not owners or (customer is not None and owners == {customer.id})
