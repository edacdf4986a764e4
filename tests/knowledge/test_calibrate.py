"""Abstention is fitted to the error target, says what it keeps on questions left out, and refuses a poor set."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.answer import Asked, Extractive
from frontdesk.knowledge.calibrate import fitted, limit
from frontdesk.knowledge.confidence import Confidence, Confidences
from frontdesk.knowledge.examples import Example, named, questions
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.made import Withholding, examples, worded
from frontdesk.knowledge.made import asked as as_question
from frontdesk.knowledge.select import Selection
from frontdesk.knowledge.values import Document, Question
from tests.knowledge.conftest import Opened
from tests.knowledge.knowledge_samples import Hashing

NAMES = tuple(Confidence.shipped().weights)


def drawn(n: int, seed: int = 0, noise: float = 1.0) -> list[Example]:
    """Questions whose best sentence is right the likelier, the higher their features are; two in three answerable."""
    chance = np.random.default_rng(seed)
    made = []
    for at in range(n):
        answerable = at % 3 != 0
        level = chance.normal(0.7 if answerable else 0.3, 0.15 * noise)
        right = answerable and bool(chance.random() < 1 / (1 + np.exp(-12 * (level - 0.5))))
        made.append(Example(features=dict.fromkeys(NAMES, float(level)), right=right, answerable=answerable))
    return made


def test_the_target_is_kept_on_questions_left_out() -> None:
    found = fitted(drawn(300), 0.1, source="questions", encoder="e", passages=1)
    assert found.fit.error <= 0.1 < found.fit.error_ci[1] + 0.1
    assert found.fit.answered > 0.5
    new = drawn(2000, seed=1)
    given = [one for one in new if found.accepts(one.features)]
    assert sum(not one.right for one in given) / len(given) < 0.13


def test_a_wider_target_answers_more() -> None:
    strict, wide = (fitted(drawn(300), target, source="questions", encoder="e", passages=1) for target in (0.05, 0.2))
    assert strict.fit.answered < wide.fit.answered


def test_one_more_wrong_answer_would_still_keep_the_target() -> None:
    sure = np.linspace(1, 0.1, 20)
    right = np.array([True] * 9 + [False] * 11)
    assert limit(sure, right, 0.1) == pytest.approx(sure[8])
    assert limit(sure, ~right, 0.1) == 1.0


def test_too_few_or_one_sided_questions_are_refused() -> None:
    with pytest.raises(KnowledgeError, match="29 questions are too few"):
        fitted(drawn(29), 0.1, source="questions", encoder="e", passages=1)
    answerable = [one for one in drawn(90) if one.answerable]
    with pytest.raises(KnowledgeError, match="a fit needs both kinds"):
        fitted(answerable, 0.1, source="questions", encoder="e", passages=1)


def test_a_target_out_of_reach_is_refused() -> None:
    wrong = [Example(features=one.features, right=False, answerable=one.answerable) for one in drawn(60)]
    with pytest.raises(KnowledgeError, match="no threshold keeps"):
        fitted(wrong, 0.1, source="questions", encoder="e", passages=1)


def test_a_new_fit_is_taken_up_at_once_and_an_alien_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Confidences(tmp_path, "e")
    assert kept.current == Confidence.shipped()
    own = fitted(drawn(60), 0.2, source="questions", encoder="e", passages=1)
    own.save(tmp_path)
    assert kept.current == own
    own.model_copy(update={"fit": own.fit.model_copy(update={"encoder": "other"})}).save(tmp_path)
    assert kept.current == Confidence.shipped()
    (tmp_path / "confidence.json").write_text('{"weights": ')
    assert kept.current == Confidence.shipped()
    assert "another encoder" in caplog.text
    assert "cannot be read" in caplog.text


def test_documents_are_named_by_id_or_by_the_end_of_their_path() -> None:
    assert named("pages/content/a.md", ["content/a.md"])
    assert not named("pages/content/aa.md", ["a.md"])
    with pytest.raises(KnowledgeError, match="malformed"):
        questions([{"question": "x", "history": "not a list"}])


def test_headings_and_sentences_become_questions() -> None:
    assert as_question("Reset your password") == "how do I reset my password"
    assert as_question("How to pay") == "how do I pay"
    assert as_question("Do you ship to Norway?") == "Do you ship to Norway?"
    said = worded("Express parcels arrive after 2 business days.", "Shipping", random.Random(3))
    assert said.startswith("how long")
    assert "2" not in said


def library() -> list[Document]:
    """Forty pages about things that have a price and a colour of their own."""
    things = ["kettle", "lamp", "board", "blanket", "mug", "knife", "scale", "teapot", "skillet", "pitcher"]
    colours = ["amber", "cobalt", "fern", "ivory"]
    return [
        Document(
            id=f"{colour}-{thing}",
            title=f"{colour} {thing}",
            text=f"The {colour} {thing} is sold for {price} dollars. Wipe the {colour} {thing} with a damp cloth only.",
        )
        for price, (colour, thing) in enumerate(((c, t) for c in colours for t in things), 20)
    ]


def test_a_document_is_withheld_whole(opened: Opened) -> None:
    base, answers = opened(), Extractive(Hashing())
    base.put(library())
    question = Question(text="how do I clean the cobalt teapot?")
    with base.lease() as index:
        whole = answers.candidates(Asked(index=index, question=question))
        part = Withholding(index).without("cobalt-teapot")
        rest = answers.candidates(Asked(index=part, question=question))
        assert whole.choices[0].hit.document.id == "cobalt-teapot"
        assert all(choice.hit.document.id != "cobalt-teapot" for choice in rest.choices)


def test_a_base_without_questions_is_fitted_on_its_documents(opened: Opened, tmp_path: Path) -> None:
    base, answers = opened(), Extractive(Hashing())
    base.put(library())

    def choose(index: Generation, question: Question) -> Selection:
        return answers.candidates(Asked(index=index, question=question))

    with base.lease() as index:
        found = examples(choose, index, 30)
    assert len(found) == 60
    assert sum(one.right for one in found if one.answerable) > sum(one.right for one in found if not one.answerable)


def test_a_base_keeps_its_fit_in_its_folder(opened: Opened, tmp_path: Path) -> None:
    base = opened()
    base.put(library())
    rows = [
        {"question": f"what is the {one.title} sold for?", "doc_ids": [one.id], "answerable": True} for one in library()
    ]
    rows += [
        {"question": f"who won the {place} cup in football?", "doc_ids": [], "answerable": False}
        for place in ("german", "french", "danish", "polish", "greek", "irish", "dutch", "swiss", "czech", "welsh")
    ]
    fit = base.fit(rows)
    stored = json.loads((tmp_path / "state" / "confidence.json").read_text())
    assert stored["fit"]["questions"] == len(rows) == fit.fit.questions
    assert base.explain(Question(text="what is the fern lamp sold for?")).threshold == fit.threshold
