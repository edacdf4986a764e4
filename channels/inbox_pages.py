"""What the inbox looks like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

from frontdesk.bot.types import Conversation, Customer
from frontdesk.channels.files import file_address
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, document, el
from frontdesk.channels.shapes import Json, Transcript, message_json

STATES = {"bot": "with the bot", "waiting": "waiting", "human": "with a person"}


def login_page(then: str, trouble: str = "") -> str:
    """Return the page that asks for the operator token."""
    form = el(
        "form",
        el("h1", "Sign in"),
        el("p", trouble, class_="trouble", role="alert") if trouble else None,
        _field(
            "Operator token", "token", type="password", autocomplete="current-password", required=True, autofocus=True
        ),
        _field("Your name, as customers see it", "name", type="text", autocomplete="given-name", maxlength="60"),
        el("input", type="hidden", name="then", value=then),
        el("button", "Sign in", class_="primary"),
        el("p", "The token is server.operator_token in frontdesk.toml.", class_="hint"),
        method="post",
        action="/inbox/login",
        class_="card narrow",
    )
    return document("Sign in: frontdesk", [el("main", form)], styles=["desk.css"])


def list_page(conversations: list[Conversation], session: Session) -> str:
    """Return the list of conversations for people."""
    rows = [_row(conversation) for conversation in conversations]
    empty = el("p", "Nobody is waiting. New conversations appear here by themselves.", class_="card empty")
    body = el("main", el("h1", "Inbox"), el("ul", rows, class_="rows") if rows else empty)
    return document("Inbox: frontdesk", [bar(session), body], styles=["desk.css"], scripts=["desk.js"])


def conversation_page(conversation: Conversation, seen: Transcript, session: Session) -> str:
    """Return one conversation with the box to answer in."""
    head = el(
        "div",
        el("a", "Inbox", href="/inbox"),
        el("h1", _name(conversation.customer)),
        el("p", f"{_about(conversation)} · {STATES[conversation.state]}", class_="hint"),
        class_="head",
    )
    turns = el("div", [_turn(turn, conversation) for turn in seen.turns], class_="turns")
    body = el("main", head, turns, _answer_box(conversation, session))
    title = f"{_name(conversation.customer)}: frontdesk"
    return document(title, [bar(session), body], styles=["desk.css"], scripts=["desk.js"])


def bar(session: Session) -> Html:
    """Return the top of every operator page."""
    links = [el("a", "Inbox", href="/inbox"), el("a", "Admin", href="/admin")]
    leave = el("form", csrf(session), el("button", "Sign out", class_="quiet"), method="post", action="/inbox/logout")
    return el("header", el("strong", "frontdesk"), el("nav", links), el("span", session.name, class_="hint"), leave)


def csrf(session: Session) -> Html:
    """Return the hidden field that proves a form is ours."""
    return el("input", type="hidden", name="csrf", value=session.csrf)


def _field(label: str, name: str, **attributes: str | bool) -> Html:
    return el("label", el("span", label), el("input", name=name, **attributes))


def _row(conversation: Conversation) -> Html:
    last = conversation.turns[-1].message if conversation.turns else None
    words = el(
        "span",
        el("strong", _name(conversation.customer)),
        el("span", _short(_said(message_json(last))) if last else "", class_="said"),
        el("small", _about(conversation)),
        class_="words",
    )
    when = el("time", last.sent_at.strftime("%H:%M"), datetime=last.sent_at.isoformat()) if last else None
    chip = el("span", STATES[conversation.state], class_=f"chip {conversation.state}")
    link = el("a", words, when, chip, href="/inbox/conversation?id=" + quote(conversation.id, safe=""))
    return el("li", link)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119].rstrip() + "…"


def _said(message: Json) -> str:
    """Return what the customer saw themselves say: the title of a button, not its payload."""
    return str(message.get("title") or message["text"])


def _name(customer: Customer | None) -> str:
    return (customer.attributes.get("name") or customer.id) if customer else "A customer"


def _about(conversation: Conversation) -> str:
    known = "verified" if conversation.customer and conversation.customer.verified else "not verified"
    return (
        f"{conversation.brand} · {conversation.channel or 'unknown channel'} · {known} · {STATES[conversation.state]}"
    )


def explain_address(brand: str, question: str, conversation: str = "", message: str = "") -> str:
    """Return where a question is explained, with what was said before when it is a message of a conversation."""
    query = {"brand": brand, "question": question, "conversation": conversation, "message": message}
    return "/admin/explain?" + urlencode({key: value for key, value in query.items() if value})


def _turn(turn: Json, conversation: Conversation) -> list[Html]:
    message, reply, shown = turn["message"], turn["reply"], []
    if message:
        said = el("div", el("p", _said(message)), attached(message, conversation.id), class_="bubble")
        shown.append(el("article", el("p", "Customer", class_="who"), said, class_="turn customer"))
    if reply and reply["text"]:
        who = turn["author"] or "Bot"
        parts: list[object] = [
            el("p", who, class_="who"),
            el("div", drawn(reply["nodes"]), class_="bubble"),
            _origin(reply),
        ]
        parts.append(_why(message, reply, conversation) if message else None)
        shown.append(el("article", parts, class_="turn person" if turn["author"] else "turn bot"))
    return shown


def attached(message: Json, conversation_id: str) -> list[Html]:
    """Return the links to what the customer attached."""
    rows = message.get("files") or ()
    return [el("p", _file(row, file_address(conversation_id, row["id"]))) for row in rows]


def _file(row: Json, address: str) -> Html:
    size = f"{row['type'].rpartition('/')[2].upper()}, {max(1, row['bytes'] // 1024)} kB"
    return el("a", f"{row['name']} ({size})", href=address, target="_blank", rel="noopener")


def _origin(reply: Json) -> list[Html]:
    """Return where a reply came from: its routes and its sources."""
    routes = [
        el(
            "span",
            f"{route['kind']} · {route['intent']} · {route['confidence']:.0%}",
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


def _why(message: Json, reply: Json, conversation: Conversation) -> Html | None:
    """Return the way to the explanation of an answer from the documents."""
    if all(route["kind"] != "knowledge" for route in reply["routes"]):
        return None
    address = explain_address(conversation.brand, _said(message), conversation.id, message["message_id"])
    return el("small", el("a", "Why this answer?", href=address))


def _answer_box(conversation: Conversation, session: Session) -> Html:
    named = el("input", type="hidden", name="id", value=conversation.id)
    label = el(
        "label", el("span", "Your answer"), el("textarea", name="text", rows="4", maxlength="8000", required=True)
    )
    send = el("button", "Send", class_="primary")
    reply = el("form", csrf(session), named, label, send, method="post", action="/inbox/reply")
    back = el("form", csrf(session), named, el("button", "Hand back to the bot"), method="post", action="/inbox/back")
    return el("section", reply, back if conversation.state != "bot" else None, class_="card answer")


def drawn(nodes: Iterable[Json]) -> list[Html | str]:
    """Return a node tree of `markdown.render` as elements."""
    return [_drawn(node) for node in nodes]


def _drawn(node: Json) -> Html | str:
    inner: Any = drawn(node.get("children", ()))
    tags = {"paragraph": "p", "item": "li", "strong": "strong", "emphasis": "em"}
    if node["type"] in tags:
        return el(tags[node["type"]], inner)
    if node["type"] == "list":
        return el("ol" if node["ordered"] else "ul", inner)
    if node["type"] == "link":
        return el("a", inner, href=node["href"], rel="noopener noreferrer nofollow", target="_blank")
    if node["type"] == "citation":
        return el("sup", f"[{node['number']}]")
    return el("code", node["text"]) if node["type"] == "code" else str(node["text"])
