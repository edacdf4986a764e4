"""Load a tau-bench style shop into a bot project: `python load.py --data PATH [--project FOLDER]`.

PATH holds db_users.json, db_orders.json, db_products.json and wiki.md. Written: FOLDER/shop.db and
FOLDER/knowledge/policy.md, which git ignores.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ADDRESS = ("address1", "address2", "city", "state", "country", "zip")

Row = tuple[Any, ...]


def cents(amount: float | None) -> int | None:
    """Return an amount of dollars in whole cents."""
    return None if amount is None else round(amount * 100)


def user_rows(users: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `users`."""
    for key, user in users.items():
        name = user["name"]
        yield (key, name["first_name"], name["last_name"], user["email"], *(user["address"][part] for part in ADDRESS))


def method_rows(users: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `payment_methods`."""
    for key, user in users.items():
        for one in user["payment_methods"].values():
            yield one["id"], key, one["source"], one.get("brand"), one.get("last_four"), cents(one.get("balance"))


def variant_rows(products: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `variants`."""
    for key, product in products.items():
        for one in product["variants"].values():
            yield one["item_id"], key, json.dumps(one["options"]), int(one["available"]), cents(one["price"])


def order_rows(orders: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `orders`; of what was done with one, only what the data says."""
    for key, order in orders.items():
        yield (
            *(key, order["user_id"], order["status"]),
            *(order["address"][part] for part in ADDRESS),
            order.get("cancel_reason"),
            *(None,) * 6,
        )


def item_rows(orders: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `order_items`."""
    for key, order in orders.items():
        for position, one in enumerate(order["items"]):
            options = json.dumps(one["options"])
            yield key, position, one["item_id"], one["product_id"], one["name"], options, cents(one["price"])


def payment_rows(orders: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `payments`."""
    for key, order in orders.items():
        for position, one in enumerate(order["payment_history"]):
            yield key, position, one["transaction_type"], cents(one["amount"]), one["payment_method_id"]


def parcel_rows(orders: Mapping[str, Any]) -> Iterable[Row]:
    """Yield the rows of `parcels`."""
    for key, order in orders.items():
        for parcel in order.get("fulfillments", ()):
            for tracking in parcel["tracking_id"]:
                yield key, tracking, json.dumps(parcel["item_ids"])


def build(target: Path, users: Mapping[str, Any], orders: Mapping[str, Any], products: Mapping[str, Any]) -> None:
    """Write the whole database anew at `target`."""
    draft = target.with_suffix(".new")
    draft.unlink(missing_ok=True)
    tables: dict[str, Iterable[Row]] = {
        "users": user_rows(users),
        "payment_methods": method_rows(users),
        "products": ((key, product["name"]) for key, product in products.items()),
        "variants": variant_rows(products),
        "orders": order_rows(orders),
        "order_items": item_rows(orders),
        "payments": payment_rows(orders),
        "parcels": parcel_rows(orders),
    }
    with closing(sqlite3.connect(draft)) as database, database:
        database.executescript((HERE / "shop.sql").read_text(encoding="utf-8"))
        for table, rows in tables.items():
            listed = list(rows)
            if listed:
                marks = ", ".join("?" * len(listed[0]))
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", listed)
    draft.replace(target)


def load(data: Path, project: Path) -> dict[str, int]:
    """Fill a project from the files in `data`; return how much of each was loaded."""
    users, orders, products = (
        json.loads((data / f"db_{name}.json").read_text(encoding="utf-8")) for name in ("users", "orders", "products")
    )
    build(project / "shop.db", users, orders, products)
    (project / "knowledge").mkdir(exist_ok=True)
    policy = (data / "wiki.md").read_text(encoding="utf-8")
    (project / "knowledge" / "policy.md").write_text(policy, encoding="utf-8")
    return {"users": len(users), "orders": len(orders), "products": len(products), "policy_chars": len(policy)}


def main() -> int:
    """Read the arguments, load, say what was loaded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the shop's JSON files and wiki.md")
    parser.add_argument("--project", type=Path, default=HERE, help="the bot project to fill; default: this one")
    options = parser.parse_args()
    missing = [
        name
        for name in ("db_users.json", "db_orders.json", "db_products.json", "wiki.md")
        if not (options.data / name).is_file()
    ]
    if missing:
        print(f"{options.data}: no {', '.join(missing)}. Name the folder of the retail data.", file=sys.stderr)
        return 2
    print(json.dumps(load(options.data, options.project)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
