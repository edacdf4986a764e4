"""The retail example: loading, what customers' words name, and changes by the policy, judged by functions apart."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import retail_reference as reference

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "retail"
DATA = Path(__file__).parent / "retail_shop"
TILDA, BO = "tilda_marsh_1", "bo_fenn_2"


@pytest.fixture(scope="module")
def retail() -> Iterator[Any]:
    """The example's actions, loaded by path under a name of their own."""
    folder = EXAMPLE / "actions"
    spec = importlib.util.spec_from_file_location(
        "retail_actions", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["retail_actions"] = module
    spec.loader.exec_module(module)
    for name in ("shop", "changes", "finding", "particulars"):
        importlib.import_module(f"retail_actions.{name}")
    yield module
    for name in [name for name in sys.modules if name.startswith("retail_actions")]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder that the loader filled."""
    program = [sys.executable, str(EXAMPLE / "load.py"), "--data", str(DATA), "--project", str(tmp_path)]
    told = json.loads(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    assert (told["users"], told["orders"], told["products"]) == (2, 4, 3)
    return tmp_path


@pytest.fixture(scope="module")
def world() -> reference.Json:
    return reference.world_of(DATA)


def order(retail: ModuleType, folder: Path, number: str, user: str = TILDA) -> Any:
    with retail.shop.shop(folder) as database:
        return retail.shop.order_of(database, user, number)


def test_what_is_loaded_is_what_the_files_say(folder: Path, world: reference.Json) -> None:
    assert reference.snapshot(folder) == reference.facts(world)
    assert "Refunds to a gift card" in (folder / "knowledge" / "policy.md").read_text()


def test_the_loader_names_what_is_missing(tmp_path: Path) -> None:
    program = [sys.executable, str(EXAMPLE / "load.py"), "--data", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "db_users.json" in done.stderr


def test_every_kind_of_change_ends_as_the_reference_says(retail: Any, folder: Path, world: reference.Json) -> None:
    changes, address = retail.changes, dict(city="Salem", state="OR", country="USA", zip="97301")
    home = retail.shop.Address(address1="12 Fir Street", address2="Apt 3", **address)
    changes.cancel(folder, TILDA, "#W1000003", "no longer needed", "k1")
    changes.return_items(folder, TILDA, "#W1000002", ["7000000011", "7000000002"], "gift_card_1", "k2")
    changes.change_address(folder, TILDA, "#W1000001", home, "k3")
    changes.change_payment(folder, TILDA, "#W1000001", "credit_card_1", "k4")
    swaps = [("7000000001", "7000000003"), ("7000000021", "7000000022")]
    changes.swap_items(folder, TILDA, "#W1000001", swaps, "credit_card_1", "k5")
    changes.change_home(folder, TILDA, home, "k6")
    tasks = [json.loads(line) for line in (DATA / "tasks.jsonl").read_text().splitlines()]
    moved = {"name": "modify_user_address", "kwargs": {"user_id": TILDA, **vars(home)}}
    actions = [action for task in tasks[:3] for action in task["actions"]]
    expected = reference.facts(reference.applied(world, [*actions, moved], TILDA))
    found = reference.snapshot(folder)
    assert found["users"][TILDA] == expected["users"][TILDA]
    assert {key: found["orders"][key] for key in expected["orders"]} == expected["orders"]


def test_an_exchange_ends_as_the_reference_says(retail: Any, folder: Path, world: reference.Json) -> None:
    retail.changes.swap_items(folder, TILDA, "#W1000002", [("7000000002", "7000000003")], "paypal_1", "k")
    task = json.loads((DATA / "tasks.jsonl").read_text().splitlines()[3])
    expected = reference.facts(reference.applied(world, task["actions"], TILDA))
    assert reference.snapshot(folder)["orders"]["#W1000002"] == expected["orders"]["#W1000002"]


def test_the_same_key_changes_nothing_twice(retail: Any, folder: Path) -> None:
    retail.changes.cancel(folder, TILDA, "#W1000003", "no longer needed", "k")
    once = reference.snapshot(folder)
    retail.changes.cancel(folder, TILDA, "#W1000003", "no longer needed", "k")
    assert reference.snapshot(folder) == once
    with pytest.raises(retail.changes.Refused, match="only pending"):
        retail.changes.cancel(folder, TILDA, "#W1000003", "no longer needed", "another")


def refusals(changes: Any, folder: Path) -> dict[str, Any]:
    """Changes that the policy forbids, by what they try."""
    swap = changes.swap_items
    return {
        "another customer's order": lambda: changes.cancel(folder, BO, "#W1000003", "no longer needed", "k"),
        "a reason of one's own": lambda: changes.cancel(folder, TILDA, "#W1000003", "bored", "k"),
        "cancelling what is delivered": lambda: changes.cancel(folder, TILDA, "#W1000002", "no longer needed", "k"),
        "returning what is pending": lambda: changes.return_items(
            folder, TILDA, "#W1000001", ["7000000001"], "paypal_1", "k"
        ),
        "a refund elsewhere": lambda: changes.return_items(folder, TILDA, "#W1000002", ["7000000011"], "paypal_1", "k"),
        "more than was ordered": lambda: changes.return_items(
            folder, TILDA, "#W1000002", ["7000000011"] * 2, "gift_card_1", "k"
        ),
        "nothing at all": lambda: changes.return_items(folder, TILDA, "#W1000002", [], "gift_card_1", "k"),
        "another product": lambda: swap(folder, TILDA, "#W1000001", [("7000000001", "7000000011")], "paypal_1", "k"),
        "the same article": lambda: swap(folder, TILDA, "#W1000001", [("7000000001", "7000000001")], "paypal_1", "k"),
        "what is sold out": lambda: swap(folder, TILDA, "#W1000001", [("7000000001", "7000000004")], "paypal_1", "k"),
        "a gift card too small": lambda: swap(
            folder, BO, "#W2000001", [("7000000001", "7000000003")], "gift_card_2", "k"
        ),
        "another's card": lambda: swap(folder, TILDA, "#W1000001", [("7000000001", "7000000002")], "gift_card_2", "k"),
        "the same payment": lambda: changes.change_payment(folder, TILDA, "#W1000001", "paypal_1", "k"),
        "paying more than there is": lambda: changes.change_payment(folder, TILDA, "#W1000001", "gift_card_1", "k"),
    }


def test_what_the_policy_forbids_is_refused_and_changes_nothing(retail: Any, folder: Path) -> None:
    before = reference.snapshot(folder)
    for what, change in refusals(retail.changes, folder).items():
        with pytest.raises(retail.changes.Refused):
            change()
            pytest.fail(what)
    assert reference.snapshot(folder) == before


def test_items_are_changed_only_once(retail: Any, folder: Path) -> None:
    retail.changes.swap_items(folder, TILDA, "#W1000001", [("7000000001", "7000000002")], "paypal_1", "k1")
    with pytest.raises(retail.changes.Refused, match="only once"):
        retail.changes.swap_items(folder, TILDA, "#W1000001", [("7000000021", "7000000022")], "paypal_1", "k2")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The rag rug and the green lantern", ["7000000011", "7000000002"]),
        ("storm lantern (green oil waterproof no), Rag Rug", ["7000000011", "7000000002"]),
        ("everything", ["7000000011", "7000000001", "7000000002"]),
        ("both lanterns", ["7000000001", "7000000002"]),
        ("all but not the rug", ["7000000001", "7000000002"]),
        ("1 and 3", ["7000000011", "7000000002"]),
        ("a rug", ["7000000011"]),
        ("the teapot", []),
        ("the grene latern and the rug", ["7000000011", "7000000002"]),
        ("I'm sending back the lantren, the green one", ["7000000002"]),
    ],
)
def test_articles_are_found_in_what_a_customer_says(retail: Any, folder: Path, text: str, found: list[str]) -> None:
    named = retail.finding.items_in(text, order(retail, folder, "#W1000002").items)
    assert sorted(item.item_id for item in named.items) == sorted(found)
    assert not named.unclear


def test_one_of_two_alike_is_unclear(retail: Any, folder: Path) -> None:
    named = retail.finding.items_in("the rug and a lantern", order(retail, folder, "#W1000002").items)
    assert [item.name for item in named.items] == ["Rag Rug"]
    assert [[item.item_id for item in group] for group in named.unclear] == [["7000000001", "7000000002"]]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("green please", {"color": {"green"}}),
        ("make it green, battery and waterproof", {"color": {"green"}, "fuel": {"battery"}, "waterproof": {"yes"}}),
        ("a green one instead of the red", {"color": {"green"}}),
        ("not waterproof", {"waterproof": {"no"}}),
        ("the nicest you have", {}),
        ("grene, with a battrey", {"color": {"green"}, "fuel": {"battery"}}),
        ("waterprof yes", {"waterproof": {"yes"}}),
    ],
)
def test_wishes_are_read_against_the_variants(retail: Any, folder: Path, text: str, asked: dict[str, Any]) -> None:
    lantern = order(retail, folder, "#W1000001").items[0]
    with retail.shop.shop(folder) as database:
        product = retail.shop.product_of(database, lantern.product_id)
    assert retail.finding.wish(lantern, product, text) == asked


def test_an_option_that_two_share_goes_to_the_one_named(retail: Any) -> None:
    known = [{"frame color": "black", "lens color": "brown"}, {"frame color": "brown", "lens color": "black"}]
    wished = retail.finding.wished
    assert sorted(wished(known, "black frame with brown lenses")) == [("frame color", "black"), ("lens color", "brown")]
    assert wished(known, "brown lens color") == [("lens color", "brown")]


@pytest.mark.parametrize(
    ("text", "line1", "line2", "rest"),
    [
        ("12 Fir Street, Apt 3, Salem, OR 97301", "12 Fir Street", "Apt 3", ("Salem", "OR", "97301")),
        ("It's 9 Mill Lane, Austin, Texas 78701, USA.", "9 Mill Lane", "", ("Austin", "TX", "78701")),
        (
            "Send it to 1 Pier Road Suite 40, St. Paul, mn, 55101",
            "1 Pier Road",
            "Suite 40",
            ("St. Paul", "MN", "55101"),
        ),
    ],
)
def test_addresses_are_read(retail: Any, text: str, line1: str, line2: str, rest: tuple[str, ...]) -> None:
    found = retail.particulars.address_in(text)
    assert (found.address1, found.address2, (found.city, found.state, found.zip)) == (line1, line2, rest)


@pytest.mark.parametrize("text", ["my new place", "12 Fir Street", "Salem, OR 97301", "12 Fir Street, Salem"])
def test_half_an_address_is_none(retail: Any, text: str) -> None:
    assert retail.particulars.address_in(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my PayPal please", ["paypal_1"]),
        ("the gift card", ["gift_card_1"]),
        ("card ending in 4412", ["credit_card_1"]),
        ("the visa", ["credit_card_1"]),
        ("my card", ["credit_card_1"]),
        ("the way I paid", ["credit_card_1"]),
        ("in cash", []),
    ],
)
def test_payment_methods_are_the_customers_own(retail: Any, folder: Path, text: str, found: list[str]) -> None:
    with retail.shop.shop(folder) as database:
        methods = retail.shop.user_of(database, TILDA).methods
    assert [one.id for one in retail.particulars.methods_in(text, methods, "credit_card_1")] == found


def test_reasons_and_numbers(retail: Any) -> None:
    finding = retail.particulars
    assert finding.reason_in("oh, that was an accident") == "ordered by mistake"
    assert finding.reason_in("I don't need it any more") == "no longer needed"
    assert finding.reason_in("it is too expensive") is None
    assert finding.order_in("it's w1000001, thanks") == "#W1000001"
    assert finding.order_in("1000001") == "#W1000001"
    assert finding.order_in("call 555-1000001") is None


def test_the_exclusions_are_rules(world: reference.Json) -> None:
    tasks = [json.loads(line) for line in (DATA / "tasks.jsonl").read_text().splitlines()]
    assert [reference.exclusion(world, task) for task in tasks] == [
        *("", "", "", ""),
        "a plan that depends on the answers",
        "changes an item for itself, which the policy forbids",
        "the benchmark's own tools refuse an action",
        "no action",
    ]
