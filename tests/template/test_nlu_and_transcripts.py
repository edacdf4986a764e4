"""The demo's training data keeps its own rules: intents apart, enough variety, replies that state no fact."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.guards.firewall import PLACEHOLDER, facts_in
from frontdesk.finetune.dataset import REPEATS

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
KNOWN = {
    "brand",
    "support_hours",
    "support_email",
    "support_phone",
    "website",
    "customer_name",
    "order_id",
}
ORDER = re.compile(r"\bLL-\d{5}\b")
ENTITY = re.compile(r"\[([^\]]*)\]\((\w+)\)")


def brand() -> dict[str, Any]:
    """Return the demo brand's settings."""
    settings = tomllib.loads((TEMPLATE / "frontdesk.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = settings["brands"]["larkspur"]
    part = TEMPLATE / "frontdesk.voice.toml.part"
    if part.exists():
        found = {**found, **tomllib.loads(part.read_text(encoding="utf-8"))["brands"]["larkspur"]}
    return found


@cache
def examples() -> dict[str, list[str]]:
    """Return every intent's examples as written."""
    data = yaml.safe_load((TEMPLATE / "nlu.yml").read_text(encoding="utf-8"))
    assert data["version"] == "3.1"
    found: dict[str, list[str]] = {}
    for block in (one for one in data["nlu"] if "intent" in one):
        lines = block["examples"].splitlines()
        assert all(line.startswith("- ") for line in lines), block["intent"]
        assert block["intent"] not in found, block["intent"]
        found[block["intent"]] = [line[2:] for line in lines]
    return found


VOICES = ("warm", "crisp")
LENGTHS = {"warm": (6, 45), "crisp": (1, 20)}
"""How many words a reply of each voice may have."""


@cache
def pairs(voice: str = "") -> list[tuple[str, str, str]]:
    """Return (intent, customer's message, agent's reply) of one voice's transcripts, or of every voice's."""
    if not voice:
        return [pair for each in VOICES for pair in pairs(each)]
    found = []
    for file in sorted((TEMPLATE / "transcripts" / voice).glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            talk = json.loads(line)
            assert set(talk) == {"id", "turns", "meta"}
            assert talk["meta"]["brand"] == "larkspur"
            assert talk["meta"].get("voice", "warm") == voice, talk["id"]
            asked, answered = talk["turns"][::2], talk["turns"][1::2]
            assert len(asked) == len(answered), talk["id"]
            for customer, agent in zip(asked, answered, strict=True):
                assert (customer["role"], agent["role"]) == ("customer", "agent"), talk["id"]
                found.append((customer.get("intent", talk["meta"]["intent"]), customer["text"], agent["text"]))
    return found


def plain(text: str) -> str:
    """Return the words of an example, so that two spellings of one sentence are the same."""
    bare = ENTITY.sub(r"\1", text)
    return " ".join(re.findall(r"\w+", bare.casefold())) or bare


def test_every_intent_has_examples_and_a_route() -> None:
    routes = brand()["routes"]
    assert set(examples()) == set(routes)
    assert {intent: len(found) for intent, found in examples().items() if len(found) < 20} == {}
    assert len(examples()["out_of_scope"]) >= 120


def test_no_example_stands_twice() -> None:
    where: defaultdict[str, list[str]] = defaultdict(list)
    for intent, found in examples().items():
        for example in found:
            where[plain(example)].append(intent)
    assert {text: intents for text, intents in where.items() if len(intents) > 1} == {}


def test_entities_are_order_numbers_in_full() -> None:
    marked = [ENTITY.findall(example) for found in examples().values() for example in found]
    entities = [entity for entities in marked for entity in entities]
    assert len(entities) >= 30
    assert [e for e in entities if e[1] != "order_id" or not ORDER.fullmatch(e[0])] == []


def test_transcripts_are_of_known_voices_and_named_once() -> None:
    files = sorted((TEMPLATE / "transcripts").rglob("*.jsonl"))
    assert {file.relative_to(TEMPLATE / "transcripts").parts[0] for file in files} == set(VOICES)
    ids = Counter(json.loads(line)["id"] for f in files for line in f.read_text(encoding="utf-8").splitlines())
    assert [name for name, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("voice", VOICES)
def test_a_lot_of_replies_for_every_voice_intent(voice: str) -> None:
    voiced = {intent for intent, kind in brand()["routes"].items() if kind == "voice"}
    replies: defaultdict[str, set[str]] = defaultdict(set)
    for intent, _, reply in pairs(voice):
        replies[intent].add(reply)
    assert set(replies) >= voiced
    assert len(pairs(voice)) >= 500
    assert {intent: len(found) for intent, found in replies.items() if len(found) < 32} == {}


@pytest.mark.parametrize("voice", VOICES)
def test_no_reply_stands_more_often_than_is_learned(voice: str) -> None:
    """A desk has everyday replies that it sends to several customers."""
    counts = Counter((intent, reply) for intent, _, reply in pairs(voice))
    assert [each for each, count in counts.items() if count > REPEATS] == []


@pytest.mark.parametrize(("voice", "most"), [("warm", 20), ("crisp", 9)])
def test_no_sentence_is_worn_out_in_one_intent(voice: str, most: int) -> None:
    uses: Counter[tuple[str, str]] = Counter()
    for intent, _, reply in pairs(voice):
        sentences = re.split(r"(?<=[.?!]) +", reply)
        uses.update({(intent, sentence) for sentence in sentences if voice == "warm" or len(sentence.split()) > 3})
    assert {key: count for key, count in uses.items() if count > most} == {}


@pytest.mark.parametrize("voice", VOICES)
def test_customers_do_not_all_say_the_same(voice: str) -> None:
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for intent, message, _ in pairs(voice):
        asked[intent].append(message)
    assert {intent for intent, said in asked.items() if len(set(said)) < 0.6 * len(said)} == set()


@pytest.mark.parametrize("voice", VOICES)
def test_replies_are_of_a_length_one_reads(voice: str) -> None:
    low, high = LENGTHS[voice]
    assert [reply for _, _, reply in pairs(voice) if not low <= len(reply.split()) <= high] == []
    most = {"warm": 1, "crisp": 0}[voice]
    assert [reply for _, _, reply in pairs(voice) if reply.count("!") > most] == []


def test_the_crisp_voice_is_much_shorter_than_the_warm_one() -> None:
    words = {voice: [len(reply.split()) for _, _, reply in pairs(voice)] for voice in VOICES}
    assert median(words["crisp"]) <= 0.7 * median(words["warm"])


def test_replies_use_known_placeholders_only() -> None:
    names = {name for _, _, reply in pairs() for name in PLACEHOLDER.findall(reply)}
    assert names <= KNOWN
    assert [reply for _, _, reply in pairs() if re.search(r"[{}]", PLACEHOLDER.sub("", reply))] == []


def test_an_order_number_is_said_back_only_when_it_was_given() -> None:
    said_back = [(message, reply) for _, message, reply in pairs() if "{{order_id}}" in reply]
    assert len(said_back) >= 20
    assert [pair for pair in said_back if not ORDER.search(pair[0])] == []


def test_replies_state_nothing_of_their_own() -> None:
    assert [(reply, facts) for _, _, reply in pairs() if (facts := facts_in(PLACEHOLDER.sub("", reply)))] == []
    assert [reply for _, _, reply in pairs() if re.search(r"[\d$€£%]|www|http", PLACEHOLDER.sub("", reply))] == []


def test_replies_do_what_their_intent_requires() -> None:
    acts = brand()["acts"]
    assert [(i, reply, m) for i, _, reply in pairs() if (m := missing_acts(reply, acts.get(i, ())))] == []


def test_approved_replies_keep_the_same_rules() -> None:
    settings = brand()
    voiced = {intent for intent, kind in settings["routes"].items() if kind == "voice"}
    assert voiced <= set(settings["replies"])
    for intent, replies in settings["replies"].items():
        for reply in replies:
            assert facts_in(PLACEHOLDER.sub("", reply)) == [], reply
            assert missing_acts(reply, settings["acts"].get(intent, ())) == [], reply
            assert set(PLACEHOLDER.findall(reply)) <= set(settings["profile"]) | {"brand"}, reply
