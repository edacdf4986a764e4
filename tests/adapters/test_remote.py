"""Voices on a server: what is asked, every fault and what follows from it, promotion while serving."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from frontdesk.adapters.fakes.faults import Fault
from frontdesk.adapters.fakes.openai_server import BASE, FakeServer, unanswered
from frontdesk.adapters.registry import VoiceRegistry, manifest_sha256
from frontdesk.adapters.remote.voices import RemoteVoices
from frontdesk.bot.config import Remote
from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import ModelCall, collect
from tests.adapters.making import ORIGIN, make_adapter, promote

SHORT: dict[str, float] = {
    "connect_seconds": 0.3,
    "first_token_seconds": 0.3,
    "idle_seconds": 0.3,
    "total_seconds": 0.6,
    "load_seconds": 20.0,
}
PATIENT = {**SHORT, "connect_seconds": 20.0, "first_token_seconds": 20.0, "idle_seconds": 20.0, "total_seconds": 30.0}
"""Limits that a busy machine never reaches."""
HANGS_S = 10.0
"""Far beyond the deadline: a call that takes this long does not keep it."""
SECRET_TEXT = "my secret word is walnut"


@pytest.fixture
def registry(tmp_path: Path) -> VoiceRegistry:
    """A registry that serves warm@1."""
    registry = VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "shipped", key=b"key")
    registry.add("warm", make_adapter(tmp_path / "trained"), ORIGIN)
    promote(registry, "warm", 1)
    return registry


@pytest.fixture
def started(registry: VoiceRegistry) -> Iterator[Callable[..., RemoteVoices]]:
    """Return voices on a server, closed when the test ends."""
    with ExitStack() as stack:

        def start(url: str, limits: Mapping[str, float] = PATIENT, **settings: Any) -> RemoteVoices:
            voices = RemoteVoices(registry, Remote.model_validate({"url": url, **limits, **settings}))
            stack.callback(voices.close)
            return voices

        yield start


Start = Callable[..., RemoteVoices]


def draw(voices: RemoteVoices, *seeds: int, text: str = "hi there") -> tuple[list[str], str]:
    return voices.candidates("warm", "greeting", text, seeds=seeds or (0,))


def name_of(registry: VoiceRegistry, version: int) -> str:
    return f"warm-{version}-{manifest_sha256(registry.load('warm', version))[:12]}"


def add_and_promote(registry: VoiceRegistry, tmp_path: Path, version: int) -> None:
    registry.add("warm", make_adapter(tmp_path / "trained", seed=version), ORIGIN)
    promote(registry, "warm", version)


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_candidates_are_drawn_together_as_local_voices_draw_them(started: Start, registry: VoiceRegistry) -> None:
    with FakeServer(say=lambda body: f"Hello with seed {body.get('seed')}.") as server:
        drawn, version = draw(started(server.url), 0, 5, 6)
    assert (drawn, version) == (["Hello with seed None.", "Hello with seed 5.", "Hello with seed 6."], "warm@1")
    bodies = {body.get("seed"): body for body in server.asked("chat/completions")}
    assert bodies[None] == {
        "model": name_of(registry, 1),
        "messages": [{"role": "system", "content": "intent: greeting"}, {"role": "user", "content": "hi there"}],
        "max_tokens": 80,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
    }
    assert (bodies[5]["temperature"], bodies[5]["top_p"]) == (0.7, 0.9)
    assert server.asked("load_lora_adapter") == [
        {"lora_name": name_of(registry, 1), "lora_path": str(registry.load("warm").folder.resolve())}
    ]


def test_what_was_read_and_written_is_told_to_whoever_collects(started: Start) -> None:
    calls: list[ModelCall] = []
    with FakeServer() as server:
        collect(calls)
        draw(started(server.url, price_in=1e6, price_out=10e6), 0, 1)
        draw(started(server.url, count_tokens=False))
    assert [(one.model, one.provider, one.tokens_in, one.tokens_out, one.cost) for one in calls] == [
        ("warm@1", "vllm", 4, 7, 74.0),
        ("warm@1", "vllm", 4, 7, 74.0),
        ("warm@1", "vllm", None, None, 0.0),
    ]


def test_a_stream_that_breaks_off_was_paid_for_and_one_that_never_began_was_not(started: Start) -> None:
    calls: list[ModelCall] = []
    with FakeServer(faults=[Fault(kind="cut"), Fault(kind="status")]) as server:
        voices = started(server.url)
        collect(calls)
        for _ in range(2):
            with pytest.raises(ModelError):
                draw(voices)
    assert [one.counted for one in calls] == [False]


def test_a_message_is_sent_short_and_as_json_can_carry_it(started: Start) -> None:
    with FakeServer() as server:
        draw(started(server.url), text="first \ud800 " + "word " * 2000 + "last")
    (body,) = server.asked("chat/completions")
    said = body["messages"][1]["content"]
    assert len(said) < 700
    assert said.startswith("first ? word")
    assert said.endswith("word last")


FAULTS = {
    "401": (Fault(kind="status", status=401), "answered 401"),
    "429": (Fault(kind="status", status=429), "answered 429"),
    "429 for long": (Fault(kind="status", status=429, retry_after="120"), "answered 429"),
    "500": (Fault(kind="status", status=500), "answered 500"),
    "503": (Fault(kind="status", status=503), "answered 503"),
    "a redirect": (Fault(kind="status", status=302), "answered 302"),
    "reset": (Fault(kind="reset"), "connection was lost"),
    "no first token": (Fault(kind="stall", after=None), "did not begin"),
    "headers and no token": (Fault(kind="stall", after=0), "did not begin"),
    "silence in the middle": (Fault(kind="stall", after=2), "stopped in the middle"),
    "slow drip": (Fault(kind="drip", seconds=0.05), "stopped in the middle"),
    "cut at once": (Fault(kind="cut", after=0), "connection was lost"),
    "cut in the middle": (Fault(kind="cut", after=2), "connection was lost"),
    "no finish mark": (Fault(kind="no_finish"), "broke off"),
    "too many tokens": (Fault(kind="length"), "ended with 'length'"),
    "empty": (Fault(kind="empty"), "is empty"),
    "bad json": (Fault(kind="bad_json"), "no chat completion"),
    "an error as an event": (Fault(kind="error_event"), "no chat completion"),
    "not a stream": (Fault(kind="not_a_stream"), "stream of events"),
    "wrong model": (Fault(kind="wrong_model"), "another model"),
    "a chunk twice": (Fault(kind="repeat"), "twice"),
    "oversized": (Fault(kind="oversized"), "more than a reply"),
    "one endless line": (Fault(kind="one_endless_line"), "more than a reply"),
    "text after the end": (Fault(kind="after_finish"), "after the finish"),
}
TIMED = {"no first token", "headers and no token", "silence in the middle", "slow drip"}


@pytest.mark.parametrize("what", FAULTS)
def test_every_fault_is_an_error_within_the_deadline(what: str, started: Start, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    fault, says = FAULTS[what]
    with FakeServer(api_key="sesame", say=lambda body: "A reply that nobody may see in a log.") as server:
        voices = started(server.url, SHORT if what in TIMED else PATIENT, api_key="sesame")
        server.models[voices._asked("warm").model] = "loaded before"
        draw(voices)
        server.always = fault
        begun = time.monotonic()
        with pytest.raises(ModelError, match=says) as caught:
            draw(voices, 0, 1, 2, text=SECRET_TEXT)
        if what in TIMED:
            assert time.monotonic() - begun < HANGS_S
        server.always = None
        assert draw(voices)[0] == ["A reply that nobody may see in a log."], "it does not recover"
    for told in (str(caught.value), caplog.text):
        assert not any(word in told for word in ("sesame", "walnut", "nobody may see"))


def test_one_good_candidate_is_enough(started: Start) -> None:
    with FakeServer(faults=[Fault(kind="cut"), Fault(kind="length")]) as server:
        drawn, _ = draw(started(server.url), 0, 1, 2)
    assert sorted(drawn) == ["", "", "Hello! What can I do for you?"]


@pytest.mark.parametrize("fault", [Fault(kind="reset"), Fault(kind="status", status=429, retry_after="0")])
def test_what_may_pass_is_tried_once_more(fault: Fault, started: Start) -> None:
    with FakeServer(faults=[fault]) as server:
        assert draw(started(server.url))[0] == ["Hello! What can I do for you?"]
    assert len(server.asked("chat/completions")) == 2
    with FakeServer(faults=[fault, fault]) as server:
        with pytest.raises(ModelError):
            draw(started(server.url))
        assert len(server.asked("chat/completions")) == 2


@pytest.mark.parametrize("fault", [Fault(kind="status", status=500), Fault(kind="cut", after=2)])
def test_what_will_not_pass_is_not_tried_again(fault: Fault, started: Start) -> None:
    with FakeServer(faults=[fault]) as server:
        with pytest.raises(ModelError):
            draw(started(server.url))
        assert len(server.asked("chat/completions")) == 1


def test_a_server_that_is_not_there(started: Start) -> None:
    with FakeServer() as server:
        url = server.url
    with pytest.raises(ModelError, match=r"load_lora_adapter failed: ConnectError"):
        draw(started(url))
    with pytest.raises(ModelError, match="cannot be reached"):
        draw(started(url, server="openai"))


@pytest.mark.parametrize("kind", ["vllm", "openai"])
def test_a_server_that_takes_no_connection(kind: str, started: Start) -> None:
    with unanswered() as url:
        begun = time.monotonic()
        with pytest.raises(ModelError, match=r"too long to connect|ConnectTimeout"):
            draw(started(url, {**PATIENT, "connect_seconds": 0.3}, server=kind))
        assert time.monotonic() - begun < HANGS_S


def test_a_server_that_fails_is_left_alone_and_asked_again_later(registry: VoiceRegistry) -> None:
    now = 0.0
    with FakeServer("openai", models=["warm"]) as server:
        settings = Remote.model_validate({"url": server.url, "server": "openai", **PATIENT})
        voices = RemoteVoices(registry, settings, clock=lambda: now)
        server.always = Fault(kind="status", status=503)
        for _ in range(8):
            with pytest.raises(ModelError):
                draw(voices)
        assert (len(server.seen), voices.breaker.open) == (5, True)
        server.always, now = None, 10.0
        assert draw(voices)[1] == "warm@remote"
        assert not voices.breaker.open
        voices.close()


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refused_request_says_nothing_about_the_server(status: int, started: Start) -> None:
    with FakeServer("openai", models=["warm"]) as server:
        voices = started(server.url, server="openai")
        server.always = Fault(kind="status", status=status)
        for _ in range(8):
            with pytest.raises(ModelError, match=f"answered {status}"):
                draw(voices)
        assert not voices.breaker.open


def test_only_a_voice_that_the_gate_accepted_is_asked_for(registry: VoiceRegistry, started: Start) -> None:
    registry.add("crisp", make_adapter(registry.folder.parent / "trained"), {**ORIGIN})
    with FakeServer("openai", models=["crisp"]) as server:
        with pytest.raises(ModelError, match="no voice 'crisp'"):
            started(server.url, server="openai").candidates("crisp", "greeting", "hi", seeds=(0,))
        assert not server.seen


def test_a_promoted_version_is_loaded_and_the_old_one_unloaded(
    registry: VoiceRegistry, started: Start, tmp_path: Path
) -> None:
    with FakeServer() as server:
        voices = started(server.url, {**PATIENT, "total_seconds": 3.0})
        assert draw(voices)[1] == "warm@1"
        add_and_promote(registry, tmp_path, 2)
        until(lambda: draw(voices)[1] == "warm@2")
        until(lambda: set(server.models) == {BASE, name_of(registry, 2)})
        assert server.asked("unload_lora_adapter") == [{"lora_name": name_of(registry, 1)}]
        registry.rollback("warm")
        until(lambda: draw(voices)[1] == "warm@1")


def test_the_version_before_speaks_while_the_new_one_is_loading(
    registry: VoiceRegistry, started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontdesk.adapters.remote.loading.SWITCH_S", 0.05)
    with FakeServer() as server:
        voices = started(server.url)
        draw(voices)
        add_and_promote(registry, tmp_path, 2)
        server.load_seconds = 60.0
        assert [draw(voices)[1] for _ in range(3)] == ["warm@1"] * 3
        assert len(server.asked("load_lora_adapter")) == 2


def test_the_version_before_speaks_when_the_new_one_cannot_be_loaded(
    registry: VoiceRegistry, started: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeServer() as server:
        voices = started(server.url)
        draw(voices)
        add_and_promote(registry, tmp_path, 2)
        server.load_status = 500
        assert [draw(voices)[1] for _ in range(3)] == ["warm@1"] * 3
        assert len(server.asked("load_lora_adapter")) == 2, "it is tried at every reply"
        assert "warm@2 cannot be loaded" in caplog.text


def test_a_load_that_hangs_keeps_nobody_waiting_for_long(started: Start) -> None:
    with FakeServer() as server:
        server.load_seconds = 60.0
        voices, begun = started(server.url, SHORT), time.monotonic()
        for _ in range(6):
            with pytest.raises(ModelError, match="still loading warm@1"):
                draw(voices)
        assert time.monotonic() - begun < HANGS_S
        assert (len(server.seen), voices.breaker.open) == (1, False)


def test_already_loaded_counts_only_under_the_name_with_the_hash(registry: VoiceRegistry, started: Start) -> None:
    with FakeServer() as server:
        server.models[name_of(registry, 1)] = "loaded by an earlier run"
        assert draw(started(server.url))[1] == "warm@1"
    with FakeServer() as server:
        server.models = Hidden({BASE: BASE})
        with pytest.raises(ModelError, match="does not load warm@1: it answered 400"):
            draw(started(server.url))


class Hidden(dict[str, str]):
    """Has every name and lists its own."""

    def __contains__(self, name: object) -> bool:
        return True


def test_a_server_that_was_started_again_is_told_to_load_again(registry: VoiceRegistry, started: Start) -> None:
    with FakeServer() as server:
        voices = started(server.url)
        draw(voices)
        del server.models[name_of(registry, 1)]
        with pytest.raises(ModelError, match="answered 404"):
            draw(voices)
        assert draw(voices)[1] == "warm@1"


def test_lorax_is_given_the_path_and_loads_by_itself(registry: VoiceRegistry, started: Start) -> None:
    with FakeServer("lorax") as server:
        drawn, version = draw(started(server.url, server="lorax", voices_path=str(registry.folder) + "/"), 0, 7)
    assert (drawn, version) == (["Hello! What can I do for you?"] * 2, "warm@1")
    greedy, sampled = sorted(server.asked("chat/completions"), key=len)
    assert (greedy["model"], greedy["adapter_source"]) == (str(registry.folder / "warm" / "1"), "local")
    assert "temperature" not in greedy
    assert (sampled["n"], sampled["seed"]) == (1, 7)


def test_warming_up_loads_and_says_hello(registry: VoiceRegistry, started: Start) -> None:
    with FakeServer() as server:
        assert started(server.url, SHORT).warm_up("warm") == "warm@1"
        assert name_of(registry, 1) in server.models
        server.always = Fault(kind="status", status=500)
        with pytest.raises(ModelError, match="answered 500"):
            started(server.url, SHORT).warm_up("warm")


def test_a_damaged_version_is_never_asked_for(registry: VoiceRegistry, started: Start) -> None:
    (registry.load("warm").folder / "adapter_model.safetensors").write_bytes(b"damaged")
    with FakeServer() as server:
        with pytest.raises(ModelError, match="not the file that was registered"):
            draw(started(server.url))
        assert not server.seen


def test_many_threads_share_one_server(started: Start) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with FakeServer(say=lambda body: f"You said {body['messages'][1]['content']}.") as server:
        voices = started(server.url)
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda n: draw(voices, 0, 1, text=f"number {n}")[0][1], range(18)))
    assert found == [f"You said number {n}." for n in range(18)]
    assert len(server.asked("load_lora_adapter")) == 1
