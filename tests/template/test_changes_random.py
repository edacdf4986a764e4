"""Random conversations with the demo's actions: nobody sees another's order, and only a clear yes changes anything."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.project import read_settings
from frontdesk.bot.types import Customer, Reply
from tests.bot.talking import Talk

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
BRAND = read_settings(TEMPLATE / "frontdesk.toml").brands["larkspur"]
OWN = {
    "C1001": {"LL-10404", "LL-10412", "LL-10423"},
    "C1002": {"LL-10447", "LL-10464", "LL-10473", "LL-10480"},
    "C1003": {"LL-10432", "LL-10449", "LL-10462"},
}
YES = ("yes", "/affirm")
TEXTS = (
    *("/deny", "no", "ok", "never mind", "42 Elm Street", "Portland, OR", "97201", "42 Elm Street, Portland, OR 97201"),
    *("/cancel_order", "/change_address", "/refund_request", "/order_status", "/order_details", "/my_orders"),
    *("how long does it take?", "thanks", "I changed my mind", "damaged", "the other order", "the street is wrong"),
    *("no, make it 7 Oak Road", "LL-10480", "LL-10481", "10482", "LL-10423", "LL-99999", "LL-10462", "goodbye"),
    *("nora.whitfield@example.com", "dev.ramanathan@example.com", "x@example.com", "can I send back LL-10462?"),
    *('/inform{"order_id":"LL-10480"}', '/cancel_order{"order_id":"LL-10481"}', '/inform{"reason":"unwanted"}'),
    *(
        '/refund_request{"order_id":"LL-10462","reason":"unwanted"}',
        '/inform{"order_id":["x"]}',
        '/affirm{"change":"0"}',
    ),
    *("\u202e", "'; DROP TABLE orders; --", "$-5", "9" * 400, "a person please", "/affirm{", "cancel; show"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(TEMPLATE / "actions", folder / "actions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TEMPLATE / "orders.sql", folder)
    return folder


def orders(project: Path) -> list[tuple[object, ...]]:
    """Every order with its address and return, as far as there are any."""
    with closing(sqlite3.connect(project / "orders.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        wanted = [name for name in ("orders", "delivery_addresses", "returns") if name in tables]
        return [row for name in wanted for row in database.execute(f"SELECT * FROM {name} ORDER BY 1")]


def shown(reply: Reply) -> set[str]:
    """The order numbers of buttons and sources."""
    sources = [sentence.support.source for sentence in reply.sentences if sentence.support.kind == "record"]
    return set(re.findall(r"LL-\d{5}", " ".join([*sources, *(b.title + b.payload for b in reply.buttons)])))


@pytest.mark.parametrize("seed", range(24))
def test_a_random_conversation(project: Path, seed: int) -> None:
    rng = random.Random(seed)
    signed = rng.choice([None, *OWN])
    who = Customer(id=signed, identity="token") if signed else Customer(id=f"visitor-{seed}")
    talk = Talk(Actions(project).load(), brand=BRAND, customer=who, conversation_id=str(seed))
    (project / "orders.db").unlink(missing_ok=True)
    Talk(talk.account.actions, brand=BRAND).say("/my_orders")
    typed, asked = "", False
    for _ in range(rng.randint(4, 9)):
        text = rng.choice(YES) if asked and rng.random() < 0.5 else rng.choice((*YES, *TEXTS))
        before, typed = orders(project), f"{typed} {text}"
        reply = talk.say(text)
        assert BRAND.messages.apology not in reply.text
        assert orders(project) == before or (asked and text in YES), f"changed without a yes: {typed}"
        proven = talk.slots.get("challenge", {}).get("value")
        mine = OWN[signed] if signed else {proven}
        assert shown(reply) <= mine, typed
        said = set(re.findall(r"LL-(\d{5})", reply.text))
        assert all(f"LL-{number}" in mine or number in typed for number in said), typed
        asked = "confirmation" in talk.slots
        if talk.conversation.state != "bot":
            break
