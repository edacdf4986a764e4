"""The passages of an explanation: where they stand, their scores as bars, what was quoted from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontdesk.bot.types import Citation
from frontdesk.channels.admin_frame import gauge
from frontdesk.channels.oversight import Explained, Passage
from frontdesk.channels.pages import Html, el


def passages_found(found: Explained) -> Html:
    """Return the passages in order, with their scores as bars and their quotes marked."""
    cited = [citation for sentence in found.sentences for citation in sentence.citations]
    top = _Top.of(found.passages)
    rows = [_passage(one, cited, top) for one in found.passages]
    legend = el("p", "What is quoted in the answer is ", el("mark", "marked"), ".", class_="hint") if cited else None
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


def _passage(one: Passage, cited: Sequence[Citation], top: _Top) -> Html:
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
        el("div", _marked(one, cited), class_="passage", dir="auto"),
        class_="card",
    )


def _marked(one: Passage, cited: Sequence[Citation]) -> list[Html | str]:
    """Return the passage with what was quoted from it marked and numbered."""
    shown: list[Html | str] = []
    here = 0
    for citation in sorted(cited, key=lambda citation: citation.start):
        start, end = citation.start - one.start, citation.end - one.start
        same = (citation.document_id, citation.version) == (one.document_id, one.version)
        if same and here <= start < end <= len(one.text):
            shown += [one.text[here:start], _mark(one.text[start:end], citation.number)]
            here = end
    return [*shown, one.text[here:]]


def _mark(words: str, number: int) -> Html:
    return el("mark", el("span", "quoted: ", class_="unseen"), words, el("sup", f"[{number}]"), id=f"source-{number}")


def version_of(document_id: str, version: str) -> str:
    """Return how a version of a document is named on a page."""
    return f"{document_id} @ {version[:12]}" if version else document_id
