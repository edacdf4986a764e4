"""A running server takes a promoted voice and goes back, in the middle of conversations of two brands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.bot.app import registry_of
from frontdesk.bot.project import Project
from tests.adapters.making import promote
from tests.serving import Served, frontdesk, serving

SMALL_TALK = ("hello there", "thanks a lot", "how are you?", "tell me a joke", "goodbye for now")


@pytest.fixture(scope="module")
def shop(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo project with a second brand, which speaks in a voice of its own over the same base."""
    folder = tmp_path_factory.mktemp("two-brands") / "shop"
    shutil.copytree(demo, folder)
    settings = (folder / "frontdesk.toml").read_text()
    tables = re.findall(r"^\[brands\.larkspur.*?(?=^\[|\Z)", settings, flags=re.MULTILINE | re.DOTALL)
    second = "".join(tables).replace("brands.larkspur", "brands.juniper").replace('voice = "warm"', 'voice = "second"')
    (folder / "frontdesk.toml").write_text(f"{settings}\n{second}")
    promote(registry := registry_of(Project.load(folder)), "second", add(registry, "second", 0.8))
    return folder


def add(registry: VoiceRegistry, name: str, strength: float) -> int:
    """Register the shipped voice once more, turned down a little."""
    good = registry.load("warm")
    draft = registry.folder.with_name(f"draft-{name}")
    shutil.copytree(good.folder, draft, dirs_exist_ok=True)
    weights = load_file(draft / "adapter_model.safetensors")
    save_file({k: v * np.float32(strength**0.5) for k, v in weights.items()}, draft / "adapter_model.safetensors")
    manifest = good.manifest.model_dump(exclude={"name", "version", "files", "created"})
    return registry.add(name, draft, manifest).manifest.version


@pytest.fixture(scope="module")
def served(shop: Path) -> Iterator[Served]:
    with serving(shop) as running:
        yield running


class Talk:
    """One customer's conversation with one brand."""

    def __init__(self, served: Served, brand: str) -> None:
        self.url, self.brand = served.url, brand
        self.id, self.said = "", list[str]()

    def says(self, text: str) -> dict[str, Any]:
        """Send a message and return the reply."""
        body = {"text": text, "message_id": str(uuid4()), "brand": self.brand}
        answer = httpx.post(
            f"{self.url}/api/chat", json={**body, "conversation_id": self.id} if self.id else body, timeout=120
        )
        assert answer.status_code == 200, answer.text
        self.id = answer.json()["conversation_id"]
        self.said.append(text)
        return dict(answer.json()["reply"])

    def voices(self, times: int = 1) -> set[str]:
        """Make small talk; return which versions answered. An approved reply stands in where a draft failed."""
        replies = [self.says(text) for _ in range(times) for text in SMALL_TALK]
        assert all(reply["text"] for reply in replies)
        return {reply["voice"] for reply in replies} - {"approved"}


def test_a_conversation_goes_on_through_a_promotion_and_a_rollback(served: Served, shop: Path) -> None:
    registry = registry_of(Project.load(shop))
    before = registry.load("warm").id
    larkspur, juniper = Talk(served, "larkspur"), Talk(served, "juniper")
    assert (larkspur.voices(), juniper.voices()) == ({before}, {"second@1"})
    after = promote(registry, "warm", add(registry, "warm", 0.9)).id
    assert after != before
    assert (larkspur.voices(), juniper.voices()) == ({after}, {"second@1"})
    frontdesk("voices", "rollback", "warm", cwd=shop)
    assert (larkspur.voices(), juniper.voices()) == ({before}, {"second@1"})
    assert [said for talk in (larkspur, juniper) for said in kept(served, talk)] == larkspur.said + juniper.said


def test_no_message_is_lost_while_voices_change_under_many_conversations(served: Served, shop: Path) -> None:
    registry = registry_of(Project.load(shop))
    one, other = registry.load("warm").id, f"warm@{(number := add(registry, 'warm', 0.95))}"
    talks = [Talk(served, brand) for brand in ("larkspur", "juniper") * 3]
    with ThreadPoolExecutor(len(talks)) as pool:
        talking = [pool.submit(talk.voices, 3) for talk in talks]
        while not all(done.done() for done in talking):
            promote(registry, "warm", number)
            registry.rollback("warm")
        heard = [done.result() for done in talking]
    for talk, versions in zip(talks, heard, strict=True):
        assert versions <= ({one, other} if talk.brand == "larkspur" else {"second@1"})
        assert kept(served, talk) == talk.said


def kept(served: Served, talk: Talk) -> list[str]:
    """What the customer wrote and was answered, as the server keeps it."""
    read = httpx.get(f"{served.url}/api/conversations/{talk.id}", timeout=30)
    assert read.status_code == 200, read.text
    return [turn["message"]["text"] for turn in read.json()["turns"] if turn["reply"]["text"]]
