"""One HTML page of advice: every intent with its evidence, and what each route costs; readable offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdesk.adapters.registry import replace_text
from frontdesk.bot.types import Kind
from frontdesk.finetune.advise.costs import Cost, to_a_person
from frontdesk.finetune.advise.values import Consideration, Dossier, Proposal
from frontdesk.finetune.advise.weights import KINDS

TEMPLATE = Path(__file__).with_name("report.html")
WIDTH, HEIGHT = 460.0, 260.0
ROUTES: tuple[Kind, ...] = ("voice", "knowledge", "account", "handoff")


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The proposals for every intent of a brand with what they rest on, and the costs of the routes."""

    brand: str
    dossiers: tuple[Dossier, ...]
    proposals: tuple[Proposal, ...]
    costs: tuple[Cost, ...]

    @property
    def changes(self) -> dict[str, str]:
        """The routes that the settings have otherwise or not at all, by intent; only those the evidence is sure of."""
        return {one.intent: one.route for one in self.proposals if one.sure and not one.agrees}


def write_report(path: Path, advice: Advice) -> Path:
    """Write the page and return its path; it needs no network to be read."""
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    counts = Counter(one.route for one in advice.proposals)
    text = page.render(
        brand=advice.brand,
        groups=[(route, [one for one in _rows(advice) if one["proposal"].route == route]) for route in ROUTES],
        counts=[(route, counts[route]) for route in ROUTES],
        otherwise=[one for one in advice.proposals if not one.agrees],
        unsure=[one for one in advice.proposals if not one.sure],
        costs=advice.costs,
        priced=any(cost.price is not None for cost in advice.costs),
        slowest=max((cost.p95_ms for cost in advice.costs), default=0.0) or 1.0,
        dots=_dots(advice.proposals),
        width=WIDTH,
        height=HEIGHT,
        kinds=KINDS,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)
    return path


def _rows(advice: Advice) -> list[dict[str, Any]]:
    """Return each intent with what each route would do with its messages, the surest last."""
    by_route = {cost.route: cost for cost in advice.costs}
    rows = [
        {
            "proposal": proposal,
            "choices": [(route, by_route.get(route), to_a_person(route, dossier)) for route in ROUTES],
        }
        for dossier, proposal in zip(advice.dossiers, advice.proposals, strict=True)
    ]
    return sorted(rows, key=lambda row: row["proposal"].score)


def _dots(proposals: Sequence[Proposal]) -> list[dict[str, Any]]:
    """Return a dot for each intent: to the right what the documents answer, upward what is the customer's own."""
    taken: Counter[tuple[float, float]] = Counter()
    dots = []
    for one in proposals:
        facts, own = (_value(one.considerations, key) for key in ("facts", "record"))
        place = (round(facts, 2), round(own, 2))
        nudge = 5.0 * taken[place]
        taken[place] += 1
        x, y = WIDTH * facts + nudge, HEIGHT * (1 - own) - nudge / 2
        dots.append({"x": x, "y": y, "route": one.route, "intent": one.intent, "facts": facts, "own": own})
    return dots


def _value(found: Sequence[Consideration], key: str) -> float:
    return next((one.value for one in found if one.key == key and one.value is not None), 0.0)
