"""The verifiers: official vectors, every bad header of the hostile list, and a mutation fuzz."""

from __future__ import annotations

import random

import pytest

from frontdesk.channels.signatures import slack_signature, slack_signed, telegram_signed

# The vector Slack publishes with its documentation of request signing.
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
STAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = float(STAMP)


def test_official_slack_vector() -> None:
    assert slack_signature(SECRET, BODY, STAMP) == SIGNATURE
    assert slack_signed(SECRET, BODY, STAMP, SIGNATURE, NOW)


@pytest.mark.parametrize(
    ("timestamp", "signature", "now"),
    [
        (None, SIGNATURE, NOW),
        (STAMP, None, NOW),
        ("", "", NOW),
        ("abc", SIGNATURE, NOW),
        ("1531420618.5", SIGNATURE, NOW),
        ("-1531420618", SIGNATURE, NOW),
        ("١٥٣١٤٢٠٦١٨", SIGNATURE, NOW),
        ("9" * 5000, SIGNATURE, NOW),
        ("nan", SIGNATURE, NOW),
        (STAMP, "v0=é", NOW),
        (STAMP, "v0=" + "字" * 64, NOW),
        (STAMP, "v0=\udcff", NOW),
        (STAMP, SIGNATURE.upper(), NOW),
        (STAMP, SIGNATURE[:-1], NOW),
        (STAMP, SIGNATURE + " ", NOW),
        (STAMP, SIGNATURE, NOW + 301),
        (STAMP, SIGNATURE, NOW - 301),
    ],
)
def test_bad_slack_headers_are_refused(timestamp: str | None, signature: str | None, now: float) -> None:
    assert slack_signed(SECRET, BODY, timestamp, signature, now) is False


def test_slack_accepts_up_to_300_seconds_and_never_an_empty_secret() -> None:
    assert slack_signed(SECRET, BODY, STAMP, SIGNATURE, NOW + 300)
    assert not slack_signed("", BODY, STAMP, slack_signature("", BODY, STAMP), NOW)


@pytest.mark.parametrize("header", [None, "", "wrong", "s3cret ", "S3CRET", "é", "字", "\udcff", "s3cret" * 1000])
def test_bad_telegram_tokens_are_refused(header: str | None) -> None:
    assert telegram_signed("s3cret", header) is False
    assert telegram_signed("", header) is False


def test_telegram_token() -> None:
    assert telegram_signed("s3cret", "s3cret")


def mutate(random_: random.Random, data: bytes) -> bytes:
    """Return `data` with one to three bytes changed, dropped, doubled or inserted."""
    result = bytearray(data)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(result) + 1)
        kind = random_.randrange(4)
        if kind == 0 and at < len(result):
            result[at] ^= 1 << random_.randrange(8)
        elif kind == 1 and at < len(result):
            del result[at]
        elif kind == 2:
            result[at:at] = result[at : at + 1]
        else:
            result.insert(at, random_.randrange(256))
    return bytes(result)


def test_no_mutation_of_a_signed_request_is_accepted() -> None:
    random_ = random.Random(7)
    genuine, accepted = (BODY, STAMP.encode(), SIGNATURE.encode()), 0
    for _ in range(4000):
        parts = list(genuine)
        for index in random_.sample(range(3), random_.randint(1, 3)):
            parts[index] = mutate(random_, parts[index])
        body, stamp, signature = parts
        verdict = slack_signed(SECRET, body, stamp.decode("latin-1"), signature.decode("latin-1"), NOW)
        accepted += verdict and tuple(parts) != genuine
    assert accepted == 0


def test_no_mutation_of_the_telegram_token_is_accepted() -> None:
    random_ = random.Random(8)
    mutants = (mutate(random_, b"a-Secret_token-42") for _ in range(4000))
    assert not [
        m for m in mutants if m != b"a-Secret_token-42" and telegram_signed("a-Secret_token-42", m.decode("latin-1"))
    ]
