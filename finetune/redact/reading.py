"""One text read by the recognizers: what they found, and what is left for the model that finds names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from frontdesk.finetune.redact.addresses import addresses
from frontdesk.finetune.redact.codes import codes
from frontdesk.finetune.redact.findings import PLACEHOLDER, Finding, merged
from frontdesk.finetune.redact.numbers import Recognizer, accounts, cards, emails, ibans, leftovers, orders, phones
from frontdesk.finetune.redact.plain import blanked, plain, spans
from frontdesk.finetune.redact.public import public

RECOGNIZERS: tuple[tuple[str | None, Recognizer], ...] = (
    ("email", emails),
    ("iban", ibans),
    ("card", cards),
    ("code", codes),
    ("address", addresses),
    (None, public),
    ("order_id", orders),
    ("account_number", accounts),
    ("phone", phones),
    ("account_number", leftovers),
)
"""In this order; each reads a text in which what the earlier ones found is blank. None: found, but nobody's."""
_REMNANT = re.compile(r"(?:[-./]?\d+)+")
_STANDS_FOR = {"customer_name": "Sam", "agent_name": "Sam", "place": "Leeds"} | dict.fromkeys(
    ("order_id", "account_number", "phone", "card", "iban", "code"), "1234"
)


class Reading:
    """One text, the recognizers' findings in it, and whatever `add` brings; kept texts and placeholders stay."""

    def __init__(
        self, text: str, keep: re.Pattern[str] | None = None, patterns: Sequence[tuple[str, re.Pattern[str]]] = ()
    ) -> None:
        self._plain = plain(text)
        self._untouched = spans(PLACEHOLDER, self._plain.text) + (spans(keep, self._plain.text) if keep else [])
        self._found: list[tuple[str, int, int]] = []
        rest = blanked(self._plain.text, self._untouched)
        for kind, pattern in patterns:
            rest = self._took(kind, spans(pattern, rest), rest)
        for named, recognizer in RECOGNIZERS:
            rest = self._took(named, recognizer(rest), rest)

    def _took(self, kind: str | None, found: Iterable[tuple[int, int]], rest: str) -> str:
        taken = list(found)
        if kind is not None:
            self._found += [(kind, start, end) for start, end in taken]
        return blanked(rest, taken)

    def filled(self) -> str:
        """Return the plain text, as long as before, with a neutral word where a placeholder stands or will stand.

        The model therefore reads the same before and after a replacement.
        """
        text = self._plain.text
        placeholders = [(m.group().strip("{} "), *m.span()) for m in PLACEHOLDER.finditer(text)]
        for kind, start, end in sorted(self._found + placeholders, key=lambda found: found[1]):
            word = _STANDS_FOR.get(kind, "it")
            text = text[:start] + word[: end - start].ljust(end - start) + text[end:]
        return text

    def add(self, tags: Iterable[tuple[str, int, int]]) -> None:
        """Add findings in the plain text, except where the text is kept or already a placeholder."""
        self._found += [
            (kind, start, end)
            for kind, start, end in tags
            if not any(start < stop and begin < end for begin, stop in self._untouched)
        ]

    def match(self, kind: str, pattern: re.Pattern[str] | None) -> None:
        """Add every match of a pattern."""
        if pattern is not None:
            self.add((kind, start, end) for start, end in spans(pattern, self._plain.text))

    def _run_out(self, end: int) -> int:
        """Go on over digits that hang on a number's end, so that no remnant of it is left."""
        more = _REMNANT.match(self._plain.text, end) if self._plain.text[end - 1].isdigit() else None
        return more.end() if more else end

    def findings(self) -> tuple[Finding, ...]:
        """Return everything found, joined where it overlaps, at its place in the original text."""
        whole = [(kind, start, self._run_out(end)) for kind, start, end in self._found if start < end]
        places = [(kind, *self._plain.original(start, end)) for kind, start, end in whole]
        return merged(Finding(kind=kind, start=start, end=end) for kind, start, end in places)
