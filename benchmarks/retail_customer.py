"""The scripted customer of the retail run: wants what a task's actions say, and tells a fact only when it is asked for.

It sees what a customer sees, the text of a reply and its buttons, and checks what is read back before it says yes.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.retail_reference import Refused, applied, facts

Json = dict[str, Any]
PHRASES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PATIENCE = 3
"""How often the customer starts over, or hears something it cannot answer, before it gives up."""
KINDS = {
    "cancel_pending_order": "cancel",
    "return_delivered_order_items": "return",
    "exchange_delivered_order_items": "exchange",
    "modify_pending_order_items": "modify",
    "modify_pending_order_address": "address",
    "modify_pending_order_payment": "payment",
}
BUTTONS = {
    "cancel": r"\bcancel an\b",
    "return": r"\breturn something\b",
    "exchange": r"\bexchange something\b",
    "modify": r"change the items",
    "address": r"where an order is sent",
    "payment": r"how an order is paid",
}
"""What the customer looks for among the titles of buttons."""
ASKED = (
    ("yes", r"shall i go ahead|after a clear yes"),
    ("wish", r"what would you like instead of the|which [\w/ ]+ would you like: |isn't available"),
    ("items", r"which items would you like|which [\w -]+ do you mean"),
    ("reason", r"why would you like to cancel"),
    ("method", r"which payment method|do you mean your"),
    ("address", r"what is the new address|i need the street"),
    ("order", r"order number|i can't find order"),
    ("who", r"e-?mail|zip code"),
)
"""What a reply asks for, by its words; the first that fits counts."""
FOREIGN = {
    "cancel": ("wish", "items", "method", "address"),
    "return": ("wish", "reason", "address"),
    "exchange": ("reason", "address"),
    "modify": ("reason", "address"),
    "address": ("wish", "items", "reason", "method"),
    "payment": ("wish", "items", "reason", "address"),
}
"""What is never asked of who wants this: the bot has understood something else, and the customer leaves it."""


@dataclass
class Customer:
    """One customer with one task, one seed and one conversation."""

    world: Json
    task: Json
    seed: int
    openings: str = "goals"
    goals: list[Json] = field(default_factory=list)
    lost: int = 0
    current: int = -1
    restarts: int = 0
    wish_at: int = 0
    why: str = ""
    yes_to: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed}:{self.task['instruction']}")
        self.goals = ordered(self.world, self.task, self.dice)
        self.user = self.world["users"][self.task["user_id"]]
        self.emails = re.findall(r"[\w.+-]+@[\w-]+\.\w+", self.task["instruction"].replace(". ", " "))

    @property
    def goal(self) -> Json:
        """The action that is wanted now."""
        return self.goals[self.current]

    @property
    def kwargs(self) -> Json:
        """Its values."""
        found: Json = self.goal["kwargs"]
        return found

    @property
    def kind(self) -> str:
        """Its kind, as the phrases are kept by."""
        return KINDS[self.goal["name"]]

    @property
    def order(self) -> Json:
        """The order it is about, as it was before the conversation."""
        found: Json = self.world["orders"][self.kwargs["order_id"]]
        return found

    def pick(self, *path: str) -> str:
        """One of the phrases under a path."""
        found: Any = PHRASES
        for name in path:
            found = found[name]
        return str(self.dice.choice(found))

    # What it says

    def opens(self) -> str:
        """Begin with the first goal."""
        self.current = 0
        return self.pick("words", "opening") + self.pick(self.openings, self.kind)

    def answers(self, text: str, titles: Sequence[str], waiting: bool) -> str | None:
        """Return what is said to a reply; None when the conversation is over, with `why` where it failed."""
        said = text.casefold()
        if waiting:
            return self._fails("a person took over")
        if said.startswith("done:") or " done:" in said or "\ndone:" in said:
            return self._next()
        asked = next((name for name, pattern in ASKED if re.search(pattern, said)), "")
        if asked:
            return self._tell(asked, text)
        return self._lost(text, titles)

    def _next(self) -> str | None:
        self.current, self.wish_at, self.restarts = self.current + 1, 0, 0
        if self.current == len(self.goals):
            return None
        return self.pick("words", "next") + self.pick(self.openings, self.kind)

    def _lost(self, text: str, titles: Sequence[str]) -> str | None:
        """Press the button that says what is wanted; else say the goal in other words."""
        self.lost += 1
        if self.lost > PATIENCE:
            return self._fails(f"nothing to answer to: {text[:80]}")
        wanted = [title for title in titles if re.search(BUTTONS[self.kind], title, re.IGNORECASE)]
        self.wish_at = 0
        return wanted[0] if wanted else self.pick(self.openings, self.kind)

    def _fails(self, why: str) -> str | None:
        """Give up, and note why."""
        self.why = why
        return None

    def _tell(self, asked: str, text: str) -> str | None:
        if asked in FOREIGN.get(self.kind, ()):
            self.lost += 1
            return self.pick("words", "leave") if self.lost <= PATIENCE else self._fails(f"asked for a {asked}")
        said: Callable[[str], str | None] = getattr(self, f"_say_{asked}")
        return said(text)

    def _say_who(self, text: str) -> str | None:
        if "zip code is" in self.task["instruction"]:
            name = self.user["name"]
            full = f"{name['first_name']} {name['last_name']}"
            return self.pick("words", "person").format(name=full, zip=self.user["address"]["zip"])
        if not self.emails:
            return self._fails("no way left to say who it is")
        return self.pick("words", "email").format(email=self.emails.pop(0))

    def _say_order(self, text: str) -> str | None:
        return self._fact("order", order=self.kwargs["order_id"])

    def _say_reason(self, text: str) -> str | None:
        return self.pick("reasons", self.kwargs["reason"])

    def _say_items(self, text: str) -> str | None:
        chosen, alike = self.kwargs["item_ids"], re.search(r"which ([\w -]+) do you mean", text, re.IGNORECASE)
        if alike:
            named = [item for item in self._items(chosen) if item["name"] == alike[1]]
            return self._fact("items", items=" and ".join(options_of(item) for item in named) or "none of them")
        described = [self._described(item) for item in self._items(chosen)]
        self.dice.shuffle(described)
        return self._fact("items", items=listed(described))

    def _say_wish(self, text: str) -> str | None:
        """Tell the options that are to change, of the article that the reply names."""
        named = re.search(r"instead of the ([^(?]+) \(([^)]*)\)", text)
        pairs = self._pairs()
        fits = [
            pair for pair in pairs if named and pair[0]["name"] == named[1] and shown(pair[0]) == shown_text(named[2])
        ]
        chosen = fits or pairs[max(self.wish_at - 1, 0) :][:1]
        self.wish_at = pairs.index(chosen[0]) + 1
        old, new = chosen[0]
        changed = [(name, value) for name, value in new["options"].items() if old["options"].get(name) != value]
        self.dice.shuffle(changed)
        words = [self._option(name, value, old["product_id"]) for name, value in changed]
        return self._fact("wish", wish=listed(words))

    def _say_method(self, text: str) -> str | None:
        return self._fact("method", method=self._method())

    def _method(self) -> str:
        method = self.user["payment_methods"][self.kwargs["payment_method_id"]]
        return self.pick("methods", method["source"]).format_map(Counter() | method)

    def _say_address(self, text: str) -> str | None:
        return self._fact("address", address=self._address())

    def _address(self) -> str:
        part = self.kwargs
        state = f"{part['state']} {part['zip']}"
        lines = [part["address1"], part["address2"], part["city"], self.dice.choice([state, f"{state}, USA"])]
        return ", ".join(line for line in lines if line)

    def _say_yes(self, text: str) -> str | None:
        """Say yes when all that was asked for is read back; else no, and start over."""
        missing = [part for part in self.expected() if part.casefold() not in text.casefold()]
        if not missing or "after a clear yes" in text.casefold():
            self.yes_to.append(self.goal)
            return self.pick("words", "yes")
        self.restarts += 1
        if self.restarts > PATIENCE:
            return self._fails(f"read back without {missing[0]}")
        return self.pick("words", "no")

    def _fact(self, name: str, **values: str) -> str:
        return self.pick("words", name).format(**values)

    def expected(self) -> list[str]:
        """What must be read back before a yes: order, articles, wished values, method, address, reason."""
        kwargs = self.kwargs
        found = [kwargs["order_id"]]
        found += [item["name"] for item in self._items(kwargs.get("item_ids", []))]
        for _, new in self._pairs():
            found += [value for value in new["options"].values() if value not in ("yes", "no", "none")]
        if "payment_method_id" in kwargs:
            method = self.user["payment_methods"][kwargs["payment_method_id"]]
            found.append(method.get("last_four") or {"paypal": "PayPal", "gift_card": "gift card"}[method["source"]])
        found += [kwargs[part] for part in ("address1", "address2", "city", "zip", "reason") if kwargs.get(part)]
        return found

    # Facts

    def _items(self, chosen: Sequence[str]) -> list[Json]:
        left, found = list(self.order["items"]), []
        for item_id in chosen:
            one = next(item for item in left if item["item_id"] == item_id)
            left.remove(one)
            found.append(one)
        return found

    def _pairs(self) -> list[tuple[Json, Json]]:
        new = self.kwargs.get("new_item_ids", [])
        items = self._items(self.kwargs.get("item_ids", [])) if new else []
        products = self.world["products"]
        return [(item, products[item["product_id"]]["variants"][one]) for item, one in zip(items, new, strict=True)]

    def _described(self, item: Json) -> str:
        """An article by its name; by its options too where the order has another of the kind."""
        alike = [one for one in self.order["items"] if one["name"] == item["name"]]
        if len(alike) > 1:
            return f"{item['name']} ({options_of(item)})"
        return str(item["name"] if self.dice.random() < 0.5 else item["name"].lower())

    def _option(self, name: str, value: str, product_id: str) -> str:
        owners = {
            option
            for variant in self.world["products"][product_id]["variants"].values()
            for option, one in variant["options"].items()
            if one == value
        }
        key = value if value in ("yes", "no", "none") else "value" if len(owners) == 1 else "named"
        return self.pick("options", key).format(name=name, value=value)


def options_of(item: Json) -> str:
    """The options of an article as a customer writes them."""
    return " ".join(
        f"{name} {value}" if value in ("yes", "no", "none") else value for name, value in item["options"].items()
    )


def shown(item: Json) -> set[str]:
    """The options of an article as the bot shows them, for finding it again."""
    return {f"{n}: {v}" if v in ("yes", "no", "none") else v for n, v in item["options"].items()}


def shown_text(text: str) -> set[str]:
    return set(text.split(", "))


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def ordered(world: Json, task: Json, dice: random.Random) -> list[Json]:
    """The task's actions in another order with the same end; what concerns one order stays in turn."""
    actions = list(task["actions"])
    groups: dict[str, list[Json]] = {}
    for action in actions:
        groups.setdefault(action["kwargs"].get("order_id", ""), []).append(action)
    blocks = list(groups.values())
    dice.shuffle(blocks)
    mixed = [action for block in blocks for action in block]
    try:
        same = facts(applied(world, mixed, task["user_id"])) == facts(applied(world, actions, task["user_id"]))
    except Refused:
        same = False
    return mixed if same else actions
