"""Routine replies: candidates drawn together, the checks choose, an approved reply stands in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.voice import CANDIDATES, VoiceAnswerer, brief
from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Conversation, Customer, Message, Route, Sentence

BRAND = Brand(
    name="Shop",
    profile={"support_hours": "every day"},
    replies={"greeting": ("Hello from {{brand}}.",)},
    acts={"complaint": ("apologise",), "greeting": ("greet",)},
    avoid=("valued customer", "!!"),
)


class Drawing:
    """A voice whose candidates are given, and which remembers the seeds."""

    def __init__(self, *drafts: str) -> None:
        self.drafts, self.seeds = drafts, list[tuple[int, ...]]()

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        self.seeds.append(tuple(seeds))
        if not self.drafts:
            raise ModelError("no voice")
        return list(self.drafts), f"{voice}@3"


def said(speaker: Drawing, text: str = "hi", intent: str = "greeting") -> list[Sentence]:
    message = Message(text=text, conversation_id="x", brand="b", channel="web", customer=Customer(id="c"), id="1")
    route = Route(kind="voice", intent=intent, confidence=0.9, reason="test")

    async def collect() -> list[Sentence]:
        answerer = VoiceAnswerer(speaker, {"b": BRAND})
        return [s async for s in answerer.answer(message, Conversation(id="x", brand="b"), route)]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        (("Hi! What is up?", "Hello.", "Hey."), "Hi! What is up?"),
        (("Hi, that is 40 dollars.", "Hello.", "Hey."), "Hello."),
        (("", "What now?", "Hey you."), "Hey you."),
        (("Hello, Valued Customer.", "Hello!!", "Hello valued customers."), "Hello valued customers."),
        (("Hi, we are open {{support_hours}}.", "Hello.", "Hey."), "Hi, we are open every day."),
        (("Hi {{order_id}}.", "", "It is 5 pm, hello."), "Hello from Shop."),
    ],
)
def test_the_greedy_candidate_speaks_unless_the_checks_prefer_another(drafts: tuple[str, ...], expected: str) -> None:
    sentences = said(Drawing(*drafts))
    assert " ".join(s.text for s in sentences) == expected
    assert sentences[0].effect.voice == ("approved" if expected == "Hello from Shop." else "warm@3")


def test_the_candidates_are_one_batch_with_seeds_of_the_text_alone() -> None:
    speaker = Drawing("Hi.")
    for text in ("hello", "hello", "good day"):
        said(speaker, text)
    first, again, other = speaker.seeds
    assert first == again != other
    assert len(first) == CANDIDATES == len(set(first))
    assert first[0] == 0


def test_a_silent_voice_with_nothing_approved_says_nothing() -> None:
    assert said(Drawing(), intent="complaint") == []
    assert said(Drawing("Fine."), intent="complaint") == []


@pytest.mark.parametrize(
    ("said", "acts", "kept"),
    [
        (["Hello, and welcome.", "How can I help you?"], ["greet", "offer_help"], 1),
        (["I'm well, thank you.", "What can I help with?"], ["offer_help"], 1),
        (["Why was the scale so wise?", "It weighed everything up.", "Now, how can I help?"], ["offer_help"], 2),
        (["I'm sorry to hear that.", "I can bring in a person."], ["apologise", "offer_person"], 2),
        (["Tell me what you need."], ["offer_help"], 1),
    ],
)
def test_beside_an_answer_nothing_more_is_offered(said: list[str], acts: list[str], kept: int) -> None:
    assert list(brief(said, acts)) == said[:kept]
