"""The six considerations of an intent, and whose record it is about: each a figure, a sentence and its examples.

Also the signals that the proposal is fitted on: shares of messages with a cue, and what the documents answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from frontdesk.bot.guards.acts import ACTS
from frontdesk.bot.guards.firewall import CLAIMS, PLACEHOLDER, facts_in
from frontdesk.finetune.advise.cues import CUES, holds, share, silent
from frontdesk.finetune.advise.values import Consideration, Dossier
from frontdesk.finetune.dataset import ENOUGH
from frontdesk.knowledge.claims import figures

SHOWN = 3
"""Examples shown for each consideration."""
LONG = 12
"""Words of a message that counts as long; longer ones count the same."""
ROUTINE = ("greet", "farewell", "thank", "welcome_thanks", "apologise", "offer_person", "offer_help", "will_wait")
SIGNALS = (*CUES, "silent", "words", "answered", "sure")
"""The names of the fitted signals; the last two need documents."""


def signals(dossier: Dossier) -> dict[str, float | None]:
    """Return every signal of an intent as a figure from 0 to 1; None where nothing could be asked."""
    texts = dossier.examples
    found: dict[str, float | None] = {name: share(name, texts) for name in CUES}
    found["silent"] = _part(sum(map(silent, texts)), len(texts))
    found["words"] = _part(sum(min(LONG, len(text.split())) for text in texts), LONG * len(texts))
    looked = dossier.looked
    found["answered"] = _part(sum(bool(one.said) for one in looked), len(looked)) if looked else None
    found["sure"] = _part(sum(one.sure for one in looked), len(looked)) if looked else None
    return found


def considerations(dossier: Dossier) -> tuple[Consideration, ...]:
    """Return the seven considerations of an intent, in the order they are asked."""
    return tuple(ask(dossier) for ask in (_facts, _style, _harm, _replies, _changes, _traceable, _record))


def stating(replies: Sequence[str]) -> list[str]:
    """Return the replies that state a fact which is not the brand's own profile."""
    return [reply for reply in replies if facts_in(PLACEHOLDER.sub("", reply))]


def _facts(dossier: Dossier) -> Consideration:
    looked, replies = dossier.looked or (), dossier.replies or ()
    answered, stated = [one for one in looked if one.said], stating(replies)
    says, values = [], []
    if looked:
        sure = sum(one.sure for one in looked) / len(looked)
        says.append(f"the documents answer {len(answered)} of {len(looked)} examples (sure {sure:.2f} on average)")
        values.append(len(answered) / len(looked))
    if replies:
        says.append(f"{len(stated)} of {len(replies)} replies state a fact")
        values.append(len(stated) / len(replies))
    shown = [f"{one.question} → {one.said[0]}" for one in answered[:2]] + stated[:1]
    return _made("facts", "Does it need facts from outside?", max(values, default=None), says, shown)


def _style(dossier: Dossier) -> Consideration:
    replies = dossier.replies or ()
    if not replies:
        quiet = [text for text in dossier.examples if silent(text) or holds("to_us", text)]
        says = [
            f"no replies to read; {len(quiet)} of {len(dossier.examples)} messages ask for nothing to look up or do"
        ]
        return _made("style", "Does it need the house style?", None, says, quiet)
    stated = set(stating(replies))
    routine = [r for r in replies if r not in stated and any(ACTS[act].search(r) for act in ROUTINE)]
    says = [f"{len(routine)} of {len(replies)} replies only greet, thank, apologise, wait or offer help"]
    if dossier.in_style is not None:
        says.append(f"{dossier.in_style:.0%} sound like the brand's voice")
    return _made("style", "Does it need the house style?", len(routine) / len(replies), says, routine)


def _harm(dossier: Dossier) -> Consideration:
    replies = dossier.replies or ()
    asked = [text for text in dossier.examples if holds("harm", text)]
    promised = [reply for reply in replies if any(pattern.search(reply) for pattern in CLAIMS.values())]
    says = [f"{len(asked)} of {len(dossier.examples)} messages speak of money, law, safety or accounts"]
    if replies:
        says.append(f"{len(promised)} of {len(replies)} replies promise something or state a policy")
    value = max(_part(len(asked), len(dossier.examples)), _part(len(promised), len(replies)))
    return _made("harm", "How harmful is an invention?", value, says, [*asked[:2], *promised[:1]])


def _replies(dossier: Dossier) -> Consideration:
    question = "How many labelled replies are there?"
    if dossier.replies is None:
        return _made("replies", question, None, ["no transcripts were read"], ())
    count, distinct = len(dossier.replies), len(set(dossier.replies))
    says = [f"{count} replies, {distinct} of them different" if count else "none"]
    return _made("replies", question, min(1.0, distinct / ENOUGH), says, tuple(dict.fromkeys(dossier.replies)))


def _changes(dossier: Dossier) -> Consideration:
    question = "How often do the facts change?"
    looked, replies = dossier.looked or (), dossier.replies or ()
    sources = {source.title: source for one in looked for source in one.sources}
    quotes = [text for one in looked for text in one.said]
    moving = [text for text in quotes if figures(text)]
    disputed, differing = [text for one in looked for text in one.conflicts], disagreeing(replies)
    if not sources and not differing:
        why = "no document answers it" if looked else "no documents were asked"
        return _made("changes", question, None, [f"{why}, and no replies give different figures"], ())
    changed = [source for source in sources.values() if source.versions > 1 or source.dated]
    says = [
        f"{len(changed)} of {len(sources)} documents changed since they were first read or say until when they hold",
        f"{len(moving)} of {len(quotes)} quotes hold a price, a date or another figure",
        *([f"documents contradict each other {len(disputed)} times"] if disputed else []),
        *(f"replies give different figures ({said})" for said in differing),
    ]
    shares = (_part(len(changed), len(sources)), _part(len(moving), len(quotes)), float(bool(disputed or differing)))
    return _made("changes", question, max(shares), says, [*disputed, *moving])


def disagreeing(replies: Sequence[str]) -> list[str]:
    """Return a phrase for each unit of which the replies give different figures: "30 days, 14 days"."""
    by_unit: dict[str, dict[str, None]] = {}
    for figure in chain.from_iterable(figures(PLACEHOLDER.sub("", reply)) for reply in dict.fromkeys(replies)):
        if figure.measure.kind:
            by_unit.setdefault(figure.measure.kind, {})[figure.said] = None
    return [", ".join(said) for said in by_unit.values() if len(said) > 1]


def _traceable(dossier: Dossier) -> Consideration:
    looked, replies = dossier.looked or (), dossier.replies or ()
    texts = [*dict.fromkeys(text for one in looked for text in one.said), *replies]
    binding = [text for text in texts if any(pattern.search(PLACEHOLDER.sub("", text)) for pattern in CLAIMS.values())]
    stated = stating(texts)
    question = "Must the answer be traceable?"
    if not texts:
        return _made("traceable", question, None, ["nothing to judge by: no quote and no reply"], ())
    says = [f"{len(stated)} of {len(texts)} quotes and replies state a fact, {len(binding)} a policy or a promise"]
    return _made("traceable", question, len(stated) / len(texts), says, [*binding, *stated])


def _record(dossier: Dossier) -> Consideration:
    own = [text for text in dossier.examples if holds("own", text) or holds("change", text) or text in dossier.marked]
    says = [f"{len(own)} of {len(dossier.examples)} messages are about something of the customer's own"]
    if dossier.marked:
        says.append(f"{len(dossier.marked)} carry a slot such as an order number")
    says.append(f"the action {dossier.action} is configured" if dossier.action else "no action is configured")
    value = 1.0 if dossier.action else _part(len(own), len(dossier.examples))
    return _made("record", "Is it about the customer's own record?", value, says, own)


def _part(count: float, of: int) -> float:
    return count / of if of else 0.0


def _made(key: str, question: str, value: float | None, says: Sequence[str], examples: Sequence[str]) -> Consideration:
    sentence = "; ".join(says)
    shown = tuple(dict.fromkeys(examples))[:SHOWN]
    return Consideration(
        key=key, question=question, value=value, says=f"{sentence[:1].upper()}{sentence[1:]}.", examples=shown
    )
