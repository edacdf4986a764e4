"""The advisor against 194 intents labelled by hand: `python -m benchmarks.advise --data DIR`.

DIR holds the public sets (bitext_intents, banking77, rasa_nlu, tau2_bench/banking_knowledge); without it the demo brand
alone is judged. Support is judged over the demo's documents for the demo, bitext_intents and rasa_nlu, and over
banking_knowledge for banking77. The demo has its transcripts and actions; elsewhere there are no transcripts, and an
action only for the customer's own parcel (track_order, delivery_period, show_my_order_status). `--fit` fits the
weights on the half of the labels that is not held out and writes them into the package first. What the documents said
and their indexes are kept in `--work`, since asking takes the longest. Prints the account in Markdown,
or JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.config import Action, Brand
from frontdesk.bot.config import Knowledge as Settings
from frontdesk.bot.intervals import wilson
from frontdesk.bot.project import read_settings
from frontdesk.bot.router.nlu import Example, read_nlu
from frontdesk.finetune.advise.consider import SIGNALS, signals
from frontdesk.finetune.advise.gather import dossiers, look, spread
from frontdesk.finetune.advise.propose import propose
from frontdesk.finetune.advise.values import Dossier, Looked, Proposal, Source
from frontdesk.finetune.advise.weights import FILE, Weights, fit
from frontdesk.finetune.transcripts import Report, pairs, read_transcripts
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.evaluate import documents_of
from tests.finetune.advise_labels import Label, labels

TEMPLATE = Path(__file__).parents[1] / "bot" / "template"
MAX_ERROR, LOOKS, DRAWS = 0.05, 8, 2000
ROUTES = ("voice", "knowledge", "account", "handoff")
ACTIONS = {"bitext": ("track_order", "delivery_period"), "rasa": ("show_my_order_status",)}
FILES = {
    "bitext": "bitext_intents/train.jsonl",
    "banking77": "banking77/train.jsonl",
    "rasa": "rasa_nlu/rasa_nlu.jsonl",
}
Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A label with what is known of its intent and what was proposed for it."""

    label: Label
    dossier: Dossier
    proposal: Proposal

    @property
    def right(self) -> bool:
        """Whether the proposal is the label."""
        return self.proposal.route == self.label.route

    @property
    def defensible(self) -> bool:
        """Whether it is the label or the second route that would do too."""
        return self.proposal.route in (self.label.route, self.label.also)


def main() -> None:
    """Judge every labelled intent and print the account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the public sets")
    parser.add_argument("--work", type=Path, help="a folder that keeps the indexes and what the documents said")
    parser.add_argument("--fit", action="store_true", help="fit the shipped weights anew, on the fitting half")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    quiet_libraries()
    known = gathered(chosen.data, chosen.work)
    wanted = [label for label in labels() if (label.set, label.intent) in known]
    if chosen.fit:
        fitted(wanted, known).save(FILE)
    judged = [
        Judged(label=label, dossier=dossier, proposal=propose(dossier, max_error=MAX_ERROR))
        for label in wanted
        for dossier in [known[label.set, label.intent]]
    ]
    if chosen.json:
        print(json.dumps(account(judged), indent=1))
    else:
        print("\n".join(shown(judged)))


def gathered(data: Path | None, work: Path | None) -> dict[tuple[str, str], Dossier]:
    """Return the dossier of every labelled intent, by set and intent."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="frontdesk-advise-") as folder:
        place = work or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        cache, bases = place / "said.json", Bases(place, data)
        told = json.loads(cache.read_text()) if cache.is_file() else {}
        for name in ("demo", *(FILES if data else ())):
            for one in intents(name, data):
                key = f"{name}/{one.intent}"
                if key not in told:
                    told[key] = [plain(x) for x in look(bases.of(name), spread(one.examples, LOOKS))]
                found[name, one.intent] = replace(one, looked=tuple(map(read_back, told[key])))
            cache.write_text(json.dumps(told))
        bases.close()
    return found


class Bases:
    """The two sets of documents, indexed when first asked."""

    def __init__(self, folder: Path, data: Path | None) -> None:
        self._folder, self._data = folder, data
        self._made: dict[str, Knowledge] = {}

    def of(self, name: str) -> Knowledge:
        """Return the documents that a set's intents are judged over."""
        which = "banking" if name == "banking77" else "demo"
        if which not in self._made:
            there = (self._folder / which / "knowledge.db").is_file()
            base = Knowledge(self._folder / which, MiniLM(user_cache(), threads=1), Settings())
            if there:
                base.load()
            elif which == "demo":
                base.ingest(TEMPLATE)
            else:
                assert self._data
                base.put(documents_of(rows_of(self._data / "tau2_bench/banking_knowledge/documents.jsonl")))
            self._made[which] = base
        return self._made[which]

    def close(self) -> None:
        """Close what was opened."""
        for base in self._made.values():
            base.close()


def intents(name: str, data: Path | None) -> list[Dossier]:
    """Return what a set has of its labelled intents, the documents not yet asked."""
    wanted = {label.intent for label in labels() if label.set == name}
    if name == "demo":
        brand = read_settings(TEMPLATE / "frontdesk.toml").brand(None)
        read = read_transcripts([TEMPLATE / "transcripts"], report=Report())
        return dossiers(read_nlu(TEMPLATE / "nlu.yml").rows, brand, pairs=pairs(read))
    assert data
    texts = dict.fromkeys((row["intent"], row["text"]) for row in rows_of(data / FILES[name]))
    examples = [Example(text=text, intent=intent) for intent, text in texts if intent in wanted]
    actions = {intent: Action(action=f"action_{intent}") for intent in ACTIONS.get(name, ())}
    return dossiers(examples, Brand(name=name, actions=actions))


def rows_of(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(one: Looked) -> dict[str, Any]:
    sources = [[source.title, source.versions, source.dated] for source in one.sources]
    return {**vars(one), "sources": sources}


def read_back(row: dict[str, Any]) -> Looked:
    sources = tuple(Source(title=title, versions=count, dated=dated) for title, count, dated in row["sources"])
    said, conflicts = tuple(row["said"]), tuple(row["conflicts"])
    return Looked(question=row["question"], sure=row["sure"], said=said, sources=sources, conflicts=conflicts)


def fitted(wanted: Sequence[Label], known: dict[tuple[str, str], Dossier]) -> Weights:
    """Fit the weights on the fitting half."""
    mine = [label for label in wanted if not label.held_out]
    kinds = ["record" if label.route in ("account", "handoff") else label.route for label in mine]
    rows = [signals(known[label.set, label.intent]) for label in mine]
    return fit(rows, kinds, [label.set for label in mine], max_error=MAX_ERROR)


def kappa(judged: Sequence[Judged]) -> float:
    """Return Cohen's kappa (1960) of proposals and labels."""
    n = len(judged)
    said: Counter[str] = Counter(one.proposal.route for one in judged)
    meant = Counter(one.label.route for one in judged)
    agreed = sum(int(one.right) for one in judged) / n
    chance = sum(said[route] * meant[route] for route in ROUTES) / n**2
    return (agreed - chance) / (1 - chance) if chance < 1 else 1.0


def drawn(judged: Sequence[Judged], figure: Callable[[Sequence[Judged]], float]) -> list[float]:
    """Return the percentile-bootstrap 95 % interval of a figure over intents."""
    picks = np.random.default_rng(0).integers(0, len(judged), size=(DRAWS, len(judged)))
    values = [figure([judged[place] for place in row]) for row in picks]
    return [round(float(value), 3) for value in np.percentile(values, [2.5, 97.5])]


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return agreement and kappa with their intervals."""
    right, loose = sum(one.right for one in judged), sum(one.defensible for one in judged)
    decided = [one for one in judged if one.proposal.rule != "action"]
    sure = [one for one in judged if one.proposal.sure]
    agreed = sum(one.right for one in decided)
    return {
        "n": len(judged),
        "agreement": round(right / len(judged), 3),
        "agreement_ci": [round(x, 3) for x in wilson(right, len(judged))],
        "kappa": round(kappa(judged), 3),
        "kappa_ci": drawn(judged, kappa),
        "label_or_second_route": round(loose / len(judged), 3),
        "label_or_second_route_ci": [round(x, 3) for x in wilson(loose, len(judged))],
        "without_configured_actions": round(agreed / len(decided), 3),
        "sure": len(sure),
        "agreement_when_sure": round(sum(one.right for one in sure) / max(1, len(sure)), 3),
        "agreement_when_sure_ci": [round(x, 3) for x in wilson(sum(one.right for one in sure), len(sure))],
    }


def account(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return figures for each half and set, the confusion table and every disagreement."""
    held = [one for one in judged if one.label.held_out]
    by_set: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in held:
        by_set[one.label.set].append(one)
    halves = {"held out": held, "fitted on": [one for one in judged if not one.label.held_out]}
    return {
        "signals": list(SIGNALS),
        "set_left_out": f"{Weights.shipped().right_left_out} of {Weights.shipped().labels}",
        "halves": {name: figures(part) for name, part in halves.items() if part},
        "held_out_by_set": {name: figures(part) for name, part in by_set.items()},
        "confusion_held_out": {
            meant: {said: sum(o.label.route == meant and o.proposal.route == said for o in held) for said in ROUTES}
            for meant in ROUTES
        },
        "disagreements": [disagreement(one) for one in judged if not one.right],
    }


def disagreement(one: Judged) -> dict[str, Any]:
    """Return a proposal that is not the label, with both reasons and the evidence."""
    return {
        "set": one.label.set,
        "intent": one.label.intent,
        "held_out": one.label.held_out,
        "label": one.label.route,
        "second": one.label.also,
        "why": one.label.why,
        "proposed": one.proposal.route,
        "score": round(one.proposal.score, 2),
        "sure": one.proposal.sure,
        "reason": one.proposal.reason,
        "evidence": {c.key: c.says for c in one.proposal.considerations},
        "shares": {kind: round(share, 2) for kind, share in one.proposal.shares.items()},
    }


def shown(judged: Sequence[Judged]) -> Iterator[str]:
    """Yield the account in Markdown."""
    found = account(judged)
    yield "| labels | n | agreement | kappa | label or its second route | sure | agreement when sure |"
    yield "|---|---|---|---|---|---|---|"
    for name, row in {**found["halves"], **{f"held out: {k}": v for k, v in found["held_out_by_set"].items()}}.items():
        cells = (between(row, key) for key in ("agreement", "kappa", "label_or_second_route"))
        yield f"| {name} | {row['n']} | {' | '.join(cells)} | {row['sure']} | {between(row, 'agreement_when_sure')} |"
    yield f"\nFitting half, each set left out in turn: {found['set_left_out']} kinds right.\n"
    yield f"| label \\ proposed (held out) | {' | '.join(ROUTES)} |"
    yield "|---" * 5 + "|"
    for meant, row in found["confusion_held_out"].items():
        yield f"| {meant} | {' | '.join(str(row[said]) for said in ROUTES)} |"
    for one in found["disagreements"]:
        half = "held out" if one["held_out"] else "fitted on"
        second = f" (or {one['second']})" if one["second"] else ""
        yield f"\n{one['set']} {one['intent']} [{half}]: label {one['label']}{second}: {one['why']}"
        yield f"  proposed {one['proposed']} at {one['score']}{'' if one['sure'] else ', unsure'}: {one['reason']}"
        yield f"  {one['shares']} {one['evidence']['facts']} {one['evidence']['record']}"


def between(row: dict[str, Any], key: str) -> str:
    low, high = row[f"{key}_ci"]
    return f"{row[key]:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
