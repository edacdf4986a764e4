"""`frontdesk eval retrieval|answers`: figures with 95 % intervals over an index built as a project's is."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from frontdesk.bot.config import Knowledge as Settings
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.types import Encoder, Sentence
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document, Question

Row = Mapping[str, Any]
DEPTHS = (1, 5, 10, 20)
PASSAGES = 200
"""Passages asked for, so that twenty different documents are among them."""


def evaluate_retrieval(documents: Sequence[Row], questions: Sequence[Row], encoder: Encoder) -> dict[str, Any]:
    """Return design.md §7's figures: recall of `doc_ids` among the first documents, MRR, latency, index time."""
    asked = [row for row in _questions(questions) if row["doc_ids"]]
    with _indexed(documents, encoder, quotes=False) as (knowledge, seconds, passages):
        timed = [_timed(partial(_ranked, knowledge, row)) for row in asked]
    recalls = {k: [_recall(ids[:k], row) for row, (ids, _) in zip(asked, timed, strict=True)] for k in DEPTHS}
    ranks = [_reciprocal(ids, row) for row, (ids, _) in zip(asked, timed, strict=True)]
    result: dict[str, Any] = {"n": len(asked)}
    for name, values in {**{f"recall@{k}": values for k, values in recalls.items()}, "mrr": ranks}.items():
        result |= _mean(name, values)
    return result | _latency([ms for _, ms in timed]) | {"index_seconds": round(seconds, 2), "passages": passages}


def evaluate_answers(documents: Sequence[Row], questions: Sequence[Row], encoder: Encoder) -> dict[str, Any]:
    """Return design.md §7's figures of the extractive answers.

    `unsupported_sentences` are checked by the quote alone: a sentence without one, or with words that are in none of
    its quotes, titles and headings.
    """
    rows = _questions(questions)
    texts = {row["id"]: row["text"] for row in map(_clean, documents)}
    with _indexed(documents, encoder, quotes=True) as (knowledge, _, _):
        asked = [Question(text=row["question"], history=tuple(row.get("history", ()))) for row in rows]
        timed = [_timed(partial(knowledge.answers, question)) for question in asked]
    answers = [answer for answer, _ in timed]
    return {"n": len(rows)} | _judge(rows, answers, texts) | _latency([ms for _, ms in timed])


def _judge(rows: Sequence[Row], answers: Sequence[tuple[Sentence, ...]], texts: Mapping[str, str]) -> dict[str, Any]:
    pairs = list(zip(rows, answers, strict=True))
    given = [(row, sentence) for row, answer in pairs for sentence in answer]
    cited = [(row, citation) for row, sentence in given for citation in sentence.citations]
    verbatim = [texts[c.document_id][c.start : c.end] == c.quote for _, c in cited]
    scored = [
        token_f1(" ".join(s.text for s in answer), row["answer"])
        for row, answer in pairs
        if answer and row.get("answer")
    ]
    return {
        **_share("answered", [bool(answer) for row, answer in pairs if row.get("answerable", True)]),
        **_share(
            "abstained_when_unanswerable", [not answer for row, answer in pairs if not row.get("answerable", True)]
        ),
        **_share("citation_precision", [citation.document_id in row["doc_ids"] for row, citation in cited]),
        **_share("quotes_verbatim", verbatim),
        **_share("unsupported_sentences", [not supported(sentence) for _, sentence in given]),
        **_mean("token_f1", scored),
    }


def supported(sentence: Sentence) -> bool:
    """Whether the words of a sentence all stand in its quotes or in the titles of the documents they are from."""
    if not sentence.citations:
        return False
    here = set(terms(" ".join(f"{citation.title} {citation.quote}" for citation in sentence.citations)))
    said = terms(sentence.text)
    return sum(term in here for term in said) >= 0.8 * len(said)


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
            report = knowledge.put([_document(row) for row in map(_clean, documents)], quotes=quotes)
            yield knowledge, report.seconds, report.passages
        finally:
            knowledge.close()


def _document(row: Row) -> Document:
    """Return an evaluation document; further text fields of the row are the names it goes by."""
    further = {key: value for key, value in row.items() if key not in ("id", "title", "text", "url")}
    context = {key: value for key, value in further.items() if isinstance(value, str) and len(value) <= 200}
    return Document(id=row["id"], title=row.get("title") or "", text=row["text"], context=context)


def _clean(row: Row) -> Row:
    """Check a row of documents.jsonl; lone surrogates, which no database takes, become '?'."""
    if not all(isinstance(row.get(key), str) for key in ("id", "text")):
        fix = 'each row must be {"id", "title", "text"}.'
        raise KnowledgeError(f"a document row has no id or text: {str(dict(row))[:80]}", fix=fix)
    return {
        key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }


def _questions(rows: Sequence[Row]) -> list[Row]:
    for row in rows:
        if not isinstance(row.get("question"), str) or not isinstance(row.get("doc_ids", []), list):
            fix = 'each row must be {"question", "doc_ids": [...], "history"?: [...]}.'
            raise KnowledgeError(f"a question row is malformed: {str(dict(row))[:80]}", fix=fix)
    return [{"doc_ids": [], **row} for row in rows]


def _ranked(knowledge: Knowledge, row: Row) -> list[str]:
    """Return document ids, best first, each once."""
    hits = knowledge.search(row["question"], k=PASSAGES, history=row.get("history") or ())
    return list(dict.fromkeys(hit.document.id for hit in hits))


def _recall(ids: Sequence[str], row: Row) -> float:
    wanted = set(row["doc_ids"])
    return len(wanted & set(ids)) / len(wanted)


def _reciprocal(ids: Sequence[str], row: Row) -> float:
    return next((1 / rank for rank, one in enumerate(ids, 1) if one in set(row["doc_ids"])), 0.0)


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
