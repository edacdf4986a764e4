"""The JSON of the web API: REPLY, the data of each event, a conversation's turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, cast

from frontdesk.bot.types import Citation, Conversation, Event, Message, Reply, Route, Sentence, Turn
from frontdesk.channels.desk import Desk
from frontdesk.channels.markdown import render_reply
from frontdesk.channels.sent_files import shown_files

Json = dict[str, Any]
_CITATION = ("number", "document_id", "title", "url", "version", "quote", "start", "end")


def reply_json(reply: Reply) -> Json:
    """Return a stored reply as REPLY."""
    return {
        "text": reply.text,
        "nodes": render_reply(reply.text, reply.sentences, reply.citations),
        "routes": [_route(route) for route in reply.routes],
        "citations": [asdict(citation) for citation in reply.citations],
        "buttons": [asdict(button) for button in reply.buttons],
        "voice": reply.voice,
        "ms": int(reply.trace.get("ms", 0)),
    }


def done_json(data: Mapping[str, Any], sentences: Iterable[Sentence] = ()) -> Json:
    """Return the data of a `done` event as REPLY; `sentences` are those of the turn, as far as known."""
    text = str(data.get("text") or "")
    known = tuple(_sentence(row) for row in data.get("sentences") or ()) or tuple(sentences)
    return {
        "text": text,
        "nodes": render_reply(text, known, _citations(data)),
        "routes": [
            {key: row[key] for key in ("kind", "intent", "confidence", "reason")} for row in _rows(data, "routes")
        ],
        "citations": [{key: row[key] for key in _CITATION} for row in _rows(data, "citations")],
        "buttons": [{"title": row["title"], "payload": row["payload"]} for row in _rows(data, "buttons")],
        "voice": data.get("voice"),
        "ms": int(data.get("ms") or 0),
    }


def event_json(event: Event, sentences: Iterable[Sentence] = ()) -> Json:
    """Return what the web shows of an event: nothing that is not listed here leaves."""
    data = event.data
    if event.kind == "done":
        return done_json(data, sentences)
    if event.kind == "sentence":
        return {"message_id": event.message_id, **sentence_json(data)}
    if event.kind == "error":
        return {"message": str(data.get("message") or "Something went wrong."), "retry": bool(data.get("retry"))}
    shown: Json = {"message_id": event.message_id}
    if event.kind == "buttons":
        shown["buttons"] = [{"title": row["title"], "payload": row["payload"]} for row in _rows(data, "buttons")]
    if event.kind == "state":
        shown["state"] = data.get("state", "bot")
    return shown


def sentence_json(data: Mapping[str, Any]) -> Json:
    """Return text, nodes and citations of one sentence; its author, and whether that is no person (`automatic`)."""
    sentence = _sentence(data)
    shown: Json = {"text": sentence.text, "nodes": render_reply(sentence.text, [sentence])}
    shown["citations"] = [asdict(citation) for citation in sentence.citations]
    shown |= {"automatic": True} if data.get("automatic") else {}
    return shown | ({"author": str(data["author"])} if data.get("author") else {})


def sentence_of(event: Event) -> Sentence:
    """Return the sentence that an event of that kind carries."""
    return _sentence(event.data)


def message_json(message: Message) -> Json:
    """Return what a customer said; `title` is what they saw when the text is a button's payload."""
    title = message.metadata.get("title")
    shown: Json = {"message_id": message.id, "text": message.text, "sent_at": message.sent_at.isoformat()}
    files = shown_files(message.metadata)
    shown |= {"files": files} if files else {}
    return shown | ({"title": title} if isinstance(title, str) else {})


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A conversation as it was seen, up to an outbox position: the bot's turns and a person's messages, in order."""

    position: int
    turns: tuple[Json, ...]


async def transcript(desk: Desk, conversation: Conversation) -> Transcript:
    """Join the stored turns with what a person wrote, which only the outbox knows."""
    position = await desk.position(conversation.id)
    turns = {turn.message.id: _turn(turn) for turn in conversation.turns}
    shown: list[Json] = []
    async for event in _until(desk, conversation.id, position):
        if event.kind == "sentence" and event.data.get("author"):
            shown.append(_written(event))
        elif event.message_id in turns:
            shown.append(turns.pop(event.message_id))
    return Transcript(position=position, turns=(*shown, *turns.values()))


async def _until(desk: Desk, conversation_id: str, position: int) -> Any:
    if position == 0:
        return
    async with aclosing(cast(Any, desk.events(conversation_id))) as events:
        async for event in events:
            if event.id <= position:
                yield event
            if event.id >= position:
                return


def _turn(turn: Turn) -> Json:
    return {
        "message": message_json(turn.message),
        "reply": reply_json(turn.reply) if turn.reply else None,
        "author": None,
    }


def _written(event: Event) -> Json:
    said = sentence_json(event.data)
    reply = {key: said[key] for key in ("text", "nodes", "citations")}
    buttons = [{"title": row["title"], "payload": row["payload"]} for row in _rows(event.data, "buttons")]
    reply |= {"routes": [], "buttons": buttons, "voice": None, "ms": 0, "message_id": event.message_id}
    told = {"automatic": True} if said.get("automatic") else {}
    return {"message": None, "reply": reply, "author": said["author"], **told}


def _route(route: Route) -> Json:
    return {
        "kind": route.kind,
        "intent": route.intent,
        "confidence": route.confidence,
        "reason": route.reason,
    }


def _sentence(data: Mapping[str, Any]) -> Sentence:
    return Sentence(text=str(data.get("text") or ""), citations=_citations(data))


def _citations(data: Mapping[str, Any]) -> tuple[Citation, ...]:
    return tuple(Citation(**{key: row[key] for key in _CITATION}) for row in _rows(data, "citations"))


def _rows(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return list(data.get(key) or ())
