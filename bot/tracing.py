"""OpenTelemetry traces: a span per turn and per step of it. Nothing is done where the library is not installed.

Where spans go is OpenTelemetry's own business: its SDK is set up by `OTEL_...` variables (`opentelemetry-instrument
frontdesk serve`), or by a program that embeds the bot. No text, no name and no id of a customer stands in a span.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, Protocol

Value = str | int | float | bool


class Span(Protocol):
    """What is said of a step while it runs."""

    def set_attribute(self, key: str, value: Value) -> None:
        """Say one thing of it."""
        ...


class _Nothing:
    def set_attribute(self, key: str, value: Value) -> None:
        """Nobody listens."""


NOTHING: Span = _Nothing()


@cache
def _tracer() -> Any:
    """Return OpenTelemetry's tracer, None where it is not installed."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("frontdesk")


def span(name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[Span]:
    """Give a span of the running step, below the one that surrounds it; an error in it is named by its type alone."""
    tracer = _tracer()
    return nullcontext(NOTHING) if tracer is None else _recorded(tracer, name, attributes)


@contextmanager
def _recorded(tracer: Any, name: str, attributes: Mapping[str, Value]) -> Iterator[Span]:
    quiet = {"record_exception": False, "set_status_on_exception": False}  # a message of an error may hold a name
    with tracer.start_as_current_span(name, attributes=dict(attributes), **quiet) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            raise


def past(name: str, attributes: Mapping[str, Value], began: float, seconds: float) -> None:
    """Record a step that is over, below the span that runs now; `began` is in seconds since the epoch."""
    if (tracer := _tracer()) is not None:
        done = tracer.start_span(name, attributes=dict(attributes), start_time=round(began * 1e9))
        done.end(round((began + seconds) * 1e9))


class Stopped:
    """A span of a step that is done in pieces: it ends when told to, and knows how long its pieces took."""

    def __init__(self, name: str, attributes: Mapping[str, Value]) -> None:
        tracer = _tracer()
        self._span = None if tracer is None else tracer.start_span(name, attributes=dict(attributes))
        self.busy = 0.0

    @contextmanager
    def piece(self) -> Iterator[None]:
        """Measure one piece of the step."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.busy += time.perf_counter() - started

    def end(self, **attributes: Value) -> None:
        """End it, with what it came to."""
        if self._span is not None:
            for key, value in {**attributes, "frontdesk.busy_ms": round(self.busy * 1000, 1)}.items():
                self._span.set_attribute(key, value)
            self._span.end()
