"""From pairs to training rows: filtered, without repeats, balanced, split by conversation, loss on the reply only."""

from __future__ import annotations

import hashlib
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frontdesk.finetune.transcripts import Pair

IGNORED = -100
"""The label of a token that carries no loss."""
REPEATS = 5
"""How often the same reply may be learned: a macro sent a thousand times is one lesson, not a thousand."""
BALANCE, ENOUGH = 3.0, 50
"""No intent has more pairs than three times the median intent; fifty are never too many."""
LARGEST = 4000
"""Pairs kept of one intent while reading, so that no export fills the memory."""
FEW, HOLDABLE = 10, 4
COMMON, STEM, TYPICAL = 4, 5, 30
"""A word that fewer replies have is rare; words that begin alike are the same; pairs an intent keeps in any case."""
_SHARE = "more than its intent's share"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Pairs to train on and to hold out, how many were dropped for which reason, and what a person should know."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    dropped: Mapping[str, int]
    notes: tuple[str, ...] = ()
    spare: tuple[Pair, ...] = ()
    """Fit to show the style, but one of a kind: neither trained on nor held out."""

    @property
    def sha256(self) -> str:
        """The hash that names this data in a manifest."""
        digest = hashlib.sha256()
        for pair in (*self.train, *self.held_out):
            digest.update(f"{pair.intent}\0{pair.message}\0{pair.reply}\n".encode("utf-8", "replace"))
        return digest.hexdigest()

    @property
    def losses(self) -> str:
        """What was dropped, most first, as one phrase."""
        return ", ".join(f"{count} {why}" for why, count in Counter(self.dropped).most_common()) or "none"

    def intents(self) -> dict[str, tuple[int, int]]:
        """Return the number of pairs to train on and to hold out, by intent."""
        train, held = (Counter(pair.intent for pair in part) for part in (self.train, self.held_out))
        return {intent: (train[intent], held[intent]) for intent in sorted(train | held)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """Token ids of one exchange and the labels: IGNORED everywhere but on the reply and its end."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    intent: str = ""

    @property
    def reply(self) -> tuple[int, ...]:
        """The tokens that carry loss."""
        return tuple(label for label in self.labels if label != IGNORED)

    def answered(self, reply: tuple[int, ...]) -> Row:
        """Return the same prompt with another reply."""
        head = len(self.ids) - len(self.reply)
        return Row(ids=(*self.ids[:head], *reply), labels=(*self.labels[:head], *reply), intent=self.intent)


def build_dataset(
    found: Iterable[Pair],
    *,
    objection: Callable[[Pair], str],
    held_out: float = 0.1,
    repeats: int = REPEATS,
    asked: Iterable[Pair] = (),
    generic: bool = False,
) -> Dataset:
    """Keep the pairs without an objection, without repeats, balanced by intent; hold out a share of the conversations.

    `objection` returns why a pair must not be learned, or the empty string; `asked` are the pairs of an exam, which
    are held out in any case; `generic` leaves out those `one_of_a_kind`. What is held out depends on the conversations'
    ids (without an id, on their text), never on their order: a conversation stays on its side when more are added.
    """
    dropped: Counter[str] = Counter()
    kept: defaultdict[str, list[Pair]] = defaultdict(list)
    seen: Counter[tuple[str, ...]] = Counter()
    for pair in found:
        if reason := objection(pair) or _repetition(pair, seen, repeats):
            dropped[reason] += 1
            continue
        kept[pair.intent].append(pair)
        if len(kept[pair.intent]) >= 2 * LARGEST:
            dropped[_SHARE] += _thin(kept[pair.intent], LARGEST)
    cap = max(ENOUGH, round(BALANCE * statistics.median(map(len, kept.values())))) if kept else ENOUGH
    dropped[_SHARE] += sum(_thin(group, min(cap, LARGEST)) for group in kept.values())
    in_order = [pair for _, group in sorted(kept.items()) for pair in group]
    train, test = _split(in_order, held_out, {_exchange(pair) for pair in asked})
    odd = one_of_a_kind(train) if generic else set[Pair]()
    dropped["reply is one of a kind"] = len(odd)
    spare, train = (tuple(pair for pair in train if (pair in odd) is wanted) for wanted in (True, False))
    return Dataset(train=train, held_out=test, dropped=dict(+dropped), notes=_notes(train), spare=spare)


def one_of_a_kind(pairs: Sequence[Pair]) -> set[Pair]:
    """Return the pairs whose replies hold words that hardly any other reply has, but leave every intent TYPICAL pairs.

    A base of a few million parameters learns from such replies to name a thing, and then names the wrong one; those
    that pick the word up from their message are the first to go.
    """
    counts = Counter(word for pair in pairs for word in _words(pair.reply))
    by_intent: defaultdict[str, list[tuple[int, int, Pair]]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        rare = {word[:STEM] for word in _words(pair.reply) if counts[word] < COMMON}
        echo = rare & {word[:STEM] for word in _words(pair.message)}
        by_intent[pair.intent].append((len(rare) + len(echo), place, pair))
    odd = [sorted(group, key=lambda row: row[:2])[TYPICAL:] for group in by_intent.values()]
    return {pair for group in odd for rare, _, pair in group if rare}


def _words(text: str) -> set[str]:
    return {word for word in normalised(text).split() if len(word) > 3}


def normalised(text: str) -> str:
    """Return what two texts share that differ in case, spaces, punctuation or letter forms only."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def draw(key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone: a lot that falls the same way every time."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:6]) / 2**48


def conversation_of(pair: Pair) -> str:
    """Return what names the pair's conversation: its id, else its own text."""
    return pair.conversation or f"{pair.message}\0{pair.reply}"


def _repetition(pair: Pair, seen: Counter[tuple[str, ...]], repeats: int) -> str:
    exchange = _exchange(pair)
    reply = exchange[-1:]
    if exchange in seen:
        return "duplicate"
    if seen[reply] >= repeats:
        return "reply repeated too often"
    seen.update([exchange, reply])
    return ""


def _exchange(pair: Pair) -> tuple[str, ...]:
    return pair.intent, normalised(pair.message), normalised(pair.reply)


def _thin(group: list[Pair], size: int) -> int:
    """Leave at most `size` pairs, drawn by their text; return how many were dropped."""
    group.sort(key=lambda pair: (draw(f"{pair.message}\0{pair.reply}"), pair.message))
    over = max(0, len(group) - size)
    del group[size:]
    return over


def _split(
    kept: Sequence[Pair], share: float, asked: Collection[tuple[str, ...]]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Split by conversation; an intent with enough pairs is always held out somewhere, a rare one never."""
    by_intent: defaultdict[str, list[str]] = defaultdict(list)
    for pair in kept:
        by_intent[pair.intent].append(conversation_of(pair))
    rare = {key for keys in by_intent.values() if len(keys) < HOLDABLE for key in keys}
    held = {key for keys in by_intent.values() for key in keys if draw(key) < share} - rare
    for keys in by_intent.values():
        free = set(keys) - rare
        if share and len(set(keys)) > 1 and free and not free & held:
            held.add(min(free, key=draw))
    held |= {conversation_of(pair) for pair in kept if _exchange(pair) in asked}
    train = tuple(pair for pair in kept if conversation_of(pair) not in held)
    return train, tuple(pair for pair in kept if conversation_of(pair) in held)


def _notes(train: Sequence[Pair]) -> tuple[str, ...]:
    counts = sorted(Counter(pair.intent for pair in train).items(), key=lambda item: item[1])
    if few := [f"{intent} ({count})" for intent, count in counts if count < FEW]:
        return (f"few pairs to learn from: {', '.join(few)}.",)
    return ()


def encode(pair: Pair, tokenizer: Any, prompt: Callable[[str, str], list[dict[str, str]]], longest: int = 160) -> Row:
    """Render one pair as it will be served: the prompt of the model's chat template, the reply, the end token.

    The prompt carries no loss, the reply and its end do. A prompt of more than `longest` tokens keeps its head (the
    intent) and its tail, as in serving. Text that spells a special token is learned as text.
    """
    messages = prompt(pair.intent, pair.message)
    head = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    if len(head) > longest:
        head = [*head[: longest // 2], *head[-(longest // 2) :]]
    words = " ".join(pair.reply.replace("<|", "< |").split())
    reply = tokenizer(words, add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids)
    reply = [*(token for token in reply if token not in special), tokenizer.eos_token_id]
    return Row(ids=(*head, *reply), labels=(*[IGNORED] * len(head), *reply), intent=pair.intent)
