"""Marked sentences for the names classifier: written carriers with names and towns, and sentences with neither."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from frontdesk.finetune.redact.people import People, people

FOLDER = files("frontdesk.finetune") / "redact"
_SLOT = re.compile(r"\{([nlfps])\}")
_FILLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SOMEBODY = re.compile(
    r"\b(?:someone|somebody|anyone|anybody|nobody|he|she|they|him|them"
    r"|the (?:driver|agent|courier|lady|man|guy|boss|manager|postman)"
    r"|my (?:friend|wife|husband|mother|mum|mom|dad|son|daughter|sister|brother|boss|partner|neighbour|neighbor)"
    r"|an? (?:agent|human|person|colleague|manager|representative|real person))\b",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[,.!?;:]")


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A sentence and the (kind, start, end) of the names and towns in it."""

    text: str
    spans: tuple[tuple[str, int, int], ...] = ()


def training(rng: random.Random, count: int, sentences: Sequence[str]) -> Iterator[Marked]:
    """Yield `count` sentences: half with names, a seventh with towns, the rest with neither."""
    carriers = tomllib.loads((FOLDER / "carriers.toml").read_text(encoding="utf-8"))
    carriers["names"] += carriers.pop("names_more")
    half = people(held_out=False)
    carriers |= {"real": sentences, "somebody": [*filter(None, map(somebody, sentences))]}
    carriers["after a comma"] = [vocative(text) for text in sentences if ", " in text]
    kinds = {"names": 34, "somebody": 12, "after a comma": 6, "places": 14, "none": 11, "real": 23}
    for _ in range(count):
        carrier = rng.choice(carriers[rng.choices(list(kinds), list(kinds.values()))[0]])
        yield dressed(fill(carrier, half, rng, sentences), rng)


def somebody(sentence: str) -> str:
    """Return the sentence with a name's slot for the first word that stands for a person; "" where there is none."""
    changed = _SOMEBODY.sub("{n}", sentence, count=1)
    return changed if changed != sentence else ""


def vocative(sentence: str) -> str:
    """Return the sentence with the customer's name put in after its first comma."""
    return sentence.replace(", ", ", {n}, ", 1)


def fill(carrier: str, half: People, rng: random.Random, sentences: Sequence[str]) -> Marked:
    """Put names, towns and ordinary sentences in a carrier's slots."""
    text, spans, at = "", [], 0
    for slot in _SLOT.finditer(carrier):
        text += carrier[at : slot.start()]
        at = slot.end()
        kind, drawn = _drawn(slot.group(1), half, rng, sentences)
        if kind:
            spans.append((kind, len(text), len(text) + len(drawn)))
        text += drawn
    return Marked(text=text + carrier[at:], spans=tuple(spans))


def dressed(marked: Marked, rng: random.Random) -> Marked:
    """Type it as people do: without capitals, in capitals, without marks; every span stays where it is."""
    style, text = rng.random(), marked.text
    if style < 0.34:
        text = _same_length(text.lower(), text)
    elif style < 0.39:
        text = _same_length(text.upper(), text)
    elif style < 0.44:
        text = _same_length(text.title(), text) if marked.spans else text
    if rng.random() < 0.2:
        text = _MARKS.sub(" ", text)
    return Marked(text=text, spans=marked.spans)


def own_sentences(template: Path) -> list[str]:
    """Return the demo brand's example messages and replies that have no placeholder, in a fixed order."""
    examples = yaml.safe_load((template / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
    found = {line[2:].strip() for item in examples for line in item["examples"].splitlines() if line.startswith("- ")}
    for path in sorted((template / "transcripts").rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found |= {turn["text"] for turn in json.loads(line)["turns"]}
    return sorted(text for text in found if not _FILLED.search(text) and len(text) < 300)


def _drawn(slot: str, half: People, rng: random.Random, sentences: Sequence[str]) -> tuple[str, str]:
    """What goes in a slot, and its kind ("" for an ordinary sentence)."""
    if slot == "s":
        sentence = rng.choice(sentences)
        return "", sentence[:1].lower() + sentence[1:] if rng.random() < 0.5 else sentence
    if slot == "p":
        return "place", half.town(rng)
    draw = {"l": half.family, "f": half.given, "n": half.given if rng.random() < 0.6 else half.full}[slot]
    return "customer_name", _cased(draw(rng), rng.random())


def _cased(name: str, chance: float) -> str:
    """A name in small letters or capitals now and then, whatever the sentence is in."""
    return name.lower() if chance < 0.08 else name.upper() if chance < 0.12 else name


def _same_length(changed: str, text: str) -> str:
    return changed if len(changed) == len(text) else text
