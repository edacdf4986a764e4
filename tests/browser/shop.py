"""What the browser tests share: Chromium and its flags, a scripted bot, and a running server seen from a test."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.types import Button, Citation, Effect, Message, Reply, Route, Sentence
from frontdesk.channels.testing import FakeDesk

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=LocalNetworkAccessChecks",  # a made-up page of "the internet" may load the bot from here
    "--force-color-profile=srgb",
]
OPERATOR = "operator-token-of-the-tests"
HOST = "http://shop.localhost:8099"
"""The origin of a made-up page that may embed the widget."""
QUOTE = "You can send anything back within 45 days of delivery, unused and in its packaging."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)
"""Enough of a picture to be taken for one."""
HOSTILE = (
    '<img src=x onerror="alert(1)"><script>alert(2)</script> [x](javascript:alert(3)) ![y](https://evil.example/p.png)'
)


def script(message: Message) -> Reply:
    """The bot of these tests."""
    text, who = message.text.lower(), message.customer
    if text == "/human_agent":
        said = [
            Sentence(text="I'm passing this to a colleague, who will answer you here.", effect=Effect(state="waiting"))
        ]
        return _reply("handoff", "human_agent", said)
    if "return" in text:
        return _reply("knowledge", "return_policy", _returns())
    if "order" in text and who.identity == "token":
        name = who.attributes.get("name", who.id)
        said = [
            Sentence(text=f"{name}, your order **LL-10423** left our warehouse on Tuesday."),
            Sentence(text="It should be with you on Friday."),
        ]
        return _reply("account", "order_status", said)
    if "order" in text:
        return _reply(
            "account", "order_status", [Sentence(text="I can only talk about orders once you are signed in.")]
        )
    if "hostile" in text:
        return _reply("voice", "greeting", [Sentence(text=HOSTILE)], [Button(title="<b>bold</b>", payload="hi")])
    if "lamp" in text:
        choices = [Button(title="Care for a lamp", payload="/care"), Button(title="Return a lamp", payload="/return")]
        return _reply("clarify", "care_instructions", [Sentence(text="Which of these is closest?")], choices)
    return _reply(
        "voice",
        "greeting",
        [Sentence(text="Hello there, good to hear from you."), Sentence(text="What can I do for you today?")],
    )


def _returns() -> list[Sentence]:
    first = Citation(
        number=1,
        document_id="returns",
        title="Returns and refunds",
        url="https://larkspurlane.example/returns",
        version="3",
        quote=QUOTE,
        start=0,
        end=len(QUOTE),
    )
    quote = "Refunds arrive 5-7 business days after the parcel reaches our warehouse."
    second = Citation(
        number=2,
        document_id="refunds",
        title="When your money comes back",
        url="",
        version="1",
        quote=quote,
        start=0,
        end=len(quote),
    )
    return [Sentence(text=QUOTE, citations=(first,)), Sentence(text=quote, citations=(second,))]


def _reply(kind: Any, intent: str, said: list[Sentence], buttons: Any = ()) -> Reply:
    citations = tuple(citation for sentence in said for citation in sentence.citations)
    route = Route(kind=kind, intent=intent, confidence=0.93, reason="scripted")
    text = " ".join(sentence.text for sentence in said)
    return Reply(
        text=text, routes=(route,), sentences=tuple(said), citations=citations, buttons=tuple(buttons), voice="warm@1"
    )


def missing(what: str) -> None:
    """Skip for want of `what`; on CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing; `make test` installs it")
    pytest.skip(f"{what} is not installed")


@dataclass
class Shop:
    """A running server, and its desk seen from the test's thread."""

    url: str
    desk: FakeDesk
    call: Callable[[Any], Any]


def newest(shop: Shop) -> Any:
    """Return the conversation that began last."""
    return list(shop.desk._conversations.values())[-1]
