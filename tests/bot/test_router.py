"""The router: what it decides, what it refuses to load, and whether its fitted bounds hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from frontdesk.adapters.encoder import MiniLM
from frontdesk.bot.commands.router_report import write_router_report
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.router.bars import Bars
from frontdesk.bot.router.calibrate import conformal_limit, coverage_at, selective_threshold
from frontdesk.bot.router.evaluate import auroc, calibration_error, evaluate_router
from frontdesk.bot.router.features import NGrams, clean
from frontdesk.bot.router.judge import Judge
from frontdesk.bot.router.model import Model
from frontdesk.bot.router.nlu import Example
from frontdesk.bot.router.route import Router, load_router
from frontdesk.bot.router.train import TrainReport, fit, train_router
from frontdesk.bot.router.versions import load
from frontdesk.bot.types import Conversation, Customer, Encoder, Kind, Message, Reply, Route, Turn

ROUTES: dict[str, Kind] = {
    "greeting": "voice",
    "return_policy": "knowledge",
    "order_status": "account",
    "human_agent": "handoff",
    "out_of_scope": "clarify",
}
TITLES = {"return_policy": "Returning something", "order_status": "Where my order is"}
STEMS = {
    "greeting": ["hello {}", "good morning {}", "hi {}", "hey {}"],
    "return_policy": ["can i return the {}", "send back my {}", "return policy for a {}", "returning {} how"],
    "order_status": ["where is my {}", "has the {} shipped", "track my {} order", "when will my {} arrive"],
    "human_agent": ["i want a person about {}", "agent please {}", "talk to a human {}", "real person for {}"],
}
THINGS = [
    "kettle",
    "teapot and the jar",
    "lamp",
    "blanket there",
    "skillet please",
    "grinder and the mugs",
    "mugs",
    "jar",
]


class WordHash:
    """A real, tiny encoder: signed hashed words, unit length."""

    fingerprint = "words-64"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                code = crc32(word.encode("utf-8", "replace"))
                row[code % 64] += 1 if code & 64 else -1
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows


class Other(WordHash):
    fingerprint = "other"


def nlu_file(folder: Path) -> Path:
    lines = ["nlu:"]
    for intent, stems in STEMS.items():
        lines += [f"- intent: {intent}", "  examples: |"]
        lines += [f"    - {stem.format(thing)}" for stem in stems for thing in THINGS]
    (folder / "nlu.yml").write_text("\n".join(lines))
    return folder / "nlu.yml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainReport]:
    folder = tmp_path_factory.mktemp("router")
    return folder / "out", train_router(nlu_file(folder), WordHash(), max_error=0.05, out=folder / "out")


@pytest.fixture(scope="module")
def router(trained: tuple[Path, TrainReport]) -> Router:
    return load_router(trained[0], WordHash(), ROUTES, TITLES)


def message(text: str) -> Message:
    return Message(text=text, conversation_id="c", brand="b", channel="test", customer=Customer(id="a"), id="1")


def talk(*turns: tuple[str, Kind]) -> Conversation:
    replies = [Reply(text="", routes=(Route(kind=kind, intent="x", confidence=1, reason="test"),)) for _, kind in turns]
    pairs = zip(turns, replies, strict=True)
    return Conversation(
        id="c", brand="b", turns=tuple(Turn(message=message(text), reply=reply) for (text, _), reply in pairs)
    )


def ask(router: Router, text: str, conversation: Conversation | None = None) -> Route:
    """Return the one route, or what is behind it when the documents are asked first."""
    (route,) = router.route(message(text), conversation or talk())
    return route.otherwise or route


def test_messages_go_where_their_intent_goes(router: Router) -> None:
    route = ask(router, "Can I return the mugs")
    assert (route.kind, route.intent) == ("knowledge", "return_policy")
    assert "return_policy at" in route.reason
    assert "threshold" in route.reason
    intent, confidence = route.alternatives[0]
    assert intent == "return_policy"
    assert confidence == pytest.approx(route.confidence, abs=1e-3)
    assert len(route.alternatives) == 3
    assert ask(router, "where is my lamp").kind == "account"
    assert ask(router, "hello there").intent == "greeting"


@pytest.mark.parametrize("text", ["", " ", "🙂🙂", "\x00\x07", "12345", "?!", "\ud800"])
def test_nothing_to_read_is_out_of_scope(router: Router, text: str) -> None:
    route = ask(router, text)
    assert (route.kind, route.intent) == ("clarify", "out_of_scope")


@pytest.mark.parametrize(
    "text", ["qwzx blorf 88 plint", "x" * 100_000, "где мой заказ", "{}[]|a" * 900, "a\u0000b \u202e c", "/", "/ /x"]
)
def test_strange_text_is_clarified_never_an_error(router: Router, text: str) -> None:
    assert ask(router, text).kind == "clarify"


def test_the_bounds_and_figures_are_reported(trained: tuple[Path, TrainReport]) -> None:
    report = trained[1]
    assert (report.examples, report.intents, report.out_of_scope_examples) == (128, 4, 0)
    assert report.accuracy > 0.95
    assert report.accuracy_ci[0] < report.accuracy <= report.accuracy_ci[1]
    assert report.error_on_answered <= 0.05
    assert report.guaranteed


class TestPayloads:
    def test_an_intent_with_slots(self, router: Router) -> None:
        route = ask(router, '/order_status{"order_id": "LL-10423", "n": 2, "x": [1]} thanks')
        assert (route.kind, route.intent, route.confidence) == ("account", "order_status", 1.0)
        assert route.slots == {"order_id": "LL-10423", "n": "2"}

    @pytest.mark.parametrize("text", ["/order_status", "/order_status@0.4", "/order_status{bad", "/order_status{"])
    def test_bad_json_and_confidence_are_ignored(self, router: Router, text: str) -> None:
        route = ask(router, text)
        assert (route.kind, route.confidence, dict(route.slots)) == ("account", 1.0, {})

    def test_an_unknown_intent_is_clarified(self, router: Router) -> None:
        route = ask(router, "/nope")
        assert route.kind == "clarify"
        assert "no route is set" in route.reason

    def test_out_of_scope_is_reserved(self, router: Router) -> None:
        assert ask(router, "/out_of_scope").intent == "out_of_scope"

    def test_a_title_typed_out_is_its_button(self, router: Router) -> None:
        assert ask(router, "where my order IS").intent == "order_status"


class TestDoubt:
    def test_a_second_clarification_becomes_a_person(self, router: Router) -> None:
        route = ask(router, "qwzx blorf", talk(("zzgl", "clarify")))
        assert (route.kind, route.intent) == ("handoff", "out_of_scope")
        assert "asked once already" in route.reason

    def test_after_a_clear_turn_the_same_is_not_asked_again(self, router: Router) -> None:
        assert ask(router, "qwzx blorf", talk(("zzgl", "clarify"), ("hello", "voice"))).kind == "handoff"

    def test_a_follow_up_is_read_with_the_message_before(self, router: Router) -> None:
        before = talk(("can i return the kettle", "knowledge"))
        assert ask(router, "and the teapot").kind == "clarify"
        route = ask(router, "and the teapot", before)
        assert (route.kind, route.intent) == ("knowledge", "return_policy")
        assert "follow-up" in route.reason

    def test_nonsense_gains_nothing_from_the_message_before(self, router: Router) -> None:
        assert ask(router, "qwzx blorf plint", talk(("can i return the kettle", "knowledge"))).kind == "clarify"

    def test_an_intent_without_a_route_is_clarified(self, trained: tuple[Path, TrainReport]) -> None:
        bare = load_router(trained[0], WordHash(), {}, {})
        assert ask(bare, "where is my lamp").kind == "clarify"

    def test_which_of_two_knowledge_intents_need_not_be_known(self, trained: tuple[Path, TrainReport]) -> None:
        ranked = [("return_policy", 0.55), ("order_status", 0.449), ("greeting", 0.001)]
        kinds: tuple[Kind, Kind] = ("account", "knowledge")
        model = load(trained[0], WordHash())
        one, both = (
            Judge(routes={**ROUTES, "order_status": kind}, serving=lambda: model, encoder=WordHash()) for kind in kinds
        )
        bars = Bars(outside=0.0, together={"knowledge": 0.9})
        assert one.decided(ranked, 0.9, bars).kind == "clarify"
        route = both.decided(ranked, 0.9, bars)
        assert (route.kind, route.intent) == ("knowledge", "return_policy")
        assert "together" in route.reason

    def test_out_of_scope_may_go_to_a_person(self, trained: tuple[Path, TrainReport]) -> None:
        strict = load_router(trained[0], WordHash(), {**ROUTES, "out_of_scope": "handoff"}, {})
        assert ask(strict, "qwzx blorf plint").kind == "handoff"


class TestFiles:
    def test_no_router_names_the_command(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="frontdesk train"):
            load_router(tmp_path, WordHash(), ROUTES, TITLES)

    def test_another_encoder_is_refused(self, trained: tuple[Path, TrainReport]) -> None:
        with pytest.raises(ModelError, match="trained with words-64"):
            load(trained[0], Other())

    @pytest.mark.parametrize("damage", ["weights", "pickle", "manifest", "labels", "pointer", "format"])
    def test_altered_files_are_refused(self, tmp_path: Path, damage: str) -> None:
        train_router(nlu_file(tmp_path), WordHash(), max_error=0.05, out=tmp_path / "out")
        home = tmp_path / "out" / "1"
        manifest = json.loads((home / "manifest.json").read_text())
        if damage == "weights":
            data = bytearray((home / "weights.npz").read_bytes())
            data[len(data) // 2] ^= 1
            (home / "weights.npz").write_bytes(bytes(data))
        elif damage == "pickle":
            np.savez(home / "weights.npz", names=np.array([{}], dtype=object))
        elif damage == "pointer":
            (tmp_path / "out" / "current").write_text("../1/9")
        else:
            changed: dict[str, object] = {"labels": 3} if damage == "labels" else {"format": 99}
            text = "{" if damage == "manifest" else json.dumps(manifest | changed)
            (home / "manifest.json").write_text(text)
        with pytest.raises(ModelError, match="frontdesk train"):
            load(tmp_path / "out", WordHash())

    def test_nothing_on_disk_is_pickled(self, trained: tuple[Path, TrainReport]) -> None:
        with np.load(trained[0] / "1" / "weights.npz", allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)

    def test_each_training_is_a_version_and_judges_alike(self, tmp_path: Path) -> None:
        nlu, out = nlu_file(tmp_path), tmp_path / "out"
        versions = [train_router(nlu, WordHash(), max_error=0.05, out=out).version for _ in range(2)]
        assert versions == [1, 2]
        assert (out / "current").read_text() == "2 1\n"
        names = ["1", "1.gate.json", "2", "2.gate.json", "current"]
        assert sorted(path.name for path in out.iterdir()) == names
        assert (out / "1" / "weights.npz").read_bytes() == (out / "2" / "weights.npz").read_bytes()

    def test_a_broken_nlu_file_leaves_the_serving_version(self, tmp_path: Path) -> None:
        nlu, out = nlu_file(tmp_path), tmp_path / "out"
        train_router(nlu, WordHash(), max_error=0.05, out=out)
        nlu.write_text("nlu:\n - intent: [")
        with pytest.raises(ConfigError, match=r"nlu\.yml"):
            train_router(nlu, WordHash(), max_error=0.05, out=out)
        assert load(out, WordHash()).head.labels


class TestBounds:
    def test_the_fitted_error_holds_on_resamples(self) -> None:
        promised, broken = 0, 0
        for seed in range(20):
            random = np.random.default_rng(seed)
            confidence = random.uniform(0.3, 1, 5000)
            threshold, guaranteed = selective_threshold(confidence, random.uniform(size=5000) < confidence, 0.1)
            promised += guaranteed
            broken += guaranteed and (1 - threshold) / 2 > 0.1  # the true error above a threshold, for this law
        assert promised >= 15
        assert broken == 0

    def test_hopeless_predictions_answer_nothing(self) -> None:
        threshold, guaranteed = selective_threshold(np.linspace(0, 0.9, 500), np.zeros(500, dtype=bool), 0.05)
        assert (threshold, guaranteed) == (1.0, False)
        assert selective_threshold(np.array([]), np.array([], dtype=bool), 0.05) == (1.0, False)

    def test_few_predictions_are_used_without_a_promise(self) -> None:
        threshold, guaranteed = selective_threshold(np.array([0.9, 0.8, 0.2]), np.array([True, True, False]), 0.05)
        assert (threshold, guaranteed) == (0.8, False)

    def test_no_more_than_the_target_are_turned_away(self) -> None:
        random = np.random.default_rng(0)
        limit = conformal_limit(random.normal(size=999), 0.05)
        assert (random.normal(size=20_000) > limit).mean() == pytest.approx(0.035, abs=0.015)

    def test_two_intents_with_two_examples_train(self) -> None:
        rows = [Example(text=f"{word} {k}", intent=word) for word in ("yes", "no") for k in "ab"]
        model, _ = fit(rows, WordHash(), max_error=0.05)
        assert not model.calibration.guaranteed


class TestFigures:
    def test_known_values(self) -> None:
        assert auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75
        assert calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == 0.0
        assert coverage_at(np.array([0.9, 0.8, 0.7]), np.array([True, True, False]), 0.05) == pytest.approx(2 / 3)

    def test_evaluation_has_the_designs_keys_and_a_page(self, tmp_path: Path) -> None:
        rows = [
            {"text": stem.format(thing), "intent": intent}
            for intent, stems in STEMS.items()
            for stem in stems
            for thing in THINGS
        ]
        strange = [{"text": f"zorb {k} quux", "intent": "oos"} for k in range(30)]
        evaluation = evaluate_router(rows + strange, rows[::3] + strange[:5], WordHash())
        found = evaluation.figures
        names = ["accuracy", "accuracy_in_scope", "oos_recall", "oos_precision", "oos_auroc", "ece"]
        names += ["coverage_at_error_5", "error_at_coverage_80", "answered", "error_on_answered", "p50_ms", "p95_ms"]
        assert set(found) == {"n", "train_seconds", *names, *(f"{name}_ci" for name in names)}
        assert all(found[f"{name}_ci"][0] <= found[name] <= found[f"{name}_ci"][1] for name in names)
        assert found["accuracy_in_scope"] > 0.95
        assert json.loads(json.dumps(found)) == found
        page = write_router_report(tmp_path, evaluation).read_text()
        assert all(text in page for text in ("Coverage and error", "Reliability", "<polyline", "Most confused", "ece"))
        alone = evaluate_router(rows, rows[:8], WordHash()).figures
        assert alone["oos_auroc"] is None
        assert alone["accuracy"] == alone["accuracy_in_scope"]


class TestFeatures:
    def test_a_copy_is_cleaned(self) -> None:
        assert clean("ﬁne\x00\tＷhere  is\n") == "fine Where is"
        assert len(clean("a" * 100_000)) == 2000

    def test_words_the_examples_lack(self) -> None:
        grams = NGrams.fit(["where is my order 55", "where was it"])
        assert grams.unknown("where is blorf 88") == 0.25
        assert grams.unknown("") == 1.0
        columns, values = grams.row("zzzz")
        assert len(columns) == len(values) == 0


def test_the_real_encoder_end_to_end(tmp_path: Path) -> None:
    encoder: Encoder = MiniLM(tmp_path / "cache")
    train_router(nlu_file(tmp_path), encoder, max_error=0.05, out=tmp_path / "out")
    model: Model = load(tmp_path / "out", encoder)
    router = Router(routes=ROUTES, titles=TITLES, serving=lambda: model, encoder=encoder)
    assert ask(router, "can I send back the lamp").intent == "return_policy"
    assert ask(router, "who won the world cup in 2018").kind == "clarify"


@pytest.mark.slow
def test_public_banking_questions(shared_data: Path, tmp_path: Path) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (shared_data / "banking77" / name).read_text().splitlines()]

    found = evaluate_router(rows("train.jsonl")[::4], rows("dev.jsonl"), MiniLM(tmp_path)).figures
    assert found["accuracy"] > 0.88
