"""Replies that grow in Slack: sentence by sentence, whole in one place whatever breaks, and posted where none grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack, SlackPlace
from frontdesk.bot.store.archive import archive
from frontdesk.bot.store.places import StoredPlaces
from frontdesk.bot.types import Event, EventKind, now
from frontdesk.channels.delivery import Retry
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.slack import SlackIntake, SlackSender
from frontdesk.channels.slack_posts import markdown
from frontdesk.channels.slack_stream import OPENING, WHOLE, SlackStreams
from frontdesk.channels.testing import FakeDesk, FakePlaces
from tests.channels.wire import done, kept, script
from tests.faults.standin import SECRETS, app_of, platforms, project_in
from tests.faults.streaming import Slow, whole

THREAD = f"slack:{TEAM}:C1:5.5"
RETURN = "You may return it within 45 days. [1] Good luck."
LATER = Fault(kind="busy", seconds=1)


class SlowDesk(FakeDesk):
    """Says the last sentence once `shown`, or after a second, however slow the machine is."""

    def __init__(self, shown: Callable[[], bool]) -> None:
        super().__init__(script)
        self.shown = shown

    async def _emit(self, conversation_id: str, message_id: str, kind: EventKind, data: Mapping[str, Any]) -> Event:
        for _ in range(100 if data.get("text") == "Good luck." else 0):
            if self.shown():
                break
            await asyncio.sleep(0.01)
        return await super()._emit(conversation_id, message_id, kind, data)


@dataclass(kw_only=True)
class Shop:
    """A desk that takes its time, on a local Slack."""

    fake: FakeSlack
    slack: Slack
    desk: FakeDesk
    intake: SlackIntake
    sender: SlackSender
    places: FakePlaces
    waits: list[str] = field(default_factory=list)

    async def hear(self, payload: Mapping[str, Any], place: str = THREAD, turns: int = 1) -> Event:
        """Take a delivery, wait for its reply, and return the `done` event as the outbox has it."""
        await self.intake.take(payload)
        return (await done(self.desk, place, turns))[-1]

    async def deliver(self, event: Event, times: int = 1) -> None:
        """Send an event up to `times` times, as the outbox does."""
        for _ in range(times):
            try:
                return await self.sender.send(event, await kept(self.desk, event.conversation_id))
            except Retry as retry:
                self.waits.append(str(retry))
        return None

    async def restart(self) -> None:
        """Forget everything but the places, as a kill does."""
        assert self.sender.streams
        await self.sender.streams.close()
        self.sender.streams = SlackStreams(self.desk, self.sender.api, self.slack.bot_token, self.places)


@asynccontextmanager
async def open_shop(fake: FakeSlack, url: str, *, quick: float, **given: Any) -> AsyncIterator[Shop]:
    slack = Slack(bot_token=SecretStr("xoxb-local"), app_token=SecretStr("x"), api_url=f"{url}/api/", **given)
    desk = FakeDesk(script) if quick > 1 else SlowDesk(lambda: any(post["text"] for post in fake.posted))
    sender, places = SlackSender(slack), FakePlaces()
    if slack.streaming:
        sender.streams = SlackStreams(desk, sender.api, slack.bot_token, places, quick)
    intake = SlackIntake(desk, Limits(), "shop", slack, sender=sender)
    yield Shop(fake=fake, slack=slack, desk=desk, intake=intake, sender=sender, places=places)
    await sender.close()


Play = Callable[[Shop], Any]


def played(play: Play, *, quick: float = 0.01, fake: FakeSlack | None = None, **given: Any) -> Shop:
    """Play a scene in a shop on a local Slack."""
    fake = fake or FakeSlack()

    async def go(url: str) -> Shop:
        async with open_shop(fake, url, quick=quick, **given) as shop:
            await play(shop)
            return shop

    with LocalServer(fake.app) as server:
        return asyncio.run(go(server.url))


async def returns(shop: Shop) -> None:
    await shop.deliver(await shop.hear(shop.fake.mention("can I return it?", ts="5.5")), times=3)


def shown(shop: Shop) -> list[tuple[str, bool]]:
    return [(post["text"], post.get("streaming", False)) for post in shop.fake.posted]


def test_a_reply_grows_in_its_thread_and_ends_with_sources_and_thumbs() -> None:
    seen: list[str] = []

    def half(shop: Shop) -> bool:
        seen.extend(post["text"] for post in shop.fake.posted if post["text"])
        return bool(seen)

    async def look(shop: Shop) -> None:
        assert isinstance(shop.desk, SlowDesk)
        shop.desk.shown = lambda: half(shop)
        await returns(shop)

    shop = played(look)
    [post] = shop.fake.posted
    assert (post["text"], post["streaming"], post["recipient_user_id"]) == (RETURN, False, "U1")
    assert seen == [RETURN.removesuffix(" Good luck.")]
    assert [block["type"] for block in post["blocks"]] == ["context", "context_actions"]
    assert [status["status"] for status in shop.fake.streams.statuses] == ["is typing…"]
    assert shop.sender.outgoing.counts == {"sent": 1}


def test_a_quick_reply_is_posted_in_one_go() -> None:
    shop = played(returns, quick=5.0)
    assert shown(shop) == [(RETURN, False)] and "streaming" not in shop.fake.posted[0]


@pytest.mark.parametrize("error", ["feature_not_enabled", "missing_scope", "unknown_method"])
def test_a_workspace_without_streaming_gets_plain_posts(error: str) -> None:
    fake = FakeSlack()
    fake.streams.refused = error

    async def twice(shop: Shop) -> None:
        await returns(shop)
        second = shop.fake.message("and this?", channel="C1", thread_ts="5.5", ts="6.6")
        await shop.deliver(await shop.hear(second, turns=2))

    shop = played(twice, fake=fake)
    assert [text for text, _ in shown(shop)] == [RETURN, "You said: and this?"]
    assert not shop.waits


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("chat.startStream", LATER),
        ("chat.startStream", Fault(kind="broken")),
        ("chat.appendStream", LATER),
        ("chat.appendStream", Fault(kind="reset")),
        ("chat.stopStream", LATER),
        ("chat.stopStream", Fault(kind="broken")),
        ("chat.stopStream", Fault(kind="reset")),
    ],
)
def test_whatever_breaks_the_reply_stands_once_and_whole(method: str, fault: Fault) -> None:
    fake = FakeSlack()
    fake.streams.faults[method].add(fault)
    assert shown(played(returns, fake=fake)) == [(RETURN, False)]


def test_a_lost_beginning_leaves_an_empty_message_and_no_second_reply() -> None:
    fake = FakeSlack()
    fake.streams.faults["chat.startStream"].add(Fault(kind="reset"))
    shop = played(returns, fake=fake)
    assert shown(shop) == [("", True), (RETURN, False)]
    assert shop.sender.outgoing.counts["ambiguous"] == 1


def test_writing_over_is_repeated_until_it_is_known() -> None:
    fake = FakeSlack()
    fake.streams.faults["chat.appendStream"].add(Fault(kind="broken"))
    fake.streams.faults["chat.update"].add(Fault(kind="reset"), LATER)
    shop = played(returns, fake=fake)
    assert shown(shop) == [(RETURN, False)] and len(shop.waits) == 2


def test_a_stream_that_slack_ended_is_written_over() -> None:
    async def slowly(shop: Shop) -> None:
        event = await shop.hear(shop.fake.mention("can I return it?", ts="5.5"))
        shop.fake.streams.expire()
        await shop.deliver(event)

    shop = played(slowly)
    [post] = shop.fake.posted
    assert post["text"] == RETURN and post["blocks"][0]["type"] == "section"


def test_after_a_kill_the_reply_is_finished_where_it_stands() -> None:
    async def killed(shop: Shop) -> None:
        await shop.intake.take(shop.fake.mention("can I return it?", ts="5.5"))
        async with asyncio.timeout(20):
            while not (shop.fake.posted and shop.fake.posted[0]["text"]):
                await asyncio.sleep(0.005)
        await shop.restart()
        [event] = await done(shop.desk, THREAD)
        await shop.deliver(event)
        await shop.deliver(event)  # killed once more, before it was marked

    assert shown(played(killed)) == [(RETURN, False)]


def test_after_a_kill_while_a_stream_was_begun_it_waits_and_posts() -> None:
    async def killed(shop: Shop) -> None:
        shop.places.noted[THREAD, f"slack:{TEAM}:C1:5.5"] = OPENING
        event = await shop.hear(shop.fake.mention("can I return it?", ts="5.5"))
        await shop.restart()
        await shop.deliver(event, times=2)
        shop.places.age = 60.0
        await shop.deliver(event)

    shop = played(killed, quick=5.0)
    assert len(shop.waits) == 2 and shown(shop) == [(RETURN, False)]
    assert list(shop.places.noted.values()) == [WHOLE]


def test_a_message_that_was_deleted_meanwhile_is_posted_again() -> None:
    async def gone(shop: Shop) -> None:
        event = await shop.hear(shop.fake.mention("can I return it?", ts="5.5"))
        shop.fake.posted.clear()
        await shop.deliver(event)

    assert shown(played(gone)) == [(RETURN, False)]


def test_what_is_not_streamed() -> None:
    quiet = played(returns, places={"C1": SlackPlace(only_when_sure=True)})
    off = played(returns, streaming=False)

    async def direct(shop: Shop) -> None:
        place = f"slack:{TEAM}:D1"
        await shop.deliver(await shop.hear(shop.fake.message("can I return it?"), place))

    for shop in (quiet, off, played(direct)):
        assert "streaming" not in shop.fake.posted[0] and not shop.fake.streams.statuses
        assert shown(shop) == [(RETURN, False)]


def test_no_typing_where_a_person_has_the_conversation() -> None:
    async def held(shop: Shop) -> None:
        await shop.deliver(await shop.hear(shop.fake.mention("hi", ts="5.5")))
        await shop.desk.post(THREAD, "I'll look.", "Ada")
        await shop.hear(shop.fake.message("thanks", channel="C1", thread_ts="5.5", ts="6.6"), turns=2)

    assert len(played(held).fake.streams.statuses) == 1


def test_control_characters_are_escaped_in_a_stream() -> None:
    said = "<!channel> <@U1> <http://evil|x> **a & b** [x](https://evil.example)"
    escaped = "&lt;!channel&gt; &lt;@U1&gt; &lt;http://evil|x&gt; **a &amp; b** x (https://evil.example)"
    assert markdown(said) == escaped


def test_who_is_set_for_the_channel_is_named_below_a_stream() -> None:
    async def handoff(shop: Shop) -> None:
        event = await shop.hear(shop.fake.mention("can I return it?", ts="5.5"))
        data = {**event.data, "routes": [{"kind": "handoff"}]}
        await shop.deliver(Event(**{**event.__dict__, "data": data}))

    shop = played(handoff, handoff_to="U0ADA")
    assert [text for text, _ in shown(shop)] == [RETURN, "<@U0ADA>"]


def test_as_the_product_wires_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow engine over the real store: a stream and a vote from the webhook on; retention forgets where it stood."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    fake = FakeSlack()

    async def go(url: str) -> None:
        project = project_in(tmp_path / "shop", channels=platforms(url, NOWHERE))
        app = app_of(project, Slow(0.25))
        async with app.router.lifespan_context(app), client_of(app) as client:
            for asks in (True, False):
                payload = fake.mention("hi", ts="5.5") if asks else fake.rate(fake.posted[0], "up")
                body, headers = fake.signed(payload)
                answer = await client.post("/webhooks/slack/webhook", content=body, headers=headers)
                assert answer.status_code == 200
                async with asyncio.timeout(20):
                    while not (fake.posted and fake.posted[0].get("blocks")):
                        await asyncio.sleep(0.02)
            store, key = app.state.desk.store, (THREAD, f"slack:{TEAM}:C1:5.5")
            [past] = archive(project.store_url)
            assert past.votes == {key[1]: {"value": "up"}}
            place, _ = await StoredPlaces(store).claim(*key, WHOLE)
            assert place == fake.posted[0]["ts"] and not await StoredPlaces(store).move(*key, WHOLE, "x")
            await store.call(store.forget_before, now() + timedelta(days=1))
            assert (await StoredPlaces(store).claim(*key, WHOLE))[0] == WHOLE

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    [post] = fake.posted
    assert (post["text"], post["streaming"]) == (whole("hi"), False)


NOWHERE = "http://127.0.0.1:9"


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://frontdesk.test")


# Assistants and thumbs


def test_each_thread_of_an_assistant_is_a_conversation_with_suggested_questions() -> None:
    async def panel(shop: Shop) -> None:
        await shop.intake.take(shop.fake.opened("D1", "7.7"))
        await shop.intake.take(shop.fake.opened("D1"))
        context = {"type": "event_callback", "team_id": TEAM, "event": {"type": "assistant_thread_context_changed"}}
        await shop.intake.take(context)
        said = shop.fake.message("can I return it?", thread_ts="7.7", assistant_thread={"action_token": "1.2"})
        await shop.deliver(await shop.hear(said, f"slack:{TEAM}:D1:7.7"))
        press = shop.fake.press({**shop.fake.posted[0], "blocks": [BUTTON]}, "/choose")
        await shop.hear(press, f"slack:{TEAM}:D1:7.7", turns=2)

    legacy = played(panel, prompts=("Where is my order?",))
    assert {status["thread_ts"] for status in legacy.fake.streams.statuses} == {"7.7"}
    question = {"title": "Where is my order?", "message": "Where is my order?"}
    assert legacy.fake.streams.prompts == [{"channel_id": "D1", "thread_ts": "7.7", "prompts": [question]}]
    agent = played(panel, prompts=("Where is my order?",), assistant=True)
    assert {at.get("thread_ts") for at in agent.fake.streams.prompts} == {"7.7", None}


BUTTON = {"elements": [{"value": "/choose", "action_id": "choice_0", "text": {"type": "plain_text", "text": "Choose"}}]}


def test_an_assistant_answers_direct_messages_in_threads() -> None:
    async def direct(shop: Shop) -> None:
        message = shop.fake.message("can I return it?", ts="8.8")
        await shop.deliver(await shop.hear(message, f"slack:{TEAM}:D1:8.8"))

    [post] = played(direct, assistant=True).fake.posted
    assert (post["thread_ts"], post["text"]) == ("8.8", RETURN)


def test_thumbs_are_the_widgets_votes_and_the_last_one_counts() -> None:
    async def rated(shop: Shop) -> None:
        await returns(shop)
        for value in ("up", "down"):
            await shop.intake.take(shop.fake.rate(shop.fake.posted[0], value))
        assert len((await kept(shop.desk, THREAD)).turns) == 1

    key = (THREAD, f"slack:{TEAM}:C1:5.5")
    assert played(rated).desk.votes == [(*key, {"value": "up"}), (*key, {"value": "down"})]
    assert "blocks" not in str(played(returns, quick=5.0, feedback=False).fake.posted[0]["blocks"][1:])


def test_a_workspace_that_knows_no_thumbs_gets_the_reply_without() -> None:
    for quick in (0.01, 5.0):
        [post] = played(returns, fake=FakeSlack(knows_thumbs=False), quick=quick).fake.posted
        assert post["text"] == RETURN and "context_actions" not in str(post["blocks"])


def test_slacks_own_client_streams_into_the_local_slack() -> None:
    sdk = pytest.importorskip("slack_sdk", reason="needs the extra `slack`")
    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        client = sdk.WebClient(token=fake.bot_token, base_url=f"{server.url}/api/", retry_handlers=[])
        at = {"channel": "C1", "thread_ts": "1.1", "recipient_user_id": "U1", "recipient_team_id": TEAM}
        ts = client.chat_startStream(**at)["ts"]
        client.chat_appendStream(channel="C1", ts=ts, markdown_text="One.")
        with pytest.raises(sdk.errors.SlackApiError, match="streaming_state_conflict"):
            client.chat_update(channel="C1", ts=ts, text="Two.")
        client.chat_stopStream(channel="C1", ts=ts, markdown_text=" Two.")
        with pytest.raises(sdk.errors.SlackApiError, match="message_not_in_streaming_state"):
            client.chat_appendStream(channel="C1", ts=ts, markdown_text="Three.")
        client.assistant_threads_setStatus(channel_id="D1", thread_ts="1.1", status="is typing…")
        prompts = [{"title": "Hi", "message": "Hi"}]
        client.assistant_threads_setSuggestedPrompts(channel_id="D1", thread_ts="1.1", prompts=prompts)
    assert fake.posted[0]["text"] == "One. Two."
    assert (len(fake.streams.statuses), len(fake.streams.prompts)) == (1, 1)
