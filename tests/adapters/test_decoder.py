"""The int8 decoder against transformers and peft, on tiny random Llamas: same numbers, whatever is drawn beside."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from frontdesk.adapters.base_model import FOLDER, load_base
from frontdesk.adapters.decoding.decoder import Decoder, folder_of
from frontdesk.adapters.decoding.graph import quantise
from frontdesk.adapters.decoding.lane import NEW_TOKENS, PROMPT_TOKENS, ROWS, Adapter
from frontdesk.adapters.decoding.sampling import TEMPERATURE, TOP_P, chooser, drawn
from frontdesk.adapters.decoding.tokens import ChatTokenizer
from frontdesk.adapters.voices import model_sha256, prompt
from frontdesk.bot.errors import ModelError
from tests.adapters.tiny_llama import change_json, make_adapter, make_base

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "grouped": {"kv_heads": 2},
    "untied": {"tied": False, "kv_heads": 1, "dtype": "bfloat16"},
}
PROMPTS = [[2, 300 + k, 301, 3, 40, 500 + 7 * k, 4][: 4 + k % 4] for k in range(11)]


def decoder(folder: Path) -> Decoder:
    made = Decoder(folder)
    made.load()
    return made


def logits(made: Decoder, adapter: Adapter | None, ids: Sequence[int]) -> NDArray[np.float32]:
    with made._lane() as lane:
        return lane.read(adapter or made._unadapted, ids)


def drawn_by(made: Decoder, adapter: Adapter | None, prompts: Sequence[Sequence[int]], seed: int) -> list[list[int]]:
    replies: list[list[int]] = [[] for _ in prompts]
    for which, token in made.draw(adapter, prompts, [seed] * len(prompts)):
        replies[which].append(token)
    return replies


def rounded(model: Any) -> Any:
    """Give a model the weights that int8 leaves of its own, so that only the activations' rounding differs."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            weight = module.weight.detach().numpy()
            codes, scales = quantise(weight)
            flat = ((codes.astype(np.float32) - 128) * scales[:, :, None]).reshape(len(weight), -1)
            module.weight = torch.nn.Parameter(torch.from_numpy(flat[:, : weight.shape[1]].copy()))
    return model


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.fixture(scope="module", params=SHAPES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp(request.param), **SHAPES[request.param])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Decoder, Path]:
    folder = make_base(tmp_path_factory.mktemp("one"), kv_heads=2)
    return decoder(folder), folder


@pytest.fixture(scope="module")
def voices(one: tuple[Decoder, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    folder = tmp_path_factory.mktemp("voices")
    paths = [make_adapter(one[1], folder / f"v{rank}", rank=rank, seed=rank) for rank in (2, 5)]
    return [one[0].adapter(path) for path in paths]


def test_the_logits_are_those_of_transformers_and_peft(base: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    made, ids = decoder(base), [2, 300, 301, 3, 900, 901, 902, 4]
    model, _ = load_base(str(base))
    assert made.base_sha256 == model_sha256(model)
    with torch.inference_mode():
        plain = rounded(model)(torch.tensor([ids])).logits[0, -1].numpy()
    assert correlation(logits(made, None, ids), plain) > 0.998
    for targets in (("q_proj", "v_proj"), ("k_proj", "gate_proj", "down_proj"), ("up_proj", "o_proj")):
        folder = make_adapter(base, tmp_path / "-".join(targets), targets=targets, rank=3)
        adapted = PeftModel.from_pretrained(rounded(load_base(str(base))[0]), str(folder)).eval()
        with torch.inference_mode():
            spoken = adapted(torch.tensor([ids])).logits[0, -1].numpy()
        mine = logits(made, made.adapter(folder), ids)
        assert correlation(mine, spoken) > 0.995
        assert correlation(mine, plain) < 0.99


def test_a_reply_is_drawn_as_transformers_draws_it(base: Path) -> None:
    """Step by step with kept keys and values: each greedy token is the float model's, or as good as a tie with it."""
    import torch

    made, ids = decoder(base), [2, 300, 3, 900, 4]
    (reply,) = drawn_by(made, None, [ids], 0)
    model = rounded(load_base(str(base))[0])
    with torch.inference_mode():
        each = model(torch.tensor([[*ids, *reply]])).logits[0, len(ids) - 1 : -1].numpy()
    behind = each.max(axis=1) - each[np.arange(len(reply)), reply]
    assert (behind < 0.1 * each.std()).all()


def test_a_reply_does_not_depend_on_what_is_drawn_beside_it(one: tuple[Decoder, Path], voices: list[Adapter]) -> None:
    """More prompts than places, of several lengths, one twice; a row on its own is computed with other rounding."""
    prompts = [*PROMPTS, PROMPTS[0]]
    assert len(prompts) > ROWS
    for seed in (0, 5):
        together = drawn_by(one[0], voices[0], prompts, seed)
        assert together[::3] == [drawn_by(one[0], voices[0], [ids, ids], seed)[1] for ids in prompts[::3]]
        assert all(reply[-1] == 1 or len(reply) == NEW_TOKENS for reply in together)
        assert len({tuple(reply) for reply in together}) == len(PROMPTS)


def test_a_row_on_its_own_differs_by_rounding_only(one: tuple[Decoder, Path], voices: list[Adapter]) -> None:
    for ids in PROMPTS[::3]:
        pair, single = drawn_by(one[0], voices[1], [ids, ids], 0)[0], drawn_by(one[0], voices[1], [ids], 0)[0]
        assert pair[:8] == single[:8]


def test_voices_and_base_stay_apart_in_many_threads(one: tuple[Decoder, Path], voices: list[Adapter]) -> None:
    speakers = [None, *voices]
    alone = [drawn_by(one[0], speaker, PROMPTS[:3], 3) for speaker in speakers]
    assert alone[0] != alone[1] != alone[2] != alone[0]
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(drawn_by, one[0], speakers[k % 3], PROMPTS[:3], 3) for k in range(6)]
        assert [run.result() for run in runs] == alone * 2


def test_a_voice_nobody_holds_is_let_go(one: tuple[Decoder, Path], tmp_path: Path) -> None:
    import gc
    import weakref

    voice = one[0].adapter(make_adapter(one[1], tmp_path / "short-lived"))
    drawn_by(one[0], voice, PROMPTS[:2], 0)
    watched = weakref.ref(voice)
    del voice
    gc.collect()
    assert watched() is None
    assert drawn_by(one[0], None, PROMPTS[:1], 0)


def test_a_reply_given_up_half_way_leaves_no_trace(one: tuple[Decoder, Path]) -> None:
    before = drawn_by(one[0], None, PROMPTS[:2], 0)
    half = one[0].draw(None, PROMPTS[2:6], [0] * 4)
    for _ in range(7):
        next(half)
    half.close()
    assert drawn_by(one[0], None, PROMPTS[:2], 0) == before


def test_what_does_not_end_is_empty_and_what_streams_is_what_is_written(one: tuple[Decoder, Path]) -> None:
    shipped = decoder(FOLDER)
    asked = prompt("greeting", "hello")
    assert one[0].write(None, [asked], [0]) == [""]
    (written,) = shipped.write(None, [asked], [0])
    assert written
    assert "".join(shipped.stream(None, asked, 0)).strip() == written


def test_a_long_prompt_keeps_head_and_tail(one: tuple[Decoder, Path]) -> None:
    whole = one[0].tokenizer.encode(prompt("greeting", "hello there " * 400))
    ids = one[0].ids(prompt("greeting", "hello there " * 400))
    half = PROMPT_TOKENS // 2
    assert ids == whole[:half] + whole[-half:]
    assert len(drawn_by(one[0], None, [ids], 0)[0]) <= NEW_TOKENS


def test_the_prompt_is_the_one_of_training() -> None:
    _, theirs = load_base()
    ours = ChatTokenizer(FOLDER)
    assert (ours.chat_template, ours.eos_token, ours.eos_id) == (
        theirs.chat_template,
        theirs.eos_token,
        theirs.eos_token_id,
    )
    for text in ("hello", "  {{brand}} <|end|> naïve 🙂 \n café ", "", "\ud83d lone"):
        asked = prompt("greeting", text)
        if text.isprintable() or "\ud83d" not in text:
            expected = theirs.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)["input_ids"]
            assert ours.encode(asked) == expected
            assert ours.decode(expected) == theirs.decode(expected, skip_special_tokens=True)
    assert ours.encode(prompt("greeting", "\ud83d lone"))


def test_the_nucleus_holds_the_fewest_likeliest_tokens() -> None:
    draw = np.random.default_rng(0)
    for spread in (0.1, 1.0, 5.0):
        scores = draw.normal(0, spread, 500).astype(np.float32)
        shares = np.exp(scores.astype(np.float64) / TEMPERATURE)
        shares /= shares.sum()
        order = np.argsort(-shares)
        nucleus = set(order[: int(np.searchsorted(np.cumsum(shares[order]), TOP_P)) + 1].tolist())
        found = {drawn(scores, at) for at in np.linspace(0, 1, 5000, endpoint=False)}
        assert found <= nucleus
        assert drawn(scores, 0.0) == order[0]
    counts = np.bincount(
        [drawn(np.log(np.array([6, 3, 1], np.float32)) * np.float32(0.7), at) for at in draw.random(4000)]
    )
    assert np.abs(counts / counts.sum() - [2 / 3, 1 / 3]).max() < 0.03


def test_a_seed_gives_its_own_replies_again(one: tuple[Decoder, Path]) -> None:
    runs = [drawn_by(one[0], None, PROMPTS[:1], seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert chooser(0, [1])(np.array([0, 3, 1], dtype=np.float32)) == 1


def test_a_base_that_was_replaced_takes_no_voices(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base")
    voice = make_adapter(folder, tmp_path / "voice")
    made = decoder(folder)
    made.adapter(voice)
    make_base(folder, seed=7)
    with pytest.raises(ModelError, match="not those that were loaded"):
        made.adapter(voice)
    assert decoder(folder).adapter(voice)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "qwen2"},
        {"attention_bias": True},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}},
        {"head_dim": 8},
        {"num_attention_heads": None, "head_dim": None},
    ],
)
def test_other_architectures_are_left_to_transformers(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = make_base(tmp_path / "base")
    assert folder_of(str(folder)) == folder
    change_json(folder / "config.json", **change)
    assert folder_of(str(folder)) is None


def test_a_hub_id_is_left_to_transformers() -> None:
    assert folder_of("some-house/some-model") is None


@pytest.mark.parametrize("damage", ["missing", "surplus", "sizes", "nan", "truncated", "kind", "rank"])
def test_a_bad_adapter_is_refused(one: tuple[Decoder, Path], tmp_path: Path, damage: str) -> None:
    from safetensors.numpy import load_file, save_file

    folder = make_adapter(one[1], tmp_path / "bad")
    path, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    tensors = load_file(path)
    first = sorted(tensors)[0]
    if damage == "missing":
        del tensors[first]
    elif damage == "surplus":
        tensors[first.replace("layers.0", "layers.9")] = tensors[first]
    elif damage == "sizes":
        tensors[first] = tensors[first][:, :-1].copy()
    elif damage == "nan":
        tensors[first][0, 0] = np.nan
    save_file(tensors, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "kind":
        change_json(config, use_dora=True)
    elif damage == "rank":
        change_json(config, r=0)
    with pytest.raises(ModelError):
        one[0].adapter(folder)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match="no readable safetensors"):
        decoder(folder)


def test_serving_needs_no_torch() -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from frontdesk.adapters.voices import Voices;"
        "from frontdesk.adapters.registry import VoiceRegistry;"
        "voices = Voices(VoiceRegistry(Path('none')));"
        "print(voices.replies(None, [('greeting', 'hello')], seed=0)[0]);"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
