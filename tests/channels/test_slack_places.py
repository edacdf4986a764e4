"""How the bot behaves in different channels of Slack: what it hears, when it is quiet, whom it names, who is staff."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from frontdesk.bot.app import helpers_of, knowledge_of
from frontdesk.bot.config import Brand, Channels, Limits, Slack, SlackPlace
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.guards import FactFirewall, SupportCheck
from frontdesk.bot.store import Store
from frontdesk.bot.types import Conversation, Message, Route
from frontdesk.channels.fakes.fake_slack import BOT_USER, TEAM, FakeSlack
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.slack import SlackIntake, SlackSender
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import CITATION, event_with, kept, scripted
from tests.faults.standin import StandIn, app_of, project_in


def settings(**given: Any) -> Slack:
    return Slack(bot_token=SecretStr("xoxb-local"), app_token=SecretStr("xapp-local"), **given)


def taken(slack: Slack, *payloads: Mapping[str, Any]) -> FakeDesk:
    desk = scripted()

    async def go() -> None:
        intake = SlackIntake(desk, Limits(), "shop", slack)
        for payload in payloads:
            await intake.take(payload)

    asyncio.run(go())
    return desk


def said(desk: FakeDesk, place: str) -> list[tuple[str, str]]:
    conversation = asyncio.run(desk.conversation(f"slack:{TEAM}:{place}"))
    turns = conversation.turns if conversation else ()
    return [(turn.message.text, turn.message.customer.audience) for turn in turns]


def test_what_it_hears_in_a_channel() -> None:
    fake = FakeSlack()
    heard = {}
    for hears in ("mentions", "threads", "all"):
        slack = settings(hears="mentions", places={"C1": SlackPlace(hears=hears)})
        mention = fake.mention("one", ts="1.1")
        goes_on = fake.message("two", channel="C1", thread_ts="1.1", ts="1.2")
        stranger = fake.message("three", channel="C1", user="U2", thread_ts="1.1", ts="1.3")
        named = fake.message(f"<@{BOT_USER}> four", channel="C1", user="U2", thread_ts="1.1", ts="1.4")
        desk = taken(slack, mention, goes_on, stranger, named)
        heard[hears] = [text for text, _ in said(desk, "C1:1.1")]
    assert heard == {
        "mentions": ["one", "four"],
        "threads": ["one", "two", "four"],
        "all": ["one", "two", "three", "four"],
    }


def test_the_staff_is_a_workspace_or_a_channel_and_never_a_guest() -> None:
    fake = FakeSlack()
    everywhere = settings(audience="staff", places={"C2": SlackPlace(audience="customers")})
    desk = taken(
        everywhere,
        fake.message("direct"),
        fake.mention("shop", channel="C2", ts="2.1"),
        fake.mention("guest", channel="C3", ts="3.1", user_team="T0OTHER"),
        fake.mention("shared", channel="C4", ts="4.1") | {"is_ext_shared_channel": True},
    )
    found = [said(desk, place)[0] for place in ("D1", "C2:2.1", "C3:3.1", "C4:4.1")]
    assert found == [("direct", "staff"), ("shop", "customers"), ("guest", "customers"), ("shared", "customers")]
    only_here = settings(places={"C5": SlackPlace(audience="staff")})
    desk = taken(only_here, fake.message("direct"), fake.mention("team", channel="C5", ts="5.1"))
    assert said(desk, "D1") + said(desk, "C5:5.1") == [("direct", "customers"), ("team", "staff")]


def press(channel: str, thread: str) -> dict[str, Any]:
    action = {"type": "button", "action_id": "choice_0", "value": "/a", "action_ts": "9.9"}
    body = {"type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1", "team_id": TEAM}, "actions": [action]}
    return body | {"channel": {"id": channel}, "message": {"ts": f"{thread}9", "thread_ts": thread}}


def test_a_press_counts_as_what_the_conversation_was() -> None:
    fake, slack = FakeSlack(), settings(audience="staff")
    shared = fake.mention("shared", channel="C4", ts="4.1") | {"is_ext_shared_channel": True}
    desk = taken(slack, shared, press("C4", "4.1"), fake.mention("team", channel="C5", ts="5.1"), press("C5", "5.1"))
    assert [audience for _, audience in said(desk, "C4:4.1")] == ["customers", "customers"]
    assert [audience for _, audience in said(desk, "C5:5.1")] == ["staff", "staff"]
    assert said(taken(slack, press("C6", "6.1")), "C6:6.1") == [("/a", "customers")], "nothing is known of it"


def posted(slack: Slack, *replies: Mapping[str, Any], channel: str = "C1") -> list[dict[str, Any]]:
    """Send replies to a local Slack and return what it got."""
    fake = FakeSlack()
    desk = taken(slack, fake.mention("hi", channel=channel, ts="1.1"))

    async def go(url: str) -> None:
        sender = SlackSender(slack.model_copy(update={"api_url": f"{url}/api/"}))
        conversation = await kept(desk, f"slack:{TEAM}:{channel}:1.1")
        for number, reply in enumerate(replies):
            await sender.send(event_with({**reply}, conversation.id, number), conversation)
        await sender.close()

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    return fake.posted


CLARIFY = {"text": "Which one?", "routes": [{"kind": "clarify"}]}
ABSTAINED = {"text": "I don't have that.", "routes": [{"kind": "knowledge"}], "citations": []}
CITED = {"text": "45 days. [1]", "routes": [{"kind": "knowledge"}], "citations": [CITATION.__dict__]}
HANDOFF = {"text": "A colleague will answer.", "routes": [{"kind": "handoff"}]}


def test_only_when_sure_keeps_quiet_in_channels() -> None:
    replies = (CLARIFY, ABSTAINED, CITED, HANDOFF)
    sure = settings(places={"C1": SlackPlace(only_when_sure=True)})
    assert [post["text"] for post in posted(sure, *replies)] == [CITED["text"], HANDOFF["text"]]
    assert len(posted(settings(), *replies)) == 4


def test_a_handoff_names_who_is_set() -> None:
    [to_ada] = posted(settings(handoff_to="U0ADA"), HANDOFF)
    [to_group] = posted(settings(places={"C1": SlackPlace(handoff_to="S0DESK")}), HANDOFF)
    [other] = posted(settings(handoff_to="U0ADA"), CITED)
    assert to_ada["text"].endswith("\n<@U0ADA>") and to_group["text"].endswith("\n<!subteam^S0DESK>")
    assert "U0ADA" not in str(other)
    with pytest.raises(ValidationError):
        settings(handoff_to="!channel")


INTERNAL = """---
title: Goodwill credit
audience: staff
---
Every colleague may give a goodwill credit of up to 15 dollars per order without asking a lead.
"""
PUBLIC = """---
title: Late parcels
---
A parcel that is late is traced by us within two working days.
"""
QUESTION = "How much goodwill credit may I give without asking a lead?"
BRANDS = {"shop": Brand(name="Shop")}


class Asked:
    """Sends everything to the documents."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        return (Route(kind="knowledge", intent="question", confidence=1.0, reason="test"),)


def test_colleagues_are_answered_from_internal_documents_and_customers_never(tmp_path: Path) -> None:
    project, fake = project_in(tmp_path / "shop"), FakeSlack()
    (project.folder / "knowledge").mkdir()
    (project.folder / "knowledge/goodwill.md").write_text(INTERNAL)
    (project.folder / "knowledge/late.md").write_text(PUBLIC)
    bases = knowledge_of(project, None, helpers_of(project))
    bases.ingest(project.folder)
    bases.load()
    checks = (FactFirewall(), SupportCheck())
    engine = Engine(brands=BRANDS, routers={"shop": Asked()}, answerers={"knowledge": bases}, checks=checks)
    slack = settings(places={"C5": SlackPlace(audience="staff")})

    async def go() -> list[Mapping[str, Any]]:
        desk = FrontDesk(engine, Store(project.store_url), Limits(), workers=1)
        await desk.start()
        intake = SlackIntake(desk, Limits(), "shop", slack)
        await intake.take(fake.mention(QUESTION, channel="C5", ts="5.1"))
        await intake.take(fake.mention(QUESTION, channel="C1", ts="1.1"))
        replies = [await reply(desk, f"slack:{TEAM}:{place}") for place in ("C5:5.1", "C1:1.1")]
        await desk.stop()
        return replies

    team, customers = asyncio.run(go())
    bases.close()
    assert "15 dollars" in team["text"]
    assert {citation["document_id"] for citation in team["citations"]} == {"knowledge/goodwill.md"}
    assert "15 dollars" not in str(customers) and "goodwill.md" not in str(customers)


async def reply(desk: FrontDesk, conversation_id: str) -> Mapping[str, Any]:
    async for event in desk.events(conversation_id):
        if event.kind == "done":
            return event.data
    raise AssertionError("the events ended")


def test_a_server_may_serve_some_channels_only(tmp_path: Path) -> None:
    channels = Channels(slack=settings())
    some = channels.only(["web", "slack"])
    assert (some.web.enabled, some.slack == channels.slack) == (True, True)
    assert (some.rasa.enabled, some.openai.enabled, some.telegram) == (False, False, None)
    assert channels.only(["rasa"]).slack is None
    with pytest.raises(ConfigError, match=r"docs/telegram\.md"):
        channels.only(["telegram"])
    with pytest.raises(ConfigError, match="no channel 'slak'"):
        channels.only(["slak"])
    project = project_in(tmp_path / "shop")
    chosen = replace(project, settings=project.settings.model_copy(update={"channels": Channels().only(["rasa"])}))

    async def statuses() -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app_of(chosen, StandIn())), base_url="http://x"
        ) as c:
            return [(await c.get(path)).status_code for path in ("/webhooks/rest/", "/v1/models", "/widget.js")]

    assert asyncio.run(statuses()) == [200, 404, 404]
