"""Who may still come in: a burst may wait its turn, a lasting rush is answered in time or asked to come again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from frontdesk.bot.config import Limits
from frontdesk.bot.errors import Overloaded
from frontdesk.bot.store import Dispatcher, Room

LASTING_SECONDS = 1.0
"""From when on a rush is no burst any more."""
LOOK_SECONDS = 0.25
"""How often at least it is looked whether there is room, as other servers may take up what waits."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The room that a message finds, and how far the workers were when it came."""

    room: Room
    taken: int
    lasting: bool


class Admission:
    """Decides how much may wait, by how long the workers have been behind.

    A burst fills the queue up to `limits.queue`. Once no worker was free for LASTING_SECONDS, only half as many
    conversations as there are workers may wait for one: whatever is taken then waits about half a turn, and the rest
    is refused at once, without a look at the database, until a worker takes up the next conversation.
    (Queues that stand, not queues that are long, are what hurts: Nichols and Jacobson, Controlling Delay, 2012.)
    """

    def __init__(self, limits: Limits, dispatcher: Dispatcher, workers: int) -> None:
        self._limits, self._dispatcher, self._waiting = limits, dispatcher, max(1, workers // 2)
        self._full: tuple[int, float] | None = None

    def place(self) -> Place:
        """Return what a message may find; raises Overloaded when there is known to be no room."""
        taken = self._dispatcher.taken
        if self._full and self._full[0] == taken and time.monotonic() < self._full[1]:
            raise Overloaded("too many messages wait for their answer.", fix="send it again later.")
        lasting = self._dispatcher.behind() > LASTING_SECONDS
        waiting = {"conversations": self._waiting} if lasting else {}
        room = Room(messages=self._limits.queue, in_conversation=self._limits.queue_per_conversation, **waiting)
        return Place(room=room, taken=taken, lasting=lasting)

    def refused(self, place: Place) -> None:
        """Note that a message found no room."""
        if place.lasting:
            self._full = (place.taken, time.monotonic() + LOOK_SECONDS)
