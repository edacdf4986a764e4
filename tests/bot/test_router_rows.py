"""Which rows the side-by-side of routers teaches and asks: none is asked twice, none that was learned."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from benchmarks import router_rows
from benchmarks.router_rows import Rows, rounds_of
from frontdesk.bot.router.nlu import OUT_OF_SCOPE

TRAIN: Rows = [(f"{intent} row {k}", intent) for intent in ("a", "b", OUT_OF_SCOPE) for k in range(40)]
DEV: Rows = [(f"{intent} asked {k}", intent) for intent in ("a", "b", OUT_OF_SCOPE) for k in range(20)]
TWINS: Rows = [(text.upper(), intent) for text, intent in TRAIN]


@pytest.fixture(autouse=True)
def small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_rows, "rows_of", lambda name: (TRAIN, DEV + TWINS))


def asked_once(rounds: list[router_rows.Round]) -> bool:
    counts = Counter(text.casefold() for one in rounds for text, _ in one.ask)
    return set(counts.values()) == {1}


def test_few_examples_leave_everything_else_to_be_asked() -> None:
    rounds = rounds_of("any", 5, 3, 0, 60)
    assert [Counter(intent for _, intent in one.learn) for one in rounds] == [{"a": 5, "b": 5, OUT_OF_SCOPE: 5}] * 3
    assert len({frozenset(one.learn) for one in rounds}) == 3
    assert asked_once(rounds)
    for one in rounds:
        assert not {text.casefold() for text, _ in one.learn} & {text.casefold() for text, _ in one.ask}
        inside = sum(intent != OUT_OF_SCOPE for _, intent in one.ask)
        assert inside <= 20
        assert len(one.ask) - inside <= 4


def test_in_folds_every_row_is_asked_once_by_what_learned_the_others() -> None:
    rounds = rounds_of("any", 0, 1, 5, 5000)
    assert asked_once(rounds)
    assert {text for one in rounds for text, _ in one.ask} == {text for text, _ in chain(TRAIN, DEV)}
    assert all(len(one.learn) + len(one.ask) == 180 and not set(one.learn) & set(one.ask) for one in rounds)


def test_else_the_development_rows_are_asked() -> None:
    (one,) = rounds_of("any", 0, 1, 0, 5000)
    assert (one.learn, one.ask) == (TRAIN, DEV + TWINS)
