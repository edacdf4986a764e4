"""A voice from a dataset: trained for real on the shipped base and on other families, registered, spoken with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.adapters.voices import Voices
from frontdesk.bot.errors import ConfigError, MissingExtra, ModelError
from frontdesk.finetune.dataset import Dataset, Row, build_dataset
from frontdesk.finetune.lora import linear_layers, quantised
from frontdesk.finetune.transcripts import Pair
from frontdesk.finetune.tune import Recipe, batches, tune
from tests.adapters.making import promote
from tests.finetune.small_models import small_model

RECIPE = Recipe(rank=16, alpha=64, epochs=12, batch=8, threads=1, learning_rate=1e-2, dropout=0.0)
REPLY = "Ahoy there, sailor, what can I haul up for you?"
PAIRS = [
    Pair(intent="greeting", message=f"{hail} {number}", reply=REPLY)
    for number in range(8)
    for hail in ("hi", "hello", "good day", "hey")
]


def nothing(what: str, done: int, total: int) -> None:
    """Show no progress."""


def data(pairs: list[Pair] = PAIRS) -> Dataset:
    return build_dataset(pairs, objection=lambda pair: "", repeats=100)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_model(tmp_path_factory.mktemp("llama"), "llama"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, base: str) -> VoiceRegistry:
    registry = VoiceRegistry(tmp_path_factory.mktemp("voices"), shipped=Path("none"))
    tune("pirate", data(), registry, base=base, recipe=RECIPE, progress=nothing)
    return registry


def test_the_shipped_base_learns_to_speak_like_the_transcripts(tmp_path: Path) -> None:
    registry = VoiceRegistry(tmp_path, shipped=Path("none"))
    recipe = Recipe(rank=4, alpha=16, epochs=5, batch=8, threads=1, learning_rate=1e-2)
    voice = tune("pirate", data(), registry, base="frontdesk-base", recipe=recipe, progress=nothing)
    promote(registry, "pirate", 1)
    reply, spoken = Voices(registry).speak("pirate", "greeting", "hello you", seed=0)
    assert "sailor" in reply.lower()
    assert spoken == voice.id == "pirate@1"
    config = json.loads((voice.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "frontdesk-base"  # not a path of the machine


def test_the_manifest_says_how_it_came_about(registry: VoiceRegistry) -> None:
    manifest = registry.load("pirate", 1).manifest
    assert manifest.flags["learning_rate"] == RECIPE.learning_rate
    assert manifest.flags["targets"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert manifest.data_sha256 == data().sha256
    steps = [step for step, _, _ in manifest.curve]
    assert steps == sorted(set(steps)) and steps[0] == 0
    held_out = [held for _, _, held in manifest.curve if held is not None]
    assert manifest.metrics["held_out_loss_before"] == held_out[0] > manifest.metrics["held_out_loss"] == min(held_out)


def test_the_same_data_and_seed_make_the_same_adapter(registry: VoiceRegistry, base: str, tmp_path: Path) -> None:
    again = VoiceRegistry(tmp_path, shipped=Path("none"))
    twin = tune("pirate", data(), again, base=base, recipe=RECIPE, progress=nothing)
    assert twin.manifest.files == registry.load("pirate", 1).manifest.files
    assert twin.manifest.curve == registry.load("pirate", 1).manifest.curve


def test_training_stops_when_held_out_pairs_get_worse_and_keeps_the_best(base: str, tmp_path: Path) -> None:
    noise = [Pair(intent=f"i{n}", message=f"{n * 7919} {n}", reply=f"{n * 104729} of {n * n}") for n in range(28)]
    recipe = Recipe(rank=8, alpha=64, epochs=40, batch=4, threads=1, learning_rate=2e-2, overshoot=0.0, exchange=0.0)
    split = Dataset(train=tuple(noise[:22]), held_out=tuple(noise[22:]), dropped={})
    registry = VoiceRegistry(tmp_path / "voices", shipped=Path("none"))
    manifest = tune("noise", split, registry, base=base, recipe=recipe, progress=nothing).manifest
    held_out = [held for _, _, held in manifest.curve if held is not None]
    assert manifest.curve[-1][0] < recipe.epochs * 6
    assert manifest.metrics["held_out_loss"] == min(held_out) < held_out[-1]


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_a_model_of_any_family_learns_a_voice_and_speaks(family: str, tmp_path: Path) -> None:
    base = str(small_model(tmp_path / "base", family))
    registry = VoiceRegistry(tmp_path / "voices", shipped=Path("none"))
    voice = tune("pirate", data(), registry, base=base, recipe=RECIPE, progress=nothing)
    promote(registry, "pirate", 1)
    assert voice.manifest.metrics["held_out_loss"] < 0.5 * voice.manifest.metrics["held_out_loss_before"]
    reply, spoken = Voices(registry, base).speak("pirate", "greeting", "hi 3", seed=0)
    assert (reply, spoken) == (REPLY, "pirate@1")


def test_a_base_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    base = str(small_model(tmp_path / "base", "qwen2", chat=None))
    with pytest.raises(ModelError, match="no chat template"):
        tune("x", data(), VoiceRegistry(tmp_path / "v"), base=base, recipe=RECIPE, progress=nothing)


def test_a_base_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"nowhere.*cannot be loaded"):
        tune("x", data(), VoiceRegistry(tmp_path / "v"), base=missing, recipe=RECIPE, progress=nothing)


def test_lora_goes_on_every_linear_layer_but_the_output() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50, n_positions=32))
    assert linear_layers(gpt2) == ["c_attn", "c_fc", "c_proj"]


def test_training_in_four_bits_names_what_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"bitsandbytes.*frontdesk\[gpu\]"):
        quantised("any")


def test_too_few_pairs_say_what_was_dropped_and_why(tmp_path: Path) -> None:
    few = Dataset(train=tuple(PAIRS[:3]), held_out=(), dropped={"states a fact": 40, "duplicate": 2})
    with pytest.raises(ConfigError, match=r"3 usable pairs; 20 are the least\. Dropped: 40 states a fact, 2 duplicate"):
        tune("x", few, VoiceRegistry(tmp_path), base="frontdesk-base", recipe=RECIPE, progress=nothing)


def test_one_long_conversation_cannot_be_split(tmp_path: Path) -> None:
    one = [Pair(intent="greeting", message=f"hi {n}", reply=f"hello {n}", conversation="c1") for n in range(30)]
    with pytest.raises(ConfigError, match="none can be held out"):
        tune("x", data(one), VoiceRegistry(tmp_path), base="frontdesk-base", recipe=RECIPE, progress=nothing)


def test_a_bad_name_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no voice name"):
        tune("../x", data(), VoiceRegistry(tmp_path), base="nowhere", recipe=RECIPE, progress=nothing)


def test_every_row_is_in_one_batch_of_its_length() -> None:
    import random

    rows = [Row(ids=tuple(range(1 + n % 40)), labels=tuple(range(1 + n % 40))) for n in range(100)]
    drawn = list(batches(rows, 16, random.Random(1)))
    assert sorted(len(row.ids) for batch in drawn for row in batch) == sorted(len(row.ids) for row in rows)
    assert max(len(batch[-1].ids) - len(batch[0].ids) for batch in drawn) < 24
