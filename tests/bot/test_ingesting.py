"""A running server's ingests, in a process of their own: what is new serves, what is wrong is told, a stop ends one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.bot.app import knowledge_of
from frontdesk.bot.commands.ingesting import ChildIngest
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.project import Project
from frontdesk.knowledge.bases import KnowledgeBases
from frontdesk.knowledge.right import Right

SETTINGS = """
[brands.shop]
name = "Shop"
[knowledge]
sources = ["knowledge"]
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[KnowledgeBases, ChildIngest]]:
    """The bases of a project as a server has them: it keeps the right to ingest."""
    (tmp_path / "frontdesk.toml").write_text(SETTINGS)
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge/lamp.md").write_text("# Zebra lamp\n\nThe zebra lamp is dusted every nine weeks.\n")
    project = Project.load(tmp_path)
    bases = knowledge_of(project)
    assert bases.keep_right()
    yield bases, ChildIngest(tmp_path, bases)
    bases.close()


def found(bases: KnowledgeBases) -> str:
    """Return what the documents say about the lamp."""
    return bases.of("shop").search("how often is the zebra lamp dusted?")[0].text


def test_what_the_child_made_serves_when_it_is_told(served: tuple[KnowledgeBases, ChildIngest], tmp_path: Path) -> None:
    bases, ingest = served
    report = ingest()
    assert (report["added"], report["bases"]["shared"]["passages"]) == (1, 1)
    assert "nine weeks" in found(bases)
    (tmp_path / "knowledge/lamp.md").write_text("# Zebra lamp\n\nThe zebra lamp is dusted every two weeks.\n")
    assert ingest("shared")["changed"] == 1
    assert "two weeks" in found(bases)
    with bases.of("shop").lease() as generation:
        assert len(generation.known) > len(generation.stored), "the vectors of its sentences are taken up too"
    bases.take_up("a base that the settings have only since the server began")
    (tmp_path / "knowledge").rename(tmp_path / "moved")
    with pytest.raises(KnowledgeError) as wrong:
        ingest()
    assert "knowledge" in str(wrong.value)
    assert wrong.value.fix
    assert "two weeks" in found(bases)


def test_a_stop_breaks_the_child_off_and_the_right_stays(
    served: tuple[KnowledgeBases, ChildIngest], tmp_path: Path
) -> None:
    bases, ingest = served
    errors: list[KnowledgeError] = []

    def work() -> None:
        with pytest.raises(KnowledgeError, match="broke off") as told:
            ingest()
        errors.append(told.value)

    working = threading.Thread(target=work)
    working.start()
    while not ingest.running:
        time.sleep(0.01)
    with pytest.raises(KnowledgeError, match="another ingest is running"):
        ingest()
    ingest.stop()
    working.join()
    assert errors
    assert Right(tmp_path / ".frontdesk").elsewhere(), "a command line goes on to hand its ingests over"
    assert not bases.of("shop").passages
