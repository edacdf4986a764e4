"""How much one visitor may send, as each server process counts it: a bucket per visitor that fills evenly."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from fastapi import Request, Response

from frontdesk.bot.config import Web
from frontdesk.bot.types import Customer
from frontdesk.channels.problems import problem

KEYS = 100_000
"""The visitors remembered at once; the ones not seen for longest are forgotten first."""


class Quota:
    """At most `most` per `seconds` and key; 0 is without a limit."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._rate, self._clock = most, most / seconds, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Count one more for `key` and return 0, or return the whole seconds until it may be sent."""
        if not self._most:
            return 0
        at = self._clock()
        left, since = self._left.pop(key, (float(self._most), at))
        left = min(self._most, left + (at - since) * self._rate)
        allowed = left >= 1
        self._left[key] = (left - allowed, at)
        if len(self._left) > KEYS:
            self._left.popitem(last=False)
        return 0 if allowed else math.ceil((1 - left) / self._rate)


class Visitors:
    """The quotas of one web channel. A visitor is a signed-in customer, else a conversation.

    Who is not signed in is counted by address too for what costs room: conversations begun and files.
    """

    def __init__(self, settings: Web) -> None:
        self._minute = Quota(settings.messages_per_minute, 60)
        self._day = Quota(settings.messages_per_day, 86_400)
        self._begun = Quota(settings.conversations_per_hour, 3600)
        self._files = Quota(settings.files_per_day, 86_400)

    def message(self, request: Request, customer: Customer | None, conversation_id: str | None) -> int:
        """Count one message and return 0, or return the seconds until it may be sent."""
        key = _visitor(customer, conversation_id)
        begun = 0 if conversation_id or not (address := _address(request)) else self._begun.wait(address)
        return begun or (self._minute.wait(key) or self._day.wait(key) if key else 0)

    def file(self, request: Request, customer: Customer | None, conversation_id: str | None) -> int:
        """Count one file and return 0, or return the seconds until it may be sent."""
        keys = (_visitor(customer, conversation_id), "" if customer else _address(request))
        return max(self._files.wait(key) if key else 0 for key in keys)


def _visitor(customer: Customer | None, conversation_id: str | None) -> str:
    return f"customer {customer.id}" if customer else conversation_id or ""


def _address(request: Request) -> str:
    """Return the caller's address, of IPv6 the /64 that one customer of a provider has.

    It is empty for this machine, where a proxy that names nobody stands for everybody.
    """
    try:
        found = ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return ""
    return str(IPv6Address(int(found) >> 64 << 64) if found.version == 6 else found)


def too_much(seconds: int) -> Response:
    """Return the answer to one who sent more than the quota allows."""
    words = "That was a lot in a short while. Give us a moment, then write again."
    return problem(429, "quota", words, f"send it again in {seconds} seconds.", {"Retry-After": str(seconds)})
