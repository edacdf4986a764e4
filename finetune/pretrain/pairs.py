"""The single-turn pairs of the instruction phase: (intent, message -> reply), short, polite and free of facts."""

from __future__ import annotations

import gzip
import json
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from frontdesk.bot.text import sentences
from frontdesk.finetune.pretrain.clean import routine, scrub
from frontdesk.finetune.pretrain.examples import Example, Exchange

SEEDS = Path(__file__).with_name("seed_replies.toml")
WRITTEN = Path(__file__).with_name("written")
TONES = ("plain", "warm", "formal", "playful", "brief")
_CHOICE = re.compile(r"\(([^()]*)\)")
_INTENTS = (
    ("damaged_item", r"damag|broken|smashed|crack|defect|torn|not working"),
    ("missing_item", r"missing|empty|not in the box|incomplete"),
    ("wrong_item", r"wrong|different (?:item|product|colou?r|size)|incorrect (?:item|product)"),
    ("payment_problem", r"payment|charged|card|upi|transaction|\botp\b"),
    ("refund_request", r"refund|money back"),
    ("return_request", r"return|exchange|replace"),
    ("cancel_order", r"cancel"),
    ("order_status", r"deliver|where is|track|delay|late|not (?:arrived|received)|haven'?t (?:received|got)"),
    ("login_problem", r"log ?in|password|account"),
)


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, gzipped or not."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def cucom_intent(text: str) -> str:
    """The intent that the words of a first message point to; `complaint` when none do."""
    return next((name for name, words in _INTENTS if re.search(words, text, re.IGNORECASE)), "complaint")


def spin(template: str, rng: random.Random) -> str:
    """Choose one way through `(a|b|)` choices, inner ones first."""
    while match := _CHOICE.search(template):
        template = template[: match.start()] + rng.choice(match.group(1).split("|")) + template[match.end() :]
    text = re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s+", " ", template)).strip()
    return text[:1].upper() + text[1:] if text and not text.startswith("{") else text


@cache
def seed_table() -> Mapping[str, Mapping[str, Any]]:
    """The hand-written templates by intent: what customers say, and replies by tone."""
    table: Mapping[str, Mapping[str, Any]] = tomllib.loads(SEEDS.read_text(encoding="utf-8"))
    return table


def seed_pairs(rng: random.Random, count: int) -> list[Example]:
    """Draw pairs from the templates, evenly over the intents; without a persona the tone is plain."""
    table, pairs = seed_table(), []
    for number in range(count):
        intent = list(table)[number % len(table)]
        persona = rng.choice(["", "", *(tone for tone in TONES if tone in table[intent])])
        reply = spin(rng.choice(table[intent][persona or "plain"]), rng)
        customer = messy(spin(rng.choice(table[intent]["customer"]), rng), rng)
        pairs.append(Example(intent=intent, persona=persona, exchanges=(Exchange(customer=customer, agent=reply),)))
    return pairs


def messy(text: str, rng: random.Random) -> str:
    """Type a customer's line as people do: often in lower case, without its full stop, or with a slip."""
    if rng.random() < 0.5:
        text = text.lower()
    if rng.random() < 0.4:
        text = text.rstrip(".?!")
    if rng.random() < 0.15 and len(text) > 8 and "{" not in text:
        at = rng.randrange(1, len(text) - 1)
        text = text[:at] + text[at + 1 :]
    return text


def written_pairs(folder: Path = WRITTEN) -> list[Example]:
    """The pairs written one by one for this phase: JSONL rows {"intent", "persona"?, "message", "reply"}."""
    return [
        Example(
            intent=row["intent"],
            persona=row.get("persona", ""),
            exchanges=(Exchange(customer=row["message"], agent=row["reply"]),),
        )
        for path in sorted(folder.glob("*.jsonl"))
        for row in rows_of(path)
    ]


def mistyped(pairs: list[Example], rng: random.Random) -> list[Example]:
    """The same pairs with the customers' lines typed as people do."""
    return [
        replace(pair, exchanges=(replace(turn, customer=messy(turn.customer, rng)),))
        for pair in pairs
        for turn in pair.exchanges
    ]


def cucom_pairs(data: Path) -> Iterator[Example]:
    """First and closing exchanges of the complaint dialogues, cut to at most three routine sentences."""
    for row in rows_of(data / "cucom_ecommerce" / "dialogs.jsonl.gz"):
        turns, intent = row["turns"], cucom_intent(row["turns"][0]["text"])
        yield from _routine_pair(turns[:2], intent, "formal")
        if len(turns) > 3 and turns[-1]["role"] == "agent":
            closing = "thanks" if re.search(r"thank|thnk|thx|ok", turns[-2]["text"], re.IGNORECASE) else "goodbye"
            yield from _routine_pair(turns[-2:], closing, "formal")


def sgd_pairs(data: Path) -> Iterator[Example]:
    """The turns of the task dialogues that are mere courtesy: closings, thanks, offers of more help."""
    for row in rows_of(data / "sgd" / "train.jsonl.gz"):
        for before, after in pairwise(row["turns"]):
            acts = set(after.get("acts", ()))
            if after["role"] == "agent" and acts and acts <= {"GOODBYE", "REQ_MORE"}:
                intent = "goodbye" if "GOODBYE" in acts else "thanks"
                yield from _routine_pair([before, after], intent)


def draw_pairs(
    sources: Mapping[str, list[Example]], weights: Mapping[str, float], count: int, seed: int
) -> list[Example]:
    """Draw `count` pairs by the weights of the sources that have any, then shuffle."""
    rng, pairs = random.Random(seed), []
    present = {name: weights.get(name, 0.0) for name, rows in sources.items() if rows}
    for name, weight in present.items():
        number = round(count * weight / sum(present.values()))
        rows = sources[name]
        pairs += rng.sample(rows, number) if number <= len(rows) else rng.choices(rows, k=number)
    rng.shuffle(pairs)
    return pairs


def _routine_pair(turns: list[dict[str, Any]], intent: str, persona: str = "") -> Iterator[Example]:
    reply = " ".join(sentences(routine(scrub(turns[-1]["text"])))[:3])
    customer = scrub(turns[0]["text"])
    if turns[0]["role"] == "customer" and 12 <= len(reply) <= 320 and customer:
        yield Example(intent=intent, persona=persona, exchanges=(Exchange(customer=customer, agent=reply),))
