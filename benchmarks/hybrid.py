"""The hybrid against either half alone: one set of labelled messages through the arms of one assembled bot.

Run: python -m benchmarks.hybrid [--project FOLDER] [--messages FILE] [--arms NAME ...] [--out FILE]. Without --project
the demo is made and trained. Arms: `hybrid`, the engine as served; `knowledge`, every message to the documents;
`voice`, every message to the voice with the router's likeliest voice intent, checked as served; `raw voice`, its greedy
draft unchecked; `base`, the unchecked greedy draft of the shipped model without the brand's voice. Every message is
answered by all arms, one after another, in turns. JSON and a Markdown table are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.adapters.voices import Voices
from frontdesk.bot.app import Bot, assemble, voices_of
from frontdesk.bot.commands.ask import Session
from frontdesk.bot.commands.gating import scorer_of
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.voice import known_values
from frontdesk.bot.engine import Engine
from frontdesk.bot.guards.firewall import filled
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.project import Project
from frontdesk.bot.router.route import Router
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Conversation, Effect, Kind, Message, Reply, Route, Sentence
from frontdesk.finetune.evaluate.facts import facts_from_nowhere
from frontdesk.finetune.evaluate.style import StyleScorer
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.examples import named

MESSAGES = Path(__file__).parent.parent / "tests" / "bot" / "hybrid.jsonl"
WANTED: Mapping[str, tuple[str, ...]] = {
    "routine": ("voice",),
    "factual": ("knowledge",),
    "account": ("account",),
    "out_of_scope": ("clarify",),
}
"""The route of each kind of message; a mixed one names its own two."""
RATES = (
    "right_route",
    "served",
    "invented",
    "cited_right",
    "cited_wrong",
    "told",
    "withheld",
    "sounds_right",
    "alarmed",
)
ORDER = re.compile(r"\bLL-\d{5}\b|(?<![\w-])1\d{4}(?![\w-])")
FIGURE = re.compile(r"\bLL-\d{5}\b|\b[A-Z]{2}\d{10}\b|\$\d+(?:\.\d\d)?")

Row = Mapping[str, Any]


class Always:
    """Sends every message one way, with the likeliest intent of that way."""

    def __init__(self, kind: Kind, router: Router, brand: Brand) -> None:
        self.kind, self.router = kind, router
        self.intents = [intent for intent, route in brand.routes.items() if route == kind]

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return the one route."""
        (intent,) = self.router.likeliest([message.text], self.intents)
        return (Route(kind=self.kind, intent=intent, confidence=1.0, reason=f"always {self.kind}"),)


class Raw:
    """Says a greedy draft as it comes, placeholders filled; the base speaks without the brand's voice."""

    def __init__(self, voices: Voices, brands: Mapping[str, Brand], *, base: bool) -> None:
        self.voices, self.brands, self.base = voices, brands, base

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the draft's sentences."""
        brand = self.brands[message.brand]
        voice = None if self.base else brand.voice
        (draft,) = await asyncio.to_thread(self.voices.replies, voice, [(route.intent, message.text)], seed=0)
        known = known_values(brand, message, conversation)
        for part in sentences(draft):
            yield Sentence(text=filled(part, known), effect=Effect(voice=voice or "base"))


def arms_of(bot: Bot, name: str) -> dict[str, Session]:
    """Return a session per arm over the same loaded parts; the single arms have no account actions."""
    served = bot.engine
    brand = served.brands[name].model_copy(update={"actions": {}})

    def alone(kind: Kind, **changed: Any) -> Session:
        routers = {name: Always(kind, bot.routers[name], brand)}
        parts = {"answerers": served.answerers, "checks": served.checks, "watch": served.watch, **changed}
        return Session(replace(bot, engine=Engine(brands={name: brand}, routers=routers, **parts)), name)

    def raw(*, base: bool) -> Session:
        return alone("voice", answerers={**served.answerers, "voice": Raw(voices, {name: brand}, base=base)}, checks=())

    voices = voices_of(bot.project)
    voices.warm_up(brand.voice)
    return {
        "hybrid": Session(bot, name),
        "knowledge": alone("knowledge"),
        "voice": alone("voice"),
        "raw voice": raw(base=False),
        "base": raw(base=True),
    }


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one arm said to one message."""

    row: Row
    reply: Reply
    ms: float


async def answers(arms: Mapping[str, Session], rows: Sequence[Row]) -> dict[str, list[Answered]]:
    """Answer every row by every arm; who begins changes from row to row, so that all see the same machine."""
    found: dict[str, list[Answered]] = {name: [] for name in arms}
    names = list(arms)
    for number, row in enumerate(rows):
        first = number % len(names)
        for name in [*names[first:], *names[:first]]:
            who = {"id": row["customer"], "identity": "token"} if "customer" in row else {"id": "visitor"}
            reply, ms = await arms[name].answer({"text": row["text"], "customer": who}, number)
            found[name].append(Answered(row=row, reply=reply, ms=ms))
        if number % 25 == 0:
            print(f"{number}/{len(rows)}", file=sys.stderr, flush=True)
    return found


class Orders:
    """The records of the demo shop, read from its SQL and not through the bot's actions."""

    def __init__(self, script: str) -> None:
        with closing(sqlite3.connect(":memory:")) as db:
            db.executescript(script)
            self.owner = dict(db.execute("SELECT id, customer_id FROM orders").fetchall())
            self.figures: dict[str, set[str]] = {order: {order} for order in self.owner}
            for order, tracking in db.execute("SELECT id, tracking_number FROM orders"):
                self.figures[order].add(str(tracking))
            for query in (
                "SELECT id, total_cents, shipping_cents, refund_cents, total_cents - shipping_cents FROM orders",
                "SELECT order_id, price_cents, price_cents * quantity FROM order_lines",
            ):
                for order, *cents in db.execute(query):
                    self.figures[order] |= {f"${one / 100:.2f}" for one in cents if one is not None}

    def of(self, customer: str) -> set[str]:
        """Return the numbers of a customer's orders."""
        return {order for order, owner in self.owner.items() if owner == customer}

    def strange(self, text: str, customer: str) -> list[str]:
        """Return the order numbers, tracking numbers and amounts in a text that are not of this customer's orders."""
        own = {one for order in self.of(customer) for one in self.figures[order]}
        said = [one if "." in one or "$" not in one else f"{one}.00" for one in FIGURE.findall(text)]
        return [one for one in said if one not in own]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Reads replies by the labels; knows the documents, the records and the settings, not how the reply was made."""

    brand: Brand
    base: Knowledge
    orders: Orders
    scorer: StyleScorer

    def invented(self, one: Answered) -> list[str]:
        """Return the facts from nowhere: in no settings' text, no cited document, no record of this customer's."""
        return [fact for sentence in one.reply.sentences for fact in self._unsourced(sentence, one.row)]

    def _unsourced(self, sentence: Sentence, row: Row) -> Iterator[str]:
        settings = set(self.brand.messages.model_dump().values()) | {slot.ask for slot in self.brand.slots.values()}
        cited = [self.base.document(citation.document_id, citation.version) for citation in sentence.citations]
        if sentence.text in settings or any(one and spaced(sentence.text) in spaced(one.text) for one in cited):
            return
        if sentence.support.kind == "record":
            yield from self.orders.strange(sentence.text, row.get("customer", ""))
            return
        heard = " ".join([row["text"], *(citation.quote for citation in sentence.citations)])
        known = {"brand": self.brand.name, **self.brand.profile}
        yield from facts_from_nowhere(sentence.text, known, heard)

    def marks(self, one: Answered) -> dict[str, bool]:
        """Return what holds of a reply, under the names in RATES, where the labels ask for it."""
        row, kinds = one.row, {route.kind for route in one.reply.routes}
        wanted = tuple(row.get("routes", WANTED.get(row["kind"], ())))
        invented = bool(self.invented(one))
        alarmed = any(route.intent.startswith("safety_") for route in one.reply.routes)
        found = {"right_route": kinds == set(wanted), "invented": invented, "alarmed": alarmed}
        if "doc_ids" in row:
            cited = [named(citation.document_id, row["doc_ids"]) for citation in one.reply.citations]
            found |= {"cited_right": any(cited), "cited_wrong": bool(cited) and not any(cited)}
        if "account" in wanted:
            found |= self._account(one)
        parts = {
            "voice": any(sentence.effect.voice for sentence in one.reply.sentences),
            "knowledge": found.get("cited_right", False),
            "account": found.get("told", found.get("withheld", False)),
            "clarify": self._declined(one.reply),
        }
        return found | {"served": not invented and all(parts[kind] for kind in wanted)}

    def _account(self, one: Answered) -> dict[str, bool]:
        """`told`: a record of the customer's own and of the order named; `withheld`: none where none is theirs."""
        own = self.orders.of(one.row.get("customer", ""))
        asked = {number if "-" in number else f"LL-{number}" for number in ORDER.findall(one.row["text"])}
        records = [s for s in one.reply.sentences if s.support.kind == "record"]
        told = {order for s in records for order in re.findall(r"LL-\d{5}", f"{s.support.source} {s.text}")}
        if not own or not asked <= own:
            return {"withheld": not records}
        return {"told": bool(told) and told <= own and asked <= told}

    def _declined(self, reply: Reply) -> bool:
        """Whether a reply states and starts nothing: settings' texts alone."""
        return all(sentence.text in self.brand.messages.model_dump().values() for sentence in reply.sentences)

    def tone(self, replies: Sequence[Answered]) -> tuple[list[bool], list[float]]:
        """Return for each reply whether it is taken for the brand's voice, and the probability of it."""
        texts = [self._unfilled(" ".join(s.text for s in one.reply.sentences)) for one in replies]
        voice = self.brand.voice
        return self.scorer.recognised(voice, texts), self.scorer.scores(voice, texts)

    def _unfilled(self, text: str) -> str:
        for name, value in [*self.brand.profile.items(), ("brand", self.brand.name)]:
            text = text.replace(value, f"{{{{{name}}}}}")
        return text


def spaced(text: str) -> str:
    return " ".join(text.split())


def rate(marks: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(marks), len(marks))
    return {"k": sum(marks), "n": len(marks), "share": round(sum(marks) / len(marks), 3), "ci": rounded((low, high))}


def rounded(pair: Sequence[float]) -> list[float]:
    return [round(float(one), 3) for one in pair]


def figures(found: Sequence[Answered], judge: Judge) -> dict[str, Any]:
    """Return an arm's figures over all messages and by kind; rates with Wilson's 95 % interval."""
    recognised, scores = judge.tone(found)
    marks = [{**judge.marks(one), "sounds_right": sounds} for one, sounds in zip(found, recognised, strict=True)]
    kinds = [part_of(one.row) for one in found]
    parts: dict[str, Any] = {}
    for part in ("all", *dict.fromkeys(kinds)):
        at = [number for number, kind in enumerate(kinds) if part in ("all", kind)]
        rates = {name: [marks[n][name] for n in at if name in marks[n]] for name in RATES}
        times, tones = [found[n].ms for n in at], [scores[n] for n in at]
        parts[part] = {
            **{name: rate(values) for name, values in rates.items() if values},
            "tone": {"mean": round(float(np.mean(tones)), 3), "ci": rounded(bootstrap(tones))},
            "ms": {"p50": round(float(np.percentile(times, 50))), "p95": round(float(np.percentile(times, 95)))},
        }
    return parts


def part_of(row: Row) -> str:
    """Return the kind of a message; those that ask for two things are told apart by whether one is small talk."""
    small_talk = ", one of them small talk" if "voice" in row.get("routes", ()) else ""
    return "two things" + small_talk if row["kind"] == "mixed" else str(row["kind"]).replace("_", " ")


def ahead(found: Mapping[str, Sequence[Answered]], judge: Judge) -> dict[str, Any]:
    """Return by how much more often the hybrid serves than each other arm, with paired bootstrap intervals."""
    served = {name: np.array([float(judge.marks(one)["served"]) for one in arm]) for name, arm in found.items()}
    kinds = np.array([part_of(one.row) for one in next(iter(found.values()))])
    masks = {"all": kinds == kinds, **{kind: kinds == kind for kind in dict.fromkeys(kinds.tolist())}}
    return {
        name: {part: gap_of((served["hybrid"] - arm)[mask].tolist()) for part, mask in masks.items()}
        for name, arm in served.items()
        if name != "hybrid"
    }


def gap_of(gaps: Sequence[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(gaps)), 3), "ci": rounded(bootstrap(gaps))}


def table(result: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of the arms side by side."""
    first = next(iter(result.values()))
    lines: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("right route", lambda f: shown(f["all"], "right_route")),
        *[(f"served: {part}", partial(_part, part)) for part in first],
        ("replies with a fact from nowhere", lambda f: shown(f["all"], "invented")),
        ("a right document cited", lambda f: shown(f["all"], "cited_right")),
        ("only other documents cited", lambda f: shown(f["all"], "cited_wrong")),
        ("own record told", lambda f: shown(f["all"], "told")),
        ("other's record withheld", lambda f: shown(f["all"], "withheld")),
        ("stopped by the safety watch", lambda f: shown(f["all"], "alarmed")),
        ("taken for the brand's voice", lambda f: shown(f["all"], "sounds_right")),
        ("tone, mean", lambda f: f"{f['all']['tone']['mean']:.3f} ({limits(f['all']['tone']['ci'])})"),
        ("latency p50 / p95, ms", lambda f: f"{f['all']['ms']['p50']} / {f['all']['ms']['p95']}"),
    ]
    head = f"| | {' | '.join(result)} |\n|---|{'---|' * len(result)}"
    return "\n".join([head, *[f"| {name} | {' | '.join(map(cell, result.values()))} |" for name, cell in lines]])


def _part(part: str, found: Mapping[str, Any]) -> str:
    return shown(found[part], "served")


def shown(part: Mapping[str, Any], name: str) -> str:
    return f"{part[name]['k']}/{part[name]['n']} ({limits(part[name]['ci'])})" if name in part else "none asked"


def limits(pair: Sequence[float]) -> str:
    return f"{pair[0]:.3f}–{pair[1]:.3f}"


def made(folder: Path) -> Path:
    """Make and train the demo project."""
    from frontdesk.bot.commands.ingest import ingest
    from frontdesk.bot.commands.init import init
    from frontdesk.bot.commands.train import train

    with redirect_stdout(sys.stderr):
        init(folder)
        ingest(project=folder, as_json=True)
        train(project=folder, as_json=True)
    return folder


def judge_of(bot: Bot, name: str) -> Judge:
    """Return the judge of a bot's replies."""
    return Judge(
        brand=bot.engine.brands[name],
        base=bot.knowledge.of(name),
        orders=Orders((bot.project.folder / "orders.sql").read_text(encoding="utf-8")),
        scorer=scorer_of(bot.project, bot.voices.registry),
    )


def written(path: Path, found: Mapping[str, Sequence[Answered]], judge: Judge) -> None:
    """Write every reply with its marks, one JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for arm, answered in found.items():
            for one in answered:
                routes = [f"{route.kind}:{route.intent}" for route in one.reply.routes]
                data = {"arm": arm, **one.row, "routed": routes, "reply": one.reply.text, "ms": one.ms}
                data |= {"marks": judge.marks(one), "facts": judge.invented(one)}
                file.write(json.dumps(data, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, help="a trained copy of the demo project, to spare the training")
    parser.add_argument("--messages", type=Path, default=MESSAGES)
    parser.add_argument("--arms", nargs="+", help="only these")
    parser.add_argument("--out", type=Path, help="a file for every reply with its marks")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.messages.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        bot = assemble(Project.load(chosen.project or made(Path(scratch) / "shop")))
        bot.warm_up()
        name = bot.project.settings.brand_id
        arms = {arm: session for arm, session in arms_of(bot, name).items() if arm in (chosen.arms or [arm])}
        found = asyncio.run(answers(arms, rows))
        judge = judge_of(bot, name)
        result = {arm: figures(answered, judge) for arm, answered in found.items()}
        if chosen.out:
            written(chosen.out, found, judge)
    gaps = ahead(found, judge) if "hybrid" in found else {}
    print(json.dumps({"arms": result, "served more often by the hybrid": gaps}, indent=1))
    print(table(result))


if __name__ == "__main__":
    main()
