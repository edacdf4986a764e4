"""One HTML page per evaluation: figures with intervals, plots drawn as SVG, and every question; readable offline.

`report_frame.html` and `report_plots.html` are what such pages share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from frontdesk.bot.intervals import wilson
from frontdesk.knowledge.evaluate import Asked, Evaluation

HERE = Path(__file__).parent
WIDTH, HEIGHT = 460.0, 220.0
BINS, RANKS = 10, 20
TOPS = (0.05, 0.1, 0.2, 0.4, 1.0)
"""Where the axis of errors may end: at the first that all of them are under."""


class Stated(Protocol):
    """Whatever was put with a probability of being right, and whether it was."""

    @property
    def probability(self) -> float:
        """The probability stated."""
        ...

    @property
    def right(self) -> bool:
        """Whether it was right."""
        ...


def write_report(folder: Path, title: str, evaluation: Evaluation) -> Path:
    """Write `report.html` of an evaluation into `folder` and return it."""
    asked = evaluation.asked
    values = {
        "ranks": rank_bars(asked) if "mrr" in evaluation.figures else [],
        "asked": sorted(asked, key=lambda one: -one.probability),
        **plotted(asked, [one for one in asked if one.said]),
    }
    return write_page(folder, HERE / "report.html", title, evaluation.figures, values)


def write_page(folder: Path, template: Path, title: str, figures: Mapping[str, Any], values: Mapping[str, Any]) -> Path:
    """Write `report.html` into `folder` from a template that extends `report_frame.html`, and return it."""
    from jinja2 import Environment, FileSystemLoader

    page = Environment(autoescape=True, loader=FileSystemLoader([template.parent, HERE])).get_template(template.name)
    text = page.render(title=title, figures=figure_rows(figures), width=WIDTH, height=HEIGHT, **values)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def plotted(asked: Sequence[Stated], answered: Sequence[Stated]) -> dict[str, Any]:
    """Return what the plots of coverage and reliability show; `answered` are those over the threshold in use."""
    points = coverage_errors(asked)
    worst = max((error for _, error in points), default=0.0)
    top = next(top for top in TOPS if worst <= top)
    curve, point = _line((x, y / top) for x, y in points), _point(answered, len(asked), top)
    return {"curve": curve, "top": top, "answered": point, "bins": reliability(asked)}


def figure_rows(figures: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return (name, value, 95 % interval or nothing) per figure."""
    ranges = {name: "{:.3f} to {:.3f}".format(*figures[f"{name}_ci"]) for name in figures if figures.get(f"{name}_ci")}
    return [(name, value, ranges.get(name, "")) for name, value in figures.items() if not name.endswith("_ci")]


def coverage_errors(asked: Sequence[Stated]) -> list[tuple[float, float]]:
    """Return (share of all answered, share of wrong among them) as ever less sure ones are answered."""
    ordered = sorted((one for one in asked if one.probability), key=lambda one: -one.probability)
    wrong = accumulate(int(not one.right) for one in ordered)
    return [(given / len(asked), errors / given) for given, errors in enumerate(wrong, 1)]


def reliability(asked: Iterable[Stated]) -> list[dict[str, float]]:
    """Return per tenth of probability how many are there, the mean probability, and the share right with interval."""
    tenths: dict[int, list[Stated]] = {}
    for one in asked:
        tenths.setdefault(min(int(one.probability * BINS), BINS - 1), []).append(one)
    return [_bin(tenths[tenth]) for tenth in sorted(tenths)]


def _bin(here: Sequence[Stated]) -> dict[str, float]:
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


def _point(answered: Sequence[Stated], n: int, top: float) -> dict[str, float] | None:
    """Return where on the curve the threshold stands: what was answered, and how much of it was wrong."""
    if not answered:
        return None
    coverage, error = len(answered) / n, sum(not one.right for one in answered) / len(answered)
    return {"coverage": coverage, "error": error, "x": WIDTH * coverage, "y": HEIGHT * (1 - error / top)}


def _line(points: Iterable[tuple[float, float]]) -> str:
    """Return the points of an SVG polyline, both axes from 0 to 1."""
    return " ".join(f"{WIDTH * x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in points)
