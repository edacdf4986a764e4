"""One turn as people read it: what was said, where it went with what confidence, what it cites, what was attached."""

from __future__ import annotations

from frontdesk.bot.types import Conversation
from frontdesk.channels.correction_form import correction_form, draft_of
from frontdesk.channels.inbox_pages import attached, drawn, explain_address
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, el
from frontdesk.channels.shapes import Json


def turn_parts(turn: Json, conversation: Conversation, session: Session) -> list[Html]:
    """Return what the customer said in a turn, and what was answered."""
    message, reply, shown = turn["message"], turn["reply"], []
    if message:
        bubble = el("div", el("p", said(message)), attached(message, conversation.id), class_="bubble")
        who = el("p", "Customer", class_="who")
        shown.append(el("article", who, bubble, class_="turn customer"))
    if reply and reply["text"]:
        parts: list[object] = [
            el("p", turn["author"] or "Bot", class_="who"),
            el("div", drawn(reply["nodes"]), class_="bubble"),
            origin(reply),
            _why(message, reply, conversation, session) if message else None,
        ]
        shown.append(el("article", parts, class_="turn person" if turn["author"] else "turn bot"))
    return shown


def origin(reply: Json) -> list[Html]:
    """Return where a reply came from: its routes with their confidence, its sources with their quotes."""
    routes = [
        el(
            "span",
            f"{route['kind']} · {route['intent'] or 'unclear'} · {route['confidence']:.0%}",
            class_="chip",
            title=route["reason"],
        )
        for route in reply["routes"]
    ]
    sources = [
        el(
            "details",
            el("summary", f"[{c['number']}] {c['title']}"),
            el("blockquote", c["quote"]),
            el("small", c["url"]),
        )
        for c in reply["citations"]
    ]
    return [el("div", routes, class_="chips"), *sources] if routes else sources


def said(message: Json) -> str:
    """Return what the customer saw themselves say: the title of a button, not its payload."""
    return str(message.get("title") or message["text"])


def _why(message: Json, reply: Json, conversation: Conversation, session: Session) -> Html | None:
    """Return the form that corrects an answer from the documents, and the way to how it came about."""
    if all(route["kind"] != "knowledge" for route in reply["routes"]):
        return None
    question, of = said(message), message["message_id"]
    address = explain_address(conversation.brand, question, conversation.id, of)
    cited = {citation["document_id"]: citation["title"] for citation in reply["citations"]}
    place = {"conversation": conversation.id, "message": of}
    form = correction_form(conversation.brand, draft_of(question), session, documents=cited, more=place)
    correct = el("details", el("summary", "Correct this answer"), form, class_="correct", data_keep=of)
    return el("div", el("small", el("a", "Why this answer?", href=address)), correct, class_="right")
