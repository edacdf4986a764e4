"""From pairs to training rows: facts filtered out, duplicates dropped, the loss on the agent's turn only."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from frontdesk.finetune.transcripts import Pair

IGNORED = -100
"""The label of a token that carries no loss."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Pairs to train on and to hold out, and how many were dropped for which reason."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    dropped: dict[str, int]

    @property
    def sha256(self) -> str:
        """The hash that names this data in a manifest."""
        digest = hashlib.sha256()
        for pair in (*self.train, *self.held_out):
            digest.update(f"{pair.intent}\0{pair.message}\0{pair.reply}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Row:
    """Token ids of one conversation and the labels: IGNORED everywhere but on the agent's turn."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


def build_dataset(
    found: Iterable[Pair], *, objection: Callable[[Pair], str], held_out: float = 0.1, seed: int = 0
) -> Dataset:
    """Keep pairs without an objection, once each; hold out a share of every intent.

    `objection` returns why a pair must not be learned, or the empty string.
    """
    kept: dict[tuple[str, str, str], Pair] = {}
    dropped: Counter[str] = Counter()
    for pair in found:
        key = (pair.intent, " ".join(pair.message.split()), " ".join(pair.reply.split()))
        reason = "duplicate" if key in kept else objection(pair)
        if reason:
            dropped[reason] += 1
        else:
            kept[key] = pair
    train, test = _split(list(kept.values()), held_out, seed)
    return Dataset(train=train, held_out=test, dropped=dict(dropped))


def _split(kept: Sequence[Pair], share: float, seed: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    by_intent: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in kept:
        by_intent[pair.intent].append(pair)
    draw, train, test = random.Random(seed), [], []
    for _, group in sorted(by_intent.items()):
        draw.shuffle(group)
        size = int(len(group) * share)
        test += group[:size]
        train += group[size:]
    return tuple(train), tuple(test)


def encode(pair: Pair, tokenizer: Any, prompt: Callable[[str, str], list[dict[str, str]]]) -> Row:
    """Render one pair with the model's own chat template; the prompt carries no loss, the reply and its end do."""
    asked = prompt(pair.intent, pair.message)
    answered = [*asked, {"role": "assistant", "content": pair.reply}]
    head = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)["input_ids"]
    ids = tokenizer.apply_chat_template(answered, return_dict=True)["input_ids"]
    if ids[: len(head)] != head:
        raise ValueError("the chat template renders the prompt differently with and without its reply")
    return Row(ids=tuple(ids), labels=(*[IGNORED] * len(head), *ids[len(head) :]))
