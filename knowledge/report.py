"""One HTML page per evaluation: figures with intervals, plots drawn as SVG, and every question; readable offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from frontdesk.bot.intervals import wilson
from frontdesk.knowledge.evaluate import Asked, Evaluation

TEMPLATE = Path(__file__).with_name("report.html")
WIDTH, HEIGHT = 460.0, 220.0
BINS, RANKS = 10, 20


def write_report(folder: Path, title: str, evaluation: Evaluation) -> Path:
    """Write `report.html` of an evaluation into `folder` and return it."""
    from jinja2 import Environment

    asked = evaluation.asked
    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = page.render(
        title=title,
        figures=figure_rows(evaluation.figures),
        ranks=rank_bars(asked) if "mrr" in evaluation.figures else [],
        curve=_line(coverage_errors(asked)),
        bins=reliability(asked),
        answered=_point(asked),
        asked=sorted(asked, key=lambda one: -one.probability),
        width=WIDTH,
        height=HEIGHT,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def figure_rows(figures: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return (name, value, 95 % interval or nothing) per figure."""
    ranges = {name: "{:.3f} to {:.3f}".format(*figures[f"{name}_ci"]) for name in figures if f"{name}_ci" in figures}
    return [(name, value, ranges.get(name, "")) for name, value in figures.items() if not name.endswith("_ci")]


def coverage_errors(asked: Sequence[Asked]) -> list[tuple[float, float]]:
    """Return (share of all questions answered, share of wrong among them) as ever less sure ones are answered."""
    ordered = sorted((one for one in asked if one.probability), key=lambda one: -one.probability)
    wrong = accumulate(int(not one.right) for one in ordered)
    return [(given / len(asked), errors / given) for given, errors in enumerate(wrong, 1)]


def reliability(asked: Iterable[Asked]) -> list[dict[str, float]]:
    """Return per tenth of probability the questions there, the mean probability, and the share right with interval."""
    tenths: dict[int, list[Asked]] = {}
    for one in asked:
        tenths.setdefault(min(int(one.probability * BINS), BINS - 1), []).append(one)
    return [_bin(tenths[tenth]) for tenth in sorted(tenths)]


def _bin(here: Sequence[Asked]) -> dict[str, float]:
    right = sum(one.right for one in here)
    low, high = wilson(right, len(here))
    said = sum(one.probability for one in here) / len(here)
    at = {
        "x": WIDTH * said,
        "y": HEIGHT * (1 - right / len(here)),
        "top": HEIGHT * (1 - high),
        "end": HEIGHT * (1 - low),
    }
    return {"n": len(here), "said": said, "right": right / len(here), "low": low, "high": high} | at


def rank_bars(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Return a bar per place of the first right document, the last for those not among the first twenty."""
    counts = Counter(min(one.rank or RANKS + 1, RANKS + 1) for one in asked)
    most = max(counts.values(), default=1)
    step = WIDTH / (RANKS + 1)
    return [
        {
            "label": f"{rank}" if rank <= RANKS else f"over {RANKS}",
            "n": counts[rank],
            "x": step * (rank - 1),
            "width": step * 0.8,
            "height": HEIGHT * counts[rank] / most,
        }
        for rank in range(1, RANKS + 2)
    ]


def _point(asked: Sequence[Asked]) -> dict[str, float] | None:
    """Return where on the curve the threshold stands: what was answered, and how much of it was wrong."""
    said = [one for one in asked if one.said]
    if not said:
        return None
    coverage, error = len(said) / len(asked), sum(not one.right for one in said) / len(said)
    return {"coverage": coverage, "error": error, "x": WIDTH * coverage, "y": HEIGHT * (1 - error)}


def _line(points: Iterable[tuple[float, float]]) -> str:
    """Return the points of an SVG polyline, both axes from 0 to 1."""
    return " ".join(f"{WIDTH * x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in points)
