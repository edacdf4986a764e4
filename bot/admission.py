"""Who may still come in: a burst may wait its turn, a lasting rush is answered in time or asked to come again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf

from frontdesk.bot.config import Limits
from frontdesk.bot.errors import Overloaded
from frontdesk.bot.store import Dispatcher, Room

LASTING_SECONDS = 3.0
"""How long a burst of quick turns may make the wait, and how long nobody may have been refused when a rush is over."""
BURST_TURNS = 4
"""How many turns long a burst may make the wait where that is longer."""
LOOK_SECONDS = 0.25
"""How often at least it is looked whether there is room, as other servers may take up what waits."""


class Admission:
    """Decides how much may wait, by how long the workers have been behind.

    A burst may wait: up to `limits.queue` messages, in as many conversations as the workers answer in LASTING_SECONDS,
    or in BURST_TURNS turns where these take longer. Once no worker was free for that long, only a quarter as many
    conversations as there are workers may wait for one: whatever is taken then waits about a third of a turn, and the
    rest is refused at once, without a look at the database, until a worker takes up the next conversation.
    (Queues that stand, not queues that are long, are what hurts: Nichols and Jacobson, Controlling Queue Delay, 2012.)
    """

    def __init__(self, limits: Limits, dispatcher: Dispatcher, workers: int) -> None:
        self._dispatcher, self._workers, self._waiting = dispatcher, workers, max(1, workers // 4)
        self._room = Room(
            messages=limits.queue, in_conversation=limits.queue_per_conversation, conversations=limits.queue
        )
        self._found_full, self._refused, self._asking = (-1, -inf), -inf, 0

    def turn_away(self) -> bool:
        """Refuse a message where there is known to be no room; return whether it was refused."""
        known = self._full()
        if known:
            self._refused = time.monotonic()
        return known

    @contextmanager
    def place(self) -> Iterator[Room]:
        """Hold the place of one message while it asks the store for the room; raises Overloaded when there is none."""
        if self.turn_away():
            raise Overloaded("too many messages wait for their answer.", fix="send it again later.")
        rush, taken = self._rush(), self._dispatcher.taken
        self._asking += 1
        try:
            yield replace(self._room, conversations=self._waiting if rush else self._burst())
        except Overloaded:
            if rush:
                self._refused = time.monotonic()
                self._found_full = (taken, self._refused)
            raise
        finally:
            self._asking -= 1

    def _full(self) -> bool:
        """Whether there is known to be no room."""
        taken, at = self._found_full
        looked = self._dispatcher.taken == taken and time.monotonic() < at + LOOK_SECONDS
        return looked or (self._rush() and self._asking >= self._waiting)

    def _burst(self) -> int:
        """How many conversations the workers answer in as long as a burst may take."""
        turn = self._dispatcher.turn_seconds
        return min(self._room.conversations, int(self._workers * self._lasting() / max(turn, 1e-3)))

    def _rush(self) -> bool:
        return self._dispatcher.behind() > self._lasting() or time.monotonic() < self._refused + LASTING_SECONDS

    def _lasting(self) -> float:
        return max(LASTING_SECONDS, BURST_TURNS * self._dispatcher.turn_seconds)
