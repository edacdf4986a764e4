"""A cross-encoder by folder: made here with random weights, so that no download is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.adapters.cross_encoder import CrossEncoder
from frontdesk.bot.errors import ModelError

pytestmark = pytest.mark.slow


def test_a_cross_encoder_by_folder_scores_pairs(tmp_path: Path) -> None:
    scorer = CrossEncoder(str(tiny(tmp_path)))
    scores = scorer.score([("is it safe?", "it is safe"), ("why?", "no \ud800"), ("x", "y " * 900)])
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scorer.score([]).shape == (0,)
    with pytest.raises(ModelError, match=r"cannot be loaded.*give the folder"):
        CrossEncoder(str(tmp_path / "nowhere")).score([("a", "b")])


def tiny(folder: Path) -> Path:
    """Make a cross-encoder of random weights over a few words."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "is", "it", "safe", "why", "no", "x", "y", "?"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder / "model")
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=1,
    )
    BertForSequenceClassification(shape).save_pretrained(folder / "model")
    return folder / "model"
