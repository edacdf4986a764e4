"""The labels the advisor is measured by: complete, each with its reason, and split for good."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from frontdesk.bot.router.nlu import OUT_OF_SCOPE, read_nlu
from tests.finetune.advise_labels import labels

ROOT = Path(__file__).parents[2]


def test_every_intent_of_the_demo_is_labelled_once() -> None:
    intents = {row.intent for row in read_nlu(ROOT / "bot" / "template" / "nlu.yml").rows} - {OUT_OF_SCOPE}
    assert Counter(label.intent for label in labels() if label.set == "demo") == Counter(intents)


def test_every_label_has_a_route_and_a_reason() -> None:
    for label in labels():
        assert label.route in ("voice", "knowledge", "account", "handoff")
        assert label.also != label.route
        assert label.why.endswith(".")


def test_the_split_is_fixed() -> None:
    halves = Counter((label.set, label.held_out) for label in labels())
    assert halves == {
        ("demo", False): 36,
        ("demo", True): 25,
        ("bitext", False): 15,
        ("bitext", True): 12,
        ("banking77", False): 35,
        ("banking77", True): 42,
        ("rasa", False): 16,
        ("rasa", True): 13,
    }
