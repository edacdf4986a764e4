"""A chart of some series by day, as SVG: no script and no library in the page, a tip on every mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from frontdesk.channels.pages import Html, el

WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 720, 190, 48, 24, 8
"""The drawing's own units: it is as wide as the page lets it be."""
STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Series:
    """A name and its value per day; None where there is nothing."""

    name: str
    values: Sequence[float | None]


def chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    shown: Callable[[float], str],
    *,
    stacked: bool = False,
    top: float | None = None,
) -> Html:
    """Return a chart: stacked bars, else a line per series; `top` is the value at its upper edge, if it is fixed."""
    highest = top or _round(_highest(series, stacked))
    frame = _Frame(len(labels), highest)
    marks = _bars(frame, labels, series, shown) if stacked else _lines(frame, labels, series, shown)
    drawing = el(
        "svg",
        list(_grid(frame, shown)),
        list(marks),
        list(_days(frame, labels)),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title}, day by day",
    )
    key = el("p", [el("span", one.name, class_=f"key s{n}") for n, one in enumerate(series)], class_="keys")
    return el("figure", el("figcaption", title, key), drawing, class_="chart")


@dataclass(frozen=True)
class _Frame:
    days: int
    highest: float

    @property
    def step(self) -> float:
        """The width of a day."""
        return (WIDTH - LEFT) / max(self.days, 1)

    def x(self, day: float) -> float:
        return LEFT + day * self.step

    def y(self, value: float) -> float:
        return HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * min(value / self.highest, 1.0)


def _bars(
    frame: _Frame, labels: Sequence[str], series: Sequence[Series], shown: Callable[[float], str]
) -> Iterator[Html]:
    gap = min(frame.step * 0.2, 4)
    for day, label in enumerate(labels):
        base = 0.0
        for number, one in enumerate(series):
            value = one.values[day] or 0.0
            if value:
                low, high = frame.y(base), frame.y(base + value)
                yield el(
                    "rect",
                    el("title", f"{label}: {one.name} {shown(value)}"),
                    class_=f"s{number}",
                    x=f"{frame.x(day) + gap / 2:.1f}",
                    y=f"{high:.1f}",
                    width=f"{frame.step - gap:.1f}",
                    height=f"{low - high:.1f}",
                )
            base += value


def _lines(
    frame: _Frame, labels: Sequence[str], series: Sequence[Series], shown: Callable[[float], str]
) -> Iterator[Html]:
    for number, one in enumerate(series):
        known = [(day, value) for day, value in enumerate(one.values) if value is not None]
        points = [(f"{frame.x(day + 0.5):.1f}", f"{frame.y(value):.1f}") for day, value in known]
        yield el("polyline", class_=f"s{number}", points=" ".join(f"{x},{y}" for x, y in points))
        for (day, value), (x, y) in zip(known, points, strict=True):
            tip = el("title", f"{labels[day]}: {one.name} {shown(value)}")
            yield el("circle", tip, class_=f"s{number}", cx=x, cy=y, r="3")


def _grid(frame: _Frame, shown: Callable[[float], str]) -> Iterator[Html]:
    for part in (0.0, 0.5, 1.0):
        y = f"{frame.y(part * frame.highest):.1f}"
        yield el("line", class_="grid", x1=str(LEFT), x2=str(WIDTH), y1=y, y2=y)
        words = shown(part * frame.highest) if frame.highest > 1 or part in (0.0, 1.0) or frame.highest == 1.0 else ""
        yield el("text", words, class_="value", x=str(LEFT - 6), y=y, dy="4", text_anchor="end")


def _days(frame: _Frame, labels: Sequence[str]) -> Iterator[Html]:
    every = max(1, -(-len(labels) // 6))
    for day in range(0, len(labels), every):
        x = f"{frame.x(day + 0.5):.1f}"
        yield el("text", labels[day][5:], class_="day", x=x, y=str(HEIGHT - 6), text_anchor="middle")


def _highest(series: Sequence[Series], stacked: bool) -> float:
    if stacked:
        sums = [sum(value or 0.0 for value in day) for day in zip(*(one.values for one in series), strict=True)]
        return max(sums, default=0.0)
    return max((value for one in series for value in one.values if value is not None), default=0.0)


def _round(value: float) -> float:
    """Return the next round number above a value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 0.1
    while power > value:
        power /= 10
    return next(step * power for step in STEPS if step * power >= value)
