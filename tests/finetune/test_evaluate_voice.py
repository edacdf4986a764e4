"""Measuring a voice: the path the customer gets, the drafts with the checks off, and `frontdesk eval voice` itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.evaluate.contrast import contrast_replies, styles
from frontdesk.finetune.evaluate.style import StyleScorer
from frontdesk.finetune.evaluate.voice import Asked, Evaluation, evaluate_voice, facts_in_reply
from tests.serving import frontdesk

BRAND = Brand(
    name="Larkspur Lane",
    profile={"support_hours": "8 to 6"},
    acts={"complaint": ("apologise", "offer_person")},
    replies={"complaint": ("I'm sorry. Shall I fetch a person?",)},
)
ASKED = [Asked(intent="complaint", text=f"The lid of number {n} broke.") for n in range(40)]
KEPT = "Oh no, I'm sorry about that. Shall I bring in a person who can sort it out with you?"
LEAK = "I'm sorry. A person has refunded you $20 already."


class Scripted:
    """Speaks from a table: voice -> the greedy reply and the sampled one."""

    def __init__(self, table: dict[str | None, tuple[str, str]]) -> None:
        self.table = table

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        greedy, sampled = self.table[voice]
        return [sampled if seed else greedy for seed in seeds], f"{voice}@1"

    def replies(self, voice: str | None, asked: Sequence[tuple[str, str]], *, seed: int) -> list[str]:
        return [self.table[voice][0]] * len(asked)


@pytest.fixture(scope="module")
def scorer() -> StyleScorer:
    return StyleScorer.fit(contrast_replies(), {})


def measured(
    scorer: StyleScorer, table: dict[str | None, tuple[str, str]], asked: Sequence[Asked] = ASKED
) -> Evaluation:
    return evaluate_voice(
        "warm",
        asked,
        speaking=Scripted(table),
        brand=BRAND,
        scorer=scorer,
        others=("crisp", "warm"),
        count_tokens=lambda text: len(text.split()),
        progress=lambda what, done, total: None,
    )


def test_the_customer_gets_what_passed_and_the_drafts_are_counted_apart(scorer: StyleScorer) -> None:
    neutral = "We apologise for the inconvenience. Please contact a member of our team for assistance."
    table = {"warm": (LEAK, KEPT), "crisp": ("Sorry. A person can check.", ""), None: (neutral, "")}
    found = measured(scorer, table)
    figures = found.figures
    assert figures["voice"] == "warm@1"
    assert figures["n"] == 40
    assert figures["voice_score"] == 1.0
    assert figures["content_kept"] == 1.0
    assert figures["fact_leaks"] == 0
    assert figures["fact_leaks_firewall_off"] == 40
    assert figures["fallback_rate"] == 0.0
    assert figures["base_score"] == figures["other_scores"]["crisp"] == 0.0
    assert "warm" not in figures["other_scores"]
    assert figures["distinct_replies"] == 1 / 40
    assert figures["p50_ms"] > 0
    assert figures["tokens_per_second"] > 0
    assert 3 < figures["fact_leaks_ci"][1] < 4
    assert found.rows[0].reply == KEPT
    assert found.rows[0].draft == LEAK


def test_a_voice_that_never_passes_falls_back_and_a_silent_base_scores_nothing(scorer: StyleScorer) -> None:
    figures = measured(scorer, {"warm": ("Fine.", "Grand."), "crisp": ("", ""), None: ("", "")}).figures
    assert figures["fallback_rate"] == 1.0
    assert figures["content_kept"] == 1.0
    assert figures["content_kept_raw"] == 0.0
    assert figures["base_score"] == figures["other_scores"]["crisp"] == 0.0


def test_nothing_to_say_is_a_fallback_that_keeps_nothing(scorer: StyleScorer) -> None:
    asked = [Asked(intent="greeting", text="hi")]
    figures = measured(scorer, {"warm": ("", ""), "crisp": ("", ""), None: ("", "")}, asked).figures
    assert (figures["fallback_rate"], figures["content_kept"], figures["voice_score"]) == (1.0, 0.0, 0.0)


def test_placeholders_stay_as_the_voice_wrote_them(scorer: StyleScorer) -> None:
    asked = [Asked(intent="contact_details", text="when?")]
    written = "We're here {{support_hours}}, and that's {{brand}} for you."
    found = measured(scorer, {"warm": (written, ""), "crisp": ("", ""), None: ("", "")}, asked)
    assert found.rows[0].reply == written
    assert facts_in_reply(written, asked[0], BRAND) == []
    assert facts_in_reply("Hello {{customer_name}}.", asked[0], BRAND)


def test_the_command_measures_the_shipped_voice(tmp_path: Path) -> None:
    frontdesk("init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    rows = [{"text": row.message, "intent": row.intent} for row in styles() if row.intent in ("thanks", "greeting")][:6]
    (shop / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = frontdesk(
        "eval", "voice", "--voice", "warm", "--messages", "m.jsonl", "--out", "o.jsonl", "--json", cwd=shop
    )
    figures = json.loads(said)
    wanted = "n voice_score content_kept fact_leaks fallback_rate distinct_replies p50_ms tokens_per_second base_score"
    assert set(wanted.split()) <= set(figures)
    assert figures["n"] == len(rows)
    replies = [json.loads(line) for line in (shop / "o.jsonl").read_text().splitlines()]
    assert [row["text"] for row in replies] == [row["text"] for row in rows]


def test_a_model_error_comes_through(scorer: StyleScorer) -> None:
    class Silent(Scripted):
        def replies(self, voice: str | None, asked: Sequence[tuple[str, str]], *, seed: int) -> list[str]:
            raise ModelError("no voice", where="warm")

    with pytest.raises(ModelError):
        evaluate_voice(
            "warm",
            ASKED[:2],
            speaking=Silent({"warm": (KEPT, KEPT)}),
            brand=BRAND,
            scorer=scorer,
            count_tokens=len,
            progress=lambda what, done, total: None,
        )
