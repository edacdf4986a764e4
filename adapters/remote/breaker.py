"""A circuit breaker: a server that keeps failing is left alone for a while (Nygard, "Release It!")."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

IN_A_ROW = 5
WINDOW = 20
REST_S = 10.0


class Breaker:
    """Opens after IN_A_ROW failures, or when half of the last WINDOW failed; then lets one through every REST_S.

    The first success closes it again. `clock` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._streak = 0
        self._tried_at: float | None = None

    @property
    def open(self) -> bool:
        """Whether the server is being left alone."""
        return self._tried_at is not None

    def allow(self) -> bool:
        """Whether to ask the server now; while open, one caller per REST_S hears yes."""
        with self._lock:
            if self._tried_at is None:
                return True
            if self._clock() - self._tried_at < REST_S:
                return False
            self._tried_at = self._clock()
            return True

    def record(self, *, success: bool) -> None:
        """Take note of how asking ended."""
        with self._lock:
            if success:
                self._streak = 0
                if self._tried_at is not None:
                    self._tried_at = None
                    self._last.clear()
                self._last.append(True)
                return
            self._streak += 1
            self._last.append(False)
            half = len(self._last) == WINDOW and self._last.count(False) * 2 >= WINDOW
            if self._tried_at is None and (self._streak >= IN_A_ROW or half):
                self._tried_at = self._clock()
