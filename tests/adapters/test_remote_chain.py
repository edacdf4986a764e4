"""When the voice server fails: the voice in this process, then an approved reply, and always in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.adapters.base_model import NAME
from frontdesk.adapters.fakes.faults import Fault
from frontdesk.adapters.fakes.openai_server import FakeServer
from frontdesk.adapters.registry import SHIPPED, VoiceRegistry
from frontdesk.adapters.remote.chain import OnThisBase, VoiceChain, speaker
from frontdesk.adapters.remote.voices import RemoteVoices
from frontdesk.adapters.voices import Voices
from frontdesk.bot.app import speaker_of, voices_of
from frontdesk.bot.config import FILE, Brand, Remote
from frontdesk.bot.dialogue.voice import Speaker, VoiceAnswerer
from frontdesk.bot.engine import Engine
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.guards import FactFirewall, SupportCheck
from frontdesk.bot.project import Project
from frontdesk.bot.types import Conversation, Customer, Message, Reply, Route, Sentence
from tests.adapters.making import ORIGIN, make_adapter, promote

HANGS_S = 10.0
APPROVED = "Hello from the shop."
BRANDS = {"shop": Brand(name="the shop", voice="warm", replies={"greeting": (APPROVED,)})}


@pytest.fixture
def registry(tmp_path: Path) -> VoiceRegistry:
    registry = VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "shipped", key=b"key")
    registry.add("warm", make_adapter(tmp_path / "trained"), ORIGIN)
    promote(registry, "warm", 1)
    return registry


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer("openai", models=["warm"], say=lambda body: "Hi, the server speaks.") as server:
        yield server


@pytest.fixture
def behind() -> Iterator[FakeServer]:
    """What stands in for this process: another server."""
    with FakeServer("openai", models=["warm"], say=lambda body: "Hi, I stand in.") as server:
        yield server


def remote(url: str, **settings: object) -> Remote:
    return Remote.model_validate({"url": url, "server": "openai", "total_seconds": 30, **settings})


class FixedRouter:
    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        return (Route(kind="voice", intent="greeting", confidence=1.0, reason="test"),)


async def keep(sentence: Sentence) -> Sentence:
    return sentence


def answered(voice: Speaker) -> Reply:
    """The reply of the whole engine to one greeting."""
    engine = Engine(
        brands=BRANDS,
        routers={"shop": FixedRouter()},
        answerers={"voice": VoiceAnswerer(voice, BRANDS)},
        checks=(FactFirewall(), SupportCheck()),
    )
    customer = Customer(id="c")
    message = Message(text="hi", conversation_id="x", brand="shop", channel="web", customer=customer, id="1")
    conversation = Conversation(id="x", brand="shop", customer=customer)
    return asyncio.run(engine.respond(message, conversation, keep))


def test_the_server_then_what_stands_behind_it_then_an_approved_reply(
    registry: VoiceRegistry, server: FakeServer, behind: FakeServer
) -> None:
    first, second = RemoteVoices(registry, remote(server.url)), RemoteVoices(registry, remote(behind.url))
    chain = VoiceChain(first, second)
    assert answered(chain).text == "Hi, the server speaks."
    server.always = Fault(kind="cut", after=2)
    assert answered(chain).text == "Hi, I stand in."
    behind.always = Fault(kind="length")
    reply = answered(chain)
    assert (reply.text, reply.voice) == (APPROVED, "approved")
    first.close()
    second.close()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="stall", after=None),
        Fault(kind="stall", after=2),
        Fault(kind="drip", seconds=0.05),
        Fault(kind="status", status=503),
        Fault(kind="wrong_model"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.after}",
)
def test_a_customer_is_answered_in_time(fault: Fault, registry: VoiceRegistry, server: FakeServer) -> None:
    server.always = fault
    voices = RemoteVoices(registry, remote(server.url, total_seconds=0.6))
    begun = time.monotonic()
    assert answered(voices).text == APPROVED
    assert time.monotonic() - begun < HANGS_S
    voices.close()


def test_a_reply_of_the_server_passes_the_same_checks(registry: VoiceRegistry, server: FakeServer) -> None:
    server.say = lambda body: "Returns are free for 30 days."
    voices = RemoteVoices(registry, remote(server.url))
    assert answered(voices).text == APPROVED
    voices.close()


def test_a_dead_server_leaves_the_shipped_voice_to_speak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with FakeServer() as gone:
        url = gone.url
    chain = speaker(VoiceRegistry(tmp_path / "voices"), remote(url, server="vllm"))
    assert isinstance(chain, VoiceChain)
    shipped = Voices(VoiceRegistry(tmp_path / "voices"))
    try:
        said = shipped.candidates("warm", "greeting", "hello", seeds=(0,))
    except ModelError as error:
        pytest.skip(f"the shipped voice does not fit the shipped base: {error}")
    assert chain.warm_up("warm") == said[1]
    assert chain.candidates("warm", "greeting", "hello", seeds=(0,)) == said
    chain.close()


def test_only_versions_of_the_shipped_base_speak_in_this_process(registry: VoiceRegistry, tmp_path: Path) -> None:
    registry.add("warm", make_adapter(tmp_path / "trained", seed=2), {**ORIGIN, "base": "another/base"})
    promote(registry, "warm", 2)
    here = OnThisBase(registry.folder, registry.shipped, key=registry.key)
    assert (registry.current("warm"), here.current("warm")) == (2, 1)
    (here.versions("warm")[1] / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="no voice 'warm' to serve"):
        here.current("warm")


def test_warming_up_says_who_speaks(registry: VoiceRegistry, server: FakeServer, behind: FakeServer) -> None:
    first, second = RemoteVoices(registry, remote(server.url)), RemoteVoices(registry, remote(behind.url))
    chain = VoiceChain(first, second)
    assert chain.warm_up("warm") == "warm@remote"
    behind.always = Fault(kind="status", status=500)
    assert chain.warm_up("warm") == "warm@remote"
    server.always = Fault(kind="status", status=500)
    assert chain.warm_up("warm") == "approved", "a server that is down keeps no bot from starting"
    with pytest.raises(ModelError, match="no voice 'crisp'"):
        chain.warm_up("crisp")
    behind.always = None
    assert chain.warm_up("warm") == "warm@remote"
    assert VoiceChain(first, None).warm_up("warm") == "approved"
    first.close()
    second.close()


def project(folder: Path, lines: str) -> Project:
    (folder / FILE).write_text(f'[brands.shop]\nname = "Shop"\n[models.remote]\n{lines}\n')
    return Project.load(folder)


def test_the_settings_say_who_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_KEY", "sesame")
    url = 'url = "http://127.0.0.1:1/v1/"'
    chosen = project(tmp_path, f'{url}\napi_key = "${{VOICE_KEY}}"')
    assert chosen.settings.models.remote is not None
    assert chosen.settings.models.remote.url == "http://127.0.0.1:1/v1"
    assert "sesame" not in repr(chosen.settings)
    chain = speaker_of(chosen)
    assert isinstance(chain, VoiceChain)
    assert isinstance(chain.behind, Voices)
    assert isinstance(voices_of(chosen), Voices), "tuning and the gate stay in this process"
    alone = speaker_of(project(tmp_path, f'{url}\nfallback = "approved"'))
    assert isinstance(alone, VoiceChain)
    assert alone.behind is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('url = "127.0.0.1:8000"', "write it as http"),
        ('url = "http://:8000/v1"', "write it as http"),
        ('url = "http://x:port/v1"', "Port could not be"),
        ('url = "http://x:99999/v1"', "Port out of range"),
        ('url = "http://[/v1"', "Invalid IPv6"),
        ('url = "http://x/v1?key=1"', "write it as http"),
        ('url = "http://user:${VOICE_KEY}@x/v1"', "a key stands in api_key"),
        ('url = "http://x/v1"\napi_key = "sesame"', "written out in the file"),
        ('url = "http://x/v1"\nserver = "tgi"', "'vllm', 'lorax' or 'openai'"),
        ('url = "http://x/v1"\ntotal_seconds = 0', "greater than 0"),
        ('url = "http://x/v1"\nfallbak = "local"', "did you mean 'fallback'"),
    ],
)
def test_settings_that_would_fail_later_are_refused(
    lines: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_KEY", "sesame")
    with pytest.raises(ConfigError, match=says) as caught:
        project(tmp_path, lines)
    assert "sesame@" not in str(caught.value)


def test_the_shipped_voices_are_of_the_shipped_base() -> None:
    registry = VoiceRegistry(Path("none"), shipped=SHIPPED)
    assert all(registry.load(name).manifest.base == NAME for name in registry.names())
