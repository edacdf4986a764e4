"""The fitted thresholds: what is counted afterwards stays within the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import (
    CERTAINTY,
    LASTING,
    Doubles,
    HeldOut,
    calibrate,
    conformal_limit,
    selective_threshold,
)
from frontdesk.bot.router.heads import Table, held_out, joined, plans, spoken
from frontdesk.bot.router.mix import Heard, fit_mix
from frontdesk.bot.router.model import Reading


def turned_away(certainty: float, draws: int) -> NDArray[np.float64]:
    """Shares of new scores beyond limits that were each fitted on as many others."""
    random = np.random.default_rng(0)
    limits = [conformal_limit(random.normal(size=300), 0.05, certainty) for _ in range(draws)]
    return np.asarray([(random.normal(size=300) > limit).mean() for limit in limits])


def test_among_as_many_more_hardly_ever_more_than_the_target_are_turned_away() -> None:
    seen = turned_away(CERTAINTY, 400)
    assert (seen > 0.05).mean() <= 0.05 + 0.033  # three standard errors
    assert seen.mean() > 0.02


def test_of_twenty_limits_hardly_ever_one_is_broken() -> None:
    seen = turned_away(LASTING, 2000).reshape(100, 20)
    assert (seen > 0.05).any(axis=1).mean() <= 0.05 + 0.065  # three standard errors
    assert seen.mean() > 0.01


def test_with_few_scores_only_what_is_beyond_all_of_them_is_turned_away() -> None:
    assert conformal_limit(np.array([0.3, 0.9, 0.1]), 0.05) == 0.9


def test_among_as_many_more_hardly_ever_more_than_the_target_are_wrong() -> None:
    over = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        confidence, more = random.uniform(0.3, 1, (2, 2000))
        threshold, guaranteed = selective_threshold(confidence, random.uniform(size=2000) < confidence, 0.1)
        answered = more >= threshold
        wrong = random.uniform(size=int(answered.sum())) >= more[answered]
        over += guaranteed and wrong.mean() > 0.1
    assert over <= 10 + 9  # one in twenty and three standard errors


def reading(best: NDArray[np.float64], near: NDArray[np.float64], unknown: NDArray[np.float64]) -> Reading:
    scores = np.column_stack([best, best - 1]).astype(np.float32)
    return Reading(scores=scores, hints=np.column_stack([near, unknown]).astype(np.float32), plain=scores)


def test_without_a_class_of_its_own_best_score_and_nearness_count_alike() -> None:
    random = np.random.default_rng(0)
    best, near, unknown = random.normal(2, 2, 400), random.normal(0.8, 0.1, 400), random.uniform(0, 1, 400)
    inside = HeldOut(reading=reading(best, near, unknown), truth=np.zeros(400, dtype=np.int64), rows=np.arange(400))
    far = reading(best - 3, near - 0.3, unknown - 5)  # a third sign that misleads: real ones are not like that
    strange = HeldOut(reading=far, truth=np.full(400, -1), rows=np.arange(400))
    weights = calibrate(inside, joined([inside, strange]), 0.05, taught=False).outside_weights
    assert weights[1] == weights[2] == weights[4] == 0
    assert weights[0] * best.std() == pytest.approx(weights[3] * near.std(), rel=1e-3)
    assert weights[0] < 0


def test_with_some_examples_out_of_scope_the_lead_over_them_counts_too() -> None:
    random = np.random.default_rng(0)
    best, near, strange = random.normal(2, 1, 400), random.normal(0.8, 0.1, 400), random.normal(0, 1, 400)

    def seen(best: Doubles, strange: Doubles) -> Reading:
        plain = reading(best, near, np.zeros(400))
        return replace(plain, hints=np.column_stack([plain.hints, strange, near]).astype(np.float32))

    inside = HeldOut(reading=seen(best, strange), truth=np.zeros(400, dtype=np.int64), rows=np.arange(400))
    far = HeldOut(reading=seen(best - 1, strange + 2), truth=np.full(400, -1), rows=np.arange(400))
    weights = calibrate(inside, joined([inside, far]), 0.05, taught=False).outside_weights
    assert weights[1] == weights[2] == weights[4] == weights[6] == 0
    assert weights[0] < weights[3] * near.std() < 0 < weights[5]
    assert weights[5] * (best - strange).std() == pytest.approx(-weights[3] * near.std(), rel=1e-3)


def test_what_is_right_on_unseen_texts_counts_more_and_the_mix_is_the_sum() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    good, bad = (random.normal(0, 1, (300, 3)).astype(np.float32) for _ in range(2))
    good[np.arange(300), truth] += 2
    hints = np.column_stack([good[:, :2], good[:, 0], bad[:, 0]])
    heads = tuple(Reading(scores=one, hints=hints * (k + 1), plain=one) for k, one in enumerate((bad, good)))
    part = Heard(heads=heads, quick=heads[0], truth=truth, rows=np.arange(300), known=truth >= 0)
    mix = fit_mix([part, part])
    assert mix[1] == 1.0
    assert mix[0] < 0.1
    full, quick = part.mixed((0.5, 1.0))
    assert full.reading.scores == pytest.approx(0.5 * bad + good)
    assert full.reading.hints[:, 2] == pytest.approx(2.5 * hints[:, 2])
    assert full.reading.hints[:, 3] == pytest.approx(hints[:, 3])
    assert quick.reading is heads[0]
    assert fit_mix([replace(part, heads=heads[:1])]) == (1.0,)


def test_hardly_any_examples_out_of_scope_are_learned_from_with_intents_kept_back() -> None:
    vectors = np.eye(60, 8, dtype=np.float32)
    texts, labels = tuple(f"text {k}" for k in range(60)), ("a", "b", "c", "d", "e")
    for strange, learned in ((10, True), (4, False)):
        truth = np.append(np.arange(60 - strange) % 5, np.full(strange, -1))
        table = Table(texts=texts, vectors=vectors, truth=truth, labels=labels, names=vectors[:0])
        back = [plan for plan in plans(table) if plan.strange]
        assert len(back) == 3
        assert all(plan.learn[truth < 0].all() == learned for plan in back)
        assert not any((plan.learn & plan.ask).any() for plan in back)
        assert learned != any(plan.ask[truth < 0].any() for plan in back)
        assert len(held_out(table, back[0]).heads[0].hints[0]) == (4 if learned else 2)


def test_a_held_out_text_is_compared_with_all_examples_out_of_scope_but_itself() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    truth = np.repeat([0, 1, -1], 20)
    texts = tuple(f"text {k}" for k in range(60))
    table = Table(texts=texts, vectors=vectors, truth=truth, labels=("a", "b"), names=vectors[:0])
    found = joined([held_out(table, plan).mixed((1.0, 0.0, 0.0))[0] for plan in plans(table)])
    for row, hint in zip(found.rows, found.reading.hints[:, -1], strict=True):
        others = vectors[40:] if row < 40 else np.delete(vectors[40:], row - 40, axis=0)
        assert hint == pytest.approx(np.sort(others @ vectors[row])[-5:].mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("cancel_order", "cancel order"),
        ("cancelOrder", "cancel order"),
        ("faq/opening-hours", "faq opening hours"),
        ("Überweisung_2", "überweisung 2"),
        ("__", ""),
    ],
)
def test_a_name_is_read_as_words(label: str, words: str) -> None:
    assert spoken(label) == words


def test_where_examples_are_few_a_name_is_one_of_them() -> None:
    vectors = np.eye(6, dtype=np.float32)
    truth = np.array([0, 0, 2, -1])
    table = Table(
        texts=("a", "b", "c", "d"), vectors=vectors[:4], truth=truth, labels=("x_y", "z", "7"), names=vectors[3:]
    )
    named = table.named()
    assert named.texts == ("a", "b", "c", "d", "x y")  # "z" has no example here, "7" no words
    assert named.truth.tolist() == [0, 0, 2, -1, 0]
    assert (named.vectors[-1] == vectors[3]).all()
    assert table.part(truth >= 0).named().texts == ("a", "b", "c", "x y")
