"""A real shop, played: `python -m benchmarks.retail --data PATH [--tasks train|dev] [--final] [--out FILE]`.

PATH is the folder of tau-bench's retail data. Every task that is not excluded is played four times, by seeds that vary
wording and order, through the whole engine, with no chat model. A run succeeds when the database ends exactly as the
task's actions say and no line of the policy was broken. Prints the exclusions, pass^1 and pass^4 with 95 % intervals,
and why runs fail; `--out` gets every run. `--hard` plays
the harder customer of benchmarks/retail_hard.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import runpy
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.retail_customer import KINDS, Customer
from benchmarks.retail_hard import HardCustomer
from benchmarks.retail_reference import Json, applied, exclusion, facts, snapshot, world_of
from frontdesk.bot.app import Bot, assemble
from frontdesk.bot.commands.ask import Session
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.changes import MemoryLedger
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.project import Project
from frontdesk.bot.types import Reply

EXAMPLE = Path(__file__).parent.parent / "examples" / "retail"
SEEDS = 4
TURNS = 60
"""Messages after which a conversation is given up."""
_ORDER = re.compile(r"#W\d{7}")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


@dataclass
class Run:
    """One conversation: whether it succeeded, else why not, and what was said."""

    task: int
    seed: int
    kinds: list[str]
    success: bool = False
    why: str = ""
    broken: list[str] = field(default_factory=list)
    turns: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)


class Referee:
    """Watches the policy, in code of its own: who is told what, and what may have changed after which words."""

    def __init__(self, folder: Path, customer: Customer, before: Json) -> None:
        self.folder, self.customer = folder, customer
        self.before = before
        self.written = self._written()
        self.done: list[Json] = []
        self.broken: list[str] = []
        user = customer.task["user_id"]
        self.own = set(customer.world["users"][user]["orders"])

    def watch(self, message: str, previous: str, reply: str) -> None:
        """Judge one turn: `previous` is the reply that the customer answered with `message`."""
        told = set(_ORDER.findall(reply)) - set(_ORDER.findall(message)) - self.own
        others = set(_EMAIL.findall(reply)) - {self.customer.user["email"]} - set(_EMAIL.findall(message))
        if told or {one for one in others if not one.endswith("shop.example")}:
            self.broken.append("told of another customer")
        written = self._written()
        if written != self.written:
            self.written, after = written, snapshot(self.folder)
            if after != self.before:
                self._changed(previous, after)
            self.before = after

    def _written(self) -> int:
        """When the database was last written to; every change shows in it."""
        return (self.folder / "shop.db").stat().st_mtime_ns

    def _changed(self, previous: str, after: Json) -> None:
        """A change follows a clear yes to its details, and is the one that was agreed to, one at a time."""
        agreed = self.customer.yes_to[len(self.done) :]
        if len(agreed) != 1:
            self.broken.append("changed without an explicit yes")
            return
        self.done += agreed
        listed = agreed[0]["kwargs"].get("order_id", "")
        if listed not in previous:
            self.broken.append("changed without the details listed")
        user = self.customer.task["user_id"]
        expected = facts(applied(self.customer.world, self.done, user))
        found = {key: after["orders"][key] for key in expected["orders"]}
        if found != expected["orders"] or after["users"][user] != expected["users"][user]:
            self.broken.append("changed otherwise than agreed")
        others = {key: value for key, value in after["orders"].items() if key not in self.own}
        if others != {key: value for key, value in self.before["orders"].items() if key not in self.own}:
            self.broken.append("changed another customer's order")


async def played(bot: Bot, fresh: Path, customer: Customer, run: Run) -> Run:
    """Play one conversation in a shop of its own, copied from the database `fresh`."""
    folder = Path(bot.project.folder)
    shutil.copy(fresh, folder / "shop.db")
    account = bot.engine.answerers["account"]
    assert isinstance(account, AccountAnswerer)
    account.ledger = MemoryLedger()
    session, referee = Session(bot, bot.project.settings.brand_id), Referee(folder, customer, facts(customer.world))
    message: str | None = customer.opens()
    text = ""
    while message is not None and run.turns < TURNS:
        row = {"text": message, "conversation_id": f"{run.task}-{run.seed}", "id": f"{run.turns}"}
        reply, _ = await session.answer(row, run.turns)
        run.said.append((message, reply.text))
        referee.watch(message, text, reply.text)
        text, run.turns = reply.text, run.turns + 1
        waiting = session.conversations[f"{run.task}-{run.seed}"].state != "bot"
        message = customer.answers(text, titles(reply), waiting)
    return judged(run, customer, referee)


def titles(reply: Reply) -> list[str]:
    return [button.title for button in reply.buttons]


def judged(run: Run, customer: Customer, referee: Referee) -> Run:
    """Compare the database with what the task says; say why where it differs."""
    user, end = customer.task["user_id"], referee.before
    expected = facts(applied(customer.world, customer.task["actions"], user))
    right = {key: end["orders"][key] for key in expected["orders"]} == expected["orders"]
    right = right and end["users"][user] == expected["users"][user]
    run.broken = sorted(set(referee.broken))
    run.success = right and not run.broken
    if not run.success:
        turns = "the conversation did not end" if run.turns >= TURNS else ""
        run.why = "; ".join(run.broken) or customer.why or turns or "the database ends otherwise"
    return run


def prepared(data: Path, folder: Path) -> Bot:
    """Return the bot of the example, loaded, ingested and trained in `folder`; what is there already is kept."""
    from frontdesk.bot.commands.ingest import ingest
    from frontdesk.bot.commands.train import train

    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("shop.db", "knowledge"))
    runpy.run_path(str(EXAMPLE / "load.py"))["load"](data, folder)
    if not (folder / ".frontdesk" / "router").is_dir():
        ingest(project=folder, as_json=True)
        train(project=folder, as_json=True)
    bot = assemble(Project.load(folder))
    bot.warm_up()
    return bot


async def run_all(
    bot: Bot,
    world: Json,
    tasks: Sequence[tuple[int, Json]],
    seeds: int,
    openings: str = "goals",
    kind: type[Customer] = Customer,
) -> list[Run]:
    """Play every task with every seed; `openings` names the phrases that requests are opened with."""
    folder = bot.project.folder
    fresh = Path(shutil.copy(folder / "shop.db", folder / "shop.fresh"))
    runs: list[Run] = []
    for number, task in tasks:
        for seed in range(seeds):
            run = Run(task=number, seed=seed, kinds=[KINDS[a["name"]] for a in task["actions"]])
            runs.append(await played(bot, fresh, kind(world, task, seed, openings), run))
        print(f"\r{len(runs)} runs, {sum(run.success for run in runs)} right", end="", file=sys.stderr)
    print(file=sys.stderr)
    shutil.copy(fresh, folder / "shop.db")
    return runs


def summary(runs: Sequence[Run], seeds: int) -> dict[str, Any]:
    """Return pass^1 and pass^k with intervals, by kind of change too, and the failures by reason."""
    by_task: dict[int, list[Run]] = {}
    for run in runs:
        by_task.setdefault(run.task, []).append(run)
    shares = [sum(run.success for run in group) / len(group) for group in by_task.values()]
    all_right = sum(share == 1 for share in shares)
    kinds = sorted({kind for run in runs for kind in run.kinds})
    return {
        "tasks": len(by_task),
        "runs": len(runs),
        "pass^1": round(sum(shares) / len(shares), 4),
        "pass^1_ci": [round(x, 4) for x in interval(shares)],
        f"pass^{seeds}": round(all_right / len(shares), 4),
        f"pass^{seeds}_ci": [round(x, 4) for x in wilson(all_right, len(shares))],
        "policy_broken": sum(bool(run.broken) for run in runs),
        "turns": round(sum(run.turns for run in runs) / len(runs), 1),
        "by_kind": {kind: rate([run for run in runs if kind in run.kinds]) for kind in kinds},
        "failures": dict(Counter(reason(run) for run in runs if not run.success).most_common()),
    }


def interval(shares: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over tasks; where all are alike, that of as many single trials."""
    return bootstrap(shares) if len(set(shares)) > 1 else wilson(round(sum(shares)), len(shares))


def rate(runs: Sequence[Run]) -> str:
    return f"{sum(run.success for run in runs)}/{len(runs)}"


def reason(run: Run) -> str:
    return re.sub(r"#?W\d{7}|\d+", "#", run.why)[:90]


def main() -> int:
    """Read the arguments, play, print the table."""
    parser = argparse.ArgumentParser(description="A real shop, played.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default="train", choices=["train", "dev"])
    parser.add_argument("--limit", type=int, default=0, help="play only this many tasks")
    parser.add_argument("--task", type=int, action="append", help="play only this task; may be given again")
    parser.add_argument("--every", type=int, default=1, help="play only every so many-th task")
    parser.add_argument("--final", action="store_true", help="open with the phrases kept for the final figure")
    parser.add_argument("--hard", action="store_true", help="play the harder customer")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--project", type=Path, help="where the bot is made; kept and used again")
    parser.add_argument("--out", type=Path, help="where every run is written")
    options = parser.parse_args()
    world = world_of(options.data)
    lines = (options.data / f"tasks_{options.tasks}.jsonl").read_text(encoding="utf-8").splitlines()
    tasks = [json.loads(line) for line in lines]
    why = [exclusion(world, task) for task in tasks]
    wanted = options.task or range(len(tasks))
    chosen = [(number, task) for number, task in enumerate(tasks) if not why[number] and number in wanted]
    with tempfile.TemporaryDirectory() as temporary:
        bot = prepared(options.data, options.project or Path(temporary))
        started = time.perf_counter()
        openings = "final" if options.final else "goals"
        kind = HardCustomer if options.hard else Customer
        some = chosen[:: options.every][: options.limit or None]
        runs = asyncio.run(run_all(bot, world, some, options.seeds, openings, kind))
    told = {
        "set": options.tasks,
        "customer": "hard" if options.hard else "easy",
        "excluded": dict(Counter(one for one in why if one)),
        **summary(runs, options.seeds),
        "seconds": round(time.perf_counter() - started),
    }
    if options.out:
        options.out.write_text(json.dumps({**told, "per_run": [asdict(run) for run in runs]}, indent=1), "utf-8")
    print(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
