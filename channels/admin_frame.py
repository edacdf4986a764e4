"""What the admin pages share: their frame and tabs, choices, notices and bars. No style or script stands in a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from frontdesk.channels.inbox_pages import bar
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, document, el

TABS = {
    "/admin": "Health and jobs",
    "/admin/numbers": "Numbers",
    "/admin/explain": "Explain an answer",
    "/admin/gaps": "Knowledge gaps",
    "/admin/corrections": "Corrections",
    "/admin/review": "Review",
}
KNOWLEDGE = ("/admin/explain", "/admin/gaps", "/admin/corrections")
"""The tabs of those who are no admins."""
AUDIENCES = {"customers": "Customers", "staff": "Staff"}


def framed(title: str, here: str, parts: Iterable[object], session: Session) -> str:
    """Return a whole admin page; `here` is the path of its tab."""
    tabs = TABS if session.role == "admin" else {path: TABS[path] for path in KNOWLEDGE}
    links = [el("a", name, href=path, aria_current="page" if path == here else None) for path, name in tabs.items()]
    body = el("main", el("nav", links, class_="tabs", aria_label="Admin"), el("h1", title), parts, class_="wide")
    return document(f"{title}: frontdesk", [bar(session), body], styles=["desk.css", "admin.css"])


def choice(label: str, name: str, options: Mapping[str, str], chosen: str) -> Html:
    """Return a labelled list to choose from; `options` are the names shown, by value."""
    rows = [el("option", shown, value=value, selected=value == chosen) for value, shown in options.items()]
    return el("label", el("span", label), el("select", rows, name=name))


def notice(text: str, *more: object, bad: bool = False) -> Html:
    """Return what a screen reader says at once: how something went, or what is wrong."""
    kind, role = ("notice trouble", "alert") if bad else ("notice", "status")
    return el("div", el("p", text), *more, class_=kind, role=role)


def gauge(share: float, least: float | None = None) -> Html:
    """Return a bar filled to `share` (0 to 1), with a line at `least`; its figure stands beside it in words."""
    filled = el("rect", class_="filled", width=f"{_percent(share)}%", height="100%")
    at = f"{_percent(least)}%" if least is not None else ""
    line = el("line", class_="least", x1=at, x2=at, y1="0", y2="100%") if at else None
    return el(
        "svg", el("rect", class_="empty", width="100%", height="100%"), filled, line, class_="gauge", aria_hidden="true"
    )


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}"
