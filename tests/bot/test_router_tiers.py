"""The router's tiers: n-grams settle what they are sure of, a tuned encoder has its say in the rest."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from frontdesk.bot.errors import ModelError
from frontdesk.bot.router import quick, tuning
from frontdesk.bot.router.calibrate import Ints
from frontdesk.bot.router.heads import Table, fit_heads
from frontdesk.bot.router.mix import Heard, fit_mix, mixed
from frontdesk.bot.router.model import ENCODER, Model, Reading, pack, unpack
from frontdesk.bot.router.nlu import Example
from frontdesk.bot.router.train import Trial, fit, train_router
from frontdesk.bot.router.tuning import Learned, Tuned, kept_back
from frontdesk.bot.router.versions import RouterVersions, load
from frontdesk.bot.types import Encoder

STEMS = {
    "return_policy": ["can i return the {}", "send back my {}", "return policy for a {}", "returning {} how"],
    "order_status": ["where is my {}", "has the {} shipped", "track my {} order", "when will my {} arrive"],
    "greeting": ["hello from {}", "good morning {}", "hi {} people", "hey {}"],
    "human_agent": ["i want a person about {}", "agent please {}", "talk to a human {}", "real person for {}"],
}
THINGS = ["kettle", "teapot", "lamp", "blanket", "skillet", "grinder", "mug", "jar", "rug", "tray"]
ROWS = [
    Example(text=stem.format(thing), intent=intent)
    for intent, stems in STEMS.items()
    for stem in stems
    for thing in THINGS
]

FAR = [Example(text=f"how tall is mount {k} in feet", intent="out_of_scope") for k in range(30)]
SINGLES = [Example(text=f"word{k} thing{k}", intent=f"intent_{k}") for k in range(60)]


class Hashed:
    """A tiny encoder that can be tuned: signed hashed words, unit length; tuning changes where words fall."""

    def __init__(self, layers: bytes = b"") -> None:
        self._layers = layers
        self.read: list[str] = []

    @property
    def fingerprint(self) -> str:
        return f"words-{self._layers.hex()}"

    def tuned(self, layers: bytes) -> Encoder:
        return Hashed(layers)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                code = crc32(self._layers + word.encode())
                row[code % 64] += 1 if code & 64 else -1
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows


class Plain:
    """The same without tuning."""

    fingerprint = "words-"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return Hashed().encode(texts)


def means(texts: Sequence[str], truth: Ints, step: tuning.Progress) -> Tuned:
    """A tuner: layers of its own, each class at the mean of its texts."""
    layers = b"own"
    vectors = Hashed(layers).encode(texts)
    directions = np.stack([vectors[truth == k].mean(axis=0) for k in range(int(truth.max()) + 1)])
    step("tuning", 1, 1)
    return Tuned(layers=layers, directions=10 * directions, offsets=np.zeros(len(directions), dtype=np.float32))


@pytest.fixture(scope="module")
def fitted() -> tuple[Model, Trial]:
    return fit(ROWS, Hashed(), max_error=0.05)


@pytest.fixture
def as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows pass for many: one in ten is kept from the encoder, which is tuned once."""
    monkeypatch.setattr(tuning, "few", lambda texts: False)
    monkeypatch.setattr(tuning, "ENOUGH", 100)


def test_a_settled_message_never_reaches_the_encoder(fitted: tuple[Model, Trial]) -> None:
    model, encoder = fitted[0], Hashed()
    verdict = model.judge(["where is my lamp", "qwzx blorf"], encoder)
    assert verdict.settled.tolist() == [True, False]
    assert encoder.read == ["qwzx blorf"]
    assert model.head.labels[verdict.shares[0].argmax()] == "order_status"
    assert verdict.confidence[0] >= model.calibration.confidence_threshold
    assert verdict.outside[0] <= model.calibration.outside_threshold


@pytest.mark.parametrize("counts", [(3, 3, 1, 1), (1, 1, 1, 1), (9, 1, 1), (2, 2)])
def test_few_intents_with_hardly_an_example_train(counts: tuple[int, ...]) -> None:
    rows = [Example(text=f"word{k} of{j}", intent=f"intent_{k}") for k, n in enumerate(counts) for j in range(n)]
    model, _ = fit(rows, Hashed(), max_error=0.05)
    assert len(model.judge(["word0 of0"], Hashed()).confidence) == 1


def test_heads_are_weighed_without_an_encoder_that_learned_from_most_rows() -> None:
    drawn, n = np.random.default_rng(0), 400
    truth = drawn.integers(0, 4, n)
    good, poor, tuned = ((np.eye(4)[truth] * k + drawn.normal(0, 1, (n, 4))).astype(np.float32) for k in (2, 0.5, 4))
    heads = [Reading(scores=s, hints=np.zeros((n, 2), dtype=np.float32), plain=s) for s in (good, poor)]
    every = np.ones(n, dtype=bool)
    parts = [Heard(heads=tuple(heads), quick=heads[1], truth=truth, rows=np.arange(n), known=every)]

    def learned(honest: NDArray[np.bool_]) -> Learned:
        made = Tuned(layers=b"", directions=np.eye(4, dtype=np.float32), offsets=np.zeros(4, dtype=np.float32))
        return Learned(encoder=Hashed(), made=made, back=honest, honest=honest, scores=tuned)

    alone, partly = fit_mix(parts), fit_mix(parts, learned(np.arange(n) % 10 == 0))
    assert partly[1] / partly[0] == pytest.approx(alone[1] / alone[0])
    assert partly[2] > partly[0] > 0
    together = fit_mix(parts, learned(every))
    assert together[1] / together[0] != pytest.approx(alone[1] / alone[0], rel=1e-3)


def test_texts_judged_together_and_alone_agree(fitted: tuple[Model, Trial]) -> None:
    model, texts = fitted[0], ["where is my lamp", "blorf", "a person", "return", "has it shipped to me"]
    together = model.judge(texts, Hashed())
    alone = [model.judge([text], Hashed()) for text in texts]
    assert together.settled.tolist() == [bool(one.settled[0]) for one in alone]
    assert together.shares == pytest.approx(np.concatenate([one.shares for one in alone]), abs=1e-5)


def test_two_tiers_err_no_more_than_the_full_one_on_held_out_texts(fitted: tuple[Model, Trial]) -> None:
    model, trial = fitted
    full = model.calibration.judge(trial.known.reading)
    wrong = [int((verdict.shares.argmax(axis=1) != trial.known.truth).sum()) for verdict in (trial.verdict, full)]
    assert trial.verdict.settled.mean() > 0.5
    assert wrong[0] <= wrong[1]


def test_nothing_is_lost_by_settling_held_out_texts(fitted: tuple[Model, Trial]) -> None:
    model, trial = fitted
    full = model.calibration.judge(trial.known.reading)
    settled, truth = trial.verdict.settled, trial.known.truth
    wrong = settled & (trial.verdict.shares.argmax(axis=1) != truth)
    assert not (wrong & (full.shares.argmax(axis=1) == truth)).any()


@pytest.mark.parametrize(("n", "strange", "spared"), [(100, 5, 0), (10_000, 100, 0), (9002, 9002, 47), (30, 4, 4)])
def test_out_of_scope_no_more_is_lost_than_the_bound_in_scope_allows(n: int, strange: int, spared: int) -> None:
    assert quick._spared(n, strange, 0.05) == spared


def test_nothing_is_settled_when_nothing_tells_what_is_out_of_scope() -> None:
    model, _ = fit([row for row in ROWS if row.intent != "greeting"], Hashed(), max_error=0.05)
    assert model.calibration.quick is None


def test_without_a_quick_tier_everything_is_weighed(fitted: tuple[Model, Trial]) -> None:
    model = fitted[0]
    slow = Model(head=model.head, calibration=model.calibration.model_copy(update={"quick": None}))
    assert not slow.judge(["where is my lamp"], Hashed()).settled.any()


class TestTuned:
    def test_a_version_keeps_its_encoder(self, tmp_path: Path, as_many: None) -> None:
        report = self.train(tmp_path)
        assert report
        version = RouterVersions(tmp_path / "out").load()
        assert (version.folder / ENCODER).read_bytes() == b"own"
        model = load(tmp_path / "out", Hashed())
        assert model.tuned and model.tuned.fingerprint == Hashed(b"own").fingerprint
        verdict = model.weigh(["where is my lamp"], Hashed())
        assert model.head.labels[verdict.shares[0].argmax()] == "order_status"
        judged = [row for row in version.examples() if row.said]
        assert len(judged) == len(ROWS) // 10
        assert np.mean([row.said == row.intent for row in judged]) > 0.9

    def test_an_encoder_that_takes_no_layers_cannot_serve_it(self, tmp_path: Path) -> None:
        self.train(tmp_path)
        with pytest.raises(ModelError, match="frontdesk train"):
            load(tmp_path / "out", Plain())

    def test_altered_layers_are_refused(self, tmp_path: Path) -> None:
        self.train(tmp_path)
        (tmp_path / "out" / "1" / ENCODER).write_bytes(b"owm")
        with pytest.raises(ModelError, match="not those that training wrote"):
            load(tmp_path / "out", Hashed())

    def test_few_examples_are_all_learned_from_and_all_judged_by_an_encoder_that_did_not_see_them(self) -> None:
        asked: list[set[str]] = []
        done: list[tuple[int, int]] = []

        def seen(texts: Sequence[str], truth: Ints, step: tuning.Progress) -> Tuned:
            asked.append(set(texts))
            return means(texts, truth, step)

        def step(what: str, at: int, total: int) -> None:
            if what == "tuning":
                done.append((at, total))

        model, trial = fit(ROWS, Hashed(), max_error=0.05, tuner=seen, progress=step)
        assert model.tuned and trial.layers
        every = {row.text for row in ROWS}
        assert asked[0] == every
        left = [every - part for part in asked[1:]]
        assert len(left) == 5
        assert sum(map(len, left)) == len(every) == len(set.union(*left))
        assert len(trial.known.truth) == len(ROWS)
        assert done == [(k, 6) for k in range(1, 7)]

    @pytest.mark.parametrize(
        "rows",
        [ROWS[::2], [*ROWS, *SINGLES], [Example(text=row.text, intent="all") for row in ROWS] + FAR],
        ids=["hardly any", "hardly any of each", "one intent"],
    )
    def test_hardly_any_examples_are_not_tuned_on(self, rows: Sequence[Example]) -> None:
        def never(texts: Sequence[str], truth: Ints, step: tuning.Progress) -> Tuned:
            raise AssertionError("tuned on hardly any examples")

        model, trial = fit(rows, Hashed(), max_error=0.05, tuner=never)
        assert model.tuned is None
        assert not trial.layers

    def test_a_label_that_no_other_fold_has_scores_lowest_there(self) -> None:
        lone = Example(text="zebra crossing", intent="zoo")
        model, trial = fit([*ROWS, lone], Hashed(), max_error=0.05, tuner=means)
        zoo = model.head.labels.index("zoo")
        place = int(np.flatnonzero(trial.known.truth == zoo)[0])
        assert trial.known.reading.scores[place].argmin() == zoo

    @pytest.mark.parametrize("strange", [8, 30])
    def test_few_examples_with_some_out_of_scope(self, strange: int) -> None:
        model, trial = fit([*ROWS, *FAR[:strange]], Hashed(), max_error=0.05, tuner=means)
        assert (trial.known.truth < 0).sum() == strange
        verdict = model.judge(["how tall is mount fuji in feet", "has the jar shipped"], Hashed())
        assert (verdict.outside > model.calibration.outside_threshold).tolist() == [True, False]

    def test_with_examples_out_of_scope(self, as_many: None) -> None:
        model, trial = fit([*ROWS, *FAR], Hashed(), max_error=0.05, tuner=means)
        assert (trial.known.truth < 0).sum() == 3
        verdict = model.judge(["how tall is mount fuji in feet", "has the jar shipped"], Hashed())
        assert (verdict.outside > model.calibration.outside_threshold).tolist() == [True, False]

    def test_the_same_rows_are_kept_back_when_others_come(self) -> None:
        texts = [f"text number {k}" for k in range(200)]
        back = kept_back(texts, np.zeros(200, dtype=np.int64))
        assert back.sum() == 20
        more = kept_back([*texts, "one more"], np.zeros(201, dtype=np.int64))
        assert (back == more[:200]).all() or (back ^ more[:200]).sum() == 1

    @staticmethod
    def train(folder: Path) -> bool:
        lines = ["nlu:"]
        for intent in STEMS:
            lines += [f"- intent: {intent}", "  examples: |"]
            lines += [f"    - {row.text}" for row in ROWS if row.intent == intent]
        (folder / "nlu.yml").write_text("\n".join(lines))
        report = train_router(folder / "nlu.yml", Hashed(), max_error=0.05, out=folder / "out", tuner=means)
        return report.tuned


def test_with_few_examples_peaks_are_read_too_and_kept_with_the_head() -> None:
    texts = tuple(row.text for row in ROWS)
    truth = np.asarray([sorted(STEMS).index(row.intent) for row in ROWS])
    views = np.hstack([Hashed().encode(texts), Hashed(b"peaks").encode(texts) + 1])
    names = np.zeros((4, 128), dtype=np.float32)
    table = Table(texts=texts, vectors=views, truth=truth, labels=tuple(sorted(STEMS)), names=names, peaked=True)
    head = mixed(fit_heads(table, outside=False), (1.0, 0.3, 0.5))
    assert head.peaked
    assert len(head.weights) == len(head.ngrams.rarity) + 128
    assert head.inside.shape[1] == 64
    kept, asked = unpack(pack(head), head.labels), texts[::40]
    scores = kept.read(asked, views[::40]).scores
    assert (scores.argmax(axis=1) == truth[::40]).all()
    assert (scores == head.read(asked, views[::40]).scores).all()
    others = np.hstack([views[::40, :64], views[::40, 64:][::-1]])
    assert (scores != kept.read(asked, others).scores).all(), "peaks have their say"


def test_a_head_of_before_peaks_is_read_as_it_was(fitted: tuple[Model, Trial], tmp_path: Path) -> None:
    head = fitted[0].head
    with np.load(BytesIO(pack(head))) as arrays:
        np.savez(tmp_path / "old.npz", **{name: arrays[name] for name in arrays.files if name != "centre"})
    old = unpack((tmp_path / "old.npz").read_bytes(), head.labels)
    assert not old.peaked
    vectors = Hashed().encode(["track my lamp order"])
    assert (
        old.read(["track my lamp order"], vectors).scores == head.read(["track my lamp order"], vectors).scores
    ).all()
