"""Several things in one message: where it may be cut, and whether it should be.

A message is cut where the model is surer of the parts than of the whole. How much surer is fitted on pairs of public
messages joined as people join them, and on messages that are one request: benchmarks/router_parts.py writes parts.json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from frontdesk.bot.router.features import clean, has_letters
from frontdesk.bot.router.judge import Judged

MOST = 5
"""Places looked at in one message; ends of sentences go first."""
_LEAD = r"(?:(?:and|also|plus|but|then|oh|so|ps|another thing|one more thing|by the way|btw)\b[,:]?\s*)*"
_CUT = re.compile(
    rf"(?P<end>(?:[.!?;]+\s+|\s*\n\s*){_LEAD})"
    r"|(?P<word>\s*,?\s+(?:and|also|plus|but|then|oh|btw|by the way|as well as)\b[,:]?\s+(?:(?:also|then|please)\s+)?)"
    r"|(?P<comma>\s*[,:]\s+|\s+[-–—]\s+)",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[^\S\n]+")
_CLIPPED = 8.0

Cut = tuple[int, int, str]
"""Where a part ends, where the next begins, and what stands between: `end`, `word` or `comma`."""


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
    found = [(m.start(), m.end(), str(m.lastgroup)) for m in _CUT.finditer(text)]
    spoken = [cut for cut in found if has_letters(text[: cut[0]]) and has_letters(text[cut[1] :])]
    first = sorted(spoken, key=lambda cut: (cut[2] != "end", cut[0]))[:MOST]
    return sorted(first)


def evidence(whole: Judged, left: Judged, right: Judged, between: str) -> NDArray[np.float64]:
    """Return what speaks for a cut: confidences, scopes, shares in each other, length, what stands there."""
    (a, sure_a), (b, sure_b), (_, sure) = left.likeliest, right.likeliest, whole.likeliest
    scope = [-float(np.clip(one.outside, -_CLIPPED, _CLIPPED)) for one in (left, right, whole)]
    common = left.shares.get(b, 0.0) + right.shares.get(a, 0.0)
    kept = min(whole.shares.get(a, 0.0), whole.shares.get(b, 0.0))
    short = np.log(min(len(left.text.split()), len(right.text.split())))
    odds = [_odds(value) for value in (sure_a, sure_b, sure)]
    return np.asarray([*odds, *scope, common, kept, short, between == "end", between == "comma"], dtype=np.float64)


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
    return _divided(found, [cut[2] for cut in places], (0, len(places)), splitting or shipped())


def _between(text: str, places: list[Cut], first: int, last: int) -> str:
    """Return the pieces from `first` to `last`, as one cleaned text."""
    start = places[first - 1][1] if first else 0
    return clean(text[start : places[last][0] if last < len(places) else len(text)])


def _divided(
    found: dict[tuple[int, int], Judged], between: list[str], span: tuple[int, int], fitted: Splitting
) -> list[Judged]:
    """Cut a span at its likeliest place, and its sides again, until no place is likely enough."""
    first, last = span
    sides = [((first, k), (k + 1, last), between[k]) for k in range(first, last)]
    likely = [
        (fitted.probability(evidence(found[span], found[a], found[b], kind)), a, b)
        for a, b, kind in sides
        if found[a].likeliest[0] != found[b].likeliest[0]
    ]
    best = max(likely, default=(0.0, span, span))
    if best[0] < fitted.threshold:
        return [found[span]]
    return [part for side in best[1:] for part in _divided(found, between, side, fitted)]
