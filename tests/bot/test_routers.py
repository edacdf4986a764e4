"""Routers as versions: the gate, promotion and rollback, and a running server that takes the promoted one up."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from frontdesk.bot import app as wiring
from frontdesk.bot.commands import app
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.router import versions as disk
from frontdesk.bot.router.route import load_router
from frontdesk.bot.router.train import TrainReport, train_router
from frontdesk.bot.router.versions import RouterVersions, Serving, Verdict
from tests.bot.test_router import ROUTES, STEMS, THINGS, TITLES, WordHash, ask

ROWS = [(stem.format(thing), intent) for intent, stems in STEMS.items() for stem in stems for thing in THINGS]


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = ["nlu:"]
    for intent in dict.fromkeys(intent for _, intent in rows):
        lines += [f"- intent: {intent}", "  examples: |"]
        lines += [f"    - {text}" for text, its in rows if its == intent]
    path.write_text("\n".join(lines) + "\n")
    return path


def train(shop: Path, rows: list[tuple[str, str]], *, force: bool = False) -> TrainReport:
    out = shop / ".frontdesk" / "router"
    return train_router(write(shop / "nlu.yml", rows), WordHash(), max_error=0.05, out=out, force=force)


def mislabelled(share: float) -> list[tuple[str, str]]:
    """The rows with the intents of some of them dealt out anew."""
    dice, rows = random.Random(0), list(ROWS)
    picked = dice.sample(range(len(rows)), int(share * len(rows)))
    intents = [rows[at][1] for at in picked]
    dice.shuffle(intents)
    for at, intent in zip(picked, intents, strict=True):
        rows[at] = rows[at][0], intent
    return rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a router, a second one as good that is served, and a third that the gate refused."""
    shop = tmp_path_factory.mktemp("shop")
    template = Path(__file__).parents[2] / "bot" / "template" / "frontdesk.toml"
    shutil.copyfile(template, shop / "frontdesk.toml")
    assert train(shop, ROWS[:-1]).verdict.passed
    assert train(shop, ROWS).verdict.passed
    assert not train(shop, mislabelled(0.4)).verdict.passed
    return shop


@pytest.fixture
def shop(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wiring, "encoder_of", lambda models: WordHash())
    shutil.copytree(made, tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def versions(shop: Path) -> RouterVersions:
    return RouterVersions(shop / ".frontdesk" / "router")


def routers(shop: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["routers", *arguments, "--project", str(shop)])


def said(shop: Path, *arguments: str) -> Any:
    done = routers(shop, *arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


class TestGate:
    def test_a_worse_router_is_refused_and_the_served_one_stays(self, versions: RouterVersions) -> None:
        verdict = versions.verdict(3)
        assert verdict is not None
        assert (verdict.against, verdict.passed, verdict.served) == (2, False, False)
        assert "right on examples that both have" in [one.check for one in verdict.findings if not one.passed]
        assert versions.current() == 2
        with pytest.raises(ModelError, match="refuses router 3"):
            versions.promote(verdict)

    def test_the_same_examples_are_as_good(self, shop: Path, versions: RouterVersions) -> None:
        report = train(shop, ROWS)
        assert report.verdict.passed
        assert all("0 won, 0 lost" in one.found for one in report.verdict.findings if one.check.startswith("right"))
        assert versions.current() == report.version == 4

    def test_new_examples_and_a_new_intent_are_welcome(self, shop: Path, versions: RouterVersions) -> None:
        more = [(f"{word} {thing}", "gift_wrap") for word in ("please wrap", "gift paper for") for thing in THINGS]
        verdict = train(shop, ROWS + more).verdict
        assert verdict.passed
        assert versions.current() == 4
        (every,) = [one for one in verdict.findings if one.check == "right on all its examples"]
        assert "of 144, served" in every.found

    def test_force_serves_it_all_the_same_and_says_so(self, shop: Path, versions: RouterVersions) -> None:
        report = train(shop, mislabelled(0.4), force=True)
        assert (report.verdict.passed, report.verdict.forced) == (False, True)
        assert versions.current() == 4
        assert "refused by the gate, served by force" in routers(shop, "list").output

    def test_a_served_router_that_cannot_be_read_is_no_bar(self, shop: Path, versions: RouterVersions) -> None:
        (versions.folder / "2" / "weights.npz").write_bytes(b"")
        verdict = train(shop, ROWS).verdict
        assert (verdict.passed, verdict.against) == (True, None)
        assert "nothing to compare with" in verdict.findings[0].found


class TestCommands:
    def test_list_marks_the_served_one(self, shop: Path) -> None:
        rows = said(shop, "list")["routers"]
        assert [(row["router"], row["served"], row["state"]) for row in rows] == [
            (1, False, "accepted by the gate"),
            (2, True, "accepted by the gate"),
            (3, False, "refused by the gate"),
        ]
        assert "*    2" in routers(shop, "list").output

    def test_show_tells_figures_and_the_gates_word(self, shop: Path) -> None:
        assert said(shop, "show")["version"] == 2
        shown = said(shop, "show", "3")
        assert (shown["parent"], shown["gate"]["passed"], shown["metrics"]["examples"]) == (2, False, 128)
        assert "The gate refuses router 3 against router 2:" in routers(shop, "show", "3").output

    def test_diff_tells_which_examples_differ(self, shop: Path) -> None:
        assert said(shop, "diff", "1", "2")["added"] == [{"text": ROWS[-1][0], "intent": ROWS[-1][1]}]
        changed = said(shop, "diff", "2", "3")
        assert {row["text"] for row in changed["relabelled"]} <= {text for text, _ in ROWS}
        assert changed["relabelled"]
        assert "relabelled: " in routers(shop, "diff", "2", "3").output
        assert routers(shop, "diff", "2", "2").output.strip() == "They do not differ."

    def test_train_ends_with_1_when_the_gate_refuses(self, shop: Path, versions: RouterVersions) -> None:
        rows = mislabelled(0.4)
        text, intent = rows[0]
        rows.append((text, next(other for _, other in rows if other != intent)))
        write(shop / "nlu.yml", rows)
        done = CliRunner().invoke(app, ["train", "--project", str(shop)])
        assert (done.exit_code, versions.current()) == (1, 2)
        assert "FAILED  right on examples that both have" in done.stdout
        assert f"warning: {text!r} stands under {intent} and" in done.stdout
        assert done.stdout.rstrip().endswith("is not served.")

    def test_promote_asks_the_gate_again(self, shop: Path, versions: RouterVersions) -> None:
        refused = routers(shop, "promote", "3")
        assert (refused.exit_code, versions.current()) == (1, 2)
        assert "Router 3 is not served." in refused.output
        assert said(shop, "promote", "1")["served"]
        assert versions.current() == 1
        assert said(shop, "promote", "3", "--force")["gate"]["forced"]
        assert versions.current() == 3

    def test_rollback_goes_back_until_there_is_nothing(self, shop: Path, versions: RouterVersions) -> None:
        assert said(shop, "rollback") == {"served": 1}
        with pytest.raises(ModelError, match="no earlier router"):
            versions.rollback()
        assert versions.current() == 1

    def test_an_unknown_router_is_one_clear_error(self, shop: Path) -> None:
        done = routers(shop, "show", "9")
        assert isinstance(done.exception, ConfigError)
        assert "there is no router 9" in str(done.exception)

    def test_a_damaged_router_is_listed_as_such_and_passed_over(self, shop: Path, versions: RouterVersions) -> None:
        train(shop, ROWS)
        (versions.folder / "2" / "examples.jsonl").write_text("")
        assert "unusable" in routers(shop, "list").output
        assert versions.rollback().number == 1


class TestServing:
    def test_a_promoted_router_is_taken_up_at_once(self, shop: Path, versions: RouterVersions) -> None:
        router = load_router(versions.folder, WordHash(), {**ROUTES, "gift_wrap": "voice"}, TITLES)
        assert ask(router, "please wrap the kettle").intent != "gift_wrap"
        more = [(f"{word} {thing}", "gift_wrap") for word in ("please wrap", "gift paper for") for thing in THINGS]
        assert train(shop, ROWS + more).verdict.passed
        assert ask(router, "please wrap the kettle").intent == "gift_wrap"
        versions.rollback()
        assert ask(router, "please wrap the kettle").intent != "gift_wrap"

    def test_one_that_cannot_be_loaded_leaves_the_one_before(
        self, versions: RouterVersions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        serving = Serving(versions, WordHash())
        model = serving.now()
        weights = versions.folder / "1" / "weights.npz"
        whole = weights.read_bytes()
        weights.write_bytes(b"")
        (versions.folder / "current").write_text("1 2\n")
        assert serving.now() is model
        assert "cannot be served" in caplog.text
        weights.write_bytes(whole)
        assert serving.now() is model
        monkeypatch.setattr(disk, "_RETRY_S", -1.0)
        serving._until = 0.0
        assert serving.now() is not model

    def test_nothing_served_is_a_clear_error(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="frontdesk train"):
            Serving(RouterVersions(tmp_path), WordHash())

    def test_a_verdict_without_findings_is_no_pass(self) -> None:
        assert not Verdict(version=1, against=None, findings=()).served
