"""`frontdesk ask --explain`: how the documents answer a question, in words or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot
    from frontdesk.channels.oversight import Explained, Passage, Weighed


def explain_one(bot: Bot, brand: str, text: str, as_json: bool) -> None:
    """Print how a brand's documents answer `text`, asked by a customer: the same that /admin/explain shows."""
    from frontdesk.bot.commands.oversight import explain
    from frontdesk.bot.store.codec import plain

    found = explain(bot, brand, text)
    print(json.dumps(plain(found), ensure_ascii=False) if as_json else "\n".join(lines(found)))


def lines(found: Explained) -> Iterator[str]:
    """Yield an explanation as lines to read."""
    yield f"Question      {found.searched}"
    yield from (f"  also as     {text}" for text in found.phrasings if text != found.searched)
    for route in found.routes:
        yield f"Routed to     {route.kind}: {route.intent} {route.confidence:.2f} ({route.reason})"
    verdict = "answers" if found.sentences else "abstains"
    yield f"Sure          {found.probability:.2f}, answers from {found.threshold:.2f} on: {verdict}"
    yield ""
    yield "Passages: together, meaning, words"
    for number, passage in enumerate(found.passages, 1):
        yield from _passage(number, passage)
    yield ""
    yield "Sentences considered"
    for one in found.considered:
        yield from _weighed(one)
    yield from (f"Conflict      {text}" for text in found.conflicts)
    yield from (f"Note          {text}" for text in found.notes)
    yield ""
    yield "Answer"
    yield from _answer(found)


def _passage(number: int, one: Passage) -> Iterator[str]:
    end = one.start + len(one.text)
    yield f"  {number:>2}. {one.score:.3f} {one.dense:5.2f} {one.lexical:5.1f}  {' › '.join(one.heading)}"
    yield f"      {one.document_id} @ {one.version[:12]}, {one.start}-{end}"


def _weighed(one: Weighed) -> Iterator[str]:
    where = "written by the chat model" if one.written else f"{one.document_id}, {one.start}-{one.end}"
    yield f"  {'kept   ' if one.kept else 'dropped'} {one.score:5.2f}  {' '.join(one.text.split())}"
    yield f"                 {where}{f': {one.why}' if one.why else ''}"


def _answer(found: Explained) -> Iterator[str]:
    if not found.sentences:
        yield "  nothing: a person is offered"
    for sentence in found.sentences:
        marks = "".join(f" [{citation.number}]" for citation in sentence.citations)
        yield f"  {sentence.text}{marks}"
    for sentence in found.sentences:
        for one in sentence.citations:
            yield f"  [{one.number}] {one.title}: “{' '.join(one.quote.split())}” {one.url}".rstrip()
