"""The fitted thresholds: what is counted afterwards stays within the target."""

from __future__ import annotations

import numpy as np

from frontdesk.bot.router.calibrate import conformal_limit, selective_threshold


def test_among_as_many_more_hardly_ever_more_than_the_target_are_turned_away() -> None:
    random, seen = np.random.default_rng(0), []
    for _ in range(400):
        limit = conformal_limit(random.normal(size=300), 0.05)
        seen.append((random.normal(size=300) > limit).mean())
    assert np.mean(np.asarray(seen) > 0.05) <= 0.05 + 0.033  # three standard errors
    assert np.mean(seen) > 0.02


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
