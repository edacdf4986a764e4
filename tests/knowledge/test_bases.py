"""A knowledge base per brand: kept apart, ingested together or alone, refreshed in the background, watched."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.config import Settings
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Conversation, Customer, Message, Route, Sentence
from frontdesk.knowledge.bases import KnowledgeBases, told
from frontdesk.knowledge.refresh import NICE, Refresher, behind, changes
from frontdesk.knowledge.right import Right
from tests.knowledge.knowledge_samples import KETTLE, RETURNS, SHIPPING, Hashing

TABLES = {
    "brands": {
        "lumen": {"name": "Lumen"},
        "../harbour": {"name": "Harbour", "knowledge": {"sources": ["harbour"]}},
        "shared": {"name": "Shared", "knowledge": {"sources": ["third"]}},
    },
    "knowledge": {"sources": ["knowledge", "https://help.example/"], "passage_chars": 500},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"knowledge": RETURNS, "harbour": KETTLE, "third": SHIPPING}.items():
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "page.md").write_text(text)
    return tmp_path / "project"


@pytest.fixture
def bases(tmp_path: Path) -> Iterator[KnowledgeBases]:
    made = KnowledgeBases(tmp_path / "state", settings(), Hashing())
    yield made
    made.close()


def settings(**knowledge: object) -> Settings:
    own = {**TABLES["knowledge"], "sources": ["knowledge"], **knowledge}
    return Settings.model_validate({**TABLES, "knowledge": own})


def ask(bases: KnowledgeBases, brand: str, text: str) -> list[Sentence]:
    who = Customer(id="c")
    message = Message(text=text, conversation_id="v", brand=brand, channel="test", customer=who, id="m")
    route = Route(kind="knowledge", intent="x", confidence=1.0, reason="test")

    async def collect() -> list[Sentence]:
        return [one async for one in bases.answer(message, Conversation(id="v", brand=brand), route)]

    return asyncio.run(collect())


def test_each_brand_answers_from_its_own_documents_alone(bases: KnowledgeBases, folder: Path) -> None:
    reports = bases.ingest(folder)
    assert {name: report.added for name, report in reports.items()} == {
        "shared": 1,
        "../harbour": 1,
        "shared (brand)": 1,
    }
    assert "45 days" in ask(bases, "lumen", "how many days do I have to return unused items?")[0].text
    assert "1.7 L" in ask(bases, "../harbour", "what is the capacity of the Wren Kettle?")[0].text
    for brand in ("lumen", "shared"):
        assert ask(bases, brand, "what is the capacity of the Wren Kettle?") == []
        found = bases.of(brand).search("capacity of the kettle, price of express shipping, days to return")
        assert {hit.document.id for hit in found} == {"knowledge/page.md" if brand == "lumen" else "third/page.md"}


def test_folders_of_brands_stay_below_the_state_folder(bases: KnowledgeBases, folder: Path, tmp_path: Path) -> None:
    bases.ingest(folder)
    made = sorted(path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("knowledge.db"))
    assert made == ["state", "state/brands/%2E%2E%2Fharbour", "state/brands/shared"]


def test_a_shared_base_that_no_brand_uses_is_not_opened(tmp_path: Path) -> None:
    own = {"harbour": {"name": "H", "knowledge": {"sources": ["harbour"], "pages": 7}}}
    tables = Settings.model_validate({"brands": own, "knowledge": {"passage_chars": 400}})
    made = KnowledgeBases(tmp_path, tables, Hashing())
    assert (list(made.bases), made.only("harbour")) == (["harbour"], None)
    merged = made.of("harbour").settings
    assert (merged.sources, merged.pages, merged.passage_chars) == (("harbour",), 7, 400)


def test_one_base_alone_is_ingested(bases: KnowledgeBases, folder: Path) -> None:
    assert list(bases.ingest(folder, only=bases.only("lumen"))) == ["shared"]
    both = told(bases.ingest(folder))
    assert (both["added"], both["unchanged"], both["bases"]["shared"]["unchanged"]) == (2, 1, 1)
    assert bases.watched(folder) == [folder / "harbour", folder / "knowledge", folder / "third"]


def test_one_process_has_the_right_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    program = f"""
import time
from pathlib import Path
from frontdesk.knowledge.right import Right
right = Right(Path({str(tmp_path)!r}))
print(right.keep(), flush=True)
time.sleep(60)
"""
    right = Right(tmp_path)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "True"
        assert (right.keep(), right.elsewhere()) == (False, True)
        with pytest.raises(KnowledgeError, match="another ingest"), right.alone():
            pass
        other.kill()
        other.wait()
    assert (right.elsewhere(), right.keep(), right.kept) == (False, True, True)
    with right.alone(), pytest.raises(KnowledgeError, match="another ingest"), right.alone():
        pass
    right.release()
    assert not right.kept


@dataclass(frozen=True)
class Here:
    """Ingests in this process; the product's server has a child do it, which is tested with its commands."""

    bases: KnowledgeBases
    folder: Path

    def __call__(self, only: str | None = None) -> Mapping[str, Any]:
        """Ingest."""
        return told(self.bases.ingest(self.folder, only=only))

    def stop(self) -> None:
        """Nothing is under way."""


def test_a_server_reads_its_sources_again_and_a_failure_leaves_the_old_index_serving(
    bases: KnowledgeBases, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bases.ingest(folder)

    async def serve() -> None:
        refresher = Refresher(bases, Here(bases, folder), minutes=0.002)
        await refresher.start()
        (folder / "knowledge/new.md").write_text("# New\n\nThe zebra lamp is here.\n")
        while not ask_index("zebra lamp"):
            await asyncio.sleep(0.02)
        (folder / "knowledge").rename(folder / "moved")
        while "shared was not refreshed" not in caplog.text:
            await asyncio.sleep(0.02)
        assert ask_index("zebra lamp")
        await refresher.stop()
        assert not bases.of("lumen").right.kept

    def ask_index(text: str) -> bool:
        return any("zebra" in hit.text for hit in bases.of("lumen").search(text))

    asyncio.run(asyncio.wait_for(serve(), 60))


def test_a_server_that_stops_begins_no_ingest(bases: KnowledgeBases, folder: Path) -> None:
    bases.ingest(folder)
    refresher = Refresher(bases, Here(bases, folder), minutes=0)
    asyncio.run(refresher.stop())
    (folder / "knowledge/new.md").write_text("# New\n\nThe zebra lamp is here.\n")
    with pytest.raises(KnowledgeError, match="stopping"):
        refresher.ingest()
    assert not any("zebra" in hit.text for hit in bases.of("lumen").search("zebra lamp"))


def test_a_change_below_a_watched_folder_is_noticed(tmp_path: Path) -> None:
    seen = threading.Event()

    def follow() -> None:
        next(changes([tmp_path]))
        seen.set()

    threading.Thread(target=follow, daemon=True).start()
    for number in range(100):
        (tmp_path / "page.md").write_text(f"edition {number}")
        if seen.wait(1.5):
            return
    raise AssertionError("no change was noticed")


@pytest.mark.skipif(sys.platform != "linux", reason="only there have threads priorities of their own")
def test_an_ingest_of_a_server_stands_back_behind_its_answers() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    own = priority()
    assert (behind(priority), priority()) == (min(own + NICE, 19), own)
    with pytest.raises(KnowledgeError):
        behind(lambda: (_ for _ in ()).throw(KnowledgeError("no such folder.", fix="make it.")))
