"""The evaluation builds the real index and reports every figure with its interval; once with the real encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.evaluate import evaluate_answers, evaluate_retrieval, token_f1
from tests.knowledge.knowledge_samples import Hashing

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "a", "title": "Returns", "text": "Unused items can be returned within 45 days."},
    {"id": "b", "title": "Shipping", "text": "Express parcels arrive after 2 business days.", "city": None},
    {"id": "c", "title": "Gift cards \ud800", "text": "Gift cards are valid for 5 years."},
]
QUESTIONS: list[dict[str, Any]] = [
    {"question": "how many days for returned unused items?", "doc_ids": ["a"], "answerable": True, "answer": "45 days"},
    {"question": "how long are gift cards valid?", "doc_ids": ["c"], "answerable": True},
    {"question": "who won the football cup?", "doc_ids": [], "answerable": False},
]


def test_retrieval_figures() -> None:
    found = evaluate_retrieval(DOCUMENTS, QUESTIONS, Hashing()).figures
    assert (found["n"], found["recall@1"], found["mrr"], found["passages"]) == (2, 1.0, 1.0, 3)
    assert found["recall@20_ci"] == [1.0, 1.0]
    assert found["p50_ms"] <= found["p95_ms"]
    json.dumps(found)


def test_answer_figures() -> None:
    found = evaluate_answers(DOCUMENTS, QUESTIONS, Hashing()).figures
    assert (found["n"], found["quotes_verbatim"], found["unsupported_sentences"]) == (3, 1.0, 0.0)
    assert (found["abstained_when_unanswerable"], found["citation_precision"]) == (1.0, 1.0)


def test_malformed_rows_are_named() -> None:
    with pytest.raises(KnowledgeError, match="malformed"):
        evaluate_retrieval(DOCUMENTS, [{"query": "x"}], Hashing())
    with pytest.raises(KnowledgeError, match="no id or text"):
        evaluate_retrieval([{"id": "a"}], QUESTIONS, Hashing())


def test_token_f1() -> None:
    assert token_f1("The 45 days.", "45 days") == 1.0
    assert token_f1("nothing", "45 days") == 0.0


@pytest.mark.slow
def test_the_demo_brand_with_the_real_encoder(tmp_path: Path) -> None:
    from frontdesk.adapters.encoder import MiniLM

    root = Path(__file__).parents[2]
    questions = [json.loads(line) for line in (Path(__file__).parent / "questions.jsonl").read_text().splitlines()]
    folder = root / "bot/template/knowledge"
    documents = [
        {"id": f"knowledge/{path.relative_to(folder).as_posix()}", "title": path.stem, "text": path.read_text()}
        for path in sorted(folder.rglob("*.md"))
    ]
    found = evaluate_answers(documents, questions, MiniLM(tmp_path)).figures
    assert (found["quotes_verbatim"], found["unsupported_sentences"]) == (1.0, 0.0)
    assert found["answered"] > 0.6
    assert found["abstained_when_unanswerable"] > 0.8
