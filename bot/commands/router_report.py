"""The page of `frontdesk eval router`: figures, the plots of coverage and reliability, and what is confused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from frontdesk.bot.router.evaluate import Asked, Evaluation
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.knowledge.report import plotted, write_page

PAIRS, EXAMPLES = 30, 3
_AWAY, _ASKED_BACK = "turned away", "asked back"


def write_router_report(folder: Path, evaluation: Evaluation) -> Path:
    """Write `report.html` of an evaluation into `folder` and return it."""
    asked = evaluation.asked
    values = {
        **plotted(asked, [one for one in asked if one.answered]),
        "outcomes": outcomes(asked),
        "pairs": confusions(asked)[:PAIRS],
        "surest": sorted((one for one in asked if one.answered and not one.right), key=lambda one: -one.probability),
    }
    return write_page(folder, Path(__file__).with_name("router_report.html"), "Router", evaluation.figures, values)


def outcomes(asked: Iterable[Asked]) -> list[tuple[str, int, int]]:
    """Return (what became of it, how many in scope, how many out of scope) per outcome at the fitted thresholds."""
    counts: Counter[tuple[str, bool]] = Counter((_outcome(one), one.intent == OUT_OF_SCOPE) for one in asked)
    names = ("answered rightly", "answered wrongly", _ASKED_BACK, _AWAY)
    return [(name, counts[name, False], counts[name, True]) for name in names]


def confusions(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Return each pair of intents where one was taken for the other, the most frequent first, with examples."""
    sizes = Counter(one.intent for one in asked)
    pairs: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for one in asked:
        if not one.right and not (one.turned_away and one.intent == OUT_OF_SCOPE):
            pairs[one.intent, _AWAY if one.turned_away else one.said].append(one)
    rows = [
        {
            "intent": intent,
            "said": said,
            "n": len(here),
            "of": sizes[intent],
            "answered": sum(one.answered for one in here),
            "examples": [one.text for one in sorted(here, key=lambda one: -one.probability)[:EXAMPLES]],
        }
        for (intent, said), here in pairs.items()
    ]
    return sorted(rows, key=lambda row: (-int(str(row["n"])), str(row["intent"])))


def _outcome(one: Asked) -> str:
    if one.answered:
        return "answered rightly" if one.right else "answered wrongly"
    return _AWAY if one.turned_away else _ASKED_BACK
