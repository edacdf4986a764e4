"""What the pages look like that list what nobody could answer, which documents disagree, and what people corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from frontdesk.channels.admin_frame import choice, framed, notice
from frontdesk.channels.correction_form import correction_form, draft_of, hidden, undo_form
from frontdesk.channels.inbox_pages import csrf, drawn, explain_address
from frontdesk.channels.markdown import render
from frontdesk.channels.operator import Session
from frontdesk.channels.oversight import Asked, Correction, Gap, Reason
from frontdesk.channels.pages import Html, el

PERIODS = {"7": "The last 7 days", "30": "The last 30 days", "90": "The last 90 days"}
REASONS: Mapping[Reason, str] = {
    "no_answer": "not in the documents",
    "unclear": "not understood",
    "asked_for_person": "asked for a person after the answer",
}
MOST_GAPS, MOST_QUESTIONS = 50, 8


def gaps_page(
    gaps: Sequence[Gap],
    conflicts: Sequence[str],
    *,
    brand: str,
    brands: Mapping[str, str],
    days: int,
    session: Session,
) -> str:
    """Return the list of gaps, the most asked first."""
    now = datetime.now(UTC)
    fields = {"brand": brand, "days": str(days), "until": now.isoformat()}
    rows = [_gap(gap, fields, session, number) for number, gap in enumerate(gaps[:MOST_GAPS], 1)]
    left = len(gaps) - len(rows)
    asked = sum(len(gap.questions) for gap in gaps)
    count = f"{asked} {_plural('question', asked)} in {len(gaps)} {_plural('group', len(gaps))}; the most asked first."
    parts = [
        _period(brand, brands, days),
        _conflicts(conflicts),
        el("p", count, class_="hint") if rows else None,
        el("ol", rows, class_="gaps") if rows else el("p", "Nothing went unanswered here.", class_="card empty"),
        el("p", f"{left} more {_plural('group', left)} follow once these are done.", class_="hint") if left else None,
    ]
    return framed("Knowledge gaps", "/admin/gaps", parts, session)


def corrections_page(
    corrections: Sequence[Correction], *, brand: str, brands: Mapping[str, str], trouble: str, session: Session
) -> str:
    """Return the list of corrections."""
    rows = [
        el(
            "li",
            el("h2", el("a", one.question, href=explain_address(brand, one.question)), dir="auto"),
            el("div", drawn(render(one.answer)), class_="bubble", dir="auto"),
            el("p", f"For {one.audience}{f', instead of {one.corrects}' if one.corrects else ''}.", class_="hint"),
            undo_form(brand, one, session),
            class_="card",
        )
        for one in corrections
    ]
    empty = "Nothing is corrected. Explain an answer, and write the right one below it."
    parts = [
        _brand_form("/admin/corrections", brand, brands) if len(brands) > 1 else None,
        notice(trouble, bad=True) if trouble else None,
        el("ul", rows, class_="corrections") if rows else el("p", empty, class_="card empty"),
    ]
    return framed("Corrections", "/admin/corrections", parts, session)


def _period(brand: str, brands: Mapping[str, str], days: int) -> Html:
    return el(
        "form",
        choice("Brand", "brand", brands, brand) if len(brands) > 1 else None,
        choice("Asked in", "days", PERIODS, str(days)),
        el("button", "Show"),
        method="get",
        action="/admin/gaps",
        class_="card ask",
    )


def _brand_form(path: str, brand: str, brands: Mapping[str, str]) -> Html:
    return el(
        "form",
        choice("Brand", "brand", brands, brand),
        el("button", "Show"),
        method="get",
        action=path,
        class_="card ask",
    )


def _conflicts(conflicts: Sequence[str]) -> Html | None:
    if not conflicts:
        return None
    rows = [el("li", text, dir="auto") for text in conflicts]
    return el("section", el("h2", "Documents that disagree"), el("ul", rows, class_="plain"), class_="card")


def _gap(gap: Gap, fields: Mapping[str, str], session: Session, number: int) -> Html:
    first = gap.questions[0]
    named = {**fields, "conversation_id": first.conversation_id, "message_id": first.message_id}
    why = dict.fromkeys(REASONS[one.reason] for one in gap.questions)
    asked = "Asked once" if len(gap.questions) == 1 else f"Asked {len(gap.questions)} times, last"
    done = el(
        "form",
        csrf(session),
        hidden(named),
        el("button", "Mark as done", aria_describedby=f"gap-{number}"),
        method="post",
        action="/admin/gaps/done",
    )
    place = first.conversation_id, first.message_id
    look = el("a", "See what the bot finds", href=explain_address(fields["brand"], first.text, *place))
    answer = correction_form(fields["brand"], draft_of(first.text), session, documents={}, more=named)
    return el(
        "li",
        el("h2", gap.title, id=f"gap-{number}", dir="auto"),
        el("p", f"{asked} on {gap.last:%d %B %Y at %H:%M} UTC: {', '.join(why)}.", class_="hint"),
        _others(gap),
        el("div", el("a", "Read the conversation", href=_conversation(first)), look, done, class_="chips"),
        el("details", el("summary", "Write the answer"), answer, class_="correct"),
        class_="card",
    )


def _others(gap: Gap) -> Html | None:
    """Return the other ways in which it was asked."""
    others = [one for one in gap.questions[1:] if one.text != gap.title]
    shown = [_question(one) for one in others[:MOST_QUESTIONS]]
    left = len(gap.questions) - 1 - len(shown)
    more = el("li", f"and {left} more", class_="hint") if left else None
    return el("ul", shown, more, class_="plain") if others else None


def _question(one: Asked) -> Html:
    return el("li", el("a", one.text, href=_conversation(one), dir="auto"), " ", el("small", f"{one.asked_at:%d %b}"))


def _conversation(one: Asked) -> str:
    return "/inbox/conversation?id=" + quote(one.conversation_id, safe="")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
