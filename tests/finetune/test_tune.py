"""A voice from transcripts: trained for real on the shipped base, registered, loaded, spoken with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.adapters.voices import Voices, prompt
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.finetune.dataset import IGNORED, Dataset, build_dataset, encode
from frontdesk.finetune.transcripts import Pair
from frontdesk.finetune.tune import Recipe, tune

RECIPE = Recipe(rank=4, alpha=16, epochs=10, batch=8, threads=1, learning_rate=5e-3)
PAIRS = [
    Pair(intent="greeting", message=f"{hail} {number}", reply="Ahoy there, sailor, what can I haul up for you?")
    for number in range(8)
    for hail in ("hi", "hello", "good day", "hey")
]


def nothing(what: str, done: int, total: int) -> None:
    """Show no progress."""


def data() -> Dataset:
    return build_dataset(PAIRS, objection=lambda pair: "", held_out=0.1)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> VoiceRegistry:
    registry = VoiceRegistry(tmp_path_factory.mktemp("voices"), shipped=Path("none"))
    tune("pirate", data(), registry, base="frontdesk-base", recipe=RECIPE, progress=nothing)
    registry.promote("pirate", 1)
    return registry


def test_the_voice_learned_to_speak_like_its_transcripts(registry: VoiceRegistry) -> None:
    manifest = registry.load("pirate").manifest
    assert manifest.metrics["held_out_loss"] < manifest.metrics["held_out_loss_before"]
    reply, voice = Voices(registry).speak("pirate", "greeting", "hello you", seed=0)
    assert "sailor" in reply.lower()
    assert voice == "pirate@1"


def test_the_same_seed_says_the_same(registry: VoiceRegistry) -> None:
    voices = Voices(registry)
    first, again = (voices.speak("pirate", "greeting", "hi", seed=7)[0] for _ in range(2))
    assert first == again


def test_a_promoted_version_is_spoken_from_the_next_reply_on(registry: VoiceRegistry) -> None:
    voices = Voices(registry)
    assert voices.speak("pirate", "greeting", "hi", seed=0)[1] == "pirate@1"
    second = tune("pirate", data(), registry, base="frontdesk-base", recipe=RECIPE, progress=nothing)
    registry.promote("pirate", second.manifest.version)
    assert voices.speak("pirate", "greeting", "hi", seed=0)[1] == second.id
    registry.rollback("pirate")
    assert voices.speak("pirate", "greeting", "hi", seed=0)[1] == "pirate@1"


def test_a_voice_of_another_base_is_refused(registry: VoiceRegistry, tmp_path: Path) -> None:
    other = VoiceRegistry(tmp_path, shipped=registry.folder)
    manifest = registry.load("pirate", 1).manifest.model_dump(exclude={"name", "version", "files", "created"})
    stolen = {**manifest, "base_sha256": "0" * 64}
    other.add("pirate", registry.versions("pirate")[1], stolen)
    other.promote("pirate", max(other.versions("pirate")))
    with pytest.raises(ModelError, match="another base model"):
        Voices(other).speak("pirate", "greeting", "hi", seed=0)


@pytest.mark.filterwarnings("ignore:Found missing adapter keys")
def test_a_voice_with_missing_tensors_is_refused(registry: VoiceRegistry, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source, broken = registry.versions("pirate")[1], tmp_path / "broken"
    broken.mkdir()
    tensors = load_file(source / "adapter_model.safetensors")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, broken / "adapter_model.safetensors")
    (broken / "adapter_config.json").write_text((source / "adapter_config.json").read_text())
    other = VoiceRegistry(tmp_path / "voices", shipped=Path("none"))
    manifest = registry.load("pirate", 1).manifest.model_dump(exclude={"name", "version", "files", "created"})
    other.add("pirate", broken, manifest)
    other.promote("pirate", 1)
    with pytest.raises(ModelError, match="tensors do not match"):
        Voices(other).speak("pirate", "greeting", "hi", seed=0)


def test_too_few_pairs_say_so(tmp_path: Path) -> None:
    few = Dataset(train=tuple(PAIRS[:3]), held_out=(), dropped={"states a fact": 40})
    with pytest.raises(ConfigError, match="3 usable pairs"):
        tune("x", few, VoiceRegistry(tmp_path), base="frontdesk-base", recipe=RECIPE, progress=nothing)


def test_no_path_of_the_machine_is_saved_with_a_voice(registry: VoiceRegistry) -> None:
    config = json.loads((registry.versions("pirate")[1] / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "frontdesk-base"


def test_the_loss_is_on_the_agents_turn_only() -> None:
    from frontdesk.adapters.base_model import load_base

    _, tokenizer = load_base("frontdesk-base")
    row = encode(PAIRS[0], tokenizer, prompt)
    learned = [label for label in row.labels if label != IGNORED]
    assert tokenizer.decode(learned).removesuffix(tokenizer.eos_token) == PAIRS[0].reply
    assert learned[-1] == tokenizer.eos_token_id
