"""Doubted messages, from the conversations to the examples: joins the review page and command with the bot's parts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import log
from typing import TYPE_CHECKING, Any

from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.router.examples import NAME, add_examples, readable
from frontdesk.bot.router.features import clean, words
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, intent_name, read_nlu
from frontdesk.bot.router.versions import RouterVersions
from frontdesk.bot.store.review import Decision, Doubtful
from frontdesk.bot.types import Encoder, now
from frontdesk.channels.reviewing import Alike, Doubted, Examples
from frontdesk.finetune.redact import NameTagger, brand_redactor
from frontdesk.knowledge.gaps import Grouper

if TYPE_CHECKING:
    from frontdesk.bot.project import Project
    from frontdesk.bot.store import Store
    from frontdesk.finetune.redact import Finding, Redactor

Row = tuple[Sequence["Doubtful"], str]
"""A text without personal data, and all messages that say it, the newest first."""
NAME_WORDS = 2
_HIDDEN = re.compile(r"\[[a-z ]+\]|name@example\.com")


class Reviewer:
    """The review of one project's messages: implements the channels' Review; its methods block."""

    def __init__(self, project: Project, store: Store, encoder: Encoder) -> None:
        settings = project.settings
        named = {settings.brand_id: settings.brand(None), **settings.brands}
        self.brands: Mapping[str, str] = {key: brand.name for key, brand in named.items()}
        self._project, self._store, self._grouper = project, store, Grouper(encoder)
        self._versions = RouterVersions(project.state / "router")
        tagger = NameTagger(user_cache())
        self._redactors = {key: brand_redactor(brand, tagger) for key, brand in named.items()}
        self._unnamed: dict[str, str] = {}
        self._same: dict[str, tuple[str, ...]] = {}
        self._writing = threading.Lock()

    def queue(self, brand: str, days: int) -> list[Alike]:
        """Return what is to be reviewed: each text once, without personal data, those alike together."""
        found = [one for one in self._store.doubtful(now() - timedelta(days=days)) if one.brand == brand]
        known = {row.text.casefold() for row in read_nlu(self._project.nlu).rows}
        by_text: dict[str, list[Doubtful]] = {}
        for one, text in zip(found, self._shown([one.text for one in found], brand), strict=True):
            if text.casefold() not in known:
                by_text.setdefault(text, []).append(one)
        rows = [(its, text) for text, its in by_text.items()]
        self._same |= {its[0].key: tuple({one.key for one in its[1:]} - {its[0].key}) for its, _ in rows}
        rarity = _rarity(known)
        groups: list[Alike] = []
        for alike in self._grouper.groups([text for _, text in rows]):
            by_intent: dict[str, list[Row]] = {}
            for at in alike:
                by_intent.setdefault(_proposed(rows[at][0]), []).append(rows[at])
            groups += [_alike(intent, its, rarity) for intent, its in by_intent.items()]
        return sorted(groups, key=lambda group: len(group.messages), reverse=True)

    def _shown(self, texts: Sequence[str], brand: str) -> list[str]:
        """Return the texts without personal data, finding it only in those that are new."""
        known = self._unnamed
        new = [text for text in dict.fromkeys(texts) if text not in known]
        made = dict(zip(new, unnamed(new, self._redactors[brand]), strict=True))
        self._unnamed = shown = {text: made[text] if text in made else known[text] for text in texts}
        return [shown[text] for text in texts]

    def examples(self) -> Examples:
        """Return the intents of nlu.yml, and how many of its examples the served router has not learned."""
        rows = read_nlu(self._project.nlu).rows
        intents = tuple(sorted({row.intent for row in rows} | {OUT_OF_SCOPE}))
        try:
            served = self._versions.load()
            learned = {(row.intent, row.text) for row in served.examples()}
        except (ModelError, ConfigError):
            return Examples(intents=intents, waiting=len(rows), served=None)
        waiting = sum((row.intent, clean(row.text)) not in learned for row in rows)
        return Examples(intents=intents, waiting=waiting, served=served.number)

    def decide(self, intent: str, rows: Sequence[tuple[str, str]]) -> int:
        """Keep the decision, then write the examples; what a crash left unwritten is written too."""
        name = intent_name(intent)
        if name and name not in self.examples().intents and not NAME.fullmatch(name):
            fix = "use lower-case letters, digits and _, like gift_wrapping."
            raise ConfigError(f"{intent!r} is no name for an intent.", fix=fix)
        if name and not all(readable(text) for _, text in rows):
            raise ConfigError("an example is empty.", fix="write what the customer asks, or dismiss the message.")
        decisions = [Decision(key=key, intent=name, text=text if name else "") for key, text in rows]
        also = [Decision(key=other, intent=name) for key, _ in rows for other in self._same.get(key, ())]
        count = self._store.decide(decisions)
        self._store.decide(also)
        self.write()
        return count

    def write(self) -> None:
        """Write every decided example that is not yet written."""
        with self._writing:
            due = self._store.unwritten()
            add_examples(self._project.nlu, [(one.intent, one.text) for one in due])
            self._store.written([one.key for one in due])

    def train(self) -> Mapping[str, Any]:
        """Run `frontdesk train` beside this process, so that nobody who is being answered waits for it."""
        command = [sys.executable, "-m", "frontdesk.bot.commands", "train", "--json"]
        done = subprocess.run(
            [*command, "--project", str(self._project.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
            last = done.stderr.strip().splitlines()[-1:] or ["training failed."]
            raise ConfigError(last[0].removeprefix("frontdesk: "), fix="run `frontdesk train` to see more.")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def unnamed(texts: Sequence[str], redactor: Redactor) -> list[str]:
    """Return the texts without personal data, still readable: numbers become zeros of the same shape."""
    found = redactor.redact_many(texts) if texts else []
    return [readable(_hidden(text, one.findings)) for text, one in zip(texts, found, strict=True)]


def _hidden(text: str, findings: Sequence[Finding]) -> str:
    for found in reversed(findings):
        if found.kind != "place":
            text = f"{text[: found.start]}{_stand_in(found.kind, text[found.start : found.end])}{text[found.end :]}"
    return text


def _stand_in(kind: str, value: str) -> str:
    """Return what stands for a value: the router reads every digit as 0, so a number's shape is all it needs."""
    if kind == "email":
        return "name@example.com"
    if kind in ("order_id", "account_number", "phone", "card") and any(char.isdigit() for char in value):
        return "".join("0" if char.isdigit() else char for char in value)
    return f"[{kind.replace('_', ' ')}]"


def _proposed(its: Sequence[Doubtful]) -> str:
    """Return the intent of a text as its customers chose it, else as the router guessed; empty out of scope."""
    chosen = Counter(one.chosen for one in its if one.chosen).most_common(1)
    return chosen[0][0] if chosen else its[0].intent if its[0].doubt == "unsure" else ""


def _alike(intent: str, rows: Sequence[Row], rarity: Mapping[str, float]) -> Alike:
    """Return a group as it is shown: alike in words, and in the intent that is proposed."""
    messages = tuple(_doubted(its, text) for its, text in rows)
    return Alike(messages=messages, intent=intent, name=_name([text for _, text in rows], rarity))


def _doubted(its: Sequence[Doubtful], text: str) -> Doubted:
    newest = next((one for one in its if one.chosen), its[0])
    return Doubted(
        key=its[0].key,
        text=text,
        said=len(its),
        conversation_id=newest.conversation_id,
        message_id=newest.message_id,
        asked_at=newest.asked_at,
        doubt=newest.doubt,
        guess=newest.intent,
        confidence=newest.confidence,
        chosen=newest.chosen,
    )


def _rarity(texts: set[str]) -> dict[str, float]:
    """Return how telling each word of the examples is: its inverse document frequency."""
    counts = Counter(word for text in texts for word in set(words(text)))
    return {word: log(1 + len(texts) / count) for word, count in counts.items()}


def _name(texts: Sequence[str], rarity: Mapping[str, float]) -> str:
    """Return a name for what the texts have in common: their most telling frequent words, in their order."""
    texts = [_HIDDEN.sub(" ", text) for text in texts]
    counts = Counter(word for text in texts for word in dict.fromkeys(words(text)) if word.isascii() and word.isalpha())
    rarest = max(rarity.values(), default=1.0)
    ranked = sorted(counts, key=lambda word: -counts[word] * rarity.get(word, rarest) ** 2)
    order = words(" ".join(texts))
    name = "_".join(sorted(ranked[:NAME_WORDS], key=order.index))
    return name if NAME.fullmatch(name) else ""
