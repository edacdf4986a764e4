"""What a sentence states exactly (figures, units, names, negations, promises), and whether its quote states the same.

A deterministic check beside the trained one: "within 30 days" does not carry "within 14 days", however alike they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.units import UNIT, Measure, measure

_SPELT_OUT = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty"""
_NUMBERS = {word: n for n, word in enumerate(_SPELT_OUT.split(), 1)}
_NUMBERS |= {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NUMBERS |= {"hundred": 100, "a dozen": 12}
_SPELT = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_FIGURE = re.compile(
    rf"(?P<before>[$£€]\s?)?(?<![\w.])(?P<number>\d[\d,]*(?:\.\d+)?|\b(?:{_SPELT})\b)"
    rf"(?:\s?(?:-|–|to)\s?[$£€]?(?P<end>\d[\d,]*(?:\.\d+)?))?(?:[\s-]?(?P<unit>{UNIT})(?!\w))?",
    re.IGNORECASE,
)
_PHRASES = (
    (re.compile(r"\b(?:half an hour)\b", re.IGNORECASE), "30 minutes"),
    (re.compile(r"\ba quarter of an hour\b", re.IGNORECASE), "15 minutes"),
    (re.compile(r"\ban? (?=(?:hour|day|week|month|year|minute)\b)", re.IGNORECASE), "1 "),
)
_AT_MOST = re.compile(r"\b(?:up to|at most|no more than|a maximum of|under|below|less than|fewer than)\s*\W?$", re.I)
_AT_LEAST = re.compile(r"\b(?:at least|no less than|a minimum of|over|above|more than)\s*\W?$", re.I)
_NEGATIVE = re.compile(
    r"\b(?:not|no|never|cannot|without|none|neither|nor|nobody|nothing|nowhere|unable|unavailable|unsafe|unlikely|"
    r"unsupported|impossible|ineligible|invalid|forbidden|prohibited|excluded|exclude|excludes|disabled|refuse|refuses|"
    r"avoid)\b|n['’]t\b|-free\b|\bfree (?:of|from)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:.!?()—]|\b(?:and|but|or|because|if|unless|except|when|while|although|as long as|so that|until)\b"
)
_NAME = re.compile(r"(?:[A-Z][\w'’&+-]*[\w]|[A-Z]{2,}|\w*\d\w*-\w+)")
_SAME_NAMES = {"us": "united states", "usa": "united states", "uk": "united kingdom", "eu": "european union"}
_PROMISES = {
    "free": r"\bfree\b|\bno (?:\w+ )?(?:cost|charge|fee)|\bincluded\b|\bcomplimentary\b|[$£€]0\b|\bnothing\b",
    "always": r"\balways\b|\bevery\b|\beach\b|\ball\b|\bany\b",
    "guarantee": r"guarantee|warrant|promise",
    "unlimited": r"unlimited|no limit|as (?:many|much) as",
    "forever": r"forever|never expire|no end|lifetime",
    "immediately": r"immediately|at once|instant|straight away|right away|at the same moment",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number with its unit as stated, and the bound it is given as: "at most", "at least" or neither."""

    said: str
    measure: Measure
    bound: str = ""


def objection(sentence: str, quote: str, names: str = "") -> str:
    """Return why `quote`, under the `names` of what it is about, does not carry what `sentence` states exactly.

    Empty when figures, units, names, negations and promises agree. Both texts are plain words, without markup.
    """
    whole = f"{names} {quote}"
    exact = _figures(sentence, whole) or _names(sentence, whole)
    return exact or _negations(sentence, quote) or _promises(sentence, quote)


def figures(text: str) -> list[Figure]:
    """Return the numbers of a text with their units, those in words too; a range gives both its ends."""
    for pattern, plain in _PHRASES:
        text = pattern.sub(plain, text)
    return [figure for match in _FIGURE.finditer(text) for figure in _of(text, match)]


def _of(text: str, match: re.Match[str]) -> Iterator[Figure]:
    number, unit = match["number"].lower(), (match["before"] or "").strip() or match["unit"] or ""
    if number == "one" and not unit:
        return
    before = text[max(0, match.start() - 20) : match.start()]
    bound = "at most" if _AT_MOST.search(before) else "at least" if _AT_LEAST.search(before) else ""
    for one in (number, match["end"]):
        if one:
            value = float(_NUMBERS[one]) if one in _NUMBERS else float(one.replace(",", "") or 0)
            yield Figure(said=" ".join(match.group().split()), measure=measure(value, unit), bound=bound)


def _figures(sentence: str, quote: str) -> str:
    """Return a figure of the sentence that the quote lacks, or gives in another unit or as the opposite bound."""
    there = figures(quote)
    for figure in figures(sentence):
        same = [one for one in there if one.measure.same(figure.measure)]
        if not same:
            return f"says {figure.said}, its quote does not"
        if figure.bound and all(one.bound and one.bound != figure.bound for one in same):
            return f"says {figure.bound} {figure.said}, its quote {same[0].bound}"
    return ""


def _names(sentence: str, quote: str) -> str:
    """Return a name of the sentence that stands neither in the quote nor in the names it is found under."""
    there = set(_name_words(quote)) | set(terms(quote))
    spelt = quote.lower()
    for name in _named(sentence):
        known = all(word in there for word in _name_words(name)) or _SAME_NAMES.get(name.lower(), "\0") in spelt
        if not known and name.lower() not in spelt:
            return f"names {name}, its quote does not"
    return ""


def _named(sentence: str) -> Iterator[str]:
    """Yield capitalised words; the first word of a sentence only where another capitalised one follows."""
    for match in _NAME.finditer(sentence):
        before = sentence[: match.start()].rstrip()
        opens = not before or before[-1] in '.!?:"“(—-•'
        if (not opens or re.match(r" [A-Z][a-z]", sentence[match.end() :])) and terms(match.group()):
            yield re.sub(r"['’]s$", "", match.group())


def _name_words(text: str) -> list[str]:
    return [term for word in re.findall(r"\w+", text) for term in (terms(word) or [word.lower()])]


def _negations(sentence: str, quote: str) -> str:
    """Return a clause of the sentence whose nearest clause in the quote says the contrary."""
    there = [(set(terms(clause)), _negative(clause)) for clause in _clauses(quote)]
    clauses = _clauses(sentence)
    for clause in clauses:
        said = set(terms(clause))
        if len(said) < min(2, len(clauses)) or not there:
            continue
        most = max(len(said & other) for other, _ in there)
        nearest = [negative for other, negative in there if len(said & other) == most]
        if most >= max(min(2, len(said)), 0.5 * len(said)) and _negative(clause) not in nearest:
            return "says the contrary of its quote"
    return ""


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause and clause.strip()]


def _negative(clause: str) -> bool:
    return len(_NEGATIVE.findall(clause)) % 2 == 1


def _promises(sentence: str, quote: str) -> str:
    for word, carried in _PROMISES.items():
        if re.search(rf"\b{word}", sentence, re.IGNORECASE) and not re.search(carried, quote, re.IGNORECASE):
            return f"promises {word!r}, its quote does not"
    return ""
