"""Personal data out: typed placeholders in place of names, numbers and addresses, before anything is written.

Checksums, shapes and the words around a number find what is structured; a small token classifier on MiniLM finds
names and places. Nothing leaves the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.redact.findings import KINDS, Finding, Redacted, replaced
from frontdesk.finetune.redact.known import known_pattern
from frontdesk.finetune.redact.reading import Reading
from frontdesk.finetune.transcripts import Transcript

Known = dict[str, str]
"""Names that are known, and the kind each is of."""
_NAMED = re.compile(
    r"(?:(?:customer|agent|user|author|sender|requester|assignee|contact|full|first|last|given|family|sur"
    r"|display)[_ ]?)?name$"
    r"|(?:customer|agent|user|author|sender|requester|assignee|contact)$",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:\b(?:i'?m|i am|my name is|my name's|this is|it's|you're (?:chatting|speaking|talking) (?:with|to)"
    r"|name's|call me)\s(?:\w+\s)?$)"
    r"|(?:\b(?:regards|wishes|sincerely|cheers|best|yours|from|thanks)\s*[,!]?\s*\n\s*$)|(?:(?:^|\n|\s)[-~]\s?$)",
    re.IGNORECASE,
)
_HERE = re.compile(r"\s(?:here|speaking|from)\b", re.IGNORECASE)


class Tagger(Protocol):
    """Finds names and places in texts."""

    def tag(self, texts: Sequence[str]) -> list[list[tuple[str, int, int]]]:
        """Return (kind, start, end) of each finding, per text."""
        ...


class Redactor:
    r"""Replaces personal data by typed placeholders; placeholders that already stand are left alone.

    `patterns` are the brand's own regular expressions by kind (`{"order_id": r"LL-\d{5}"}`), `keep` the texts that
    are public (brand and product names, the support address). `tagger` None finds structured data alone.
    Raises ConfigError for a pattern that does not compile or a kind that has no placeholder.
    """

    def __init__(
        self, tagger: Tagger | None, *, patterns: Mapping[str, str] | None = None, keep: Sequence[str] = ()
    ) -> None:
        self._tagger = tagger
        self._patterns = [(kind, _compiled(kind, pattern)) for kind, pattern in (patterns or {}).items()]
        words = sorted((re.escape(text.strip()) for text in keep if text.strip()), key=len, reverse=True)
        self._keep = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE) if words else None
        self._renamed = 0

    def redact(self, text: str, known_names: Sequence[str] = ()) -> Redacted:
        """Return the text with placeholders; `known_names` (of the account, say) are found wherever they stand."""
        return self.redact_many([text], known_names)[0]

    def redact_many(self, texts: Sequence[str], known_names: Sequence[str] = ()) -> list[Redacted]:
        """Redact several texts at once, which is faster than one by one."""
        found = [r.findings() for r in self._read(texts, dict.fromkeys(known_names, "customer_name"))]
        return [Redacted(text=replaced(t, f), findings=f) for t, f in zip(texts, found, strict=True)]

    def transcript(self, transcript: Transcript) -> Transcript | None:
        """Return the conversation without personal data, id and meta included; None when a second pass finds more.

        A name found in one turn is found in all of them; the agent's own becomes `{{agent_name}}`.
        """
        texts = [turn.text for turn in transcript.turns]
        known = dict.fromkeys(_names(transcript.meta), "customer_name")
        readings = self._read(texts, known)
        for turn, reading in zip(transcript.turns, readings, strict=True):
            known |= _called(turn.text, reading.findings(), agent=turn.role == "agent")
        first = [replaced(t, self._again(r, known)) for t, r in zip(texts, readings, strict=True)]
        changed = [text for text, before in zip(first, texts, strict=True) if text != before]
        if any(reading.findings() for reading in self._read(changed, known)):
            return None
        turns = tuple(turn.model_copy(update={"text": t}) for turn, t in zip(transcript.turns, first, strict=True))
        changes = {"id": self._id(transcript.id), "turns": turns, "meta": self._meta(transcript.meta)}
        return transcript.model_copy(update=changes)

    def _read(self, texts: Sequence[str], known: Known) -> list[Reading]:
        """Read each text by shape, by model and by known name."""
        readings = [Reading(text, self._keep, self._patterns) for text in texts]
        if self._tagger is not None and readings:
            for reading, tags in zip(readings, self._tagger.tag([r.filled() for r in readings]), strict=True):
                reading.add(tags)
        for reading in readings:
            self._again(reading, known)
        return readings

    def _again(self, reading: Reading, known: Known) -> tuple[Finding, ...]:
        """Add the known names to what was found."""
        for kind in sorted(set(known.values()), reverse=True):
            reading.match(kind, known_pattern(name for name, of in known.items() if of == kind))
        return reading.findings()

    def _meta(self, value: Any) -> Any:
        """Meta with its texts redacted by shape; who somebody is, is left out."""
        if isinstance(value, dict):
            return {k: self._meta(v) for k, v in value.items() if not (isinstance(v, str) and _NAMED.match(k))}
        if isinstance(value, list | tuple):
            return [self._meta(item) for item in value]
        if isinstance(value, str):
            return replaced(value, Reading(value, self._keep, self._patterns).findings())
        return value

    def _id(self, name: str) -> str:
        """A conversation's id, or another when it holds personal data (a channel's phone number, say)."""
        if {found.kind for found in Reading(name).findings()} & {"email", "phone", "card", "iban"}:
            self._renamed += 1
            return f"renamed-{self._renamed}"
        return name


def brand_redactor(brand: Brand, tagger: Tagger | None, *, keep: Sequence[str] = ()) -> Redactor:
    """Return the redactor of a brand: its slot patterns are recognised, its name and profile are public."""
    patterns = {_kind(name): slot.pattern for name, slot in brand.slots.items() if _kind(name)}
    return Redactor(tagger, patterns=patterns, keep=(brand.name, *brand.profile.values(), *keep))


def _kind(slot: str) -> str:
    """The kind of a slot: its own name, or a number of the customer's for what is called an id or number; else none."""
    if slot in KINDS:
        return slot
    return "account_number" if slot.endswith(("_id", "_number")) else ""


def _compiled(kind: str, pattern: str) -> re.Pattern[str]:
    """Compile a brand's pattern so that it is found in any case, glued to words, its dashes loose."""
    if kind not in KINDS:
        raise ConfigError(f"no placeholder for {kind}.", where="patterns", fix=f"use one of {', '.join(KINDS)}.")
    try:
        re.compile(pattern)
        loose = re.sub(r"(?<=\w)\\?-(?=\\?\w)", "[-_ .]{0,2}", pattern)
        return re.compile(rf"(?:{pattern})|(?<![\w'])(?:{loose})", re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"not a regular expression: {error}.", where=pattern, fix="mend the pattern.") from None


def _called(text: str, findings: Sequence[Finding], *, agent: bool) -> Known:
    """The names found in a turn, the agent's own told apart by how they are introduced."""
    known: Known = {}
    for found in findings:
        if found.kind == "customer_name":
            before, after = text[: found.start], text[found.end :]
            own = agent and (_OWN.search(before) is not None or (not before.strip() and _HERE.match(after) is not None))
            known[text[found.start : found.end]] = "agent_name" if own else "customer_name"
    return known


def _names(meta: Mapping[str, Any]) -> Iterator[str]:
    """The names that a conversation's meta gives."""
    for key, value in meta.items():
        if isinstance(value, Mapping):
            yield from _names(value)
        elif (
            isinstance(value, str)
            and _NAMED.match(str(key))
            and not any(char.isdigit() or char in "@_" for char in value)
        ):
            yield value
