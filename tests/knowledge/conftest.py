"""A small knowledge base that every test here can make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frontdesk.bot import config
from frontdesk.knowledge.base import Knowledge
from tests.knowledge.knowledge_samples import KETTLE, RETURNS, SHIPPING, Hashing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with three Markdown documents."""
    folder = tmp_path / "project" / "knowledge"
    folder.mkdir(parents=True)
    for name, text in {"returns.md": RETURNS, "wren.md": KETTLE, "shipping.md": SHIPPING}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder.parent


Opened = Callable[..., Knowledge]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Make knowledge bases over one state folder; all are closed at the end."""
    made: list[Knowledge] = []

    def make(encoder: Hashing | None = None) -> Knowledge:
        made.append(Knowledge(tmp_path / "state", encoder or Hashing(), config.Knowledge()))
        return made[-1]

    yield make
    for one in made:
        one.close()
