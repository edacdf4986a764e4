"""A conversation in the terminal: type a line, read the reply as it is written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from frontdesk.bot.errors import FrontdeskError
from frontdesk.bot.types import Customer, Event, Message
from frontdesk.channels.desk import Desk
from frontdesk.channels.footnotes import marked, plain, sources
from frontdesk.channels.turns import LAST, collect

PROMPT = "you> "
STOP = frozenset({"/quit", "/exit"})
_INDENT = "  "

Read = Callable[[str], Awaitable[str | None]]
Write = Callable[[str], None]


async def read_line(prompt: str) -> str | None:
    """Read a line from standard input; None at its end."""
    try:
        return await asyncio.to_thread(input, prompt)
    except EOFError:
        return None


def write_line(line: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def talk(
    desk: Desk,
    brand: str,
    *,
    customer: Customer | None = None,
    conversation_id: str = "",
    wait_seconds: float = 60.0,
    read: Read = read_line,
    write: Write = write_line,
) -> None:
    """Answer lines until the end of input or /quit. A line that is a number presses that button."""
    conversation = conversation_id or f"terminal:{uuid4().hex}"
    who = customer or Customer(id="terminal")
    buttons: Sequence[Mapping[str, Any]] = ()
    while (line := await read(PROMPT)) is not None and line.strip() not in STOP:
        if not line.strip():
            continue
        message = _message(line.strip(), buttons, conversation, brand, who)
        try:
            buttons = await _turn(desk, message, wait_seconds, write)
        except FrontdeskError as error:
            write(f"{_INDENT}! {error}")


def _message(
    line: str, buttons: Sequence[Mapping[str, Any]], conversation_id: str, brand: str, customer: Customer
) -> Message:
    number = int(line) if line.isascii() and line.isdigit() and len(line) < 4 else 0
    button = buttons[number - 1] if 0 < number <= len(buttons) else None
    return Message(
        text=str(button["payload"]) if button else line.encode("utf-8", "replace").decode(),
        conversation_id=conversation_id,
        brand=brand,
        channel="terminal",
        customer=customer,
        id=uuid4().hex,
        metadata={"title": button["title"]} if button else {},
    )


async def _turn(desk: Desk, message: Message, wait: float, write: Write) -> Sequence[Mapping[str, Any]]:
    """Show one turn as it comes and return the buttons it ends with."""
    receipt, last = await desk.accept(message, message.id), None
    async for event in collect(desk, receipt, wait):
        last = event
        for line in _lines(event):
            write(_INDENT + line)
    if last is None or last.kind not in LAST:
        write(f"{_INDENT}! no answer within {wait:g} s; it is still being worked on")
        return ()
    return list(last.data.get("buttons") or ())


def _lines(event: Event) -> list[str]:
    if event.kind == "sentence":
        return [plain(marked(event.data))]
    if event.kind == "error":
        return [f"! {event.data.get('message') or 'The message could not be answered.'}"]
    if event.kind == "state":
        return [f"({_STATES.get(str(event.data.get('state')), 'the conversation moved')})"]
    if event.kind != "done":
        return []
    choices = [f"{number}) {button['title']}" for number, button in enumerate(event.data.get("buttons") or (), 1)]
    return sources(event.data.get("citations") or ()) + choices


_STATES = {
    "waiting": "waiting for a colleague",
    "human": "a colleague has the conversation",
    "bot": "the bot has the conversation",
}
