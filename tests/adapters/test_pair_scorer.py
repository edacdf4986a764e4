"""Pair scorers: a made-up one on the real weights, through the real runtime."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from frontdesk.adapters.encoder import WEIGHTS_SHA256
from frontdesk.adapters.pair_scorer import FILE, KINDS, MANIFEST, PairScorer, merged, pair_tokenizer, read_pairs
from frontdesk.bot.errors import ModelError

PAIRS = [
    ("You can return items within 45 days.", "Returns are possible for 45 days."),
    ("You can return items within 45 days.", "Returns are possible for 14 days."),
    ("The kettle holds 1.7 litres. " * 60, "short"),
    ("", ""),
    ("\ud800 half a pair", "🙂"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer with random weights."""
    rng = np.random.default_rng(1)
    made = {
        "kinds": rng.normal(0, 0.05, (KINDS, 384)),
        "head.weight": rng.normal(0, 0.1, (1, 3 * 384)),
        "head.bias": np.zeros(1),
        "encoder.layer.0.attention.self.query.A": rng.normal(0, 0.05, (2, 384)),
        "encoder.layer.0.attention.self.query.B": rng.normal(0, 0.05, (384, 2)),
    }
    data = save({name: value.astype(np.float16) for name, value in made.items()})
    folder = tmp_path_factory.mktemp("scorer") / "random"
    folder.mkdir()
    (folder / FILE).write_bytes(data)
    manifest = {"sha256": hashlib.sha256(data).hexdigest(), "base_sha256": WEIGHTS_SHA256}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def scorer(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PairScorer:
    return PairScorer(folder, tmp_path_factory.mktemp("cache"))


def test_scores_are_probabilities_that_do_not_depend_on_their_neighbours(scorer: PairScorer) -> None:
    together = scorer.score(PAIRS)
    assert together.shape == (len(PAIRS),)
    assert together.dtype == np.float32
    assert ((together > 0) & (together < 1)).all()
    assert np.abs(together - np.concatenate([scorer.score([pair]) for pair in PAIRS])).max() < 1e-3
    assert scorer.score([]).shape == (0,)


def test_a_token_knows_its_text_and_whether_the_other_has_it() -> None:
    ((ids, kinds),) = read_pairs(pair_tokenizer(256), [("within 45 days", "in 45 hours")])
    words = [pair_tokenizer(256).id_to_token(one) for one in ids]
    assert list(zip(words, kinds, strict=True)) == [
        ("[CLS]", 0),
        ("within", 0),
        ("45", 1),
        ("days", 0),
        ("[SEP]", 1),
        ("in", 2),
        ("45", 3),
        ("hours", 2),
        ("[SEP]", 3),
    ]


def test_the_longer_text_is_cut() -> None:
    ((ids, _),) = read_pairs(pair_tokenizer(32), [("word " * 500, "a short claim")])
    assert len(ids) == 32
    assert "claim" in pair_tokenizer(32).decode(ids)


def test_lora_is_added_to_its_layer_alone() -> None:
    weights = {"a.weight": np.eye(3, dtype=np.float32), "b.weight": np.eye(3, dtype=np.float32)}
    scorer = {"a.A": np.ones((1, 3), dtype=np.float32), "a.B": np.ones((3, 1), dtype=np.float32)}
    made = merged(weights, scorer)
    assert (made["a.weight"] == np.eye(3) + 1).all()
    assert made["b.weight"] is weights["b.weight"]


def test_the_constructor_reads_nothing_and_an_absent_one_is_an_error(tmp_path: Path) -> None:
    scorer = PairScorer("absent", tmp_path / "cache")
    with pytest.raises(ModelError, match="manifest cannot be read"):
        scorer.score(PAIRS)
    assert not (tmp_path / "cache").exists()


def test_a_damaged_or_foreign_scorer_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes()[:-2])
    with pytest.raises(ModelError, match="sha256"):
        PairScorer(tmp_path, tmp_path / "cache").score(PAIRS)
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"base_sha256": "0"}))
    with pytest.raises(ModelError, match="other weights"):
        PairScorer(tmp_path, tmp_path / "cache").score(PAIRS)
