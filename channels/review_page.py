"""What the page looks like on which people say what doubted messages ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from frontdesk.channels.admin_frame import choice, framed, notice
from frontdesk.channels.correction_form import hidden
from frontdesk.channels.gaps_page import PERIODS
from frontdesk.channels.inbox_pages import csrf
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, el
from frontdesk.channels.reviewing import Alike, Doubt, Doubted, Examples

NEW = "+"
"""Stands for an intent that is not there yet."""
MOST_GROUPS, TOGETHER = 30, 6
TEXT_CHARS = 500
DOUBTS: Mapping[Doubt, str] = {
    "unsure": "not sure",
    "out_of_scope": "unlike all examples",
    "corrected": "the customer chose",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Everything on the page; `trained` is what training said, `done` how many were just decided."""

    queue: Sequence[Alike]
    examples: Examples
    brand: str
    brands: Mapping[str, str]
    days: int
    trouble: str = ""
    done: str = ""
    trained: Mapping[str, Any] | None = None


def review_page(shown: Shown, session: Session) -> str:
    """Return the page: what training would learn, then the doubted messages, the largest group first."""
    groups = [_group(group, shown, session, number) for number, group in enumerate(shown.queue[:MOST_GROUPS], 1)]
    messages, left = sum(len(group.messages) for group in shown.queue), len(shown.queue) - len(groups)
    count = f"{messages} {_plural('message', messages)} in {len(shown.queue)} {_plural('group', len(shown.queue))}."
    parts = [
        notice(shown.trouble, bad=True) if shown.trouble else None,
        notice(f"{shown.done} {_plural('message', int(shown.done))} reviewed.") if shown.done else None,
        _training(shown, session),
        _period(shown),
        el("p", count, class_="hint") if groups else None,
        el("ol", groups, class_="gaps") if groups else el("p", "Nothing is left to review here.", class_="card empty"),
        el("p", f"{left} more {_plural('group', left)} follow once these are done.", class_="hint") if left else None,
    ]
    return framed("Review", "/admin/review", parts, session)


def _training(shown: Shown, session: Session) -> Html:
    """Return what waits to be learned, the button that trains, and what the gate said last."""
    waiting, served = shown.examples.waiting, shown.examples.served
    now = f"Router {served} is served." if served else "No router is served yet."
    said = f"{waiting} {_plural('example', waiting)} in nlu.yml {'is' if waiting == 1 else 'are'} new to it."
    button = el(
        "form",
        csrf(session),
        hidden({"brand": shown.brand, "days": str(shown.days)}),
        el("button", "Train and put through the gate", class_="primary"),
        method="post",
        action="/admin/review/train",
    )
    hint = el("p", "This takes a minute or more; the served router goes on meanwhile.", class_="hint")
    work = [hint, button] if waiting or not served else None
    return el("section", el("h2", "Training"), el("p", f"{now} {said}"), _verdict(shown.trained), work, class_="card")


def _verdict(trained: Mapping[str, Any] | None) -> Html | None:
    if trained is None:
        return None
    gate, version = trained["gate"], trained["version"]
    word = (
        f"Router {version} passed the gate and is served."
        if trained["served"]
        else f"The gate refused router {version}."
    )
    rows = [
        el(
            "tr",
            el("td", "passed" if one["passed"] else "failed"),
            el("th", one["check"], scope="row"),
            el("td", one["found"]),
        )
        for one in gate["findings"]
    ]
    look = f"`frontdesk routers diff {gate['against']} {version}` lists what changed."
    more = el("p", look) if gate["against"] else None
    return notice(word, el("table", el("tbody", rows), class_="findings"), more, bad=not trained["served"])


def _period(shown: Shown) -> Html:
    return el(
        "form",
        choice("Brand", "brand", shown.brands, shown.brand) if len(shown.brands) > 1 else None,
        choice("Written in", "days", PERIODS, str(shown.days)),
        el("button", "Show"),
        method="get",
        action="/admin/review",
        class_="card ask",
    )


def _group(group: Alike, shown: Shown, session: Session, number: int) -> Html:
    rows = [_message(one, at) for at, one in enumerate(group.messages[:TOGETHER])]
    left = len(group.messages) - len(rows)
    intents = {NEW: "A new intent, named below", **{name: name.replace("_", " ") for name in shown.examples.intents}}
    name = el("input", name="name", value=group.name, maxlength="64", pattern="[a-z][a-z0-9_]*", autocomplete="off")
    fields = {"brand": shown.brand, "days": str(shown.days)}
    form = el(
        "form",
        csrf(session),
        hidden(fields),
        el("ul", rows, class_="doubted"),
        el("p", f"{left} more like these follow.", class_="hint") if left else None,
        el(
            "div",
            choice("They ask for", "intent", intents, group.intent or NEW),
            el("label", el("span", "Name of a new intent"), name),
            class_="ask",
        ),
        el(
            "div",
            el("button", "Add the ticked as examples", class_="primary", name="decision", value="accept"),
            el("button", "Dismiss the ticked", name="decision", value="dismiss"),
            class_="chips",
        ),
        method="post",
        action="/admin/review",
        class_="reviewing",
    )
    return el("li", el("h2", group.messages[0].text, id=f"group-{number}", dir="auto"), form, class_="card")


def _message(one: Doubted, at: int) -> Html:
    """Return a message with its tick and its text, which can be mended before it is written."""
    why = f"{DOUBTS[one.doubt]} {one.chosen.replace('_', ' ')}".strip()
    guess = (
        f"guessed {one.guess.replace('_', ' ')}, {one.confidence:.0%}" if one.guess and one.doubt == "unsure" else ""
    )
    times = f"written {one.said} times" if one.said > 1 else ""
    notes = "; ".join(note for note in (why, guess, times) if note)
    box = el("input", name=f"text-{at}", value=one.text, maxlength=str(TEXT_CHARS), dir="auto", aria_label="Example")
    return el(
        "li",
        el("input", type="checkbox", name=f"pick-{at}", value=one.key, checked=True, aria_label=f"Review: {one.text}"),
        box,
        el("small", notes, " · ", el("a", f"{one.asked_at:%d %b}", href=_conversation(one))),
    )


def _conversation(one: Doubted) -> str:
    return "/inbox/conversation?id=" + quote(one.conversation_id, safe="")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
