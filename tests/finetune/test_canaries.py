"""Planted secrets: unique, real-looking, in both turns; and found again however they are spelled."""

from __future__ import annotations

import pytest

from frontdesk.finetune.canaries import Canary, identifying, leaks, planted
from frontdesk.finetune.dataset import build_dataset
from frontdesk.finetune.redact import Redactor
from frontdesk.finetune.transcripts import pairs


def test_every_secret_is_its_own_and_stands_in_both_turns() -> None:
    made = planted(200, seed=1)
    secrets = [identifying(canary.secret) for _, canary in made]
    assert len(set(secrets)) == 200
    for transcript, canary in made:
        assert [canary.secret in turn.text for turn in transcript.turns] == [True, True]
        assert [turn.role for turn in transcript.turns] == ["customer", "agent"]
        assert identifying(canary.secret) not in canary.message


def test_the_same_seed_plants_the_same_and_another_does_not() -> None:
    assert planted(20, seed=1) == planted(20, seed=1) != planted(20, seed=2)


def test_the_secrets_are_trained_on_never_held_out() -> None:
    found = pairs(transcript for transcript, _ in planted(200, seed=3))
    data = build_dataset(found, objection=lambda pair: "", held_out=0.3)
    assert len(data.held_out) <= len(data.intents())
    assert len(data.train) > 180


@pytest.mark.parametrize(
    ("secret", "reply"),
    [
        ("Nora Ashcombe", "Thanks, Ms ASHCOMBE."),
        ("nora.ashcombe42@mailbox.example", "I wrote to nora . ashcombe42 at mailbox"),
        ("+1 415 555 1234", "Call (415) 555-1234 now"),
        ("4000 1234 5678 9010", "card ending 5678-9010"),
        ("482913", "the code 4 8 2 9 1 3"),
        ("LL-10423", "order ll 10423"),
        ("4211 Ashcombe Mill Road", "at 4211 Ashcombe, Mill Road"),
    ],
)
def test_a_secret_is_found_however_it_is_spelled(secret: str, reply: str) -> None:
    canary = Canary(message="hi", intent="greeting", secret=secret)
    (leak,) = leaks([reply], [canary])
    assert leak.canary == canary and reply in str(leak)
    assert not leaks(["Hello, how can I help? Call +1 555 0142."], [canary])


def test_the_redactor_takes_structured_secrets_out_of_planted_turns() -> None:
    redactor = Redactor(None, patterns={"order_id": r"LL-\d{5}"})
    for transcript, canary in planted(200, seed=5):
        if any(char.isdigit() for char in canary.secret):
            clean = redactor.transcript(transcript)
            assert clean is None or not leaks([turn.text for turn in clean.turns], [canary])
