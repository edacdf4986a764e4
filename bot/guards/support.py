"""The support check: a knowledge sentence needs its verbatim quote, an account sentence its record."""

from __future__ import annotations

import re

from frontdesk.bot.guards.check import Context, Verdict
from frontdesk.bot.types import Sentence

_FIGURE = re.compile(r"(?<![^\W_])\d+(?:[.,]\d+)*")
"""A number that is not the end of a name, as in R4."""


def figures(text: str) -> set[str]:
    """Return the numbers in a text, without those that end a name."""
    return set(_FIGURE.findall(text))


class SupportCheck:
    """No sentence of knowledge or account leaves without what carries it."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Reroute an unsupported sentence, or one with a figure that its quote lacks."""
        problem = self._problem(sentence, context.route.kind, context.message.text)
        if problem:
            return Verdict(action="reroute", sentence=sentence, reason=f"support: {problem}")
        return Verdict(action="keep", sentence=sentence)

    def _problem(self, sentence: Sentence, kind: str, said: str) -> str:
        stated = figures(sentence.text)
        if kind == "knowledge" and sentence.support.kind != "profile":
            if not sentence.citations:
                return "no citation"
            quoted = " ".join(f"{citation.title} {citation.quote}" for citation in sentence.citations)
            missing = stated - figures(quoted)
            return f"figures not in the quote: {', '.join(sorted(missing))}" if missing else ""
        carried = sentence.support.kind in ("record", "profile")
        if kind == "account" and not carried and stated - figures(said):
            return "figures without a record"
        return ""
