"""The conversation in the terminal, with its input and output in the test's hands."""

from __future__ import annotations

import asyncio

import pytest

from frontdesk.bot.types import Customer, Effect, Message, Reply, Sentence
from frontdesk.channels import terminal
from frontdesk.channels.terminal import talk
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import script, scripted


def session(lines: list[str], desk: FakeDesk | None = None, wait: float = 5.0) -> list[str]:
    """Type lines and return what was written."""
    typed, written = iter(lines), list[str]()

    async def read(prompt: str) -> str | None:
        assert prompt
        return next(typed, None)

    asyncio.run(talk(desk or scripted(), "shop", read=read, write=written.append, wait_seconds=wait))
    return written


def test_sentences_footnotes_and_numbered_buttons() -> None:
    written = session(["", "can I return it?", "choose", "2", "9", "/quit", "never read"])
    assert written[0] == "  You may return it within 45 days. [1]"
    assert written[1] == "  Good luck."
    assert written[2].startswith("  [1] Returns <policy>: “You may return it")
    assert written[3:6] == ["  Which one?", "  1) Choice 1", "  2) Choice 2"]
    assert written[-2:] == ["  You said: /choice_2", "  You said: 9"]


def test_end_of_input_ends_the_conversation() -> None:
    assert session([]) == []


def test_a_handoff_and_an_error_are_told() -> None:
    def handing_over(message: Message) -> Reply:
        return Reply(text="ok", routes=(), sentences=(Sentence(text="ok", effect=Effect(state="waiting")),))

    assert session(["person please"], FakeDesk(handing_over)) == ["  ok", "  (waiting for a colleague)"]
    broken = scripted()
    broken.broken = True
    [line] = session(["hi"], broken)
    assert line.startswith("  ! ")


def test_too_long_and_too_slow_are_told_and_the_session_goes_on() -> None:
    long, answer = session(["x" * 9000, "hi"])
    assert long.startswith("  ! ")
    assert answer == "  You said: hi"
    [slow] = session(["hi"], FakeDesk(script, pause=30), wait=0.05)
    assert "still being worked on" in slow


def test_undecodable_input_is_no_failure() -> None:
    assert session(["caf\udce9"]) == ["  You said: caf?"]


def test_the_customer_and_the_conversation_are_passed_on() -> None:
    seen: list[Message] = []

    def remember(message: Message) -> Reply:
        seen.append(message)
        return script(message)

    async def go() -> None:
        lines = iter(["hi"])

        async def read(prompt: str) -> str | None:
            return next(lines, None)

        who = Customer(id="c-1", identity="token")
        await talk(FakeDesk(remember), "shop", customer=who, conversation_id="mine", read=read, write=lambda _: None)

    asyncio.run(go())
    assert (seen[0].customer.id, seen[0].conversation_id, seen[0].brand) == ("c-1", "mine", "shop")


def test_standard_input_and_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = iter(["hi"])

    def typed(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    asyncio.run(talk(scripted(), "shop"))
    assert capsys.readouterr().out == "  You said: hi\n"
    assert terminal.PROMPT
