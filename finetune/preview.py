"""What a voice would learn, token by token: the loss mask made visible, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontdesk.adapters.voices import prompt
from frontdesk.finetune.dataset import IGNORED, Dataset, draw, encode
from frontdesk.finetune.transcripts import Pair

if TYPE_CHECKING:
    from rich.text import Text

TRAINED, NOT_TRAINED = "bold green", "dim red"


@dataclass(frozen=True, kw_only=True)
class Masked:
    """One exchange as the model reads it: each token's text, and whether it carries loss."""

    intent: str
    tokens: tuple[tuple[str, bool], ...]


def preview(data: Dataset, tokenizer: Any, count: int = 6) -> list[Masked]:
    """Return a few training pairs as masked tokens, of as many intents as there are."""
    return [masked(pair, tokenizer) for pair in _various(data.train, count)]


def masked(pair: Pair, tokenizer: Any) -> Masked:
    """Return one pair as the tokens and the mask that training uses."""
    row = encode(pair, tokenizer, prompt)
    words = (tokenizer.decode([token]) for token in row.ids)
    return Masked(
        intent=pair.intent,
        tokens=tuple((word, label != IGNORED) for word, label in zip(words, row.labels, strict=True)),
    )


def coloured(shown: Masked) -> Text:
    """Return the exchange for a terminal: what is learned in green, the rest in red."""
    from rich.text import Text

    return Text.assemble(*((word, TRAINED if learned else NOT_TRAINED) for word, learned in shown.tokens))


def _various(train: Sequence[Pair], count: int) -> list[Pair]:
    """Return up to `count` pairs, first one of every intent, then the second ones."""
    seen: dict[str, int] = {}
    ranked = []
    for pair in sorted(train, key=lambda pair: draw(pair.message)):
        seen[pair.intent] = rank = seen.get(pair.intent, 0) + 1
        ranked.append((rank, draw(pair.intent), pair))
    return [pair for _, _, pair in sorted(ranked, key=lambda item: item[:2])[:count]]
