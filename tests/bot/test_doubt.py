"""What is in doubt is asked of the documents first, when they are sure enough for that much doubt."""

from __future__ import annotations

import json
from collections import Counter
from math import log
from pathlib import Path

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.engine import documents_first
from frontdesk.bot.router.doubt import FARTHEST, Doubt, evidence
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.types import Kind, Route, Trigger

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1] / "bot" / "template"
ROUTES: dict[str, Kind] = {"hi": "voice", "status": "account", "person": "handoff", "returns": "knowledge"}
RANKED = (("hi", 0.3), ("returns", 0.3), ("status", 0.2), ("person", 0.1), ("unrouted", 0.1))
BRAND = Brand(name="Shop", routes={"returns": "knowledge", "hi": "voice"})


def odds(share: float) -> float:
    return log(share / (1 - share))


def doubtful(kind: Kind = "clarify", trigger: Trigger | None = None, wanted: float = 0.7) -> Route:
    alternatives = (("hi", 0.4), ("returns", 0.3))
    return Route(
        kind=kind,
        intent="hi",
        confidence=0.4,
        reason="unsure",
        alternatives=alternatives,
        trigger=trigger,
        wanted=wanted,
    )


def test_other_routes_count_as_far_as_a_message_is_like_the_examples() -> None:
    within, _ = evidence(RANKED, -FARTHEST, ROUTES)
    assert within == pytest.approx(0.6, abs=1e-3)
    even, none = evidence(RANKED, 0.0, ROUTES)
    assert (even, none) == pytest.approx((0.3, 0.0))
    assert evidence(RANKED, 1e9, ROUTES) == pytest.approx((0.0, FARTHEST), abs=1e-3)


@pytest.mark.parametrize(("elsewhere", "outside"), [(0.0, 0.0), (0.4, -3.0), (0.1, 2.5)])
def test_documents_as_sure_as_is_wanted_just_reach_the_bar(elsewhere: float, outside: float) -> None:
    fitted = Doubt.shipped()
    wanted = fitted.wanted(elsewhere, outside)
    told = fitted.sure * odds(wanted) + fitted.elsewhere * elsewhere + fitted.outside * outside + fitted.intercept
    assert told == pytest.approx(odds(fitted.bar))


def test_more_is_wanted_of_what_looks_like_another_routes_message_or_like_nobodys() -> None:
    fitted = Doubt.shipped()
    assert fitted.wanted(0.6, -2) > fitted.wanted(0.1, -2)
    assert fitted.wanted(0.0, 6) > fitted.wanted(0.0, 0)


def test_the_shipped_bar_keeps_its_target_on_messages_left_out_of_the_fit() -> None:
    fit = Doubt.shipped().fit
    count, wrong, target = (float(str(fit[name])) for name in ("answered", "wrong", "max_error"))
    assert 0 < wrong / count <= target < float(str(fit["wrong_without"])) / float(str(fit["answered_without"]))


def test_what_is_in_doubt_goes_to_the_documents_with_the_doubt_behind_it() -> None:
    first = documents_first(doubtful(), BRAND)
    assert (first.kind, first.intent, first.wanted) == ("knowledge", "returns", 0.7)
    assert first.otherwise is not None
    assert (first.otherwise.kind, first.otherwise.intent, first.otherwise.wanted) == ("clarify", "hi", 0.0)
    again = documents_first(doubtful("handoff", "clarify"), BRAND)
    assert (again.kind, again.trigger) == ("knowledge", None)


@pytest.mark.parametrize("trigger", ["anger", "risky", "safety"])
def test_a_person_who_is_needed_does_not_wait_for_the_documents(trigger: Trigger) -> None:
    route = doubtful("handoff", trigger)
    assert documents_first(route, BRAND) is route


def test_what_the_documents_cannot_know_is_not_asked_of_them() -> None:
    route = doubtful(wanted=0.0)
    assert documents_first(route, BRAND) is route


def test_the_labelled_messages_are_whole_and_nothing_else_knows_them() -> None:
    rows = [json.loads(line) for line in (HERE / "doubt_tuning.jsonl").read_text(encoding="utf-8").splitlines()]
    counts = Counter(row["kind"] for row in rows)
    assert set(counts) == {"factual", "account", "people", "routine", "out_of_scope"}
    assert min(counts.values()) >= 10
    assert all(bool(row.get("doc_ids")) == (row["kind"] == "factual") for row in rows)
    assert all((TEMPLATE / name).is_file() for row in rows for name in row.get("doc_ids", ()))
    said = {row["text"].casefold() for row in rows}
    assert len(said) == len(rows)
    assert [one.text for one in read_nlu(TEMPLATE / "nlu.yml").rows if one.text.casefold() in said] == []
    for name in ("hybrid.jsonl", "hybrid_tuning.jsonl", "requests.jsonl"):
        lines = (HERE / name).read_text(encoding="utf-8").splitlines()
        assert said & {json.loads(line)["text"].casefold() for line in lines} == set()
