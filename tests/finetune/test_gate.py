"""The gate: every planted bad adapter is refused by the check that is there for it, and an honest version passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.checks import LEAST_ASKED
from frontdesk.finetune.gate import Bench, examine
from tests.finetune.gate_bench import demo_data, small_bench, some_of_each
from tests.finetune.planted import PLANTED, Planted, Workshop, judged

CANARIES = 6


def nothing(what: str, done: int, total: int) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    registry = VoiceRegistry(tmp_path_factory.mktemp("project") / "voices", key=b"the project's own")
    return Workshop(
        registry=registry,
        good=registry.load("warm"),
        base="frontdesk-base",
        asked=some_of_each(demo_data("warm").train, 2),
        other=some_of_each(demo_data("crisp").train, 4),
        steps=24,
        canaries=CANARIES,
    )


@pytest.fixture(scope="module")
def bench(shop: Workshop) -> Bench:
    return small_bench(shop.registry, canaries=CANARIES)


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: case.name)
def test_a_planted_adapter_is_refused_with_the_reason(case: Planted, shop: Workshop, bench: Bench) -> None:
    refused = judged(case, shop, bench)
    assert case.reason in refused.get(case.check, ""), refused


def test_there_are_planted_adapters_of_every_kind() -> None:
    assert len(PLANTED) >= 22
    assert len({case.name for case in PLANTED}) == len(PLANTED)


def test_an_honest_version_passes_and_is_served(shop: Workshop, bench: Bench) -> None:
    folder = shop.copy()
    examined = examine(shop.registry, "warm", int(folder.name), bench, nothing)
    assert examined.word.passed, [f for f in examined.word.findings if not f.passed]
    assert {"exam", "loads", "voice score", "fact leaks", "canaries"} <= {f.check for f in examined.word.findings}
    assert all(sample.candidate == sample.served for sample in examined.samples)
    voice = shop.registry.promote("warm", int(folder.name), examined.word)
    assert shop.registry.served("warm")[1] == voice.folder
    assert shop.registry.rollback("warm").id == shop.good.id


def test_an_exam_that_is_too_small_says_so_and_refuses(shop: Workshop, bench: Bench) -> None:
    small = bench.exam.model_copy(update={"held_out": bench.exam.held_out[: LEAST_ASKED - 1]})
    word = examine(shop.registry, "warm", shop.good.manifest.version, replace(bench, exam=small), nothing).word
    assert not word.passed
    assert "29 held-out pairs: too few" in word.findings[0].found


def test_a_version_that_is_not_there_is_no_verdict(shop: Workshop, bench: Bench) -> None:
    with pytest.raises(ModelError, match="no version warm@99"):
        examine(shop.registry, "warm", 99, bench, nothing)


def test_an_exam_without_secrets_says_so(shop: Workshop, bench: Bench) -> None:
    bare = bench.exam.model_copy(update={"canaries": ()})
    few = replace(bench, exam=bare, count=len(bare.held_out))
    word = examine(shop.registry, "warm", shop.good.manifest.version, few, nothing).word
    assert {f.check: f.found for f in word.findings}["canaries"] == "this exam has none"
