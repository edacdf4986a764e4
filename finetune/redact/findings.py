"""What was found in a text, and the text with typed placeholders in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\{\{\s*\w+\s*\}\}")
KINDS = (
    "email",
    "iban",
    "card",
    "code",
    "order_id",
    "address",
    "account_number",
    "phone",
    "agent_name",
    "customer_name",
    "place",
)
"""Every kind, and the name of its placeholder; where two findings overlap, the earlier kind names the whole."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Personal data of one kind at characters [start, end) of the text that was given."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """A text with placeholders, and what they replaced; the findings' places are those in the original text."""

    text: str
    findings: tuple[Finding, ...] = ()


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order, overlapping ones joined, so that no part of either is left standing."""
    joined: list[Finding] = []
    for found in sorted(findings, key=lambda f: (f.start, f.end)):
        if joined and found.start < joined[-1].end:
            last = joined.pop()
            kind = min(last.kind, found.kind, key=KINDS.index)
            found = Finding(kind=kind, start=last.start, end=max(last.end, found.end))
        joined.append(found)
    return tuple(joined)


def replaced(text: str, findings: Sequence[Finding]) -> str:
    """Return `text` with `{{kind}}` for every finding; they are in order and do not overlap."""
    parts, at = [], 0
    for found in findings:
        parts += [text[at : found.start], "{{", found.kind, "}}"]
        at = found.end
    return "".join([*parts, text[at:]])
