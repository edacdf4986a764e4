"""The evaluation builds the real index and reports every figure with its interval; once with the real encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Citation, Sentence
from frontdesk.knowledge.evaluate import Asked, evaluate_answers, evaluate_retrieval, supported, token_f1
from frontdesk.knowledge.report import coverage_errors, reliability, write_report
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


def test_history_is_asked_with_the_question() -> None:
    row = {
        "question": "how long are they valid?",
        "history": ["I want gift cards"],
        "doc_ids": ["c"],
        "answerable": True,
    }
    assert evaluate_retrieval(DOCUMENTS, [row], Hashing()).figures["recall@1"] == 1.0


def test_the_page_shows_figures_plots_and_every_question(tmp_path: Path) -> None:
    answers = evaluate_answers(DOCUMENTS, QUESTIONS, Hashing())
    page = write_report(tmp_path / "a", "Answers", answers).read_text()
    assert all(text in page for text in ("citation_precision", "Coverage and error", "Reliability", "football cup"))
    retrieval = evaluate_retrieval(DOCUMENTS, QUESTIONS, Hashing())
    assert "The place of the first right document" in write_report(tmp_path / "b", "R", retrieval).read_text()


def test_coverage_and_reliability() -> None:
    asked = [Asked(question="q", probability=p, right=right) for p, right in ((0.9, True), (0.8, False), (0.2, False))]
    assert coverage_errors(asked) == [(1 / 3, 0), (2 / 3, 0.5), (1, 2 / 3)]
    assert [(one["n"], one["right"]) for one in reliability(asked)] == [(1, 0), (1, 0), (1, 1)]


def test_the_detector_wants_words_figures_and_negation_in_the_quotes() -> None:
    def said(text: str) -> bool:
        quote = "Opened food cannot be returned within 45 days."
        cited = Citation(number=1, document_id="a", title="Returns", url="", version="", quote=quote, start=0, end=46)
        return supported(Sentence(text=text, citations=(cited,)))

    assert said("Opened food cannot be returned within 45 days.")
    assert not said("Opened food cannot be returned within 30 days.")
    assert not said("Opened crockery cannot come back.")
    assert not supported(Sentence(text="Opened food cannot be returned."))


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
