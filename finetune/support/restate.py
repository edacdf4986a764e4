"""True restatements of a quote and what it does not carry: small, seeded changes of wording, each one of a kind.

A change returns the new text, or nothing where it does not apply.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

Change = Callable[[str, random.Random], str]
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONDITION = re.compile(r"^(?P<word>If|When|Unless|Once|After|Before)\s+(?P<case>[^,]{8,120}),\s+(?P<then>.{8,})$")
_TAIL = re.compile(r"^(?P<head>.{25,}?),\s+(?:and|which|including|so|as well as|but)\s+.{6,}$")
_LIMIT = re.compile(
    r"\s*(?:,\s*)?\b(?:unless|except|provided that|as long as|only if|if|for orders over|when|within|after)\b"
    r"[^,.;]{6,80}(?=[,.;]|$)"
)
_ASIDE = re.compile(r"\s*\([^()]{3,80}\)")
_VERB = re.compile(r"\b(is|are|was|were|can|will|should|does|do|has|have|may)\b(?! not|n't)")
_NOT = re.compile(r"\b(is|are|was|were|can|will|should|does|do|has|have|may)(?: not|n't|not)\b")
_CELL = re.compile(r"^(?P<thing>[^:;]{3,60}?) — (?P<name>[^:;]{2,40}): (?P<value>[^;]{1,60})$")


@cache
def wording() -> dict[str, Any]:
    """Read wording.toml."""
    return tomllib.loads(files("frontdesk.finetune.support").joinpath("wording.toml").read_text(encoding="utf-8"))


def restated(text: str, rng: random.Random) -> str:
    """Return `text` in other words that say no more than it does."""
    for change in rng.sample(
        (_same, _turned, _shortened, _without_aside, _cell, _introduced, _typed), k=rng.choice((1, 2, 2, 3))
    ):
        text = change(text, rng) or text
    return text


def _swapped(text: str, rng: random.Random, pairs: Sequence[Sequence[str]], most: int = 1, *, both: bool = True) -> str:
    """Replace up to `most` wordings by their partners; nothing where none stands in the text."""
    done = 0
    options = [(a, b) for a, b in pairs] + ([(b, a) for a, b in pairs if b] if both else [])
    rng.shuffle(options)
    for old, new in options:
        edge = r"\b" if old[0].isalnum() else ""
        flags = re.IGNORECASE if len(old) > 2 else re.NOFLAG  # a unit's letters mean something else in capitals
        pattern = re.compile(rf"{edge}{re.escape(old)}{edge if old[-1].isalnum() else ''}", flags)
        if found := pattern.search(text):
            said = new.capitalize() if new and found.group()[0].isupper() and old.islower() else new
            text = " ".join((text[: found.start()] + said + text[found.end() :]).split())
            done += 1
            if done == most:
                break
    return text if done else ""


def _same(text: str, rng: random.Random) -> str:
    return _swapped(text, rng, wording()["same"], most=rng.choice((1, 2, 3)))


def _turned(text: str, rng: random.Random) -> str:
    """Put the condition last."""
    found = _CONDITION.match(text)
    if not found:
        return ""
    then = found["then"].rstrip(".")
    return f"{then[0].upper()}{then[1:]} {found['word'].lower()} {found['case']}."


def _shortened(text: str, rng: random.Random) -> str:
    """Leave out a last part that only adds."""
    found = _TAIL.match(text)
    if not found or _CONDITION.match(text) or " not " in text or re.search(r", but\b|, so\b", text):
        return ""
    return found["head"].rstrip(",") + "."


def _without_aside(text: str, rng: random.Random) -> str:
    short = _ASIDE.sub("", text, count=1)
    return short if short != text else ""


def _cell(text: str, rng: random.Random) -> str:
    """Say a table's cell as a sentence."""
    found = _CELL.match(text)
    if not found:
        return ""
    thing, name, value = found["thing"], found["name"], found["value"]
    return rng.choice(
        (
            f"The {name.lower()} of {thing} is {value}.",
            f"{thing}: {name.lower()} {value}.",
            f"{thing} has {value} as its {name.lower()}.",
        )
    )


def _introduced(text: str, rng: random.Random) -> str:
    before: str = rng.choice(wording()["before"])
    return before + (text[0].lower() + text[1:] if text[:2].istitle() else text)


def _typed(text: str, rng: random.Random) -> str:
    """Write it carelessly: lower case, or spaces before the marks."""
    if rng.random() < 0.5:
        return text.lower().rstrip(".")
    return re.sub(r"\s*([.,!?])(?=\s|$)", r" \1", text)


def figure(text: str, rng: random.Random) -> str:
    """Change a figure."""
    found = list(_NUMBER.finditer(text))
    if not found:
        return ""
    one = rng.choice(found)
    digits = one.group()
    plain = digits.replace(",", "")
    if "." in plain:
        new = (
            f"{float(plain) * rng.choice((0.5, 2, 1.1)) + 1:.{len(plain.split('.')[-1])}f}"
            if plain.count(".") == 1
            else ""
        )
    else:
        value = int(plain)
        new = str(
            rng.choice(
                [n for n in (value * 2, value + 1, value + 15, value // 2, value * 10, max(value - 1, 0)) if n != value]
            )
        )
    return text[: one.start()] + new + text[one.end() :] if new and new != digits else ""


def unit(text: str, rng: random.Random) -> str:
    """Change a unit that follows a figure."""
    return _swapped(text, rng, wording()["units"]) if _NUMBER.search(text) else ""


def negation(text: str, rng: random.Random) -> str:
    """Say the contrary."""
    if found := _NOT.search(text):
        return text[: found.start()] + found.group(1) + text[found.end() :]
    every = list(_VERB.finditer(text))
    if not every:
        return ""
    one = rng.choice(every)
    return text[: one.end()] + " not" + text[one.end() :]


def other(text: str, rng: random.Random) -> str:
    """Put a word in the place of one that means something else."""
    return _swapped(text, rng, wording()["other"])


def stronger(text: str, rng: random.Random) -> str:
    """Claim more than the quote does."""
    return _swapped(text, rng, wording()["stronger"], both=False)


def unconditional(text: str, rng: random.Random) -> str:
    """Drop the condition."""
    if found := _CONDITION.match(text):
        then = found["then"]
        return then[0].upper() + then[1:]
    short = _LIMIT.sub("", text, count=1)
    return short if short != text and len(short.split()) >= 4 else ""


def word(text: str, rng: random.Random, strangers: Sequence[str]) -> str:
    """Put a stranger in the place of a telling word."""
    found = [m for m in re.finditer(r"[A-Za-z]{5,}", text)]
    if not found or not strangers:
        return ""
    one, new = rng.choice(found), rng.choice(strangers)
    if one.group().lower()[:4] == new.lower()[:4]:
        return ""
    return text[: one.start()] + new + text[one.end() :]
