"""Slack from a signed delivery to what the local Slack received."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.fakes.fake_slack import BOT_USER, TEAM, FakeSlack
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.slack import CIRCLE_TURNS, SlackIntake, SlackSender, slack_router
from frontdesk.channels.slack_events import GREETING
from frontdesk.channels.slack_posts import SECTION_LIMIT, mrkdwn, posts
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import BUTTONS, done, event_with, kept, scripted, served

URL = "/webhooks/slack/webhook"
Payload = Mapping[str, Any] | bytes


def settings(fake: FakeSlack, api_url: str = "http://127.0.0.1:9/api/") -> Slack:
    return Slack(signing_secret=SecretStr(fake.signing_secret), bot_token=SecretStr(fake.bot_token), api_url=api_url)


def routed(desk: FakeDesk, slack: Slack) -> APIRouter:
    return slack_router(SlackIntake(desk, Limits(), "shop", slack), slack, Limits())


async def deliver(desk: FakeDesk, fake: FakeSlack, *payloads: Payload) -> list[Any]:
    """Deliver signed payloads in order and return the responses."""
    responses = []
    async with served(routed(desk, settings(fake))) as client:
        for payload in payloads:
            body, headers = fake.signed(payload)
            responses.append(await client.post(URL, content=body, headers=headers))
    return responses


def received(*payloads: Payload, fake: FakeSlack | None = None) -> FakeDesk:
    """Deliver payloads, all of which must be acknowledged, and return the desk."""
    desk = scripted()
    responses = asyncio.run(deliver(desk, fake or FakeSlack(), *payloads))
    assert [response.status_code for response in responses] == [200] * len(payloads)
    return desk


def conversation(desk: FakeDesk, conversation_id: str) -> Conversation:
    return asyncio.run(kept(desk, conversation_id))


def texts(desk: FakeDesk, conversation_id: str) -> list[str]:
    return [turn.message.text for turn in conversation(desk, conversation_id).turns]


def test_url_verification_echoes_the_challenge_after_the_signature() -> None:
    [response] = asyncio.run(deliver(scripted(), FakeSlack(), {"type": "url_verification", "challenge": "abc"}))
    assert response.json() == {"challenge": "abc"}
    [refused] = asyncio.run(deliver(scripted(), FakeSlack(signing_secret=""), b'{"type":"url_verification"}'))
    assert refused.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "é".encode()},
        {"X-Slack-Signature": b"\xff\xfe", "X-Slack-Request-Timestamp": b"\xff"},
    ],
)
def test_bad_signatures_are_401(headers: dict[str, Any]) -> None:
    async def go() -> Any:
        async with served(
            slack_router(
                SlackIntake(scripted(), Limits(), "shop", settings(FakeSlack())), settings(FakeSlack()), Limits()
            )
        ) as client:
            return await client.post(URL, content=b"{}", headers=headers)

    response = asyncio.run(go())
    assert (response.status_code, response.json()["error"]["code"]) == (401, "bad_signature")


def test_a_direct_message_is_one_conversation_with_its_channel() -> None:
    desk = received(FakeSlack().message("hi &lt;there&gt; &amp;amp;", ts="1.1"))
    known = conversation(desk, f"slack:{TEAM}:D1")
    assert texts(desk, known.id) == ["hi <there> &amp;"]
    assert known.customer is not None
    assert (known.customer.id, known.customer.identity) == (f"slack:{TEAM}:U1", "channel")
    assert known.turns[0].message.metadata["thread_ts"] == ""


def test_a_mention_and_its_twin_are_one_turn_in_its_thread() -> None:
    fake = FakeSlack()
    mention = fake.mention("where is <https://shop.example/x|my order> in <#C9|help>?", ts="5.5")
    twin = fake.message(mention["event"]["text"], channel="C1", ts="5.5", client_msg_id="x")
    desk = received(mention, twin, mention, twin)
    assert texts(desk, f"slack:{TEAM}:C1:5.5") == ["where is my order in #help?"]
    assert conversation(desk, f"slack:{TEAM}:C1:5.5").turns[0].message.metadata["thread_ts"] == "5.5"


def test_only_the_customer_of_a_thread_may_go_on_without_a_mention() -> None:
    fake = FakeSlack()
    desk = received(
        fake.mention("first", ts="5.5"),
        fake.message("second", channel="C1", ts="6.6", thread_ts="5.5"),
        fake.message("chatter", channel="C1", ts="7.7", thread_ts="5.5", user="U2"),
        fake.message("elsewhere", channel="C1", ts="8.8", thread_ts="4.4"),
        fake.message("to nobody", channel="C1", ts="9.9"),
    )
    assert texts(desk, f"slack:{TEAM}:C1:5.5") == ["first", "second"]
    assert asyncio.run(desk.conversation(f"slack:{TEAM}:C1:4.4")) is None
    assert asyncio.run(desk.conversation(f"slack:{TEAM}:C1:9.9")) is None


def test_a_retry_is_taken_when_the_first_delivery_never_came() -> None:
    fake, desk = FakeSlack(), scripted()

    async def go() -> list[int]:
        async with served(routed(desk, settings(fake))) as client:
            body, headers = fake.signed(fake.message("hi", ts="1.1"))
            retry = headers | {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
            return [(await client.post(URL, content=body, headers=retry)).status_code for _ in range(3)]

    assert asyncio.run(go()) == [200, 200, 200]
    assert texts(desk, f"slack:{TEAM}:D1") == ["hi"]


@pytest.mark.parametrize(
    "event",
    [
        {"subtype": "message_changed", "message": {"text": "hi"}},
        {"subtype": "message_deleted"},
        {"subtype": "thread_broadcast"},
        {"subtype": "bot_message"},
        {"subtype": "channel_join"},
        {"bot_id": "B2"},
        {"user": BOT_USER},
        {"user": None},
        {"ts": None},
        {"subtype": [], "ts": {}},
        {"type": "reaction_added"},
    ],
)
def test_no_turn_for_edits_bots_and_noise(event: dict[str, Any]) -> None:
    desk = received(FakeSlack().message("hi", **event))
    assert asyncio.run(desk.conversation(f"slack:{TEAM}:D1")) is None


def test_a_program_that_slack_calls_no_bot_is_not_answered_for_ever() -> None:
    fake = FakeSlack()
    first = fake.mention("ping", ts="1000.5", user="U2")
    pings = [
        fake.message("ping", channel="C1", user="U2", thread_ts="1000.5", ts=f"{1000 + second}.5")
        for second in range(1, 41)
    ]
    later = fake.message("still there?", channel="C1", user="U2", thread_ts="1000.5", ts="2000.5")
    said = texts(received(first, *pings, later), f"slack:{TEAM}:C1:1000.5")
    assert said == ["ping"] * CIRCLE_TURNS + ["still there?"]


def test_a_press_of_more_than_50_kb_and_a_repetition_are_one_turn() -> None:
    fake = FakeSlack()
    element = {"value": "/a", "action_id": "choice_0", "text": {"type": "plain_text", "text": "A"}}
    press = fake.press({"channel": "D1", "ts": "1.1", "text": "x", "blocks": [{"elements": [element]}]}, "/a")
    press["message"]["blocks"] = [{"type": "section", "text": {"type": "mrkdwn", "text": "é" * 60_000}}]
    assert len(fake.signed(press)[0]) > 50_000
    assert texts(received(press, press), f"slack:{TEAM}:D1") == ["/a"]


def test_a_bare_mention_is_a_greeting_and_a_file_is_named() -> None:
    fake = FakeSlack()
    desk = received(fake.mention("", ts="5.5"), fake.message("", subtype="file_share", files=[{}], ts="1.1"))
    assert texts(desk, f"slack:{TEAM}:C1:5.5") == [GREETING]
    assert texts(desk, f"slack:{TEAM}:D1") == ["[file]"]
    assert conversation(desk, f"slack:{TEAM}:D1").turns[0].message.metadata["file"] == "file"


def test_a_long_text_is_cut_not_lost() -> None:
    assert len(texts(received(FakeSlack().message("x" * 30_000)), f"slack:{TEAM}:D1")[0]) == Limits().text_chars


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"", 400),
        (b"[1]", 400),
        (b'{"type":"event_callback","event":"\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"type":"event_callback","event":7,"team_id":[]}', 200),
        (b'{"type":"event_callback","event":{"type":[],"subtype":{}},"authorizations":[7]}', 200),
        (b'{"type":"event_callback","team_id":"T","event":{"type":"message","channel":{}},"authorizations":{}}', 200),
        (b'{"type":"app_rate_limited"}', 200),
        (b'{"type":"block_actions","actions":[[]]}', 200),
        (b'{"type":["x"]}', 200),
        (b"x" * 1_100_000, 413),
    ],
)
def test_signed_nonsense_is_no_failure(payload: bytes, status: int) -> None:
    [response] = asyncio.run(deliver(scripted(), FakeSlack(), payload))
    assert response.status_code == status


@pytest.mark.parametrize("form", [b"", b"payload=", b"payload=%ff", b"a=1", b"payload=" + b"a&b=1&" * 100, b"\xff"])
def test_signed_nonsense_forms_are_400(form: bytes) -> None:
    fake = FakeSlack()

    async def go() -> int:
        async with served(routed(scripted(), settings(fake))) as client:
            body, headers = fake.signed(form)
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            return (await client.post(URL, content=body, headers=headers | kind)).status_code

    assert asyncio.run(go()) == 400


def test_nothing_is_acknowledged_when_the_store_fails() -> None:
    desk, fake = scripted(), FakeSlack()
    desk.broken = True
    [response] = asyncio.run(deliver(desk, fake, fake.message("hi")))
    assert response.status_code == 503
    assert response.headers["retry-after"]


def test_a_mutated_request_is_never_accepted_and_never_a_5xx() -> None:
    random_, fake, desk = random.Random(3), FakeSlack(), scripted()

    async def go() -> set[int]:
        statuses = set()
        async with served(routed(desk, settings(fake))) as client:
            for _ in range(600):
                body, headers = fake.signed(fake.message("hi"))
                part = random_.choice(["body", "X-Slack-Signature", "X-Slack-Request-Timestamp"])
                data = bytearray(body if part == "body" else headers[part].encode())
                data[random_.randrange(len(data))] ^= 1 << random_.randrange(7)
                changed = {k.encode(): v.encode() for k, v in headers.items()}
                if part != "body":
                    changed[part.encode()] = bytes(data)
                content = bytes(data) if part == "body" else body
                statuses.add((await client.post(URL, content=content, headers=changed)).status_code)
        return statuses

    assert asyncio.run(go()) == {401}


# Replies


def test_from_the_mention_to_the_button_and_back() -> None:
    fake = FakeSlack()

    async def go(api_url: str) -> None:
        desk, sender = scripted(), SlackSender(settings(fake, api_url))
        await deliver(desk, fake, fake.mention("choose", ts="5.5"))
        place = f"slack:{TEAM}:C1:5.5"
        [event] = await done(desk, place)
        await sender.send(event, await kept(desk, place))
        [post] = fake.posted
        assert (post["channel"], post["thread_ts"], post["text"]) == ("C1", "5.5", "Which one?")
        rows = [block["elements"] for block in post["blocks"] if block["type"] == "actions"]
        assert [len(row) for row in rows] == [5, 2]

        press = fake.press(post, "/choice_7")
        responses = await deliver(desk, fake, press, press)
        assert [response.status_code for response in responses] == [200, 200]
        known = await kept(desk, place)
        assert [turn.message.text for turn in known.turns] == ["choose", "/choice_7"]
        assert known.turns[1].message.metadata["title"] == "Choice 7"
        await sender.send((await done(desk, place, 2))[1], known)
        assert fake.posted[1]["thread_ts"] == "5.5"
        await sender.close()

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url + "/api/"))


def test_a_citation_is_a_footnote_with_its_link() -> None:
    fake = FakeSlack()

    async def go(api_url: str) -> None:
        desk, sender = scripted(), SlackSender(settings(fake, api_url))
        await deliver(desk, fake, fake.message("return", ts="1.1"))
        [event] = await done(desk, f"slack:{TEAM}:D1")
        await sender.send(event, await kept(desk, f"slack:{TEAM}:D1"))
        await sender.close()

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url + "/api/"))
    [post] = fake.posted
    assert "thread_ts" not in post
    assert post["text"] == "You may return it within 45 days. [1] Good luck."
    [note] = post["blocks"][1]["elements"]
    linked = "<https://shop.example/returns|Returns &lt;policy&gt;>"
    assert note["text"] == f"[1] {linked}: “You may return it within 45 days.”"


def test_control_characters_are_escaped_and_links_show_where_they_lead() -> None:
    assert mrkdwn("<!channel> <@U1> <http://evil|refund> a & b") == (
        "&lt;!channel&gt; &lt;@U1&gt; &lt;http://evil|refund&gt; a &amp; b"
    )
    [post] = posts({"text": "**Note:** see [our page](https://a.example) ![pixel](https://evil.example/p.png)"})
    assert post["text"] == "*Note:* see our page (https://a.example) pixel"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a.example/|x", "https://a.example/ x", "http://[", ""])
def test_an_address_nobody_should_open_is_left_out(url: str) -> None:
    [post] = posts({"text": "x", "citations": [{"number": 1, "title": "T", "url": url, "quote": ""}]})
    assert post["blocks"][1]["elements"][0]["text"] == "[1] T"


def test_long_replies_are_split_and_still_valid() -> None:
    text = "\n\n".join("<&> " * 300 for _ in range(10))
    buttons = [{"title": button.title * 20, "payload": "p" * 3000} for button in BUTTONS]
    made = posts({"text": text, "buttons": buttons})
    assert len(made) > 5
    assert all(len(post["text"]) <= SECTION_LIMIT for post in made)
    assert [bool(post.get("blocks")) for post in made] == [False] * (len(made) - 1) + [True]
    labels = [e["text"]["text"] for block in made[-1]["blocks"][1:] for e in block["elements"]]
    assert max(map(len, labels)) <= 75


def test_nothing_to_say_is_nothing_sent_and_a_person_is_named() -> None:
    assert posts({"text": "", "buttons": [{"title": "x", "payload": "y"}]}) == []
    assert posts({"text": "I'll look.", "author": "Ada <admin>"}) == [{"text": "*Ada &lt;admin&gt;:* I'll look."}]


def push(
    fake: FakeSlack, data: dict[str, Any], times: int = 1, lost_answer: str = "repeat", **where: Any
) -> tuple[SlackSender, list[float]]:
    """Send one event up to `times` times and return the sender and the waits it asked for."""
    waits: list[float] = []

    async def go(api_url: str) -> SlackSender:
        sender = SlackSender(settings(fake, api_url).model_copy(update={"lost_answer": lost_answer}))
        metadata = {"channel": "C1", "thread_ts": "5.5"} | where
        for _ in range(times):
            try:
                await sender.send(event_with(data | {"metadata": metadata}), Conversation(id="c", brand="shop"))
            except Retry as retry:
                waits.append(retry.seconds)
        await sender.close()
        return sender

    with LocalServer(fake.app) as server:
        return asyncio.run(go(server.url + "/api/")), waits


@pytest.mark.parametrize(
    ("kinds", "rated"), [(("knowledge",), True), (("clarify",), False), (("voice", "handoff"), True)]
)
def test_answers_may_be_rated_and_nothing_else(kinds: tuple[str, ...], rated: bool) -> None:
    fake = FakeSlack()
    push(fake, {"text": "Yes.", "routes": [{"kind": kind} for kind in kinds]})
    assert ("context_actions" in str(fake.posted[0])) is rated


def test_a_part_that_was_taken_is_not_sent_again() -> None:
    fake = FakeSlack()
    fake.faults.add(None, Fault(kind="busy", seconds=7), Fault(kind="broken"))
    sender, waits = push(fake, {"text": "a" * 3000 + "\n\n" + "b" * 3000}, times=4)
    assert [post["text"][0] for post in fake.posted] == ["a", "b"]
    assert waits == [7.0, 2.0]
    assert sender.outgoing.counts == {"sent": 2, "retried": 2}


def test_a_lost_answer_is_counted_and_the_part_sent_once_more_at_most() -> None:
    fake = FakeSlack()
    fake.faults.add(Fault(kind="reset"), Fault(kind="reset"), None)
    sender, waits = push(fake, {"text": "hi"}, times=4)
    assert len(fake.posted) == 2
    assert len(waits) == 1
    assert sender.outgoing.counts["ambiguous"] == 2


def test_a_lost_answer_may_be_left_at_that() -> None:
    fake = FakeSlack()
    fake.faults.add(Fault(kind="reset"))
    sender, waits = push(fake, {"text": "hi"}, times=3, lost_answer="leave")
    assert (len(fake.posted), waits, sender.outgoing.counts["ambiguous"]) == (1, [], 1)


def test_a_slow_answer_is_waited_for() -> None:
    fake = FakeSlack()
    fake.faults.add(Fault(kind="delay", seconds=0.2))
    sender, waits = push(fake, {"text": "hi"})
    assert (len(fake.posted), waits, sender.outgoing.counts) == (1, [], {"sent": 1})


async def refused(sender: SlackSender) -> float:
    """Send an event that Slack does not take now, and return the wait."""
    with pytest.raises(Retry) as retry:
        await sender.send(event_with({"text": "hi", "metadata": {"channel": "C1"}}), _nobody())
    await sender.close()
    return retry.value.seconds


def test_a_channel_that_is_gone_is_dropped_and_a_bad_token_waits(caplog: pytest.LogCaptureFixture) -> None:
    sender, waits = push(FakeSlack(gone={"C1"}), {"text": "hi"})
    assert (waits, sender.outgoing.counts["dropped"]) == ([], 1)
    other = FakeSlack()
    good = settings(other)
    other.bot_token = "xoxb-changed"
    with LocalServer(other.app) as server:
        stale = good.model_copy(update={"api_url": server.url + "/api/"})
        assert asyncio.run(refused(SlackSender(stale))) >= 60
    assert "xoxb" not in caplog.text


def test_an_unreachable_slack_is_tried_again() -> None:
    sender = SlackSender(settings(FakeSlack()))
    assert asyncio.run(refused(sender)) > 0


def test_an_event_without_a_channel_is_dropped() -> None:
    sender = SlackSender(settings(FakeSlack()))
    asyncio.run(sender.send(event_with({"text": "hi"}), _nobody()))
    assert sender.outgoing.counts["dropped"] == 1


def test_the_settings_do_not_show_the_secrets() -> None:
    assert FakeSlack().signing_secret not in repr(settings(FakeSlack())) + json.dumps(str(settings(FakeSlack())))


def _nobody() -> Conversation:
    return Conversation(id="c", brand="shop")
