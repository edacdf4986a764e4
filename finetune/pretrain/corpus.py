"""Reads the public data sets of the first phase as examples."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.pretrain.clean import factless, scrub
from frontdesk.finetune.pretrain.examples import Example, Exchange
from frontdesk.finetune.pretrain.pairs import cucom_intent, rows_of, seed_pairs

LICENCES = {
    "cucom": "cucom_ecommerce, Apache-2.0",
    "sgd": "Schema-Guided Dialogue (train), CC BY-SA 4.0",
    "taskmaster": "Taskmaster-4, CC BY 4.0",
    "multidogo": "MultiDoGO customer sentences, CDLA-Permissive 1.0",
    "bitext": "Bitext customer support intents (train), CDLA-Sharing 1.0",
    "manuals": "ABCD guidelines, tau-bench and tau2-bench policies, MIT",
    "documents": "Arduino and Plausible help centres, CC BY-SA 4.0; 37signals policies, CC BY 4.0",
    "seeds": "written for this project, its own licence",
    "written": "written for this project, its own licence",
}
_SECTION = 900
"""Characters of a document passage, about one training row."""


def read_corpus(data: Path, shares: Mapping[str, float], rng: random.Random) -> list[Example]:
    """Read every data set of the recipe, each to its share, in shuffled order."""
    unknown = sorted(set(shares) - set(READERS))
    if unknown:
        raise ConfigError(f"unknown data sets {unknown}", where="[corpus]", fix=f"use some of {sorted(READERS)}.")
    examples: list[Example] = []
    for name, share in shares.items():
        rows = list(READERS[name](data))
        rng.shuffle(rows)
        count = round(share * len(rows))
        examples += (rows * (1 + count // max(1, len(rows))))[:count]
    rng.shuffle(examples)
    return examples


def exchanges(turns: list[dict[str, Any]]) -> list[Exchange]:
    """Pair each customer turn with the agent's next; a reply that is all facts comes back empty."""
    pairs: list[Exchange] = []
    for before, after in pairwise(turns):
        if before["role"] == "customer" and after["role"] == "agent":
            pairs.append(Exchange(customer=scrub(before["text"]), agent=factless(scrub(after["text"]))))
    return pairs


def dialogues(path: Path, intent_of: Callable[[dict[str, Any]], str]) -> Iterator[Example]:
    """Every unbroken run of at least two exchanges whose replies state no facts."""
    for row in rows_of(path):
        run: list[Exchange] = []
        for exchange in [*exchanges(row["turns"]), Exchange(customer="")]:
            if exchange.agent:
                run.append(exchange)
                continue
            if run:
                yield Example(intent=intent_of(row), exchanges=tuple(run))
            run = []


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _sgd_intent(row: dict[str, Any]) -> str:
    return _snake((row["meta"].get("intents") or ["chat"])[0])


def _sgd(data: Path) -> Iterator[Example]:
    return dialogues(data / "sgd" / "train.jsonl.gz", _sgd_intent)


def _cucom(data: Path) -> Iterator[Example]:
    return dialogues(data / "cucom_ecommerce" / "dialogs.jsonl.gz", lambda row: cucom_intent(row["turns"][0]["text"]))


def _taskmaster(data: Path) -> Iterator[Example]:
    return dialogues(data / "taskmaster4" / "coffee.jsonl", lambda _: "place_order")


def _customers(rows: Iterator[dict[str, Any]]) -> Iterator[Example]:
    seen: set[str] = set()
    for row in rows:
        text = scrub(re.sub(r"\d{6,}", "{{order_id}}", row["text"]))
        if text not in seen:
            seen.add(text)
            intent = row["intent"].replace("contentonly", "chat").split("<")[0]
            yield Example(intent=intent, exchanges=(Exchange(customer=text),))


def _multidogo(data: Path) -> Iterator[Example]:
    return _customers(rows_of(data / "multidogo" / "customer_sentences.jsonl.gz"))


def _bitext(data: Path) -> Iterator[Example]:
    return _customers(rows_of(data / "bitext_intents" / "train.jsonl"))


def passages(text: str) -> Iterator[Example]:
    """Cut a page into passages of whole paragraphs, without its front matter and link targets."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    passage = ""
    for paragraph in re.split(r"\n{2,}", re.sub(r"<[^>]+>", "", text)):
        if "```" in paragraph or paragraph.count("|") > 4:
            continue
        if passage and len(passage) + len(paragraph) > _SECTION:
            yield Example(document=scrub(passage))
            passage = ""
        passage += paragraph.strip() + "\n\n"
    if len(passage) > 80:
        yield Example(document=scrub(passage))


def _manuals(data: Path) -> Iterator[Example]:
    for row in rows_of(data / "abcd" / "guidelines_docs.jsonl"):
        yield from passages(row["text"])
    for folder in ("tau_bench", "tau2_bench"):
        for page in sorted((data / folder).glob("*/*.md")):
            yield from passages(page.read_text(encoding="utf-8"))


def _documents(data: Path) -> Iterator[Example]:
    for folder in ("helpcentre_arduino", "helpcentre_plausible", "policies_37signals"):
        for page in sorted((data / folder).glob("pages/**/*.md")):
            yield from passages(page.read_text(encoding="utf-8"))


def _seeds(_: Path) -> Iterator[Example]:
    return iter(seed_pairs(random.Random(0), count=4000))


READERS: dict[str, Callable[[Path], Iterator[Example]]] = {
    "bitext": _bitext,
    "cucom": _cucom,
    "documents": _documents,
    "manuals": _manuals,
    "multidogo": _multidogo,
    "seeds": _seeds,
    "sgd": _sgd,
    "taskmaster": _taskmaster,
}
