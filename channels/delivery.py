"""How a channel that pushes tells the delivery loop that a platform did not take a reply."""

from __future__ import annotations


class Retry(Exception):
    """The platform did not take the reply now: call `send` again with the same event after `seconds`."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        super().__init__(reason or f"try again in {seconds:g} s")
        self.seconds = seconds
