"""Tuning the sentence encoder: the real weights, a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from frontdesk.adapters.encoder import MiniLM
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.router_encoder import Recipe, tune

TEXTS = ["where is my parcel", "has it shipped", "track the order", "send it back", "a refund", "returning this"]
TRUTH = np.array([0, 0, 0, 1, 1, 1])
RECIPE = Recipe(steps=8, batch=6, rate=2e-5, threads=1)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    return MiniLM(tmp_path_factory.mktemp("cache"))


def test_the_tuned_encoder_tells_the_classes_apart(published: MiniLM) -> None:
    pytest.importorskip("torch")
    seen: list[tuple[int, int]] = []
    made = tune(TEXTS, TRUTH, published, RECIPE, lambda what, done, total: seen.append((done, total)))
    assert seen[0] == (0, 8)
    assert seen[-1] == (8, 8)
    assert made.directions.shape == (2, 384)
    assert made.offsets.shape == (2,)
    assert all(name.startswith("encoder.layer.") for name in load(made.layers))
    tuned = published.tuned(made.layers)
    assert "tuned" in tuned.fingerprint
    assert published.fingerprint != tuned.fingerprint
    assert 0.3 < float((published.encode(TEXTS) * tuned.encode(TEXTS)).sum(axis=1).mean()) < 0.9999
    assert ((tuned.encode(TEXTS) @ made.directions.T + made.offsets).argmax(axis=1) == TRUTH).all()


@pytest.mark.parametrize("layers", [b"not safetensors", save({"encoder.layer.9.x": np.zeros(3, dtype=np.float16)})])
def test_layers_that_are_not_minilms_are_refused(tmp_path: Path, layers: bytes) -> None:
    with pytest.raises(ModelError, match="frontdesk train"):
        MiniLM(tmp_path).tuned(layers).encode(["hello"])
