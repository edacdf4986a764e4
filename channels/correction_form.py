"""The forms with which an operator says what the right answer is, and takes it back."""

from __future__ import annotations

from collections.abc import Mapping

from frontdesk.channels.admin_frame import AUDIENCES, choice
from frontdesk.channels.inbox_pages import csrf
from frontdesk.channels.operator import Session
from frontdesk.channels.oversight import Correction, Draft
from frontdesk.channels.pages import Html, el

TITLE_CHARS, ANSWER_CHARS = 300, 5_000
"""What fits into a form of 64 KiB, however it is written."""
HINT = "Write whole sentences that name what they are about, the most important one first. Markdown is understood."


def draft_of(question: str, known: Correction | None = None) -> Draft:
    """Return what the form begins with: the correction that stands, or nothing for a new one."""
    if known is None:
        return Draft(question=question[:TITLE_CHARS], answer="", audience="customers", corrects="", seen="")
    return Draft(
        question=known.question,
        answer=known.answer,
        audience=known.audience,
        corrects=known.corrects,
        seen=known.version,
    )


def correction_form(
    brand: str, draft: Draft, session: Session, *, documents: Mapping[str, str], more: Mapping[str, str]
) -> Html:
    """Return the form; `documents` are the titles, by id, of which one may have been wrong, `more` hidden fields."""
    wrong = {"": "None of them", **{key: f"{title} ({key})" for key, title in documents.items()}}
    wrong |= {} if draft.corrects in wrong else {draft.corrects: draft.corrects}
    return el(
        "form",
        csrf(session),
        hidden({"brand": brand, "before": draft.question, "seen": draft.seen, **more}),
        _labelled("The question", el("input", value=draft.question, **_limits("question", TITLE_CHARS))),
        _labelled("The right answer", el("textarea", draft.answer, rows="4", **_limits("answer", ANSWER_CHARS))),
        el("p", HINT, class_="hint"),
        choice("Which document was wrong?", "corrects", wrong, draft.corrects) if len(wrong) > 1 else None,
        choice("Who may read it", "audience", AUDIENCES, draft.audience),
        el("button", "Save and read in", class_="primary"),
        method="post",
        action="/admin/corrections",
        class_="writing",
    )


def undo_form(brand: str, known: Correction, session: Session) -> Html:
    """Return the form that deletes a correction."""
    return el(
        "form",
        csrf(session),
        hidden({"brand": brand, "slug": known.slug, "seen": known.version, "question": known.question}),
        el("button", "Undo this correction"),
        el("small", f"{known.document_id}{f', valid from {known.valid_from}' if known.valid_from else ''}"),
        method="post",
        action="/admin/corrections/remove",
        class_="undo",
    )


def hidden(fields: Mapping[str, str]) -> list[Html]:
    """Return the fields of a form that nobody sees."""
    return [el("input", type="hidden", name=name, value=value) for name, value in fields.items()]


def _labelled(label: str, box: Html) -> Html:
    return el("label", el("span", label), box)


def _limits(name: str, most: int) -> dict[str, str | bool]:
    return {"name": name, "maxlength": str(most), "required": True, "dir": "auto"}
