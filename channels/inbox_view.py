"""What the inbox looks like: the queue, one conversation beside it, the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from frontdesk.bot.types import Conversation, Customer, Handoff, Message, Reply
from frontdesk.channels.inbox_pages import bar, csrf, drawn
from frontdesk.channels.inbox_turns import origin, said, turn_parts
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, document, el
from frontdesk.channels.shapes import Transcript, message_json, reply_json
from frontdesk.channels.staff import Deed, Note
from frontdesk.channels.staff_text import TITLES

STATES = {"bot": "with the bot", "waiting": "waiting", "human": "with a person"}
REASONS: Mapping[str, str] = {
    "asked": "asked for a person",
    "anger": "angry",
    "clarify": "not understood twice",
    "risky": "unsure, and risky",
    "policy": "not the bot's to decide",
    "safety": "needs care",
    "safety_emergency": "URGENT: an emergency",
    "safety_self_harm": "URGENT: speaks of self-harm",
    "safety_threat": "URGENT: a threat",
    "routed": "people answer this",
    "failure": "the bot failed",
    "agent": "taken by a colleague",
}
VISITOR = "visitor-"
"""How the ids begin of customers whom nobody knows."""
KEYS = {
    "j / k": "next, previous conversation",
    "Enter": "open it",
    "c": "take it",
    "r": "write an answer",
    "Ctrl Enter": "send it",
    "s": "suggest an answer",
    "n": "write a note",
    "b": "to “Hand back”",
    "g": "back to the queue",
    "?": "this list",
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the page of one conversation shows; `suggestion` is None until it is asked for, False for none."""

    conversation: Conversation
    transcript: Transcript
    queue: Sequence[Conversation]
    notes: Sequence[Note]
    summary: Mapping[str, tuple[str, ...]]
    canned: Mapping[str, str]
    suggestion: Reply | bool | None = None
    draft: str = ""
    trouble: str = ""


def queue_page(conversations: Sequence[Conversation], session: Session) -> str:
    """Return the queue."""
    body = el("main", el("h1", "Inbox"), queue_part(conversations), class_="wide")
    return _framed("Inbox", [body], session)


def conversation_page(seen: Seen, session: Session) -> str:
    """Return one conversation, with the queue beside it where there is room."""
    conversation = seen.conversation
    talk = el(
        "section",
        _head(conversation),
        el(
            "div",
            [turn_parts(turn, conversation, session) for turn in seen.transcript.turns],
            class_="turns",
            id="turns",
        ),
        _held(conversation, session),
        _composer(seen, session),
        class_="talk",
    )
    aside = el("aside", queue_part(seen.queue, conversation.id), class_="beside", aria_label="Queue")
    body = el("main", aside, talk, _side(seen, session), class_="desk")
    return _framed(name_of(conversation.customer), [body], session, data_conversation=conversation.id)


def audit_page(deeds: Sequence[Deed], session: Session) -> str:
    """Return who did what when, the newest first."""
    rows = [
        el(
            "tr",
            el("td", f"{one.done_at:%Y-%m-%d %H:%M:%S}"),
            el("td", one.actor),
            el("td", one.action),
            el("td", el("a", one.conversation_id, href=address(one.conversation_id)) if one.conversation_id else ""),
            el("td", one.detail),
        )
        for one in deeds
    ]
    names = ("When (UTC)", "Who", "What", "Conversation", "More")
    head = el("thead", el("tr", [el("th", name, scope="col") for name in names]))
    table = el("div", el("table", head, el("tbody", rows), class_="log"), class_="card scroll", tabindex="0")
    empty = el("p", "Nothing was done yet.", class_="card empty")
    return _framed("Audit log", [el("main", el("h1", "Audit log"), table if rows else empty, class_="wide")], session)


def address(conversation_id: str) -> str:
    """Return where a conversation is shown."""
    return "/inbox/conversation?id=" + quote(conversation_id, safe="")


def name_of(customer: Customer | None) -> str:
    """Return what a customer is called here."""
    if customer is None:
        return "A customer"
    visitor = customer.id.startswith(VISITOR)
    return customer.attributes.get("name") or (f"Visitor {customer.id[-4:]}" if visitor else customer.id)


def queue_part(conversations: Sequence[Conversation], here: str = "") -> Html:
    """Return the queue, the page's live part."""
    rows = [_row(conversation, here) for conversation in conversations]
    empty = el("p", "Nobody is waiting. New conversations appear here by themselves.", class_="card empty")
    return el("div", el("ul", rows, class_="rows") if rows else empty, id="queue")


def _framed(title: str, body: list[Html], session: Session, **data: str) -> str:
    help_rows = [[el("dt", el("kbd", key)), el("dd", meaning)] for key, meaning in KEYS.items()]
    close = el("form", el("button", "Close"), method="dialog")
    keys = el("dialog", el("h2", "Keys"), el("dl", help_rows), close, id="keys", aria_label="Keys")
    told = el("p", "", id="told", role="status", class_="hidden")
    parts = [bar(session), *body, keys, told]
    return document(f"{title}: frontdesk", parts, styles=["desk.css"], scripts=["desk.js"], **data)


def _row(conversation: Conversation, here: str) -> Html:
    last = _about(conversation)
    handoff = conversation.handoff
    words = el(
        "span",
        el("strong", name_of(conversation.customer)),
        el("span", said(message_json(last)) if last else "", class_="said"),
        el("small", f"{conversation.brand} · {conversation.channel} · {_reason(handoff)}"),
        class_="words",
    )
    chip = el("span", _holder(conversation), class_=f"chip {conversation.state}")
    mark = "true" if conversation.id == here else None
    return el("li", el("a", words, since(handoff), chip, href=address(conversation.id), aria_current=mark))


def _about(conversation: Conversation) -> Message | None:
    """The last message that says more than that a person is wanted; else the last."""
    turns = [turn for turn in conversation.turns if not (turn.reply and _only_a_person(turn.reply))]
    said = turns or list(conversation.turns)
    return said[-1].message if said else None


def _only_a_person(reply: Reply) -> bool:
    moved = any(sentence.effect.state == "waiting" for sentence in reply.sentences)
    return moved and all(route.intent == "human_agent" for route in reply.routes)


def since(handoff: Handoff | None) -> Html | None:
    """Return how long a conversation is with people; the page counts on."""
    if handoff is None:
        return None
    minutes = max(0, int((datetime.now(UTC) - handoff.opened_at).total_seconds() // 60))
    words = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return el("time", words, datetime=handoff.opened_at.isoformat(), title=f"since {handoff.opened_at:%d %B %H:%M} UTC")


def agent_of(conversation: Conversation) -> str:
    """Return who has the conversation; empty for nobody."""
    return conversation.handoff.agent if conversation.handoff and conversation.state == "human" else ""


def _holder(conversation: Conversation) -> str:
    agent = agent_of(conversation)
    return f"with {agent}" if agent else STATES[conversation.state]


def _reason(handoff: Handoff | None) -> str:
    if handoff is None:
        return "no reason noted"
    return REASONS.get(handoff.intent) or REASONS.get(handoff.trigger, handoff.trigger)


def _head(conversation: Conversation) -> Html:
    customer = conversation.customer
    verified = "verified" if customer and customer.verified else "not verified"
    about = f"{conversation.brand} · {conversation.channel or 'unknown channel'} · {verified} · {_holder(conversation)}"
    parts = el("a", "Inbox", href="/inbox", class_="up"), el("h1", name_of(customer)), el("p", about, class_="hint")
    return el("div", parts, class_="head", id="head")


def _held(conversation: Conversation, session: Session) -> Html:
    """Return who has the conversation, and what the one who looks may do about it: the page's live part."""
    agent = agent_of(conversation)
    mine, free = agent == session.name, not agent
    words = "Nobody has it yet." if free else f"{'You have' if mine else f'{agent} has'} this conversation."
    label = "Take it" if free else f"Take over from {agent}"
    take = _button("/inbox/claim", label, conversation, session, force=not free)
    back = _button("/inbox/back", "Hand back to the bot", conversation, session)
    return el(
        "div",
        el("p", words, role="status"),
        None if mine else take,
        back if conversation.state != "bot" and (mine or free) else None,
        id="held",
        class_="held other" if not (mine or free) else "held",
        data_other="1" if not (mine or free) else None,
    )


def _button(action: str, label: str, conversation: Conversation, session: Session, *, force: bool = False) -> Html:
    forced = el("input", type="hidden", name="force", value="1") if force else None
    named = el("input", type="hidden", name="id", value=conversation.id)
    return el("form", csrf(session), named, forced, el("button", label), method="post", action=action)


def _composer(seen: Seen, session: Session) -> Html:
    """Return the box to answer in; hidden while somebody else has the conversation."""
    conversation = seen.conversation
    agent = agent_of(conversation)
    box = el("textarea", seen.draft, name="text", rows="4", maxlength="8000", required=True, id="answer", dir="auto")
    ready = [
        el("li", el("button", name, type="button", data_insert=text, title=text)) for name, text in seen.canned.items()
    ]
    return el(
        "form",
        csrf(session),
        el("input", type="hidden", name="id", value=conversation.id),
        el("p", seen.trouble, class_="trouble", role="alert") if seen.trouble else None,
        el("label", el("span", "Your answer"), box),
        el("details", el("summary", "Ready replies"), el("ul", ready, class_="ready")) if ready else None,
        el("button", "Send", class_="primary"),
        method="post",
        action="/inbox/reply",
        id="compose",
        class_="card answer",
        hidden=bool(agent) and agent != session.name and not seen.draft,
    )


def _side(seen: Seen, session: Session) -> Html:
    """Return what is beside the conversation: the summary, a suggestion, notes."""
    parts = [
        [el("dt", title), [el("dd", line, dir="auto") for line in seen.summary[name]]]
        for name, title in TITLES.items()
        if name in seen.summary
    ]
    summary = el("section", el("h2", "In short"), el("dl", parts), class_="card", id="summary") if parts else None
    return el("div", summary, suggestion_part(seen), _notes(seen, session), class_="side")


def suggestion_part(seen: Seen) -> Html:
    """Return what the bot would answer, with its sources, once it is asked for."""
    ask = "/inbox/conversation?" + urlencode({"id": seen.conversation.id, "suggest": "1"})
    body: list[Html] = [el("a", "Suggest an answer", href=ask, class_="button", data_suggest=True)]
    if seen.suggestion is False:
        body = [el("p", "The bot has nothing to suggest here.", class_="hint", role="status"), *body]
    elif isinstance(seen.suggestion, Reply):
        reply = reply_json(seen.suggestion)
        plain = " ".join(sentence.text for sentence in seen.suggestion.sentences)
        use = el("button", "Use it", type="button", data_insert=plain)
        told = el("div", drawn(reply["nodes"]), class_="bubble", dir="auto")
        body = [told, *origin(reply), el("div", use, class_="chips")]
    return el("section", el("h2", "What the bot would say"), body, class_="card", id="suggestion")


def _notes(seen: Seen, session: Session) -> Html:
    rows = [
        el("li", el("p", one.text, dir="auto"), el("small", f"{one.agent}, {one.written_at:%d %b %H:%M} UTC"))
        for one in seen.notes
    ]
    box = el("textarea", name="text", rows="2", maxlength="4000", required=True, id="note", dir="auto")
    form = el(
        "form",
        csrf(session),
        el("input", type="hidden", name="id", value=seen.conversation.id),
        el("label", el("span", "A note for colleagues"), box),
        el("button", "Add the note"),
        method="post",
        action="/inbox/note",
    )
    listed = el("ul", rows, class_="notes") if rows else el("p", "None yet. Customers never see them.", class_="hint")
    return el("section", el("h2", "Notes"), el("div", listed, id="notes"), form, class_="card")
