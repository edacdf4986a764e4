"""`frontdesk ask`: one answer with its whole trace, or a file of them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from frontdesk.bot.commands.explaining import explain_one
from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries, read_rows
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project
from frontdesk.bot.types import Conversation, Customer, Identity, Message, Reply, Sentence, Turn

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot


def ask(
    text: Annotated[str | None, typer.Argument(help="The customer's message.")] = None,
    file: Annotated[Path | None, typer.Option(help='JSONL rows {"text","customer"?,"conversation_id"?}.')] = None,
    out: Annotated[Path | None, typer.Option(help="Where the answered rows go; default: print them.")] = None,
    customer: Annotated[str | None, typer.Option(help="Ask as this verified customer, e.g. C1001.")] = None,
    brand: Annotated[str | None, typer.Option(help="The brand asked; default: the project's.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the documents answer, and why.")] = False,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Ask the bot. With --file, answer every row in order; rows without a conversation_id stand alone."""
    if (text is None) == (file is None):
        raise ConfigError("ask needs a text or --file.", fix='run `frontdesk ask "TEXT"` or `frontdesk ask --file F`.')
    if explain and text is None:
        raise ConfigError("--explain explains one text.", fix='run `frontdesk ask --explain "TEXT"`.')
    rows = read_rows(file, "text") if file else [{"text": text}]
    if customer:
        rows = [{"customer": {"id": customer, "identity": "token"}, **row} for row in rows]
    from frontdesk.bot.app import assemble

    quiet_libraries()
    loaded = Project.load(project)
    for name in {brand, *(row.get("brand") for row in rows)}:
        loaded.settings.brand(name)
    bot = assemble(loaded)
    if explain:
        explain_one(bot, brand or loaded.settings.brand_id, str(text), as_json)
        return
    bot.warm_up()
    session = Session(bot, brand or loaded.settings.brand_id)
    if file:
        asyncio.run(_answer_all(session, rows, out, as_json))
    else:
        asyncio.run(_answer_one(session, rows[0], as_json))


class Session:
    """Answers rows in memory, through the same engine as the server; keeps the conversations that rows share."""

    def __init__(self, bot: Bot, brand: str) -> None:
        self.bot, self.brand = bot, brand
        self.conversations: dict[str, Conversation] = {}

    async def answer(self, row: Mapping[str, Any], number: int) -> tuple[Reply, float]:
        """Return the reply to one row and the milliseconds it took."""
        from frontdesk.bot.engine import changes, moved_to

        shared = row.get("conversation_id")
        message = self._message(row, str(shared or f"row-{number}"), number)
        blank = Conversation(id=message.conversation_id, brand=message.brand, customer=message.customer)
        conversation = self.conversations.get(str(shared), blank) if shared else blank
        started = time.perf_counter()
        reply = await self.bot.engine.respond(message, conversation, _keep)
        elapsed = (time.perf_counter() - started) * 1000
        if shared:
            merged = {**conversation.slots, **changes(reply)}
            self.conversations[str(shared)] = replace(
                conversation,
                turns=(*conversation.turns, Turn(message=message, reply=reply)),
                slots={key: value for key, value in merged.items() if value is not None},
                state=moved_to(reply) or conversation.state,
            )
        return reply, round(elapsed, 1)

    def _message(self, row: Mapping[str, Any], conversation_id: str, number: int) -> Message:
        who = row.get("customer") or {"id": "visitor"}
        try:
            customer = Customer(**who)
            if customer.identity not in get_args(Identity):
                raise TypeError
        except TypeError:
            fix = f'write {{"id", "identity"?}}; an identity is one of {", ".join(get_args(Identity))}.'
            raise ConfigError(f"customer {who!r} is not readable.", where=f"row {number}", fix=fix) from None
        return Message(
            text=str(row["text"]).encode("utf-8", "replace").decode()[: self.bot.project.settings.limits.text_chars],
            conversation_id=conversation_id,
            brand=str(row.get("brand") or self.brand),
            channel="ask",
            customer=customer,
            id=str(row.get("id") or number),
        )


async def _keep(sentence: Sentence) -> Sentence:
    """Nobody reads along: the reply keeps every sentence."""
    return sentence


async def _answer_one(session: Session, row: Mapping[str, Any], as_json: bool) -> None:
    from frontdesk.bot.store.codec import plain

    reply, elapsed = await session.answer(row, 1)
    if as_json:
        print(json.dumps({**answered(row, reply, elapsed), "trace": plain(reply)}, ensure_ascii=False))
        return
    print(reply.text)
    for citation in reply.citations:
        print(f"  [{citation.number}] {citation.title}: “{' '.join(citation.quote.split())}” {citation.url}".rstrip())
    if reply.buttons:
        print("  " + " · ".join(f"[{button.title}]" for button in reply.buttons))
    route = reply.routes[0]
    voice = f" · {reply.voice}" if reply.voice else ""
    print(f"  ({route.kind}: {route.intent} {route.confidence:.2f}{voice} · {elapsed:.0f} ms)", file=sys.stderr)


async def _answer_all(session: Session, rows: list[dict[str, Any]], out: Path | None, as_json: bool) -> None:
    try:
        target = out.open("w", encoding="utf-8") if out else sys.stdout
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}.", where=str(out), fix="name another file.") from None
    kinds: Counter[str] = Counter()
    times: list[float] = []
    with progress(quiet=out is None or as_json) as step:
        for number, row in enumerate(rows, start=1):
            reply, elapsed = await session.answer(row, number)
            target.write(json.dumps(answered(row, reply, elapsed), ensure_ascii=False) + "\n")
            kinds[reply.routes[0].kind] += 1
            times.append(elapsed)
            step("answering", number, len(rows))
    if out:
        target.close()
        emit({"answered": len(rows), "routes": dict(kinds), **_quantiles(times)}, as_json)


def answered(row: Mapping[str, Any], reply: Reply, elapsed: float) -> dict[str, Any]:
    """Return the row with its reply, in the shape of the design's `ask --file`."""
    from frontdesk.bot.store.codec import plain

    route = reply.routes[0]
    return {
        **row,
        "reply": reply.text,
        "route": {key: getattr(route, key) for key in ("kind", "intent", "confidence", "reason")},
        "citations": plain(reply.citations),
        "buttons": plain(reply.buttons),
        "voice": reply.voice,
        "ms": elapsed,
    }


def _quantiles(times: list[float]) -> dict[str, float]:
    import numpy as np

    return {"p50_ms": float(np.percentile(times, 50)), "p95_ms": float(np.percentile(times, 95))}
