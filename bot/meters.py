"""Counters and histograms of this process, in Prometheus's text format 0.0.4 (prometheus.io/docs/instrumenting).

A restart begins at nought, which `rate()` knows. Labels are names from the settings and from code, never a customer's.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a histogram's buckets, in seconds."""
Labels = tuple[tuple[str, str], ...]


@dataclass
class Meter:
    """One counter, or with `bounds` one histogram, by labels."""

    name: str
    help: str
    bounds: tuple[float, ...] = ()
    sums: dict[Labels, float] = field(default_factory=lambda: defaultdict(float))
    buckets: dict[Labels, list[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, value: float = 1.0, **labels: str) -> None:
        """Count `value`, or put it into its bucket."""
        key = tuple(sorted(labels.items()))
        with self.lock:
            self.sums[key] += value
            if self.bounds:
                counts = self.buckets.setdefault(key, [0] * (len(self.bounds) + 1))
                counts[bisect_left(self.bounds, value)] += 1

    def lines(self) -> Iterator[str]:
        """Yield the meter as it is scraped."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {'histogram' if self.bounds else 'counter'}"
        with self.lock:
            sums, buckets = dict(self.sums), {key: list(counts) for key, counts in self.buckets.items()}
        for key, total in sorted(sums.items()):
            if not self.bounds:
                yield f"{self.name}{labelled(key)} {_figure(total)}"
                continue
            below = 0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), buckets[key], strict=True):
                below += count
                yield f"{self.name}_bucket{labelled((*key, ('le', bound)))} {below}"
            yield f"{self.name}_sum{labelled(key)} {_figure(total)}"
            yield f"{self.name}_count{labelled(key)} {below}"


def gauge(name: str, help: str, values: Mapping[Labels, float]) -> Iterator[str]:
    """Yield a gauge as it is scraped."""
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} gauge"
    yield from (f"{name}{labelled(key)} {_figure(value)}" for key, value in values.items())


def labelled(labels: Labels) -> str:
    """Return labels in braces, their values escaped."""
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + ",".join(pairs) + "}"


def _figure(value: float) -> str:
    """Return every digit: a rounded counter stands still."""
    return repr(float(value)).removesuffix(".0")


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
