"""`frontdesk eval retrieval|answers`: figures with 95 % intervals over an index built as a project's is."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from frontdesk.bot.config import Knowledge as Settings
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.types import Encoder, Sentence
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.examples import Row, named, questions
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document, Explanation, Question

DEPTHS = (1, 5, 10, 20)
PASSAGES = 200
"""Passages asked for, so that twenty different documents are among them."""
_NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|none|neither|nor)\b|n['’]t\b", re.IGNORECASE)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of one question: the rank of the first right document, or the answer with how sure it was."""

    question: str
    answerable: bool = True
    ms: float = 0.0
    rank: int | None = None
    """The first right document's place, 1 for the best; None when it was not found (or answers were asked for)."""
    probability: float = 0.0
    threshold: float = 0.0
    right: bool = False
    """Whether the best candidate is of a right document, sent or not."""
    said: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures as design.md §7 names them, each share and mean with its interval, and every question behind them."""

    figures: Mapping[str, Any]
    asked: tuple[Asked, ...] = field(repr=False)


def evaluate_retrieval(documents: Sequence[Row], rows: Sequence[Row], encoder: Encoder) -> Evaluation:
    """Measure recall of `doc_ids` among the first documents, MRR, latency and index time."""
    wanted = [row for row in questions(rows) if row["doc_ids"]]
    with _indexed(documents, encoder, quotes=False) as (knowledge, seconds, passages):
        timed = [_timed(partial(_ranked, knowledge, row)) for row in wanted]
    found = [(ids, row) for row, (ids, _) in zip(wanted, timed, strict=True)]
    figures: dict[str, Any] = {"n": len(wanted)}
    for depth in DEPTHS:
        figures |= _mean(f"recall@{depth}", [_recall(ids[:depth], row) for ids, row in found])
    ranks = [_rank(ids, row) for ids, row in found]
    figures |= _mean("mrr", [1 / rank if rank else 0.0 for rank in ranks])
    figures |= _latency([ms for _, ms in timed]) | {"index_seconds": round(seconds, 2), "passages": passages}
    asked = [
        Asked(question=row["question"], ms=ms, rank=rank)
        for row, (_, ms), rank in zip(wanted, timed, ranks, strict=True)
    ]
    return Evaluation(figures=figures, asked=tuple(asked))


def evaluate_answers(documents: Sequence[Row], rows: Sequence[Row], encoder: Encoder) -> Evaluation:
    """Measure the answers: abstention, citations, support, likeness to the wanted answer."""
    wanted = questions(rows)
    texts = {document.id: document.text for document in documents_of(documents)}
    with _indexed(documents, encoder, quotes=True) as (knowledge, _, _):
        timed = [_timed(partial(knowledge.explain, _question(row))) for row in wanted]
    return judged(wanted, timed, texts)


def judged(rows: Sequence[Row], timed: Sequence[tuple[Explanation, float]], texts: Mapping[str, str]) -> Evaluation:
    """Return the figures of answers; `timed` has each with its milliseconds, `texts` the documents by id."""
    asked = [_asked(row, found, ms) for row, (found, ms) in zip(rows, timed, strict=True)]
    answers = [(row, found.sentences) for row, (found, _) in zip(rows, timed, strict=True)]
    given = [(row, sentence) for row, answer in answers for sentence in answer]
    cited = [(row, citation) for row, sentence in given for citation in sentence.citations]
    likeness = [
        token_f1(" ".join(s.text for s in answer), row["answer"])
        for row, answer in answers
        if answer and row.get("answer")
    ]
    figures = {
        "n": len(rows),
        **_share("answered", [bool(answer) for row, answer in answers if row["answerable"]]),
        **_share("abstained_when_unanswerable", [not answer for row, answer in answers if not row["answerable"]]),
        **_share("citation_precision", [named(citation.document_id, row["doc_ids"]) for row, citation in cited]),
        **_share("quotes_verbatim", [texts[c.document_id][c.start : c.end] == c.quote for _, c in cited]),
        **_share("unsupported_sentences", [not supported(sentence) for _, sentence in given]),
        **_mean("token_f1", likeness),
    }
    return Evaluation(figures=figures | _latency([ms for _, ms in timed]), asked=tuple(asked))


def _asked(row: Row, found: Explanation, ms: float) -> Asked:
    cited = tuple(citation.document_id for sentence in found.sentences for citation in sentence.citations)
    best = cited[:1] or tuple(one.document_id for one in found.considered[:1])
    return Asked(
        question=row["question"],
        answerable=row["answerable"],
        ms=ms,
        probability=found.probability,
        threshold=found.threshold,
        right=row["answerable"] and bool(best) and named(best[0], row["doc_ids"]),
        said=tuple(sentence.text for sentence in found.sentences),
        cited=tuple(dict.fromkeys(cited)),
    )


def supported(sentence: Sentence) -> bool:
    """Whether the quotes and titles that a sentence cites have its words, all its figures, and its negation.

    Written apart from the check that answers pass before they are sent, so that it can find that check wrong.
    """
    quotes = " ".join(citation.quote for citation in sentence.citations)
    shown = f"{quotes} {' '.join(citation.title for citation in sentence.citations)}"
    here, said = set(terms(shown)), terms(sentence.text)
    figures = set(_FIGURE.findall(sentence.text)) <= set(_FIGURE.findall(shown))
    negation = not _NEGATION.search(sentence.text) or bool(_NEGATION.search(quotes))
    return bool(quotes) and figures and negation and sum(term in here for term in said) >= 0.8 * len(said)


def token_f1(said: str, wanted: str) -> float:
    """Return the F1 of the words two texts share, as in SQuAD (1606.05250)."""
    one, other = Counter(terms(said)), Counter(terms(wanted))
    common = sum((one & other).values())
    return 2 * common / (sum(one.values()) + sum(other.values())) if common else 0.0


@contextmanager
def _indexed(documents: Sequence[Row], encoder: Encoder, *, quotes: bool) -> Iterator[tuple[Knowledge, float, int]]:
    """Give a knowledge base over `documents` in a temporary folder, the seconds it took and its passages."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-eval-") as folder:
        knowledge = Knowledge(Path(folder), encoder, Settings())
        try:
            report = knowledge.put(documents_of(documents), quotes=quotes)
            yield knowledge, report.seconds, report.passages
        finally:
            knowledge.close()


def documents_of(rows: Sequence[Row]) -> list[Document]:
    """Return evaluation documents; further short text fields of a row are the names it goes by.

    Raises KnowledgeError for a row without id or text. Lone surrogates, which no database takes, become '?'.
    """
    return [_document(row) for row in map(_clean, rows)]


def _document(row: Row) -> Document:
    further = {key: value for key, value in row.items() if key not in ("id", "title", "text", "url")}
    context = {key: value for key, value in further.items() if isinstance(value, str) and len(value) <= 200}
    return Document(id=row["id"], title=row.get("title") or "", text=row["text"], context=context)


def _clean(row: Row) -> Row:
    if not all(isinstance(row.get(key), str) for key in ("id", "text")):
        fix = 'each row must be {"id", "title", "text"}.'
        raise KnowledgeError(f"a document row has no id or text: {str(dict(row))[:80]}", fix=fix)
    return {
        key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }


def _question(row: Row) -> Question:
    return Question(text=row["question"], history=tuple(row["history"]))


def _ranked(knowledge: Knowledge, row: Row) -> list[str]:
    """Return document ids, best first, each once."""
    hits = knowledge.search(row["question"], k=PASSAGES, history=row["history"])
    return list(dict.fromkeys(hit.document.id for hit in hits))


def _recall(ids: Sequence[str], row: Row) -> float:
    wanted = set(row["doc_ids"])
    return len(wanted & set(ids)) / len(wanted)


def _rank(ids: Sequence[str], row: Row) -> int | None:
    return next((rank for rank, one in enumerate(ids, 1) if one in set(row["doc_ids"])), None)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), (time.perf_counter() - began) * 1000


def _latency(ms: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(ms, n=20, method="inclusive") if len(ms) > 1 else [*ms, 0.0] * 19
    return {"p50_ms": round(cuts[9], 2), "p95_ms": round(cuts[18], 2)}


def _mean(name: str, values: Sequence[float]) -> dict[str, Any]:
    low, high = bootstrap(values)
    return {name: round(sum(values) / max(1, len(values)), 4), f"{name}_ci": [round(low, 4), round(high, 4)]}


def _share(name: str, values: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(values), len(values))
    return {name: round(sum(values) / max(1, len(values)), 4), f"{name}_ci": [round(low, 4), round(high, 4)]}
