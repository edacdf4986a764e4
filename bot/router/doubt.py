"""Whether the documents are asked before the customer is: how sure they must be of a message that is in doubt.

A message that no intent is sure enough of may still be a question that the documents answer, worded as nobody foresaw,
or one for the account, for people or for nobody. Both the documents' own confidence and the router's evidence tell: the
share of the other routes' intents, as far as the message is like the examples at all, and how far it is out of scope.
A logistic over them was fitted by `python -m benchmarks.doubt`, and the bar on it to the documents' error target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import exp, log
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.router.bars import Ranked
from frontdesk.bot.types import Kind, Route

FILE = Path(__file__).with_name("doubt.json")
FARTHEST = 8.0
"""Log-odds of being out of scope count up to this, as in the router's confidence."""


class Doubt(BaseModel):
    """The fitted numbers, and what they kept on messages left out of the fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sure: float = Field(gt=0)
    """The weight of the log-odds of the documents' confidence."""
    elsewhere: float
    outside: float
    intercept: float
    bar: float = Field(gt=0, lt=1)
    """The least probability that the documents' answer is right."""
    reach: float = Field(gt=0, lt=1)
    """The highest confidence that documents had in the fit: where more is wanted, they need not be asked."""
    fit: Mapping[str, int | float | tuple[float, float]]

    @staticmethod
    @cache
    def shipped() -> Doubt:
        """Read the numbers of the package, once."""
        return Doubt.model_validate_json(FILE.read_bytes())

    def wanted(self, elsewhere: float, outside: float) -> float:
        """Return the confidence that the documents must reach, in (0, 1), for a message with this evidence."""
        evidence = self.elsewhere * elsewhere + self.outside * outside + self.intercept
        return 1 / (1 + exp((evidence - log(self.bar / (1 - self.bar))) / self.sure))


def evidence(ranked: Ranked, outside: float, routes: Mapping[str, Kind]) -> tuple[float, float]:
    """Return (elsewhere, outside): the other routes' share of a message in scope, and its log-odds of being outside.

    `ranked` holds (intent, confidence); `routes` the route of each intent.
    """
    far = max(-FARTHEST, min(FARTHEST, outside))
    others = sum(share for name, share in ranked if routes.get(name) in ("voice", "account", "handoff"))
    return others / (1 + exp(far)), far


def asked_first(route: Route, intent: str) -> Route:
    """Return a route to the documents, for `intent`, with what is in doubt behind it."""
    reason = f"the documents are asked first; {route.reason}"
    return replace(route, kind="knowledge", intent=intent, reason=reason, otherwise=replace(route, wanted=0.0))
