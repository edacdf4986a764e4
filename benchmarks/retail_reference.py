"""What a retail task must leave behind: its actions applied to the JSON records, apart from the bot's own code.

The functions follow tau-bench's retail tools (https://github.com/sierra-research/tau-bench, MIT) in what they refuse
and what they write; amounts are whole cents. `snapshot` reads a shop.db into the same shape, for comparison.
"""

from __future__ import annotations

import copy
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

ADDRESS = ("address1", "address2", "city", "state", "country", "zip")
REASONS = ("no longer needed", "ordered by mistake")
EXTRA = (
    *("cancel_reason", "return_items", "return_payment_method_id", "exchange_items", "exchange_new_items"),
    *("exchange_payment_method_id", "exchange_difference_cents"),
)
Json = dict[str, Any]


class Refused(Exception):
    """A tool of the benchmark would refuse this action."""


def cents(amount: float) -> int:
    return round(amount * 100)


def world_of(data: Path) -> Json:
    """Read the users, orders and products, amounts in cents."""
    users, orders, products = (json.loads((data / f"db_{n}.json").read_text()) for n in ("users", "orders", "products"))
    for user in users.values():
        for method in user["payment_methods"].values():
            if "balance" in method:
                method["balance"] = cents(method["balance"])
    for order in orders.values():
        for priced in (*order["items"], *order["payment_history"]):
            key = "price" if "price" in priced else "amount"
            priced[key] = cents(priced[key])
    for product in products.values():
        for variant in product["variants"].values():
            variant["price"] = cents(variant["price"])
    return {"users": users, "orders": orders, "products": products}


def need(holds: object, why: str) -> None:
    if not holds:
        raise Refused(why)


def order_in(world: Json, order_id: str, status: str) -> Json:
    order: Json | None = world["orders"].get(order_id)
    if order is None or order["status"] != status:
        raise Refused(f"the order is not {status}")
    return order


def method_in(world: Json, order: Json, method_id: str) -> Json:
    methods = world["users"][order["user_id"]]["payment_methods"]
    need(method_id in methods, "payment method not found")
    found: Json = methods[method_id]
    return found


def book(world: Json, order: Json, kind: str, amount: int, method_id: str) -> None:
    order["payment_history"].append({"transaction_type": kind, "amount": amount, "payment_method_id": method_id})
    method = world["users"][order["user_id"]]["payment_methods"][method_id]
    if method["source"] == "gift_card":
        method["balance"] += amount if kind == "refund" else -amount


def has_items(order: Json, item_ids: Sequence[str]) -> None:
    need(not Counter(item_ids) - Counter(item["item_id"] for item in order["items"]), "item not found")


def cancel(world: Json, order_id: str, reason: str) -> None:
    order = order_in(world, order_id, "pending")
    need(reason in REASONS, "invalid reason")
    for one in list(order["payment_history"]):
        book(world, order, "refund", one["amount"], one["payment_method_id"])
    order.update(status="cancelled", cancel_reason=reason)


def give_back(world: Json, order_id: str, item_ids: list[str], payment_method_id: str) -> None:
    order = order_in(world, order_id, "delivered")
    source = method_in(world, order, payment_method_id)["source"]
    original = order["payment_history"][0]["payment_method_id"]
    need(source == "gift_card" or payment_method_id == original, "neither the original method nor a gift card")
    has_items(order, item_ids)
    order.update(status="return requested", return_items=sorted(item_ids), return_payment_method_id=payment_method_id)


def swapped(world: Json, order: Json, item_ids: list[str], new_item_ids: list[str], method_id: str) -> int:
    """Check a modification or exchange and return what it costs."""
    has_items(order, item_ids)
    need(len(item_ids) == len(new_item_ids), "the numbers of items differ")
    cost = 0
    for old, new in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in order["items"] if item["item_id"] == old)
        variant = world["products"][item["product_id"]]["variants"].get(new)
        need(variant and variant["available"], "the new item is not available")
        cost += variant["price"] - item["price"]
    method = method_in(world, order, method_id)
    need(method["source"] != "gift_card" or method["balance"] >= cost, "insufficient gift card balance")
    return cost


def modify(world: Json, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
    order = order_in(world, order_id, "pending")
    cost = swapped(world, order, item_ids, new_item_ids, payment_method_id)
    book(world, order, "payment" if cost > 0 else "refund", abs(cost), payment_method_id)
    for old, new in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in order["items"] if item["item_id"] == old)
        variant = world["products"][item["product_id"]]["variants"][new]
        item.update(item_id=new, price=variant["price"], options=variant["options"])
    order["status"] = "pending (item modified)"


def exchange(world: Json, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
    order = order_in(world, order_id, "delivered")
    cost = swapped(world, order, item_ids, new_item_ids, payment_method_id)
    order.update(
        status="exchange requested",
        exchange_items=sorted(item_ids),
        exchange_new_items=sorted(new_item_ids),
        exchange_payment_method_id=payment_method_id,
        exchange_difference_cents=cost,
    )


def readdress(world: Json, order_id: str, **address: str) -> None:
    order_in(world, order_id, "pending")["address"] = {part: address[part] for part in ADDRESS}


def repay(world: Json, order_id: str, payment_method_id: str) -> None:
    order = order_in(world, order_id, "pending")
    method, history = method_in(world, order, payment_method_id), order["payment_history"]
    need(len(history) == 1 and history[0]["transaction_type"] == "payment", "not exactly one payment")
    need(history[0]["payment_method_id"] != payment_method_id, "the method is the same")
    amount = history[0]["amount"]
    need(method["source"] != "gift_card" or method["balance"] >= amount, "insufficient gift card balance")
    book(world, order, "payment", amount, payment_method_id)
    book(world, order, "refund", amount, history[0]["payment_method_id"])


def rehome(world: Json, user_id: str, **address: str) -> None:
    world["users"][user_id]["address"] = {part: address[part] for part in ADDRESS}


TOOLS: Mapping[str, Callable[..., None]] = {
    "cancel_pending_order": cancel,
    "return_delivered_order_items": give_back,
    "modify_pending_order_items": modify,
    "exchange_delivered_order_items": exchange,
    "modify_pending_order_address": readdress,
    "modify_pending_order_payment": repay,
    "modify_user_address": rehome,
}


def applied(world: Json, actions: Sequence[Json], user_id: str) -> Json:
    """Return the records of one customer after the actions; raises Refused where a tool would refuse one."""
    user = world["users"][user_id]
    own = {key: world["orders"][key] for key in user["orders"]}
    after: Json = copy.deepcopy({"users": {user_id: user}, "orders": own})
    after["products"] = world["products"]
    for action in actions:
        TOOLS[action["name"]](after, **action["kwargs"])
    return after


def facts(world: Json) -> Json:
    """Return what can be compared: of every user and order, what an action may change."""
    users = {
        key: {
            "address": [user["address"][part] for part in ADDRESS],
            "balances": {m["id"]: m["balance"] for m in user["payment_methods"].values() if "balance" in m},
        }
        for key, user in world["users"].items()
    }
    orders = {
        key: {
            "status": order["status"],
            "address": [order["address"][part] for part in ADDRESS],
            "items": [(item["item_id"], item["price"]) for item in order["items"]],
            "payments": [
                (one["transaction_type"], one["amount"], one["payment_method_id"]) for one in order["payment_history"]
            ],
            **{name: order.get(name) for name in EXTRA},
        }
        for key, order in world["orders"].items()
    }
    return {"users": users, "orders": orders}


def snapshot(folder: Path) -> Json:
    """Read a shop.db into the shape of `facts`."""
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.row_factory = sqlite3.Row
        return {"users": _users(database), "orders": _orders(database)}


def _users(database: sqlite3.Connection) -> Json:
    users: Json = {
        row["id"]: {"address": [row[part] for part in ADDRESS], "balances": {}}
        for row in database.execute("SELECT * FROM users")
    }
    for row in database.execute("SELECT * FROM payment_methods WHERE source = 'gift_card'"):
        users[row["user_id"]]["balances"][row["id"]] = row["balance_cents"]
    return users


def _orders(database: sqlite3.Connection) -> Json:
    orders: Json = {
        row["id"]: {
            "status": row["status"],
            "address": [row[part] for part in ADDRESS],
            "items": [],
            "payments": [],
            **{name: _value(row[name]) for name in EXTRA},
        }
        for row in database.execute("SELECT * FROM orders")
    }
    for row in database.execute("SELECT * FROM order_items ORDER BY order_id, position"):
        orders[row["order_id"]]["items"].append((row["item_id"], row["price_cents"]))
    for row in database.execute("SELECT * FROM payments ORDER BY order_id, position"):
        paid = (row["kind"], row["amount_cents"], row["payment_method_id"])
        orders[row["order_id"]]["payments"].append(paid)
    return orders


def _value(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) and text.startswith("[") else text


CONDITIONAL = re.compile(
    r"\b(if|unless|initially|eventually|decide|change your mind|changed your mind|before confirming|try|first|"
    r"in the end|whichever|unsure|figure out)\b",
    re.IGNORECASE,
)
"""Words of a plan that depends on what the bot says, or of a fact that is to be worked out."""


def exclusion(world: Json, task: Json) -> str:
    """Return why a task is not played; empty when it is. Fixed before the first run."""
    actions = task["actions"]
    if not actions:
        return "no action"
    if unknown := {action["name"] for action in actions} - set(TOOLS):
        return "transfer to a person" if "transfer_to_human_agents" in unknown else "an action that is not a change"
    if task["outputs"]:
        return "asks for a figure that must be worked out"
    if any(
        set(zip(a["kwargs"]["item_ids"], a["kwargs"]["new_item_ids"], strict=True)) & _same(a) for a in _swaps(task)
    ):
        return "changes an item for itself, which the policy forbids"
    try:
        applied(world, actions, task["user_id"])
    except Refused:
        return "the benchmark's own tools refuse an action"
    return "a plan that depends on the answers" if CONDITIONAL.search(task["instruction"]) else ""


def _swaps(task: Json) -> list[Json]:
    return [action for action in task["actions"] if "new_item_ids" in action["kwargs"]]


def _same(action: Json) -> set[tuple[str, str]]:
    return {(item, item) for item in action["kwargs"]["item_ids"]}
