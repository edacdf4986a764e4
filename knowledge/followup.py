"""A question that leans on what was said before it, said in full: "is it dishwasher safe?" names what `it` is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from frontdesk.bot.types import Conversation, Message, Turn
from frontdesk.knowledge.names import Name, Names
from frontdesk.knowledge.terms import terms

TURNS = 8
"""How many earlier texts are looked at."""
LONG_CHARS = 300
"""A longer text says by itself what it is about."""
EXCHANGE = 2
"""How many texts are what was said just now."""
FEW = 2
"""So few words, or terms, hardly say what a question is about."""
SURER = 0.1
"""How much surer of an answer one reading of a question must be than the likelier one."""
CHAIN = 3
"""How many follow-ups of follow-ups are followed back."""
_NOT_LEANING = re.compile(
    r"\b(?:is|are|was|were|will|would) there\b|\bthere(?:'s| is| are| was)\b|"
    r"\w+ that (?:i|you|we|they|is|are|was|were|has|have|had|can|will)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:the (?:other|second|first|last|latter|same) one|(?:this|that|these|those) ones?|it(?:'s| is)|its|it|"
    r"they|them|their|this|that|these|those)\b",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"\b(?:it|its|it's|they|them|their|that|this|those|these|there|here|one|ones|he|she|both|either|same|then|"
    r"else|instead)\b|^(?:and|or|but|so|what about|how about|what if|ok|okay)\b",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(r"^\W*(?:(?:ok|okay|so|and|but|or)\W+)*(?:what|how) about\b|^\W*(?:and|or|but)\b", re.IGNORECASE)
_WORD = re.compile(r"[\w'’-]+")
_DISPUTES = re.compile(
    r"^\W*(?:(?:no|nope)\b(?!\W+(?:how|what|when|where|which|who|why|can|do|does|is|are)\b)|are you sure|really\?|"
    r"(?:but )?i (?:read|heard|thought))\b|"
    r",\s*(?:right|correct|really)\W*$|\b(?:is|are|do|does|did|can|was)n['’]t (?:it|they|that|there|i|you|we)\W*$",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"(?:in|on|as|at|into|by|from|to)\b", re.IGNORECASE)
"""Opens what is no other thing to ask the same of: "and in the oven?"."""
_ANOTHER = re.compile(r"\b(?:other|second|latter|last) one\b", re.IGNORECASE)
_ALL = re.compile(r"\b(?:they|them|their|these|those|both|either|each|all|any)\b", re.IGNORECASE)
_LIGHT = frozenset(
    terms("how long much many take cost price work mean happen often far soon come get give go need time day many pay")
)
"""Words of a question that could be asked of a thing or of what is done with it."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A question said in full, the texts that find its answer best, and the names it is about.

    `sure`: named in the question itself or in the exchange just before it, so that nothing else can be meant. `new` is
    the question as it was asked, where it was said in full with the one before it.
    """

    text: str
    searched: tuple[str, ...]
    about: tuple[Name, ...] = ()
    sure: bool = True
    new: str = ""


def said_before(conversation: Conversation, message: Message) -> tuple[str, ...]:
    """Return the texts of the conversation before `message`, oldest first; a greeting or thanks is no subject.

    Of a message that asked several things, the last one is what is gone on from.
    """
    earlier = [turn for turn in conversation.turns if turn.message.id != message.id and not _small_talk(turn)]
    pairs = ((_asked_last(turn), turn.reply.text if turn.reply else "") for turn in earlier)
    return tuple(text for pair in pairs for text in pair if text)


def _asked_last(turn: Turn) -> str:
    """Return the last part of a message that was answered, but not by the voice; all of it where it is one."""
    routes, text = turn.reply.routes if turn.reply else (), turn.message.text
    parts = [one.text for one in routes if one.text and one.kind not in ("voice", "clarify")]
    return max(parts, key=text.rfind, default=text)


def _small_talk(turn: Turn) -> bool:
    """Whether the voice alone had something to say to it."""
    return turn.reply is not None and {route.kind for route in turn.reply.routes} == {"voice"}


def leans(question: str) -> float:
    """Return how much a question depends on what was said before it: 1 with a pronoun or hardly a word, else 0.25."""
    return 1.0 if _points(question) or len(set(terms(question))) <= FEW else 0.25


def disputes(question: str) -> bool:
    """Whether what was said just now is doubted: "no, it costs $40, right?" is to hear it again."""
    return _DISPUTES.search(question) is not None


def head_start(question: str) -> float:
    """Return what the reading of a question after what was said before is ahead by, in how sure its answer is.

    Without end for what means nothing by itself, "colours?" and "is it heavy?"; below 0 for what points to nothing:
    people change the subject.
    """
    if len(question.split()) <= FEW or (_points(question) and len(set(terms(question))) <= FEW):
        return inf
    return SURER if _points(question) else -SURER


def _points(question: str) -> bool:
    """Whether a word of the question points to something else, as far as words tell."""
    return _LEANS.search(_NOT_LEANING.sub(" ", question)) is not None


def resolved(text: str, history: Sequence[str], names: Names) -> Resolved:
    """Return `text` said in full; itself when it leans on nothing. `history` has earlier texts, oldest first.

    Its words alone find more than with the name put in: names outweigh what is asked of them.
    """
    if len(text) > LONG_CHARS:
        return Resolved(text=text, searched=(text,))
    own = tuple(names.mentioned(text))
    if not history or leans(text) < 1:
        return Resolved(text=text, searched=(text,), about=own)
    before, added = _before(history, names), _added(text)
    if before and (found := _of_another(before, added, names)):
        whole, other = found
        return Resolved(text=whole, searched=(whole,), about=(other,))
    if own:
        before = _without(before, own, names) if _ELLIPSIS.search(text) else ""
        whole = f"{before} {text}".strip()
        return Resolved(text=whole, searched=(whole,), about=own, new=text if before else "")
    about, sure = _subject(text, history[-TURNS:], names)
    whole, new = f"{before} {text}".strip(), text if before else ""
    if about:
        said = _substituted(text, about)
        return Resolved(text=said or whole, searched=(text,), about=about, sure=sure, new="" if said else new)
    return Resolved(text=whole, searched=tuple(dict.fromkeys((text, whole))), new=new)


def _before(history: Sequence[str], names: Names, chain: int = CHAIN) -> str:
    """Return the customer's question before this one, said in full: texts alternate and the last one is the bot's."""
    at = max(len(history) - 2, 0)
    text = history[at]
    if chain and at and leans(text) == 1 and not names.mentioned(text):
        text = f"{_before(history[:at], names, chain - 1)} {text}".strip()
    return text if len(text) <= LONG_CHARS else ""


def _added(text: str) -> str:
    """Return what an ellipsis asks about, without its opening words; empty for what is none, or has a pronoun."""
    found = _ELLIPSIS.search(text)
    return text[found.end() :].strip(" ?.!") if found and not _PRONOUN.search(text) else ""


def _of_another(before: str, added: str, names: Names) -> tuple[str, Name] | None:
    """Return the question before asked of the one name that `added` is, and that name; None where that is not so.

    Only a name of the same kind takes another's place.
    """
    others = names.called(added) if added else []
    alike = [one for one in names.called(before) if one.kind == others[0].kind] if len(others) == 1 else []
    if not alike or not set(terms(added)) <= set(others[0].terms) or _ASIDE.match(added):
        return None
    runs: list[list[re.Match[str]]] = [[]]
    for word in _WORD.finditer(before):
        key = set(terms(word.group()))
        if key <= set(alike[-1].terms) and (key or runs[-1]):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    told = [[word for word in run if terms(word.group())] for run in runs]
    run = max(told, key=len)
    return (before[: run[0].start()] + others[0].said + before[run[-1].end() :], others[0]) if run else None


def _without(before: str, own: Sequence[Name], names: Names) -> str:
    """Return the question before without the names of the kinds that this one names itself."""
    kinds = {name.kind for name in own}
    for name in names.mentioned(before):
        if name.kind in kinds:
            words = "|".join(re.escape(word) for word in name.said.split())
            before = re.sub(rf"\b(?:{words})(?:'s|s)?\b\s*", "", before, flags=re.IGNORECASE)
    return before.replace(" ?", "?").strip()


def _subject(text: str, history: Sequence[str], names: Names) -> tuple[tuple[Name, ...], bool]:
    """Return what was named last before `text`, all of it when several are asked for, and whether that was just now."""
    said = [names.mentioned(one) for one in history]
    last = next((at for at in range(len(said) - 1, -1, -1) if said[at]), None)
    if last is None:
        return (), True
    kind = min(said[last], key=lambda name: len(name.at)).kind
    found = [name for name in said[last] if name.kind == kind]
    earlier = {name for one in said[:last] for name in one}
    sure = last >= len(history) - EXCHANGE
    if _ANOTHER.search(text):
        return tuple([name for name in found if name not in earlier] or found)[-1:], sure
    if _ALL.search(text):
        return tuple(found), sure
    return tuple([name for name in found if name in earlier] or found)[:1], sure


def _substituted(text: str, about: Sequence[Name]) -> str:
    """Return `text` with its first pronoun replaced by the names; empty when it asks of more than the thing."""
    match = _PRONOUN.search(_NOT_LEANING.sub(lambda m: "\0" * len(m.group()), text))
    if match is None or set(terms(text)) <= _LIGHT:
        return ""
    said = " and ".join(name.said for name in about)
    pronoun = match.group().lower()
    if pronoun in ("it's", "it is"):
        said += " is"
    elif pronoun in ("its", "their"):
        said += "'s"
    return text[: match.start()] + said + text[match.end() :]
