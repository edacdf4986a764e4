"""Pairs to learn from: what a customer said, and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.report import Report

Label = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A customer's message of a known intent and what the agent answered; `conversation` is the transcript's id."""

    intent: str
    message: str
    reply: str
    conversation: str = ""


def pairs(
    transcripts: Iterable[Transcript], label: Label | None = None, *, report: Report | None = None
) -> Iterator[Pair]:
    """Yield every customer turn with the first answer to it that a voice may learn from.

    A person's answer counts, and a bot's when it was voted up: a voice does not train on itself. The intent is the
    turn's own, or (first customer turn) the transcript's, or what `label` makes of the text; without one there is
    no pair, and `report.pairs` counts it.
    """
    account = report or Report()
    for transcript in transcripts:
        for number, (said, answers) in enumerate(_exchanges(transcript)):
            answer = next((turn for turn in answers if turn.exemplary), None)
            intent = said.intent or (_own_intent(transcript) if number == 0 else None)
            if answer is None:
                account.pairs[_why(answers)] += 1
            elif intent := intent or (label(said.text) if label else None):
                yield Pair(intent=intent, message=said.text, reply=answer.text, conversation=transcript.id)
            else:
                account.pairs["intent unknown"] += 1


def _exchanges(transcript: Transcript) -> Iterator[tuple[Said, list[Said]]]:
    """Yield each customer turn with the agent turns up to the next."""
    said: Said | None = None
    answers: list[Said] = []
    for turn in transcript.turns:
        if turn.role == "agent":
            answers.append(turn)
            continue
        if said:
            yield said, answers
        said, answers = turn, []
    if said:
        yield said, answers


def _own_intent(transcript: Transcript) -> str | None:
    intent = transcript.meta.get("intent")
    return intent if isinstance(intent, str) and intent else None


def _why(answers: list[Said]) -> str:
    if not answers:
        return "not answered"
    return "voted down" if any(turn.vote == "down" for turn in answers) else "bot message without an up-vote"
