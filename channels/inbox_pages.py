"""What the pages of people share: signing in, the bar at the top, forms, Markdown as elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from frontdesk.channels.files import file_address
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, document, el
from frontdesk.channels.shapes import Json


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
        el("p", "Agents have a token and a name of their own; an admin's is server.operator_token.", class_="hint"),
        method="post",
        action="/inbox/login",
        class_="card narrow",
    )
    return document("Sign in: frontdesk", [el("main", form)], styles=["desk.css"])


def bar(session: Session) -> Html:
    """Return the top of every operator page."""
    links = [el("a", "Inbox", href="/inbox")]
    if session.role == "admin":
        links += [el("a", "Admin", href="/admin"), el("a", "Audit log", href="/inbox/audit")]
    else:
        links.append(el("a", "Knowledge", href="/admin/gaps"))
    leave = el("form", csrf(session), el("button", "Sign out", class_="quiet"), method="post", action="/inbox/logout")
    return el("header", el("strong", "frontdesk"), el("nav", links), el("span", session.name, class_="hint"), leave)


def csrf(session: Session) -> Html:
    """Return the hidden field that proves a form is ours."""
    return el("input", type="hidden", name="csrf", value=session.csrf)


def _field(label: str, name: str, **attributes: str | bool) -> Html:
    return el("label", el("span", label), el("input", name=name, **attributes))


def explain_address(brand: str, question: str, conversation: str = "", message: str = "") -> str:
    """Return where a question is explained, with what was said before when it is a message of a conversation."""
    query = {"brand": brand, "question": question, "conversation": conversation, "message": message}
    return "/admin/explain?" + urlencode({key: value for key, value in query.items() if value})


def attached(message: Json, conversation_id: str) -> list[Html]:
    """Return the links to what the customer attached."""
    rows = message.get("files") or ()
    return [el("p", _file(row, file_address(conversation_id, row["id"]))) for row in rows]


def _file(row: Json, address: str) -> Html:
    size = f"{row['type'].rpartition('/')[2].upper()}, {max(1, row['bytes'] // 1024)} kB"
    return el("a", f"{row['name']} ({size})", href=address, target="_blank", rel="noopener")


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
