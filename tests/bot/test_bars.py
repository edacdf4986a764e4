"""Bars: how sure the router must be of a route, by error target, and apart for messages that name a record."""

from __future__ import annotations

import numpy as np

from frontdesk.bot.router.bars import Stakes, fit_bars, likeliest, together
from frontdesk.bot.router.model import Calibration, Judged
from frontdesk.bot.types import Kind

ROUTES: dict[str, Kind] = {"hi": "voice", "bye": "voice", "returns": "knowledge", "status": "account"}
FITTED = Calibration(
    temperature=1.0,
    outside_weights=(0.0,),
    outside_bias=0.0,
    confidence_weights=(1.0, 0.0),
    confidence_bias=0.0,
    outside_threshold=0.5,
    confidence_threshold=0.9,
)


def held(n: int, wrong: float, *, text: str = "x", outside: float = 0.0, seed: int = 0) -> list[Judged]:
    """Predictions of two voice intents together at `share`, the less sure ones wrong."""
    shares = np.sort(np.random.default_rng(seed).uniform(0.4, 1, n))
    return [
        Judged(
            text=f"{text} {k}",
            intent="returns" if k < wrong * n else ("hi" if k % 2 else "bye"),
            said="hi",
            confidence=share * 0.6,
            outside=outside,
            ranked=(("hi", share * 0.6), ("bye", share * 0.4), ("returns", 1 - share)),
        )
        for k, share in enumerate(shares)
    ]


def test_intents_of_a_route_count_together_and_what_has_no_route_does_not() -> None:
    ranked = [("status", 0.4), ("hi", 0.3), ("bye", 0.25), ("unrouted", 0.05)]
    assert together(ranked, ROUTES) == {"account": 0.4, "voice": 0.55}
    assert likeliest(ranked, ROUTES) == ("voice", 0.55)
    assert likeliest([("unrouted", 1.0)], ROUTES) == ("clarify", 0.0)


def test_a_route_whose_mistakes_cost_less_has_a_lower_bar() -> None:
    rows = held(400, 0.3)
    strict, _ = fit_bars(rows, FITTED, ROUTES, Stakes(error=0.05))
    loose, _ = fit_bars(rows, FITTED, ROUTES, Stakes(error=0.05, errors={"voice": 0.2}))
    assert loose.together["voice"] < strict.together["voice"]
    answered = [
        row for row in rows if sum(share for name, share in row.ranked if name != "returns") >= strict.together["voice"]
    ]
    assert np.mean([row.intent == "returns" for row in answered]) <= 0.05


def test_messages_that_name_a_record_have_bars_and_a_limit_of_their_own() -> None:
    keyed = held(200, 0.0, text="LL-10423", outside=0.8)
    plain, named = fit_bars(held(200, 0.5) + keyed, FITTED, ROUTES, Stakes(keyed=lambda text: "LL-" in text))
    assert plain.outside == 0.5
    assert named.outside == 0.8
    assert named.together["voice"] < plain.together["voice"]


def test_few_examples_with_a_key_are_no_group_and_none_at_all_no_bars() -> None:
    stakes = Stakes(keyed=lambda text: "LL-" in text)
    plain, named = fit_bars(held(200, 0.0) + held(5, 0.0, text="LL-1", outside=0.8), FITTED, ROUTES, stakes)
    assert named == plain
    assert fit_bars([], FITTED, ROUTES, stakes)[0].together == {}


def test_a_route_that_is_never_right_has_no_bar() -> None:
    rows = [row.model_copy(update={"intent": "returns"}) for row in held(100, 0.0)]
    assert "voice" not in fit_bars(rows, FITTED, ROUTES, Stakes())[0].together
