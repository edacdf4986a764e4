"""Actions that hang: a call cannot be ended from outside, so one that is overdue keeps its thread until it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from frontdesk.bot.dialogue.calls import Result, Runner
from frontdesk.bot.errors import ModelError

OVERDUE = 3
"""Overdue calls of one action after which it is not called again until one of them ends."""
AT_ONCE = 24
"""Calls of one action at once; the threads beyond are kept for the others."""

log = logging.getLogger(__name__)


class Patient:
    """A runner that gives no action more threads than it may lose; safe to share between threads.

    `seconds` is how long a call may take before it is overdue. An action with too many overdue calls is refused at
    once, and the operator reads so in the log; it is called again as soon as one of them has ended.
    """

    def __init__(self, runner: Runner, seconds: float) -> None:
        self.runner, self.seconds = runner, seconds
        self._begun: dict[str, dict[object, float]] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions."""
        return self.runner.names

    def has(self, name: str) -> bool:
        """Whether there is an action of this name."""
        return self.runner.has(name)

    def run(self, call: Mapping[str, Any]) -> Result:
        """Run one action to its end; raises Rejected, or ModelError when it fails or too many calls of it hang."""
        name, mine = str(call.get("next_action")), object()
        with self._lock:
            calls = self._begun.setdefault(name, {})
            overdue = sum(time.monotonic() - begun > self.seconds for begun in calls.values())
            if overdue >= OVERDUE or len(calls) >= AT_ONCE:
                raise self._refused(name, overdue, len(calls))
            calls[mine] = time.monotonic()
        try:
            return self.runner.run(call)
        finally:
            with self._lock:
                del calls[mine]

    def _refused(self, name: str, overdue: int, calls: int) -> ModelError:
        log.error("%s is not called: %d calls of it are running, %d of them overdue", name, calls, overdue)
        return ModelError(
            f"it is not called while {calls} calls of it run, {overdue} of them overdue.",
            where=name,
            fix="see what it waits for, give that a time limit, and restart the server.",
        )
