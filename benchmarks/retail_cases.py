"""Reading in the retail shop, and a customer's own address: `python -m benchmarks.retail_cases --data PATH`.

The cases come from tau-bench's records, apart from the bot's code: for customers drawn by a seed, the state of an order
of theirs, one of somebody else's, a change of their own address; and every product. A reply to a question is right when
it has every fact of the record and, for another's order, none; an address when the database ends as the reference says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.retail import prepared
from benchmarks.retail_reference import Json, applied, facts, snapshot, world_of
from frontdesk.bot.app import Bot
from frontdesk.bot.commands.ask import Session
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.changes import MemoryLedger
from frontdesk.bot.intervals import wilson

STATUS = (
    "Where is my order {order}?",
    "could you look up {order} for me",
    "What's the state of my order {order}, please?",
    "I'd like to know how far {order} is",
)
PRODUCT = (
    "Which options of the {product} are there?",
    "what {product} variants can I get",
    "Do you have the {product} in other versions?",
    "I want to know more about the {product} you sell",
)
MOVED = (
    "I've moved, please change the address in my account.",
    "my default address is out of date, can you update it",
    "I'd like to change my own address, not that of an order.",
)
FINAL = (
    ("Has {order} gone out yet?", "any news on {order}", "Please give me the details of {order}."),
    (
        "Tell me which kinds of {product} you carry.",
        "is there a choice of {product} at your shop",
        "{product}: what is on offer?",
    ),
    ("The address you have for me is wrong now, I live elsewhere.", "new home, so my account needs another address"),
)
"""Words of the final figure alone: nobody looked at how they fare."""


@dataclass(kw_only=True)
class Case:
    """One short conversation: what is written, and what the last reply must and must not have."""

    kind: str
    user: str
    texts: list[str]
    must: list[str]
    never: list[str]
    action: Json | None = None
    replies: list[str] | None = None
    right: bool = False


def cases(world: Json, count: int, seed: int, final: bool = False) -> Iterator[Case]:
    """Yield the cases of `count` customers, and of every product, in words of the final figure or in the others."""
    dice, words = random.Random(seed), FINAL if final else (STATUS, PRODUCT, MOVED)
    users = sorted(key for key, user in world["users"].items() if user["orders"])
    for user in dice.sample(users, min(count, len(users))):
        yield from of_customer(world, user, dice, words)
    for product in sorted(world["products"].values(), key=lambda one: str(one["name"])):
        user, there = dice.choice(users), [one for one in product["variants"].values() if one["available"]]
        text = dice.choice(words[1]).format(product=dice.choice([product["name"], product["name"].lower()]))
        must = [product["name"], f"{len(there)} variants"]
        yield Case(kind="product", user=user, texts=[text, email(world, user)], must=must, never=[])


def of_customer(world: Json, user: str, dice: random.Random, words: Sequence[Sequence[str]]) -> Iterator[Case]:
    """Yield the state of one's own order, another's order, and a new address of one's own."""
    own, who = world["orders"][dice.choice(world["users"][user]["orders"])], email(world, user)
    texts = [dice.choice(words[0]).format(order=own["order_id"]), who]
    must = [own["status"], *(item["name"] for item in own["items"]), own["address"]["zip"]]
    must += [number for one in own["fulfillments"] for number in one["tracking_id"]]
    yield Case(kind="own order", user=user, texts=texts, must=must, never=[])
    other = world["orders"][dice.choice(sorted(key for key, one in world["orders"].items() if one["user_id"] != user))]
    numbers = [number for one in other["fulfillments"] for number in one["tracking_id"]]
    hidden = [*numbers, f"{other['order_id']} is {other['status']}", other["address"]["address1"]]
    texts = [dice.choice(words[0]).format(order=other["order_id"]), who]
    yield Case(kind="another's order", user=user, texts=texts, must=["can't find"], never=hidden)
    new = world["users"][dice.choice(sorted(set(world["users"]) - {user}))]["address"]
    line = ", ".join(filter(None, (new["address1"], new["address2"], new["city"], f"{new['state']} {new['zip']}")))
    moved = {"name": "modify_user_address", "kwargs": {"user_id": user, **new}}
    texts = [dice.choice(words[2]), who, line, "yes"]
    yield Case(kind="own address", user=user, texts=texts, must=["Done"], never=[], action=moved)


def email(world: Json, user: str) -> str:
    """Return what a customer says who they are."""
    return str(world["users"][user]["email"])


async def played(bot: Bot, world: Json, case: Case, number: int) -> Case:
    """Play one case in a fresh shop, and judge it."""
    folder = Path(bot.project.folder)
    shutil.copy(folder / "shop.fresh", folder / "shop.db")
    account = bot.engine.answerers["account"]
    assert isinstance(account, AccountAnswerer)
    account.ledger = MemoryLedger()
    session = Session(bot, bot.project.settings.brand_id)
    case.replies = []
    for place, text in enumerate(case.texts):
        row = {"text": text, "conversation_id": f"{number}", "id": f"{place}"}
        reply, _ = await session.answer(row, place)
        case.replies.append(reply.text)
    told = re.sub(r"\s+", " ", case.replies[-1]).casefold()
    case.right = all(part.casefold() in told for part in case.must) and not any(
        part.casefold() in reply.casefold() for part in case.never for reply in case.replies
    )
    expected, found = facts(applied(world, [case.action] if case.action else [], case.user)), snapshot(folder)
    same = {key: found["orders"][key] for key in expected["orders"]} == expected["orders"]
    case.right = case.right and same and found["users"][case.user] == expected["users"][case.user]
    return case


def table(done: list[Case]) -> Json:
    """Return how many were right, by kind, with 95 % intervals."""
    kinds = {kind: [case.right for case in done if case.kind == kind] for kind in dict.fromkeys(c.kind for c in done)}
    return {
        kind: {"right": sum(rights), "of": len(rights), "ci": [round(x, 3) for x in wilson(sum(rights), len(rights))]}
        for kind, rights in kinds.items()
    }


def main() -> int:
    """Read the arguments, play, print the table and what went wrong."""
    parser = argparse.ArgumentParser(description="Reading in the retail shop.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--customers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--final", action="store_true", help="in the words kept for the final figure")
    parser.add_argument("--project", type=Path, help="where the bot is made; kept and used again")
    options = parser.parse_args()
    world = world_of(options.data)
    with tempfile.TemporaryDirectory() as temporary:
        bot = prepared(options.data, options.project or Path(temporary))
        shutil.copy(bot.project.folder / "shop.db", bot.project.folder / "shop.fresh")

        async def all_of_them() -> list[Case]:
            chosen = enumerate(cases(world, options.customers, options.seed, options.final))
            return [await played(bot, world, case, number) for number, case in chosen]

        done = asyncio.run(all_of_them())
    wrong: list[Any] = [[case.kind, case.texts, case.replies] for case in done if not case.right]
    print(json.dumps({**table(done), "wrong": wrong}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
