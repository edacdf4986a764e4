"""Tuning the sentence encoder: the real weights, a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from frontdesk.adapters.encoder import MiniLM
from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Encoder
from frontdesk.finetune import router_encoder
from frontdesk.finetune.router_contrast import Contrast, ContrastTuner
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


def test_a_few_of_each_class_come_to_lie_together(published: MiniLM) -> None:
    pytest.importorskip("torch")
    tune_few = ContrastTuner(Contrast(steps=12, threads=1))
    apart = _closeness(published)
    made = tune_few(TEXTS, TRUTH, lambda what, done, total: None)
    assert {name.split(".")[2] for name in load(made.layers)} == {"4", "5"}
    tuned = published.tuned(made.layers)
    assert _closeness(tuned) > apart + 0.1
    assert ((tuned.encode(TEXTS) @ made.directions.T + made.offsets).argmax(axis=1) == TRUTH).all()
    again = tune_few(TEXTS, TRUTH, lambda what, done, total: None)
    assert again.layers == made.layers, "what the lower layers made of a text is as good the second time"


def _closeness(encoder: Encoder) -> float:
    """How much nearer texts are to those of their own class than to others, as cosines."""
    likeness = encoder.encode(TEXTS) @ encoder.encode(TEXTS).T
    same = TRUTH[:, None] == TRUTH[None]
    return float(likeness[same & ~np.eye(len(TEXTS), dtype=bool)].mean() - likeness[~same].mean())


def test_few_examples_are_told_apart_by_contrast_and_many_by_prototypes(
    published: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    called: list[str] = []
    monkeypatch.setattr(router_encoder, "tune", lambda *_: called.append("prototypes"))
    monkeypatch.setattr(ContrastTuner, "__call__", lambda *_: called.append("contrast"))
    chosen = router_encoder.tuner(published)
    chosen(TEXTS, TRUTH, lambda what, done, total: None)
    chosen(TEXTS * 1000, np.tile(TRUTH, 1000), lambda what, done, total: None)
    assert called == ["contrast", "prototypes"]


@pytest.mark.parametrize("layers", [b"not safetensors", save({"encoder.layer.9.x": np.zeros(3, dtype=np.float16)})])
def test_layers_that_are_not_minilms_are_refused(tmp_path: Path, layers: bytes) -> None:
    with pytest.raises(ModelError, match="frontdesk train"):
        MiniLM(tmp_path).tuned(layers).encode(["hello"])
