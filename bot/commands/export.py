"""`frontdesk export`: the bot's own conversations, with what people wrote, voted and corrected, as JSONL."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.helped import told
from frontdesk.bot.project import Project
from frontdesk.bot.types import Reply, Turn

if TYPE_CHECKING:
    from frontdesk.bot.store.archive import Past


class What(StrEnum):
    """What a row of the export is."""

    transcripts = "transcripts"
    feedback = "feedback"


def export(
    what: Annotated[What, typer.Option(help="A conversation a row, or a vote a row.")] = What.transcripts,
    since: Annotated[datetime | None, typer.Option(help="Only conversations that changed since, in UTC.")] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand's; default all.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; default the terminal.")] = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Write the bot's conversations as JSONL, to tune a voice or to evaluate on. They hold personal data."""
    from frontdesk.bot.store.archive import archive

    loaded = Project.load(project)
    name = brand and _known(loaded, brand)
    rows_of = transcripts_of if what is What.transcripts else feedback_of
    summary: Counter[str] = Counter({"conversations": 0, "rows": 0})
    with _target(out) as target:
        for past in archive(loaded.store_url, since=since and since.replace(tzinfo=UTC), brand=name):
            summary["conversations"] += 1
            for row in rows_of(past):
                summary["rows"] += 1
                target.write(json.dumps(row, ensure_ascii=False) + "\n")
    told = {"what": what.value, "out": str(out or "-"), **summary}
    line = f"{summary['rows']} {what.value} of {summary['conversations']} conversations"
    print(json.dumps(told) if as_json else line, file=sys.stdout if out else sys.stderr)


def transcripts_of(past: Past) -> Iterator[dict[str, Any]]:
    """Yield the conversation in our transcript form; `by` tells a person's turns from the bot's, `vote` the customer's.

    An intent is the router's, given where it was the only one and the answer was not voted down. "Did that help?" and
    what came of it is the vote, and no turn.
    """
    turns: list[dict[str, Any]] = []
    for each in past.seen:
        if not isinstance(each, Turn):
            turns.append({"role": "agent", "text": each.text, "by": "person"})
            continue
        vote, words = _vote(past, each), told(each.reply).strip() if each.reply else ""
        if each.reply and each.reply.text.strip() and not words:
            continue
        intent = _intent(each.reply) if vote != "down" else None
        turns.append({"role": "customer", "text": _said(each)} | ({"intent": intent} if intent else {}))
        if words:
            turns.append({"role": "agent", "text": words, "by": "bot"} | ({"vote": vote} if vote else {}))
    cast = Counter(str(value.get("value")) for value in past.votes.values())
    conversation = past.conversation
    meta = {"source": "frontdesk", "brand": conversation.brand, "channel": conversation.channel, "votes": dict(cast)}
    if said := [turn for turn in turns if turn["text"].strip()]:
        yield {"id": conversation.id, "turns": said, "meta": meta}


def feedback_of(past: Past) -> Iterator[dict[str, Any]]:
    """Yield each vote with the message, the reply, and as `correction` what a person wrote after it, if one did."""
    for place, each in enumerate(past.seen):
        if not isinstance(each, Turn) or not each.reply or not (vote := _vote(past, each)):
            continue
        value, after = past.votes[each.message.id], past.seen[place + 1 : place + 2]
        correction = "".join(written.text for written in after if not isinstance(written, Turn))
        yield {
            "text": _said(each),
            "intent": _intent(each.reply),
            "reply": told(each.reply),
            "vote": vote,
            **{key: value[key] for key in ("reason", "comment") if value.get(key)},
            **({"correction": correction} if correction else {}),
            "voice": each.reply.voice,
            "brand": past.conversation.brand,
            "channel": past.conversation.channel,
            "conversation_id": past.conversation.id,
            "message_id": each.message.id,
        }


def _said(turn: Turn) -> str:
    """Return what the customer saw themselves say: a button's title, not its payload."""
    title = turn.message.metadata.get("title")
    return title if isinstance(title, str) and title else turn.message.text


def _vote(past: Past, turn: Turn) -> str | None:
    value = past.votes.get(turn.message.id, {}).get("value")
    return value if value in ("up", "down") else None


def _intent(reply: Reply | None) -> str | None:
    intents = {route.intent for route in reply.routes} if reply else set()
    return intents.pop() if len(intents) == 1 else None


def _known(project: Project, brand: str) -> str:
    if brand in project.settings.brands:
        return brand
    known = ", ".join(project.settings.brands)
    raise ConfigError(f"no brand {brand!r}.", where=str(project.folder), fix=f"one of {known}.")


@contextmanager
def _target(out: Path | None) -> Iterator[IO[str]]:
    """Yield where the rows go; a file is readable by its owner only, and is there whole or not at all."""
    if out is None:
        yield sys.stdout
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}.", where=str(out), fix="name another file.") from None
    finally:
        part.unlink(missing_ok=True)
