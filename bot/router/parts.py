"""Several things in one message: where it may be cut, and whether it should be.

A message is cut where the model is surer of the parts than of the whole, and where both sides want something: many
customers tell what happened before they ask. What counts how much is fitted on pairs of public messages joined as
people join them, on messages that are one request, and on messages written for this: benchmarks/router_parts.py
writes parts.json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from frontdesk.bot.router.features import clean, has_letters
from frontdesk.bot.router.judge import Judged
from frontdesk.bot.router.manner import requests

MOST = 5
"""Places looked at in one message; ends of sentences go first."""
_LEAD = r"(?:(?:and|also|plus|but|then|oh|so|ps|another thing|one more thing|by the way|btw)\b[,:]?\s*)*"
_CUT = re.compile(
    rf"(?P<end>(?:[.!?;]+\s+|\s*\n\s*){_LEAD})"
    r"|(?P<word>\s*,?\s+(?:(?:and|also|plus|but|then|oh|btw|by the way|as well as)\b|&)[,:]?\s+"
    r"(?:(?:also|then|please)\s+)?)"
    r"|(?P<comma>\s*[,:]\s+|\s+[-–—]\s+)",
    re.IGNORECASE,
)
_LEADING = re.compile(rf"{_LEAD}(?:and|also|plus|but|then|oh|so|ps|btw|um+|well|ok)\W*", re.IGNORECASE)
_BLANKS = re.compile(r"[^\S\n]+")
_CLIPPED = 8.0

_MORE = re.compile(r"\b(?:also|plus|btw|by the way|ps|another thing|one more thing|as well)\b", re.IGNORECASE)
REFERS = re.compile(r"\b(?:its?|that|them|they|this|these|those|one)\b", re.IGNORECASE)


class Cut(NamedTuple):
    """Where a part ends, where the next begins, the kind of place (`end`, `word`, `comma`), what stands there."""

    end: int
    start: int
    kind: str
    gap: str


class Splitting(BaseModel):
    """The fitted weights of `evidence`, and the probability from which on a message is cut."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: tuple[float, ...]
    bias: float
    threshold: float

    def probability(self, evidence: NDArray[np.float64]) -> float:
        """Return the probability that a cut parts two requests."""
        return float(1 / (1 + np.exp(-(evidence @ np.asarray(self.weights) + self.bias))))


@cache
def shipped() -> Splitting:
    """Return the fitted numbers of this release."""
    return Splitting.model_validate_json(Path(__file__).with_name("parts.json").read_bytes())


def cuts(text: str) -> list[Cut]:
    """Return the places where `text` may be cut, in order; both sides have letters."""
    found = [Cut(m.start(), m.end(), str(m.lastgroup), m.group()) for m in _CUT.finditer(text)]
    spoken = [cut for cut in found if has_letters(text[: cut.end]) and has_letters(text[cut.start :])]
    first = sorted(spoken, key=lambda cut: (cut.kind != "end", cut.end))[:MOST]
    return sorted(first)


def evidence(whole: Judged, left: Judged, right: Judged, cut: Cut) -> NDArray[np.float64]:
    """Return what speaks for a cut: what the model makes of whole and sides, and how the sides are put."""
    return np.asarray([*_judged(whole, left, right), *_put(left, right, cut)], dtype=np.float64)


def _judged(whole: Judged, left: Judged, right: Judged) -> list[float]:
    """Confidences, scopes, shares in each other, and whether the whole is taken for one of the sides."""
    (a, sure_a), (b, sure_b), (c, sure) = left.likeliest, right.likeliest, whole.likeliest
    scope = [-float(np.clip(one.outside, -_CLIPPED, _CLIPPED)) for one in (left, right, whole)]
    common = left.shares.get(b, 0.0) + right.shares.get(a, 0.0)
    kept = min(whole.shares.get(a, 0.0), whole.shares.get(b, 0.0))
    odds = [_odds(value) for value in (sure_a, sure_b, sure)]
    return [*odds, min(odds[:2]), *scope, min(scope[:2]), common, kept, c in (a, b)]


def _put(left: Judged, right: Judged, cut: Cut) -> list[float]:
    """The shorter side's length, what stands between, which sides want something, and whether the right one leans."""
    short = float(np.log(min(len(left.text.split()), len(right.text.split()))))
    first, second = "?" in cut.gap or requests(left.text), requests(right.text)
    between = [cut.kind == "end", cut.kind == "comma", bool(_MORE.search(cut.gap)), "?" in cut.gap]
    wanting = [first and second, not first and not second, second and not first, cut.kind != "end" and not second]
    leans = bool(REFERS.search(right.text))
    return [short, *between, *wanting, leans, leans and not first]


def _odds(probability: float) -> float:
    held = min(max(probability, 1e-4), 1 - 1e-4)
    return float(np.log(held / (1 - held)))


def parts(
    text: str, judge: Callable[[Sequence[str]], list[Judged]], splitting: Splitting | None = None
) -> list[Judged]:
    """Return the requests of a message, judged, in order: one for most messages."""
    text = _BLANKS.sub(" ", text)
    places = cuts(text)
    if not places:
        return judge([clean(text)])
    whole, *atoms = judge([clean(text), *(_between(text, places, k, k) for k in range(len(places) + 1))])
    if len({one.likeliest[0] for one in atoms}) < 2:
        return [whole]
    found = {(k, k): atom for k, atom in enumerate(atoms)} | {(0, len(places)): whole}
    longer = [(i, j) for i in range(len(atoms)) for j in range(i + 1, len(atoms)) if (i, j) not in found]
    found |= dict(zip(longer, judge([_between(text, places, i, j) for i, j in longer]), strict=True))
    return _divided(found, places, (0, len(places)), splitting or shipped())


def _spoken(whole: Judged, left: Judged, right: Judged) -> bool:
    """Whether one side is surely for the voice and the other, by itself, gets the route of the whole: nothing is lost.

    A side that asks is not left to the voice where the other asks for nothing.
    """
    for said, rest in ((left, right), (right, left)):
        spoken = said.route.kind == "voice" and said.sure and not _LEADING.fullmatch(said.text)
        kept = rest.route.kind not in ("voice", "clarify") and rest.likeliest[0] == whole.likeliest[0]
        if spoken and kept and (requests(rest.text) or not requests(said.text)):
            return True
    return False


def _between(text: str, places: list[Cut], first: int, last: int) -> str:
    """Return the pieces from `first` to `last`, as one cleaned text."""
    start = places[first - 1].start if first else 0
    return clean(text[start : places[last].end if last < len(places) else len(text)])


def _divided(
    found: dict[tuple[int, int], Judged], places: list[Cut], span: tuple[int, int], fitted: Splitting
) -> list[Judged]:
    """Cut a span at its likeliest place, and its sides again, until no place is likely enough."""
    first, last = span
    sides = [((first, k), (k + 1, last), places[k]) for k in range(first, last)]
    likely = [
        (fitted.probability(evidence(found[span], found[a], found[b], cut)), a, b)
        for a, b, cut in sides
        if found[a].likeliest[0] != found[b].likeliest[0]
    ]
    if not likely or max(likely)[0] < fitted.threshold:
        likely = [(p, a, b) for p, a, b in likely if _spoken(found[span], found[a], found[b])]
    if not likely:
        return [found[span]]
    best = max(likely)
    return [part for side in best[1:] for part in _divided(found, places, side, fitted)]
