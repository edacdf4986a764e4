"""The review queue, from what a conversation holds to nlu.yml: nothing is lost, nothing is decided twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from frontdesk.bot import app as wiring
from frontdesk.bot.commands import app
from frontdesk.bot.commands.reviewing import Reviewer, unnamed
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.store import Store
from frontdesk.bot.store.review import Decision, key_of
from frontdesk.bot.types import Customer, Message
from frontdesk.finetune.redact import Redactor
from tests.bot.test_router import WordHash

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
WHO = Customer(id="ada")
TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
UNSURE = {"kind": "clarify", "intent": "return_policy", "confidence": 0.4, "reason": "unsure: ..."}
LIKELY = [["return_policy", 0.4], ["refund_policy", 0.3]]
OUTSIDE = {"kind": "clarify", "intent": "out_of_scope", "confidence": 0.9, "reason": "out of scope", "alternatives": []}
SURE = {"kind": "knowledge", "intent": "return_policy", "confidence": 0.9, "reason": "intent return_policy"}


class Talk:
    """Writes turns into a store."""

    def __init__(self, store: Store) -> None:
        self.store, self.count = store, 0

    def say(self, conversation: str, text: str, *routes: dict[str, Any]) -> None:
        self.count += 1
        ids: dict[str, Any] = {"id": f"m-{self.count}", "conversation_id": conversation}
        self.store.put(Message(text=text, brand="larkspur", channel="web", customer=WHO, **ids), ids["id"])
        (lane,) = self.store.claim("me", 1, 30)
        pending = self.store.next(lane)
        assert pending is not None
        self.store.close_turn(lane, pending, {"text": "…", "routes": list(routes)} if routes else None, {}, None, WHO)
        self.store.release(lane)

    def doubts(self) -> list[tuple[str, str, str]]:
        return [(one.text, one.doubt, one.chosen) for one in reversed(self.store.doubtful(LONG_AGO))]


@pytest.fixture
def talk(store_url: str) -> Iterator[Talk]:
    with Store(store_url) as store:
        yield Talk(store)


def test_what_was_clarified_is_doubted_and_a_choice_corrects_it(talk: Talk) -> None:
    talk.say("a", "send it back?", {**UNSURE, "alternatives": LIKELY})
    talk.say("a", "/refund_policy", {**SURE, "reason": "payload /refund_policy", "intent": "refund_policy"})
    talk.say("b", "sing a song", OUTSIDE)
    talk.say("b", "a poem then", {**OUTSIDE, "kind": "handoff", "reason": "asked once already; out of scope"})
    talk.say("c", "can i return a lamp", SURE)
    talk.say("c", "12345", OUTSIDE)
    talk.say("d", "wo ist mein paket", {**OUTSIDE, "intent": "other_language"})
    talk.say("e", "with a person here")
    assert talk.doubts() == [
        ("send it back?", "corrected", "refund_policy"),
        ("sing a song", "out_of_scope", ""),
        ("a poem then", "out_of_scope", ""),
    ]


def test_a_part_and_a_doubt_under_the_documents_are_found(talk: Talk) -> None:
    talk.say("a", "where is my order and is it blue", SURE, {**UNSURE, "text": "is it blue", "alternatives": LIKELY})
    talk.say("b", "is it green", {**SURE, "otherwise": {**UNSURE, "alternatives": LIKELY}})
    talk.say(
        "b", "/human_agent", {**SURE, "kind": "handoff", "intent": "human_agent", "reason": "payload /human_agent"}
    )
    assert talk.doubts() == [("is it blue", "unsure", ""), ("is it green", "unsure", "")]
    assert [one.intent for one in talk.store.doubtful(LONG_AGO)] == ["return_policy", "return_policy"]


def test_a_decision_stays_and_holds_for_the_same_words_later(talk: Talk) -> None:
    talk.say("a", "Sing  a song", OUTSIDE)
    (found,) = talk.store.doubtful(LONG_AGO)
    assert talk.store.decide([Decision(key=found.key, intent="sing", text="sing a song")]) == 1
    assert talk.store.decide([Decision(key=found.key, intent="other", text="no")]) == 0
    talk.say("b", "sing a SONG", OUTSIDE)
    assert talk.doubts() == []
    assert [(one.intent, one.text) for one in talk.store.unwritten()] == [("sing", "sing a song")]
    talk.store.written([found.key])
    assert talk.store.unwritten() == []


def test_a_dismissal_is_not_written(talk: Talk) -> None:
    assert talk.store.decide([Decision(key=key_of("hm"))]) == 1
    assert talk.store.unwritten() == []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("frontdesk.toml", "nlu.yml"):
        shutil.copyfile(TEMPLATE / name, tmp_path / name)
    return Project.load(tmp_path)


class TestReviewer:
    @pytest.fixture
    def store(self, project: Project) -> Iterator[Store]:
        with Store(project.store_url) as store:
            yield store

    def queue(self, reviewer: Reviewer, project: Project) -> list[tuple[str, ...]]:
        return [tuple(one.text for one in group.messages) for group in reviewer.queue(project.settings.brand_id, 7)]

    def test_a_message_goes_to_the_examples_without_personal_data(self, project: Project, store: Store) -> None:
        brand = project.settings.brand_id
        talk, reviewer = Talk(store), Reviewer(project, store, WordHash())
        talk.say("a", "pls send order LL-10423 to ann@acme.org back", {**UNSURE, "alternatives": LIKELY})
        store_brand = {one.brand for one in store.doubtful(LONG_AGO)}
        assert store_brand == {"larkspur"}
        (group,) = reviewer.queue(brand, 7)
        (message,) = group.messages
        assert message.text == "pls send order LL-00000 to name@example.com back"
        assert group.intent == "return_policy"
        assert reviewer.decide("return_policy", [(message.key, message.text)]) == 1
        rows = {(row.intent, row.text) for row in read_nlu(project.nlu).rows}
        assert ("return_policy", message.text) in rows
        assert self.queue(reviewer, project) == []
        assert store.unwritten() == []
        assert "ann@acme.org" not in project.nlu.read_text()

    def test_an_example_that_a_crash_left_is_written_later(self, project: Project, store: Store) -> None:
        reviewer = Reviewer(project, store, WordHash())
        store.decide([Decision(key=key_of("x"), intent="gift_wrap", text="do you wrap it")])
        reviewer.write()
        assert ("gift_wrap", "do you wrap it") in {(row.intent, row.text) for row in read_nlu(project.nlu).rows}
        before = project.nlu.read_bytes()
        reviewer.write()
        assert project.nlu.read_bytes() == before

    def test_a_broken_file_loses_no_decision(self, project: Project, store: Store) -> None:
        reviewer = Reviewer(project, store, WordHash())
        good = project.nlu.read_text()
        examples = reviewer.examples()
        assert (examples.served, "out_of_scope" in examples.intents) == (None, True)
        store.decide([Decision(key=key_of("x"), intent="gift_wrap", text="do you wrap it")])
        project.nlu.write_text("nlu: [")
        with pytest.raises(ConfigError, match=r"nlu\.yml"):
            reviewer.write()
        project.nlu.write_text(good)
        reviewer.write()
        assert "gift_wrap" in reviewer.examples().intents

    @pytest.mark.parametrize(("intent", "text"), [("Gift Wrap", "x y"), ("../x", "x y"), ("gift", "  - ")])
    def test_a_bad_name_or_an_empty_example_is_refused(
        self, project: Project, store: Store, intent: str, text: str
    ) -> None:
        reviewer = Reviewer(project, store, WordHash())
        with pytest.raises(ConfigError):
            reviewer.decide(intent, [(key_of("x"), text)])
        assert store.decide([Decision(key=key_of("x"))]) == 1

    def test_a_new_intent_is_named_after_what_its_messages_share(self, project: Project, store: Store) -> None:
        talk, reviewer = Talk(store), Reviewer(project, store, WordHash())
        for number, text in enumerate(("do you wrap gifts", "do you wrap gifts too", "do you wrap gifts now")):
            talk.say(f"c-{number}", text, OUTSIDE)
        (group,) = reviewer.queue(project.settings.brand_id, 7)
        assert (group.intent, group.name) == ("", "wrap_gifts")


class TestCommand:
    """`frontdesk review` on a project that no server runs on."""

    @pytest.fixture(autouse=True)
    def doubted(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wiring, "encoder_of", lambda models: WordHash())
        with Store(project.store_url) as store:
            talk = Talk(store)
            for text in ("pls send it all back now", "do you sell surfboards"):
                talk.say(text, text, {**UNSURE, "alternatives": LIKELY})

    def run(self, project: Project, *options: str, said: str = "") -> Result:
        return CliRunner().invoke(app, ["review", "--project", str(project.folder), *options], input=said)

    def keys(self, project: Project) -> dict[str, str]:
        done = self.run(project, "--json")
        assert done.exception is None, repr(done.exception)
        groups = json.loads(done.stdout)["groups"]
        return {one["text"]: one["key"] for group in groups for one in group["messages"]}

    def test_what_the_options_say_is_done_by_key(self, project: Project) -> None:
        keys = self.keys(project)
        more = ("--relabel", f"{keys['do you sell surfboards'][:12]}=surfboards")
        done = self.run(project, "--accept", keys["pls send it all back now"], *more)
        assert "2 reviewed." in done.stdout
        rows = {(row.intent, row.text) for row in read_nlu(project.nlu).rows}
        assert {("return_policy", "pls send it all back now"), ("surfboards", "do you sell surfboards")} <= rows
        assert self.keys(project) == {}

    def test_a_key_that_is_none_changes_nothing(self, project: Project) -> None:
        before, keys = project.nlu.read_text(), self.keys(project)
        done = self.run(project, "--dismiss", "zzz", "--accept", keys["pls send it all back now"])
        assert isinstance(done.exception, ConfigError)
        assert (project.nlu.read_text(), self.keys(project)) == (before, keys)

    def test_without_options_it_asks_about_each_group(self, project: Project) -> None:
        done = self.run(project, said="n\nwater_sports\nd\n")
        assert "1 of 2" in done.stdout
        assert [row.intent for row in read_nlu(project.nlu).rows if row.intent == "water_sports"] == ["water_sports"]
        assert self.keys(project) == {}


def test_numbers_keep_their_shape_and_places_stay() -> None:
    redactor = Redactor(None, patterns={"order_id": r"LL-\d{5}"})
    texts = ["is LL-10423 here", "call 0171 555 0199 or write to a.b@c.org", "deliver to Boston?"]
    assert unnamed(texts, redactor)[0] == "is LL-00000 here"
    assert unnamed(texts, redactor)[1].endswith("write to name@example.com")
    assert not set("123456789") & set(unnamed(texts, redactor)[1])
    assert unnamed(texts, redactor)[2] == texts[2]
