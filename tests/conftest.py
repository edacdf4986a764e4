"""What every test shares: where the development data is, and the demo brand, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import frontdesk

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture
def shared_data() -> Path:
    """The development data beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED / "data"


@pytest.fixture(autouse=True)
def _quiet_pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep every pool at one thread and the hubs out of reach."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo brand, ingested and trained by the commands of the README."""
    folder = tmp_path_factory.mktemp("demo") / "shop"
    frontdesk("init", str(folder), cwd=folder.parent)
    frontdesk("ingest", cwd=folder)
    frontdesk("train", cwd=folder)
    return folder
