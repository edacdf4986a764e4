"""The route that an intent's evidence speaks for, with its reason in one sentence and what is missing.

Five rules are stated, not fitted, because the data say them outright:
1. most customers ask for a person or speak of law: handoff;
2. an action is configured for the intent: account;
3. agents state facts in more of their replies than `max_error`: never the voice;
4. the customer's own record without an action: handoff;
5. without replies to learn from, the voice is never a sure choice; nor is anything in another language than English.
"""

from __future__ import annotations

from collections.abc import Sequence

from frontdesk.bot.intervals import wilson
from frontdesk.bot.router.languages import foreign
from frontdesk.bot.types import Kind
from frontdesk.finetune.advise.consider import considerations, signals, stating
from frontdesk.finetune.advise.cues import holds
from frontdesk.finetune.advise.values import Dossier, Proposal
from frontdesk.finetune.advise.weights import Weights
from frontdesk.finetune.dataset import FEW

MOST = 0.5
WORDS = {
    "general": "the question has one answer for everybody",
    "yours": "it is about what the shop offers",
    "own": "it is about the customer's own record",
    "event": "something has happened to the customer",
    "change": "something is to be changed or paid back",
    "person": "a person is asked for",
    "to_us": "it is said to the assistant itself",
    "harm": "money, law, safety or accounts are at stake",
    "please_do": "something is to be done",
    "silent": "nothing is asked that could be looked up or done",
    "words": "the messages are long",
    "answered": "the documents answer it",
    "sure": "the documents are sure of it",
}
OPPOSITES = {
    "general": "it is no question with one answer for everybody",
    "yours": "it is not about what the shop offers",
    "own": "it is not about the customer's own record",
    "event": "nothing has happened to the customer",
    "change": "nothing is to be changed",
    "person": "no person is asked for",
    "to_us": "it is not said to the assistant itself",
    "harm": "neither money, law, safety nor accounts are at stake",
    "please_do": "nothing is to be done",
    "silent": "something is asked",
    "words": "the messages are short",
    "answered": "the documents do not answer it",
    "sure": "the documents are not sure of it",
}


def propose(dossier: Dossier, *, max_error: float, weights: Weights | None = None) -> Proposal:
    """Return the proposal for one intent; `max_error` is the project's router.max_error."""
    fitted = weights or Weights.shipped()
    found = signals(dossier)
    shares = fitted.shares(found)
    kind, rule = _kind(dossier, shares, max_error)
    route = _route(kind, dossier)
    score = 1.0 if rule in ("person", "action") else shares[kind]
    pulls = fitted.pulls(found, kind)
    rivals = [other for other in shares if other != kind]
    against = {name: max(fitted.pulls(found, other)[name] for other in rivals) for name in pulls}
    because = sorted(((n, pulls[n] - against[n]) for n in pulls), key=lambda one: -one[1])
    telling = tuple(one for one in because if one[1] > 0)
    learnable = route != "voice" or len(dossier.replies or ()) >= FEW
    language = foreign(". ".join(dossier.examples), {"en"})
    sure = rule in ("person", "action") or (score >= fitted.sure_from and learnable and not language)
    return Proposal(
        intent=dossier.intent,
        route=route,
        score=score,
        sure=sure,
        reason=_reason(dossier, route, rule, telling, found, fitted),
        considerations=considerations(dossier),
        missing=tuple(_missing(dossier, route, sure, language)) or _torn(shares, sure),
        shares=shares,
        because=telling,
        rule=rule,
        current=dossier.current,
    )


def _kind(dossier: Dossier, shares: dict[str, float], max_error: float) -> tuple[str, str]:
    """Return the kind of intent, and the name of the rule that decided it (empty: the fitted shares did)."""
    asking = sum(holds("person", text) for text in dossier.examples)
    if wilson(asking, len(dossier.examples))[0] > MOST:
        return "record", "person"
    if dossier.action:
        return "record", "action"
    best = max(shares, key=lambda kind: shares[kind])
    stated = stating(dossier.replies or ())
    if best == "voice" and stated and wilson(len(stated), len(dossier.replies or ()))[0] > max_error:
        return max((kind for kind in shares if kind != "voice"), key=lambda kind: shares[kind]), "facts"
    return best, ""


def _route(kind: str, dossier: Dossier) -> Kind:
    if kind == "record":
        return "account" if dossier.action else "handoff"
    return "voice" if kind == "voice" else "knowledge"


def _reason(
    dossier: Dossier,
    route: Kind,
    rule: str,
    telling: Sequence[tuple[str, float]],
    found: dict[str, float | None],
    fitted: Weights,
) -> str:
    if rule == "person":
        return "Most customers ask for a person or speak of the law."
    if rule == "action":
        return f"The action {dossier.action} is configured for it, and reads or changes the customer's own record."
    why = [_said(name, found[name], fitted.means[name]) for name, _ in telling[:2]]
    lead = {
        "voice": "Tone is the answer",
        "knowledge": "The answer is a fact to be looked up and quoted",
        "handoff": "It takes a look at one customer's record, and no action is configured",
        "account": "",
    }[route]
    before = "Agents state facts when they answer it. " if rule == "facts" else ""
    return f"{before}{lead}: {' and '.join(why) or 'the rest is less likely still'}."


def _said(name: str, value: float | None, mean: float) -> str:
    return WORDS[name] if value is None or value >= mean else OPPOSITES[name]


def _torn(shares: dict[str, float], sure: bool) -> tuple[str, ...]:
    """Say that the examples speak for two kinds of intent, where nothing else is missing and still it is unsure."""
    first, second = sorted(shares, key=lambda kind: -shares[kind])[:2]
    names = {"record": "the customer's record or a person"}
    kinds = f"{names.get(first, first)} ({shares[first]:.2f}) and {names.get(second, second)} ({shares[second]:.2f})"
    return () if sure else (f"Its examples speak for {kinds}: split the intent, or add examples of what is meant.",)


def _missing(dossier: Dossier, route: Kind, sure: bool, language: str | None) -> list[str]:
    """Say what evidence there is not: always what the route cannot do without, the rest when the score is low."""
    found = []
    if route == "knowledge" and dossier.looked is not None:
        open_ones = [one.question for one in dossier.looked if not one.said]
        if len(open_ones) > MOST * len(dossier.looked):
            count, shown = f"{len(open_ones)} of {len(dossier.looked)}", " / ".join(open_ones[:2])
            found.append(f"The documents do not answer {count} examples; write down what answers: {shown}")
    if route == "voice" and dossier.replies and len(dossier.replies) < FEW:
        found.append(f"{len(dossier.replies)} replies are too few to learn from; {FEW} are the least.")
    if sure:
        return found
    if language:
        found.append(f"The messages are in another language ({language}); the words looked for are English.")
    if dossier.looked is None:
        found.append("No documents were asked: run `frontdesk ingest`.")
    if not dossier.replies:
        found.append("No agent's reply to it was found in the transcripts.")
    if len(dossier.examples) < FEW:
        found.append(f"{len(dossier.examples)} examples are few; {FEW} say more.")
    if route == "handoff" and not dossier.action:
        found.append("If an action can read this record, configure it: the route becomes account.")
    return found
