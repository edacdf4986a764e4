"""Proof that a request comes from the platform: over the raw bytes, in constant time, and never an exception."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

STALE_SECONDS = 300


def slack_signed(secret: str, body: bytes, timestamp: str | None, signature: str | None, now: float) -> bool:
    """Return whether Slack signed `body` at most 300 s before or after `now` (epoch seconds).

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    return _fresh(slack_signature, secret, body, timestamp, signature, now)


def chatwoot_signed(secret: str, body: bytes, timestamp: str | None, signature: str | None, now: float) -> bool:
    """Return whether Chatwoot (from 4.13 on) signed `body` at most 300 s before or after `now` (epoch seconds).

    Source: https://github.com/chatwoot/chatwoot/pull/13573 and /pull/13892
    """
    return _fresh(chatwoot_signature, secret, body, timestamp, signature, now)


def _fresh(
    of: Callable[[str, bytes, str], str],
    secret: str,
    body: bytes,
    timestamp: str | None,
    signature: str | None,
    now: float,
) -> bool:
    try:
        if not (secret and timestamp and signature and timestamp.isascii() and timestamp.isdigit()):
            return False
        if abs(now - int(timestamp)) > STALE_SECONDS:
            return False
        return hmac.compare_digest(of(secret, body, timestamp).encode(), signature.encode("latin-1"))
    except Exception:
        # Whatever a stranger puts in a header is a wrong signature, never a failure of ours.
        return False


def slack_signature(secret: str, body: bytes, timestamp: str) -> str:
    """Return the `X-Slack-Signature` of `body`: `v0=` and an HMAC-SHA256 in hex."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, sha256).hexdigest()


def chatwoot_signature(secret: str, body: bytes, timestamp: str) -> str:
    """Return the `X-Chatwoot-Signature` of `body`: `sha256=` and an HMAC-SHA256 in hex."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


def telegram_signed(secret: str, header: str | None) -> bool:
    """Return whether `X-Telegram-Bot-Api-Secret-Token` is the token given to setWebhook.

    Source: https://core.telegram.org/bots/api#setwebhook
    """
    try:
        return bool(secret and header) and hmac.compare_digest(secret.encode(), (header or "").encode("latin-1"))
    except Exception:
        return False
