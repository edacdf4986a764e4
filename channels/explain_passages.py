"""The passages of an explanation: where they stand, their scores as bars, what was quoted from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontdesk.bot.types import Citation
from frontdesk.channels.admin_frame import gauge
from frontdesk.channels.oversight import Explained, Passage, Weighed
from frontdesk.channels.pages import Html, el


def passages_found(found: Explained) -> Html:
    """Return the passages in order, with their scores as bars and their quotes marked."""
    cited = [citation for sentence in found.sentences for citation in sentence.citations]
    top = _Top.of(found.passages)
    rows = [_passage(one, cited, found.considered, top) for one in found.passages]
    legend = el(
        "p",
        el("mark", "quoted in the answer", class_="kept"),
        " ",
        el("mark", "considered and dropped", class_="dropped"),
        class_="hint",
    )
    none = el("p", "No passage was found.", class_="none")
    return el(
        "section", el("h2", "Passages found, best first"), legend, el("ol", rows, class_="passages") if rows else none
    )


@dataclass(frozen=True, kw_only=True)
class _Top:
    """The highest scores, as which the longest bars are drawn."""

    score: float
    lexical: float

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> _Top:
        return cls(
            score=max((one.score for one in passages), default=0.0),
            lexical=max((one.lexical for one in passages), default=0.0),
        )


def _passage(one: Passage, cited: Sequence[Citation], considered: Sequence[Weighed], top: _Top) -> Html:
    scores = (
        ("Together", one.score, top.score, f"{one.score:.3f}"),
        ("Meaning", one.dense, 1.0, f"{one.dense:.2f}"),
        ("Words", one.lexical, top.lexical, f"{one.lexical:.1f}"),
    )
    drawn = [
        [el("dt", name), el("dd", gauge(value / most if most > 0 else 0.0), el("span", shown))]
        for name, value, most, shown in scores
    ]
    return el(
        "li",
        el("h3", " › ".join(one.heading), dir="auto"),
        el("small", version_of(one.document_id, one.version)),
        el("dl", drawn, class_="scores"),
        el(
            "div",
            _marked(one, cited, considered),
            class_="passage",
            dir="auto",
        ),
        class_="card",
    )


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """A span of a document to draw: quoted under a number, or dropped."""

    start: int
    end: int
    number: int = 0


def _marked(one: Passage, cited: Sequence[Citation], considered: Sequence[Weighed]) -> list[Html | str]:
    """Return the passage with what was quoted and what was dropped marked; where they overlap, the quote wins."""
    at = one.document_id, one.version
    marks = [_Mark(start=c.start, end=c.end, number=c.number) for c in cited if (c.document_id, c.version) == at]
    marks += [_Mark(start=w.start, end=w.end) for w in considered if not w.kept and (w.document_id, w.version) == at]
    shown: list[Html | str] = []
    here, until = one.start, one.start + len(one.text)
    for mark in _apart(marks, here, until):
        shown += [one.text[here - one.start : mark.start - one.start], _mark(mark, one.text, one.start)]
        here = mark.end
    return [*shown, one.text[here - one.start :]]


def _apart(marks: Sequence[_Mark], start: int, end: int) -> list[_Mark]:
    """Return the marks inside [start, end) that do not overlap an earlier one of the list, in the order of the text."""
    kept: list[_Mark] = []
    for mark in marks:
        inside = start <= mark.start < mark.end <= end
        if inside and all(mark.end <= other.start or other.end <= mark.start for other in kept):
            kept.append(mark)
    return sorted(kept, key=lambda mark: mark.start)


def _mark(mark: _Mark, text: str, start: int) -> Html:
    words = text[mark.start - start : mark.end - start]
    if not mark.number:
        return el("mark", words, class_="dropped")
    return el(
        "mark",
        el("span", "quoted: ", class_="unseen"),
        words,
        el("sup", f"[{mark.number}]"),
        class_="kept",
        id=f"source-{mark.number}",
    )


def version_of(document_id: str, version: str) -> str:
    """Return how a version of a document is named on a page."""
    return f"{document_id} @ {version[:12]}" if version else document_id
