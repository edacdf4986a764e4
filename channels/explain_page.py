"""The page that explains an answer: what is said, how sure that is, what was kept and dropped, and the correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from frontdesk.bot.types import Sentence
from frontdesk.channels.admin_frame import AUDIENCES, choice, framed, gauge, notice
from frontdesk.channels.correction_form import correction_form, draft_of, hidden, undo_form
from frontdesk.channels.explain_passages import passages_found, version_of
from frontdesk.channels.inbox_pages import csrf, explain_address
from frontdesk.channels.operator import Session
from frontdesk.channels.oversight import Audience, Correction, Draft, Explained, Weighed
from frontdesk.channels.pages import Html, el

FIRST = 8
"""How many considered sentences are shown before one asks for more."""
DONE = {
    "corrected": "Saved and read in. This is what is answered now.",
    "withdrawn": "The correction is gone. This is what is answered now; its versions stay for citations already given.",
}

UNQUOTED = (
    "Saved and read in, but the answer does not quote it: write whole sentences that say what the question asks, "
    "and look below at what became of them."
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the page holds.

    `place` is conversation and message where it was asked; `waits` names a change that is not read in yet, and why.
    """

    brand: str
    brands: Mapping[str, str]
    question: str = ""
    audience: Audience = "customers"
    place: tuple[str, str] | None = None
    explained: Explained | None = None
    correction: Correction | None = None
    draft: Draft | None = None
    done: str = ""
    trouble: str = ""
    waits: str = ""
    clash: bool = False


def explain_page(seen: Seen, session: Session) -> str:
    """Return the page."""
    found = seen.explained
    parts = [_notices(seen, session), _form(seen)]
    if found:
        parts += [
            _answer(found),
            _correct(seen, found, session),
            passages_found(found),
            _weighed(found),
            _searched(found),
        ]
    return framed("Explain an answer", "/admin/explain", parts, session)


def _notices(seen: Seen, session: Session) -> list[Html | None]:
    again = el(
        "form",
        csrf(session),
        hidden({"job": "ingest"}),
        el("button", "Read the documents in"),
        method="post",
        action="/admin/jobs",
    )
    return [
        _done(seen) if seen.done in DONE and seen.explained else None,
        notice(seen.trouble, bad=True) if seen.trouble else None,
        notice(f"Saved, but not yet read in: {seen.waits}", again, bad=True) if seen.waits else None,
        _clash(seen) if seen.clash else None,
    ]


def _done(seen: Seen) -> Html:
    """Return what became of the change: a correction that the answer does not quote is not one yet."""
    cited = {c.document_id for one in seen.explained.sentences for c in one.citations} if seen.explained else set()
    if seen.done == "corrected" and seen.correction and seen.correction.document_id not in cited:
        return notice(UNQUOTED, bad=True)
    return notice(DONE[seen.done])


def _clash(seen: Seen) -> Html:
    text = "Somebody else changed this correction meanwhile, so nothing was saved."
    if seen.correction is None:
        return notice(f"{text} It is no longer there.", bad=True)
    yours = " Your text is kept below; save it again to replace it." if seen.draft else ""
    return notice(f"{text} It now says:", el("blockquote", seen.correction.answer), yours, bad=True)


def _form(seen: Seen) -> Html:
    box = el(
        "label",
        el("span", "A customer's question"),
        el("textarea", seen.question, name="question", rows="2", maxlength="2000", required=True, dir="auto"),
        class_="wide",
    )
    return el(
        "form",
        _place(seen),
        box,
        choice("Brand", "brand", seen.brands, seen.brand) if len(seen.brands) > 1 else None,
        choice("Asked by", "audience", AUDIENCES, seen.audience),
        el("button", "Explain", class_="primary"),
        method="get",
        action="/admin/explain",
        class_="card ask",
    )


def _place(seen: Seen) -> list[object]:
    """Return what says that the question has a place in a conversation, and leads there or away from it."""
    if seen.place is None:
        return []
    conversation, message = seen.place
    read = el("a", "Read it", href="/inbox/conversation?id=" + quote(conversation, safe=""))
    alone = el("a", "ask it alone", href=explain_address(seen.brand, seen.question))
    text = "Asked in a conversation, and searched with what was said before. "
    return [
        el("p", text, read, " or ", alone, ".", class_="wide"),
        *hidden({"conversation": conversation, "message": message}),
    ]


def _answer(found: Explained) -> Html:
    sure = el(
        "div",
        gauge(found.probability, least=found.threshold),
        el(
            "p",
            f"{found.probability:.0%} sure that the best sentence answers; it answers from {found.threshold:.0%} on.",
        ),
        class_="sure",
    )
    routed = [
        el("span", f"{r.kind} · {r.intent} · {r.confidence:.0%}", class_="chip", title=r.reason) for r in found.routes
    ]
    elsewhere = found.routes and all(route.kind != "knowledge" for route in found.routes)
    aside = "The router sends this message elsewhere, so the documents are not asked in a chat." if elsewhere else ""
    return el(
        "section",
        el("h2", "The answer"),
        [_sentence(one) for one in found.sentences] or el("p", "Nothing: it offers a person instead.", class_="none"),
        sure,
        el("div", "Routed to ", routed, class_="chips"),
        el("p", aside, class_="hint") if aside else None,
        [notice(text, bad=True) for text in found.conflicts],
        [el("p", text, class_="hint") for text in found.notes],
        class_="card said-now",
    )


def _sentence(sentence: Sentence) -> Html:
    marks = [el("sup", el("a", f"[{c.number}]", href=f"#source-{c.number}")) for c in sentence.citations]
    sources = [
        el("li", el("strong", f"[{c.number}] {c.title}"), " ", el("small", version_of(c.document_id, c.version)))
        for c in sentence.citations
    ]
    return el("div", el("p", sentence.text, " ", marks, dir="auto", class_="told"), el("ul", sources, class_="sources"))


def _weighed(found: Explained) -> Html:
    first, more = found.considered[:FIRST], found.considered[FIRST:]
    hidden_rows = el("details", el("summary", f"{len(more)} more"), _table(more)) if more else None
    none = el("p", "No sentence was considered.", class_="none")
    title = el("h2", "Sentences considered, best first")
    return el("section", title, _table(first) if first else none, hidden_rows, class_="card")


def _table(considered: Sequence[Weighed]) -> Html:
    head = el("tr", [el("th", name, scope="col") for name in ("Sentence", "Score", "What became of it")])
    return el("table", el("thead", head), el("tbody", [_row(one) for one in considered]), class_="weighed")


def _row(one: Weighed) -> Html:
    by = "written by the chat model" if one.written else version_of(one.document_id, one.version)
    said = el("td", el("p", one.text, dir="auto"), el("small", f"{one.title} · {by}" if one.title else by))
    why = (
        el("span", "kept", class_="chip") if one.kept else [el("span", "dropped", class_="chip waiting"), " ", one.why]
    )
    return el("tr", said, el("td", f"{one.score:.2f}"), el("td", why))


def _searched(found: Explained) -> Html:
    texts = dict.fromkeys((found.searched, *found.phrasings))
    return el(
        "section",
        el("h2", "What was searched for"),
        _list(text for text in texts if text),
        [el("h3", "Said before"), _list(found.history)] if found.history else None,
        class_="card",
    )


def _list(texts: Iterable[str]) -> Html:
    return el("ul", [el("li", text, dir="auto") for text in texts], class_="plain")


def _correct(seen: Seen, found: Explained, session: Session) -> Html:
    known = seen.correction
    documents = {
        one.document_id: one.title for one in found.passages if not known or one.document_id != known.document_id
    }
    draft = seen.draft or draft_of(found.searched if seen.place else seen.question, known)
    return el(
        "details",
        el("summary", "Edit the correction" if known else "Correct this answer"),
        correction_form(seen.brand, draft, session, documents=documents, more={}),
        undo_form(seen.brand, known, session) if known else None,
        class_="card correct",
        open=seen.draft is not None or not (found.sentences or known),
    )
