"""What each route costs and how long it takes, measured on this project's own messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from frontdesk.finetune.advise.values import Dossier

THOUSAND, MILLION = 1_000, 1_000_000

Asked = tuple[str, str]
"""An intent and a message of it."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One route on `messages` messages of the project, the routing included.

    `cpu_seconds` is what this machine computes for a thousand messages; `tokens_in`, `tokens_out` what a chat model
    reads and writes for one; `price` what it charges for a thousand, None without a price. `note` says what is not in.
    """

    route: str
    messages: int
    p50_ms: float
    p95_ms: float
    cpu_seconds: float
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    price: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """How long one message took, by the clock and by the processor, in seconds."""

    clock: float
    cpu: float


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What a chat model read and wrote for all messages of a route, and what a million tokens of either cost."""

    tokens_in: int = 0
    tokens_out: int = 0
    price_in: float = 0.0
    price_out: float = 0.0


FREE = Prices()
"""No chat model, or none with a price."""


def timed(work: Callable[[Asked], object], messages: Sequence[Asked]) -> list[Timed]:
    """Run `work` on each message and return how long each took; call it once before, so that everything is loaded."""
    return [_once(work, message) for message in messages]


def _once(work: Callable[[Asked], object], message: Asked) -> Timed:
    clock, cpu = time.perf_counter(), time.process_time()
    work(message)
    return Timed(clock=time.perf_counter() - clock, cpu=time.process_time() - cpu)


def cost(route: str, routing: Sequence[Timed], work: Sequence[Timed], prices: Prices = FREE, note: str = "") -> Cost:
    """Return the cost of a route: every message is routed, then answered by `work` (none: nothing is computed)."""
    before = sum(one.clock for one in routing) / max(1, len(routing))
    clocks = [1000 * (before + one.clock) for one in work] or [1000 * one.clock for one in routing]
    cuts = quantiles(clocks, n=20, method="inclusive") if len(clocks) > 1 else [*clocks, 0.0] * 19
    cpu = [sum(one.cpu for one in part) / max(1, len(part)) for part in (routing, work)]
    count = max(1, len(work))
    paid = (prices.tokens_in * prices.price_in + prices.tokens_out * prices.price_out) / MILLION / count * THOUSAND
    return Cost(
        route=route,
        messages=len(work) or len(routing),
        p50_ms=cuts[9],
        p95_ms=cuts[18],
        cpu_seconds=THOUSAND * sum(cpu),
        tokens_in=prices.tokens_in / count,
        tokens_out=prices.tokens_out / count,
        price=paid if prices.price_in or prices.price_out else None,
        note=note,
    )


def to_a_person(route: str, dossier: Dossier) -> float | None:
    """Return the share of an intent's messages that end with a person on a route; None where it was not measured."""
    if route == "handoff":
        return 1.0
    if route == "knowledge":
        looked = dossier.looked
        return sum(not one.said for one in looked) / len(looked) if looked else None
    return 0.0 if route == "voice" else None
