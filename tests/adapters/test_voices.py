"""Voices over one base: drawn together, kept apart, changed while they speak, on both decoders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from frontdesk.adapters import voices as module
from frontdesk.adapters.base_model import FOLDER
from frontdesk.adapters.decoding.fallback import PeftDecoder
from frontdesk.adapters.registry import VoiceRegistry, replace_text
from frontdesk.adapters.voices import Voices, prompt
from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import HERE, ModelCall, collect
from tests.adapters.making import promote
from tests.adapters.tiny_llama import make_adapter, make_qwen, register

ASKED = [("greeting", "hello there"), ("thanks", "thanks a lot"), ("goodbye", "bye now"), ("joke_request", "a joke!")]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three weak voices: they still speak English, and not alike."""
    folder = tmp_path_factory.mktemp("adapters")
    return [
        make_adapter(FOLDER, folder / str(seed), rank=2 + seed, seed=seed, strength=0.2, targets=("q_proj", "up_proj"))
        for seed in range(3)
    ]


@pytest.fixture
def registry(tmp_path: Path, adapters: list[Path]) -> VoiceRegistry:
    """`warm@1` and `crisp@1` are served, `warm@2` waits."""
    registry = VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "none", key=b"k")
    for name, adapter in zip(("warm", "crisp", "warm"), adapters, strict=True):
        register(registry, name, FOLDER, adapter)
    promote(registry, "warm", 1)
    promote(registry, "crisp", 1)
    return registry


@pytest.fixture
def voices(registry: VoiceRegistry) -> Iterator[Voices]:
    yield Voices(registry)


def ending(voices: Voices, name: str) -> tuple[str, str]:
    """Return a message to which this voice's greedy reply comes to an end."""
    replies = voices.replies(name, ASKED, seed=0)
    return next(asked for asked, reply in zip(ASKED, replies, strict=True) if reply)


def test_candidates_are_one_per_seed(voices: Voices) -> None:
    drawn, version = voices.candidates("warm", *ASKED[0], seeds=(0, 1, 2))
    assert version == "warm@1"
    assert len(set(drawn)) == 3
    assert voices.candidates("warm", *ASKED[0], seeds=(0, 1, 2))[0] == drawn
    twins = voices.candidates("warm", *ASKED[0], seeds=(1, 1, 2))[0]
    assert twins[0] == twins[1] != twins[2]
    asked = ending(voices, "warm")
    assert voices.speak("warm", *asked, seed=0) == (voices.candidates("warm", *asked, seeds=(0,))[0][0], "warm@1")


def test_the_tokens_of_a_voice_in_this_process_are_counted(voices: Voices) -> None:
    calls: list[ModelCall] = []
    collect(calls)
    for seeds in ((0, 0), (0,)):
        voices.candidates("warm", *ASKED[0], seeds=seeds)
    both, one = calls
    assert (both.model, both.provider, both.cost) == ("frontdesk-base", HERE, 0.0)
    assert one.tokens_in
    assert both.tokens_in == one.tokens_in, "the same prompt is read once"
    assert both.tokens_out == 2 * (one.tokens_out or 0) > 0


def test_replies_are_those_of_a_name_a_version_or_the_base(voices: Voices, registry: VoiceRegistry) -> None:
    served, base = (voices.replies(voice, ASKED, seed=0) for voice in ("warm", None))
    waiting = voices.replies(registry.load("warm", 2), ASKED, seed=0)
    assert len({tuple(replies) for replies in (served, base, waiting)}) == 3
    assert voices.replies(registry.load("warm", 1), ASKED, seed=0) == served
    assert voices.candidates("warm", *ASKED[0], seeds=(0, 0))[0][0] == served[0]
    assert voices.replies("warm", ASKED, seed=3) == voices.replies("warm", ASKED, seed=3) != served
    assert voices.replies(None, [], seed=0) == []


def test_what_streams_is_what_is_spoken(voices: Voices) -> None:
    asked = ending(voices, "crisp")
    pieces = list(voices.stream("crisp", *asked, seed=0))
    assert len(pieces) > 1
    assert "".join(pieces).strip() == voices.speak("crisp", *asked, seed=0)[0]


def test_a_promoted_version_speaks_from_the_next_reply_on(voices: Voices, registry: VoiceRegistry) -> None:
    before = voices.replies("warm", ASKED, seed=0)
    promote(registry, "warm", 2)
    assert voices.warm_up("warm") == "warm@2"
    assert voices.replies("warm", ASKED, seed=0) != before
    registry.rollback("warm")
    assert voices.replies("warm", ASKED, seed=0) == before


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_speaking(
    voices: Voices, registry: VoiceRegistry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.0)
    before = voices.candidates("warm", *ASKED[0], seeds=(0,))
    promote(registry, "warm", 2)
    weights = registry.versions("warm")[2] / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4])
    with caplog.at_level(logging.ERROR):
        assert voices.candidates("warm", *ASKED[0], seeds=(0,)) == before
    assert "warm as promoted cannot be served, warm@1 speaks on" in caplog.text
    replace_text(registry.folder / "warm" / "current", "not a number")
    assert voices.candidates("warm", *ASKED[0], seeds=(0,)) == before
    weights.write_bytes(whole)
    replace_text(registry.folder / "warm" / "current", "2 1\n")
    assert voices.warm_up("warm") == "warm@2"


def test_a_voice_that_never_loaded_is_an_error(voices: Voices, registry: VoiceRegistry) -> None:
    with pytest.raises(ModelError, match="no voice 'nobody'"):
        voices.speak("nobody", *ASKED[0], seed=0)
    (registry.versions("crisp")[1] / "adapter_config.json").write_text("{}")  # after the gate
    with pytest.raises(ModelError, match="not the file that was registered"):
        voices.speak("crisp", *ASKED[0], seed=0)


@pytest.mark.parametrize(("what", "says"), [("base_sha256", "another base"), ("template_sha256", "another chat")])
def test_a_voice_of_another_base_or_template_is_refused(
    registry: VoiceRegistry, adapters: list[Path], what: str, says: str
) -> None:
    manifest = registry.load("warm", 1).manifest.model_dump(exclude={"name", "version", "files", "created"})
    registry.add("odd", adapters[0], {**manifest, what: "0" * 64})
    promote(registry, "odd", 1)
    with pytest.raises(ModelError, match=says):
        Voices(registry).warm_up("odd")


def test_nobody_is_interrupted_while_voices_change(voices: Voices, registry: VoiceRegistry) -> None:
    """Replies run in four threads while the served version goes back and forth; each is whole and of one version."""
    said = {}
    for number in (1, 2):
        promote(registry, "warm", number)
        said[f"warm@{number}"] = voices.candidates("warm", *ASKED[0], seeds=(0, 5))[0]
    crisp = voices.candidates("crisp", *ASKED[0], seeds=(0, 5))
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for number in (1, 2):
                promote(registry, "warm", number)

    def reply(number: int) -> str:
        if number % 3 == 0:
            assert voices.candidates("crisp", *ASKED[0], seeds=(0, 5)) == crisp
        drawn, version = voices.candidates("warm", *ASKED[0], seeds=(0, 5))
        assert drawn == said[version]
        return version

    with ThreadPoolExecutor(5) as pool:
        changing = pool.submit(change)
        versions = set(pool.map(reply, range(40)))
        stop.set()
        changing.result()
    assert versions == {"warm@1", "warm@2"}


def test_only_some_versions_stay_loaded(
    voices: Voices, registry: VoiceRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    first = voices.replies("warm", ASKED, seed=0)
    crisp = voices.replies("crisp", ASKED, seed=0)
    voices.replies(registry.load("warm", 2), ASKED, seed=0)
    assert voices.replies("warm", ASKED, seed=0) == first
    assert voices.replies("crisp", ASKED, seed=0) == crisp


def test_another_architecture_speaks_through_the_same_calls(
    tmp_path: Path, registry: VoiceRegistry, adapters: list[Path], voices: Voices
) -> None:
    """A Qwen that computes what the shipped Llama does says, in float32, what the int8 decoder says."""
    base = make_qwen(tmp_path / "qwen")
    other = VoiceRegistry(tmp_path / "others", shipped=tmp_path / "none")
    for name, adapter in zip(("warm", "crisp"), adapters[:2], strict=True):
        register(other, name, base, adapter)
        promote(other, name, 1)
    qwen = Voices(other, str(base))
    said = [qwen.replies(voice, ASKED, seed=0) for voice in ("warm", None, "crisp", "warm")]
    assert said[0] == said[3] != said[1] != said[2] != said[0]
    for theirs, voice in zip(said, ("warm", None, "crisp"), strict=False):
        ours = voices.replies(voice, ASKED, seed=0)
        alike = [SequenceMatcher(None, a, b).ratio() for a, b in zip(theirs, ours, strict=True)]
        assert sum(alike) / len(alike) > 0.6
    drawn, version = qwen.candidates("crisp", *ASKED[0], seeds=(0, 1, 1))
    assert (drawn[1], version) == (drawn[2], "crisp@1")
    assert "".join(qwen.stream("crisp", *ASKED[0], seed=0)) == drawn[0]
    with pytest.raises(ModelError, match="another base model"):
        qwen.replies(registry.load("warm", 1), ASKED, seed=0)


def test_the_slower_decoder_forgets_voices_that_nobody_holds(adapters: list[Path]) -> None:
    decoder = PeftDecoder("frontdesk-base")
    decoder.load()
    asked, seeds = [prompt(*each) for each in ASKED], [0] * len(ASKED)
    plain = decoder.write(None, asked, seeds)
    held = decoder.adapter(adapters[0])
    said = decoder.write(held, asked, seeds)
    for adapter in (*adapters[1:], adapters[1]):
        decoder.adapter(adapter)
    assert len(decoder._model.peft_config) <= 3
    assert decoder.write(held, asked, seeds) == said != plain == decoder.write(None, asked, seeds)
