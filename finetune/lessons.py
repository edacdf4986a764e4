"""From transcripts to a dataset: own values back into placeholders, personal data out, pairs, filters, split.

One conversation at a time, in this order, so that nothing personal is ever kept or written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.guards.firewall import PLACEHOLDER
from frontdesk.finetune.dataset import Dataset, build_dataset, normalised
from frontdesk.finetune.transcripts import Pair, Report, Transcript, pairs

LONGEST = 300
"""Characters of a routine reply; longer ones are not cut off but left out: a voice must come to an end."""
_NAME = r"\{\{customer_name\}\}"
_CALLED = re.compile(
    rf"(?:,\s*|\b(hi|hello|hey|dear|thanks|thank you|sorry|welcome|goodbye|bye|morning|afternoon|evening|sure|yes)\s+)"
    rf"{_NAME}(?=\s*[,.!?;:]|\s*$)",
    re.IGNORECASE,
)
_CALLED_FIRST = re.compile(rf"(^|[.!?]\s+){_NAME},\s*(\w)")
_SPEAKS_FOR = re.compile(
    r"\b(?:[Ww]elcome to|[Hh]ere at|[Tt]eam at|[Ss]hopping (?:with|at)|[Cc]ontacting|[Cc]hoosing|[Rr]eaching out to|"
    r"[Bb]ehalf of|[Ff]riends at|(?:[Tt]his is|[Ii]'m|[Mm]y name is) \w+ (?:from|at|with))\s+(?:the\s+)?"
    r"([A-Z][\w&'’-]*(?: (?:[A-Z&][\w&'’-]*))*)"
)
_ROLE = re.compile(r"\s+(?:Customer|Support|Service|Services|Care|Team|Help|Desk)\b.*")
_MAILBOX = re.compile(r"\b(?:help|support|care|service|contact|hello|info|team|orders|returns|sales)@([\w-]+)\.", re.I)
_FOREIGN, _FOREIGN_SHARE = 3, 0.05


class Cleaner(Protocol):
    """Takes personal data out of a transcript."""

    def transcript(self, transcript: Transcript, /) -> Transcript | None:
        """Return the transcript with placeholders, or None when some personal data may be left in it."""
        ...


@dataclass(kw_only=True)
class Privacy:
    """What became of the personal data: placeholders put in, by kind, and conversations left out whole."""

    replaced: Counter[str] = field(default_factory=Counter)
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """A dataset and the account of how it came about."""

    data: Dataset
    reading: Report
    privacy: Privacy
    planted: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the account as JSON types."""
        data = self.data
        intents = {name: {"train": train, "held_out": held} for name, (train, held) in data.intents().items()}
        return {
            "reading": self.reading.as_dict(),
            "personal_data": {"replaced": dict(self.privacy.replaced), "conversations_left_out": self.privacy.left_out},
            "pairs": {"train": len(data.train), "held_out": len(data.held_out), "dropped": dict(data.dropped)},
            "intents": intents,
            "planted": self.planted,
            "notes": list(data.notes),
            "data_sha256": data.sha256,
        }

    def lines(self) -> list[str]:
        """Return the account for a person to read, a line each."""
        data, privacy = self.data, self.privacy
        removed = ", ".join(f"{count} {kind}" for kind, count in privacy.replaced.most_common()) or "none found"
        left_out = f"; {privacy.left_out} conversations left out, in doubt" if privacy.left_out else ""
        intents = ", ".join(f"{name} {train}+{held}" for name, (train, held) in data.intents().items())
        return [
            *self.reading.lines(),
            f"personal data replaced: {removed}{left_out}",
            f"pairs: {len(data.train)} to train on, {len(data.held_out)} held out; dropped: {data.losses}",
            f"by intent (train+held out): {intents or 'none'}",
            *([f"secrets planted among them, to see that none comes out: {self.planted}"] if self.planted else []),
            *(f"note: {note}" for note in data.notes),
        ]


def lessons(
    transcripts: Iterable[Transcript],
    report: Report,
    *,
    brand: Brand,
    objection: Callable[[Pair], str],
    clean: Cleaner,
    label: Callable[[str], str | None] | None = None,
    held_out: float = 0.1,
    asked: Sequence[Pair] = (),
    planted: Iterable[Transcript] = (),
    any_brand: bool = False,
    generic: bool = False,
) -> Lessons:
    """Make a dataset of transcripts, streaming; `objection` is the brand's own reason against a pair.

    `label` names the intent of a text that has none; `asked` are the pairs of the voice's exam;
    `planted` are treated like the transcripts and left out of the account; `generic` as in `build_dataset`. Raises
    ConfigError when the agents speak for another brand, unless `any_brand`.
    """
    heard, privacy, secrets = BrandsHeard(brand), Privacy(), tuple(planted)
    added = pairs(_cleaned(secrets, brand, BrandsHeard(brand), clean, Privacy()))
    read = pairs(_cleaned(transcripts, brand, heard, clean, privacy), label, report=report)
    spoken = (_spoken(pair) for pair in chain(added, read))
    data = build_dataset(
        spoken,
        objection=lambda pair: unlearnable(pair, brand) or objection(pair),
        held_out=held_out,
        asked=asked,
        generic=generic,
    )
    if not any_brand:
        heard.check()
    return Lessons(data=data, reading=report, privacy=privacy, planted=len(secrets))


def unlearnable(pair: Pair, brand: Brand) -> str:
    """Return why no voice of this brand can say a reply, or the empty string."""
    if len(pair.reply) > LONGEST:
        return "longer than a routine reply"
    said = set(PLACEHOLDER.findall(pair.message))
    slots = {name for name, slot in brand.slots.items() if name in said or re.search(slot.pattern, pair.message)}
    given = {"brand", *brand.profile, *slots}
    if missing := sorted(set(PLACEHOLDER.findall(pair.reply)) - given):
        return f"needs a value nobody gave ({missing[0]})"
    return ""


def own_values(brand: Brand) -> Callable[[str], str]:
    """Return what turns the brand's own name and profile values in a text back into their placeholders.

    The longest value first; spaces and hyphens may differ, and a web address may lack its scheme.
    """
    table = {value: name for name, value in brand.profile.items() if value.strip()}
    table |= {re.sub(r"^https?://(www\.)?", "", value).rstrip("/"): name for value, name in table.items()}
    table[brand.name] = "brand"
    ordered = sorted(table, key=len, reverse=True)
    shapes = [(re.compile(rf"(?<![\w@./+-]){_shape(value)}(?![\w@/-]|\.\w)", re.I), table[value]) for value in ordered]

    def restore(text: str) -> str:
        for shape, name in shapes:
            text = shape.sub(f"{{{{{name}}}}}", text)
        return text

    return restore


def _shape(value: str) -> str:
    return r"[\s-]*".join(re.escape(word) for word in re.split(r"[\s-]+", value.strip()) if word)


def _cleaned(
    transcripts: Iterable[Transcript], brand: Brand, heard: BrandsHeard, clean: Cleaner, privacy: Privacy
) -> Iterator[Transcript]:
    restore = own_values(brand)
    for transcript in transcripts:
        turns = [
            turn.model_copy(update={"text": restore(turn.text)}) if turn.role == "agent" else turn
            for turn in transcript.turns
        ]
        own = transcript.model_copy(update={"turns": tuple(turns)})
        heard.listen(own)
        safe = clean.transcript(own)
        if safe is None:
            privacy.left_out += 1
            continue
        privacy.replaced += _placeholders(safe) - _placeholders(own)
        yield safe


def _placeholders(transcript: Transcript) -> Counter[str]:
    return Counter(name for turn in transcript.turns for name in PLACEHOLDER.findall(turn.text))


def _spoken(pair: Pair) -> Pair:
    """The pair with the customer's name left out of the reply: most customers' names are not known when it is said."""
    reply = _CALLED.sub(lambda match: match[1] or "", pair.reply)
    reply = _CALLED_FIRST.sub(lambda match: match[1] + match[2].upper(), reply)
    return Pair(intent=pair.intent, message=pair.message, reply=reply, conversation=pair.conversation)


class BrandsHeard:
    """For whom the agents of the transcripts speak: names after "welcome to", "here at" ..., mailboxes of a team."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
        self._own = {normalised(brand.name).replace(" ", "")}
        self._own |= {host.casefold() for host in re.findall(r"@([\w-]+)\.", " ".join(brand.profile.values()))}
        self._counts: Counter[str] = Counter()
        self._conversations = self._ours = 0

    def listen(self, transcript: Transcript) -> None:
        """Take note of one conversation, the brand's own values being placeholders already."""
        text = "\n".join(turn.text for turn in transcript.turns if turn.role == "agent")
        self._conversations += 1
        self._ours += bool({"brand", *self._brand.profile} & set(PLACEHOLDER.findall(text)))
        names = {_ROLE.sub("", name) for name in _SPEAKS_FOR.findall(text)} | set(_MAILBOX.findall(text))
        self._counts.update({name for name in names if not self._is_own(name)})

    def check(self) -> None:
        """Raise ConfigError when another brand's name dominates."""
        name, count = next(iter(self._counts.most_common(1)), ("", 0))
        if count < max(_FOREIGN, _FOREIGN_SHARE * self._conversations) or count <= self._ours:
            return
        raise ConfigError(
            f"the agents speak for {name!r} in {count} of {self._conversations} conversations, "
            f"for {self._brand.name!r} in {self._ours}.",
            where="transcripts",
            fix="name this brand's transcripts, choose the brand with --brand, or accept them with --any-brand.",
        )

    def _is_own(self, name: str) -> bool:
        bare = normalised(name).replace(" ", "")
        return any(bare in own or own in bare for own in self._own)
