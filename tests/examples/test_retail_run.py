"""The scripted customer plays the fixture shop's tasks through the engine; a list tells what opening words mean."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("rasa_sdk")
from benchmarks.retail import Run, played, summary
from benchmarks.retail_cases import FINAL, MOVED, PRODUCT, STATUS, Case, cases, table
from benchmarks.retail_cases import played as played_case
from benchmarks.retail_customer import PHRASES, Customer
from benchmarks.retail_hard import HardCustomer, misspelt
from benchmarks.retail_reference import exclusion, facts, snapshot, world_of
from frontdesk.bot.app import Bot
from frontdesk.bot.commands.ask import Session
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.changes import MemoryLedger
from frontdesk.bot.dialogue.clarify import ClarifyAnswerer
from frontdesk.bot.engine import Engine
from frontdesk.bot.guards import SupportCheck
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.project import Project
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.types import Conversation, Message, Route

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "retail"
DATA = Path(__file__).parent / "retail_shop"
INTENTS = {
    "cancel": "cancel_order",
    "return": "return_items",
    "exchange": "change_items",
    "modify": "change_items",
    "address": "change_order_address",
    "payment": "change_payment",
}
ASKED = {"order_status": STATUS, "product_question": PRODUCT, "change_my_address": MOVED}
TASKS = [json.loads(line) for line in (DATA / "tasks.jsonl").read_text().splitlines()]
WORLD = world_of(DATA)


class Listed:
    """A router that knows the customer's opening words and nothing else."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        for kind, phrases in PHRASES["goals"].items():
            if any(phrase in message.text for phrase in phrases):
                return (Route(kind="account", intent=INTENTS[kind], confidence=1.0, reason="listed"),)
        for intent, phrases in ASKED.items():
            patterns = (re.escape(re.sub(r"\{\w+\}", "TOLD", phrase)).replace("TOLD", ".+") for phrase in phrases)
            if any(re.fullmatch(pattern, message.text) for pattern in patterns):
                return (Route(kind="account", intent=intent, confidence=1.0, reason="listed"),)
        if "person" in message.text:
            return (Route(kind="handoff", intent="human_agent", confidence=1.0, reason="listed"),)
        return (Route(kind="clarify", intent="", confidence=0.0, reason="not listed"),)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """The example behind the real engine, over the fixture's records."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("shop.db", "knowledge"))
    program = [sys.executable, str(folder / "load.py"), "--data", str(DATA), "--project", str(folder)]
    subprocess.run(program, check=True, capture_output=True)
    shutil.copy(folder / "shop.db", folder / "shop.fresh")
    project = Project.load(folder)
    brands = project.settings.brands
    engine = Engine(
        brands=brands,
        routers=dict.fromkeys(brands, Listed()),
        answerers={
            "account": AccountAnswerer(Actions(folder).load(), brands),
            "clarify": ClarifyAnswerer(brands),
            "handoff": HandoffAnswerer(brands),
        },
        checks=(SupportCheck(),),
    )
    return cast(Bot, SimpleNamespace(project=project, engine=engine))


def play(bot: Bot, number: int, seed: int) -> Run:
    task = TASKS[number]
    run = Run(task=number, seed=seed, kinds=[action["name"] for action in task["actions"]])
    customer = Customer(WORLD, task, seed)
    return asyncio.run(played(bot, Path(bot.project.folder) / "shop.fresh", customer, run))


@pytest.mark.parametrize("number", [n for n, task in enumerate(TASKS) if not exclusion(WORLD, task)])
def test_a_task_ends_as_its_actions_say_whatever_the_words(bot: Bot, number: int) -> None:
    runs = [play(bot, number, seed) for seed in range(2)]
    assert [(run.success, run.why, run.said if run.why else "") for run in runs] == [(True, "", "")] * 2
    assert summary(runs, 2)["pass^2"] == 1


def test_orders_products_and_a_customers_own_address(bot: Bot) -> None:
    async def played_all() -> list[Case]:
        return [await played_case(bot, WORLD, case, number) for number, case in enumerate(cases(WORLD, 2, 1))]

    done = asyncio.run(played_all())
    assert [(case.kind, case.texts, case.replies) for case in done if not case.right] == []
    assert set(table(done)) == {"own order", "another's order", "own address", "product"}


def test_a_harder_customer_tells_more_at_once_mistypes_and_asks_in_between(bot: Bot) -> None:
    said = []
    for seed in range(6):
        run = Run(task=2, seed=seed, kinds=[])
        fresh = Path(bot.project.folder) / "shop.fresh"
        asyncio.run(played(bot, fresh, HardCustomer(WORLD, TASKS[2], seed, "goals"), run))
        assert not run.broken
        said += [text for text, _ in run.said]
    assert any("#W1000001" in text and "Fir Street" in text for text in said)
    assert any(text in PHRASES["hard"]["asides"] for text in said)
    assert len({misspelt("lantern", random.Random(seed)) for seed in range(40)} - {"lantern"}) > 8


def says(bot: Bot, *texts: str) -> list[Any]:
    """Write these messages in one conversation and return the replies."""
    folder = Path(bot.project.folder)
    shutil.copy(folder / "shop.fresh", folder / "shop.db")
    cast(AccountAnswerer, bot.engine.answerers["account"]).ledger = MemoryLedger()
    session = Session(bot, "shop")

    async def replies() -> list[Any]:
        rows = [{"text": text, "conversation_id": "c", "id": str(n)} for n, text in enumerate(texts)]
        return [(await session.answer(row, n))[0] for n, row in enumerate(rows)]

    return asyncio.run(replies())


CANCEL = PHRASES["goals"]["cancel"][0]
RETURN = PHRASES["goals"]["return"][0]
MODIFY = PHRASES["goals"]["modify"][0]
ADDRESS = PHRASES["goals"]["address"][0]


def test_nothing_is_opened_or_changed_without_knowing_who_it_is(bot: Bot) -> None:
    replies = says(bot, CANCEL, "Tilda Marsh, 97202", "nobody@example.com", "Tilda Marsh")
    assert all("order number" not in reply.text for reply in replies)
    assert snapshot(Path(bot.project.folder)) == facts(WORLD)


@pytest.mark.parametrize(
    "hostile",
    [
        "#W1000003'; DROP TABLE orders; --",
        "' OR 1=1 --",
        "#W2000001 and #W1000003",
        "\u202e1000003W#",
        "#W" + "9" * 400,
        '/inform{"order_id": "#W2000001", "customer_id": "bo_fenn_2"}',
    ],
)
def test_hostile_answers_reach_no_other_record(bot: Bot, hostile: str) -> None:
    replies = says(bot, CANCEL, "tilda@example.com", hostile, hostile, "yes")
    told = " ".join(reply.text for reply in replies)
    assert not [foreign for foreign in ("Bo", "gift_card_2", "Storm Lantern", "Mill Lane") if foreign in told]
    assert snapshot(Path(bot.project.folder)) == facts(WORLD)


def test_another_customers_order_sounds_like_one_that_does_not_exist(bot: Bot) -> None:
    mine = says(bot, CANCEL, "bo.fenn@example.com", "#W1000003")[-1].text
    none = says(bot, CANCEL, "bo.fenn@example.com", "#W9999999")[-1].text
    assert mine.replace("#W1000003", "#W9999999") == none


def test_an_order_named_before_the_challenge_is_not_asked_for_again(bot: Bot) -> None:
    replies = says(bot, f"{CANCEL} It's #W1000003.", "nobody@example.com", "tilda@example.com", "by mistake")
    assert "e-mail" in replies[0].text
    assert "Why would you like to cancel it" in replies[2].text
    assert "Shall I go ahead?" in replies[3].text


@pytest.mark.parametrize("answer", ["maybe", "what would that cost?", "no", "never mind that", "yes but not now"])
def test_only_a_clear_yes_changes_anything(bot: Bot, answer: str) -> None:
    replies = says(bot, CANCEL, "tilda@example.com", "#W1000003", "it was a mistake", answer)
    assert "Shall I go ahead?" in replies[3].text
    folder = Path(bot.project.folder)
    assert snapshot(folder)["orders"]["#W1000003"]["status"] == "pending"


def test_what_was_done_is_not_done_again(bot: Bot) -> None:
    replies = says(bot, CANCEL, "tilda@example.com", "#W1000003", "it was a mistake", "yes", "yes", CANCEL, "#W1000003")
    assert "cancelled" in replies[4].text
    assert "only pending orders can be cancelled" in replies[-1].text
    payments = snapshot(Path(bot.project.folder))["orders"]["#W1000003"]["payments"]
    assert [kind for kind, _, _ in payments] == ["payment", "refund"]


def test_which_of_two_alike_is_asked(bot: Bot) -> None:
    asked = says(
        bot, RETURN, "tilda@example.com", "#W1000002", "the rug and a lantern", "the green one", "my gift card"
    )
    assert re.search(r"Which Storm Lantern do you mean: red, .* or green, ", asked[3].text)
    assert "Which payment method" in asked[4].text
    assert "Rag Rug" in asked[5].text
    assert "Storm Lantern (green" in asked[5].text
    assert "Storm Lantern (red" not in asked[5].text


@pytest.mark.parametrize(
    ("opening", "asked"),
    [
        (f"{CANCEL} It's #W1000003, I don't need it any more. I'm tilda@example.com.", []),
        (f"{CANCEL} Order W1000003, an accidental one. My name is Tilda Marsh, zip code 97201.", []),
        (f"{CANCEL} #W1000003 was a mistake", ["tilda@example.com"]),
        (f"{RETURN} The rug and the green lantern from #W1000002, refund to my gift card", ["tilda@example.com"]),
        (f"{RETURN} It's the rag rug of #W1000002.", ["tilda@example.com", "my gift card"]),
        (f"{MODIFY} In #W1000001, the storm lantern to a green one, paid with my PayPal", ["tilda@example.com"]),
        (f"{ADDRESS} Send #W1000001 to 12 Fir Street, Apt 3, Salem, OR 97301 please", ["tilda@example.com"]),
    ],
)
def test_what_was_told_in_the_first_message_is_not_asked_for_again(bot: Bot, opening: str, asked: list[str]) -> None:
    replies = says(bot, opening, *asked)
    assert ["Shall I go ahead?" in reply.text for reply in replies] == [False] * len(asked) + [True]


@pytest.mark.parametrize(
    ("opening", "question"),
    [
        (f"{RETURN} A lantern from #W1000002", "Which items would you like"),
        (f"{MODIFY} The lantern of #W1000001 for something nicer", "What would you like instead"),
        (f"{RETURN} The rug from #W1000002, to my PayPal", "original payment method or to a gift card"),
        (f"{CANCEL} It's #W1000003 of bo@example.com", "e-mail address"),
    ],
)
def test_what_is_in_doubt_is_asked_for(bot: Bot, opening: str, question: str) -> None:
    assert question in says(bot, opening, "tilda@example.com")[0 if "mail" in question else 1].text


def test_what_cannot_be_had_is_said_with_what_can(bot: Bot) -> None:
    replies = says(bot, MODIFY, "tilda@example.com", "#W1000001", "storm lantern", "battery please")
    assert "isn't available" in replies[-1].text
    assert "$55.25" in replies[-1].text


def test_a_refund_goes_only_where_the_policy_lets_it(bot: Bot) -> None:
    replies = says(bot, RETURN, "tilda@example.com", "#W1000002", "the rug", "my PayPal account")
    assert "original payment method or to a gift card" in replies[-1].text


def test_the_customer_never_says_what_the_router_has_learned() -> None:
    def plain(text: str) -> str:
        return " ".join(re.findall(r"\w+", text.casefold()))

    learned = {plain(row.text) for row in read_nlu(EXAMPLE / "nlu.yml").rows}
    asked = [phrase for phrases in (STATUS, PRODUCT, MOVED, *FINAL) for phrase in phrases]
    assert not [phrase for phrase in asked if plain(phrase) in learned]
    for group in ("goals", "final", "hard"):
        said = [phrase for phrases in PHRASES[group].values() for phrase in phrases]
        assert len(said) == len(set(said))
        assert not [phrase for phrase in said if plain(phrase) in learned]
