"""A harder customer for the retail run: several facts at once, misspelt words, a question in between.

Stated beforehand and not tuned: each fact of a request stands in its first message with probability TOLD, a message has
one misspelt word with probability MISSPELT, and once in each request a question comes instead of an answer with ASIDE.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from benchmarks.retail_customer import ASKED, FOREIGN, PATIENCE, Customer, listed

TOLD, MISSPELT, ASIDE = 0.6, 0.25, 0.3
FACTS = frozenset({"order", "items", "wish", "reason", "method", "address"})
_WORD = re.compile(r"(?<![\w@.#'-])[A-Za-z]{5,}(?![\w@'-])")


class HardCustomer(Customer):
    """One customer who tells things unasked, mistypes, and wants to know something else meanwhile."""

    aside = False
    again: tuple[str, ...] = ()
    """The e-mail address that is said again when it is asked for again."""

    def opens(self) -> str:
        """Begin with the first goal and some of its facts, perhaps who it is, too."""
        said = super().opens() + self._told()
        return self._typed(f"{said} {self._say_who('')}" if self.dice.random() < TOLD else said)

    def answers(self, text: str, titles: Sequence[str], waiting: bool) -> str | None:
        """Answer as the easy customer does, only less neatly."""
        if not waiting and not self.aside and self._may_ask(text) and self.dice.random() < ASIDE:
            self.aside = True
            return self._typed(self.pick("hard", "final_asides" if self.openings == "final" else "asides"))
        goal, before = self.current, len(self.yes_to)
        said = super().answers(text, titles, waiting)
        if said is None or said in titles or len(self.yes_to) > before:
            return said  # a button, and a yes, are as they are
        if self.current != goal:
            self.aside = False
            return self._typed(said + self._told())
        return self._typed(said)

    def _say_who(self, text: str) -> str | None:
        """Say it again when it is asked again, until patience ends."""
        last = self.emails[-1:]
        self.emails = self.emails or list(self.again)
        said = super()._say_who(text)
        self.lost += bool(self.again)  # the last one was said before
        self.again = () if self.emails else tuple(last) or self.again
        return said if self.lost <= PATIENCE else self._fails("asked again and again who it is")

    def _may_ask(self, text: str) -> bool:
        """Whether the reply asks for a fact of the request, which may wait for a question."""
        asked = next((name for name, pattern in ASKED if re.search(pattern, text.casefold())), "")
        return asked in FACTS and asked not in FOREIGN[self.kind]

    def _told(self) -> str:
        """Some of the facts of the goal, in any order, each as a sentence of its own."""
        facts = [self.pick("hard", "order").format(order=self.kwargs["order_id"])]
        facts += [self.pick("reasons", self.kwargs["reason"])] if "reason" in self.kwargs else []
        facts += [self.pick("hard", "address").format(address=self._address())] if "address1" in self.kwargs else []
        pays = "payment_method_id" in self.kwargs
        facts += [self.pick("hard", "method").format(method=self._method())] if pays else []
        facts += [self._articles()] if "item_ids" in self.kwargs else []
        kept = [fact[0].upper() + fact[1:] for fact in facts if self.dice.random() < TOLD]
        self.dice.shuffle(kept)
        return "".join(f" {fact}" if fact[-1] in ".!?" else f" {fact}." for fact in kept)

    def _articles(self) -> str:
        """The articles, with what each is to become where they are to be changed."""
        if not self._pairs():
            items = listed([self._described(item) for item in self._items(self.kwargs["item_ids"])])
            return self.pick("hard", "items").format(items=items)
        told = []
        for old, new in self._pairs():
            changed = [(name, value) for name, value in new["options"].items() if old["options"].get(name) != value]
            wish = listed([self._option(name, value, old["product_id"]) for name, value in changed])
            told.append(self.pick("hard", "swap").format(item=self._described(old), wish=wish))
        return " ".join(told)

    def _typed(self, text: str) -> str:
        """Misspell one longer word, now and then; names, e-mail addresses and numbers are copied as they are."""
        own = {part.casefold() for part in re.findall(r"[A-Za-z]+", " ".join(self._exact()))}
        words = [found for found in _WORD.finditer(text) if found.group().casefold() not in own]
        if not words or self.dice.random() >= MISSPELT:
            return text
        chosen = self.dice.choice(words)
        return text[: chosen.start()] + misspelt(chosen.group(), self.dice) + text[chosen.end() :]

    def _exact(self) -> list[str]:
        """What is not mistyped: the customer's name and e-mail, and the parts of an address."""
        parts = ("address1", "address2", "city", "state", "country")
        return [*self.user["name"].values(), self.user["email"], *(str(self.kwargs.get(part, "")) for part in parts)]


def misspelt(word: str, dice: random.Random) -> str:
    """Return a word with two letters swapped, one left out, one doubled, or one hit beside its key."""
    at = dice.randrange(1, len(word) - 1)
    kind = dice.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + BESIDE.get(word[at].lower(), word[at]) + word[at + 1 :]


BESIDE = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuiopoasdfghjkkzxcvbnm", strict=True))
