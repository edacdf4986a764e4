"""Telegram from an update to what the local Telegram received."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from typing import Any

import pytest
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Telegram
from frontdesk.bot.types import Button, Conversation, Message, Reply, Sentence
from frontdesk.channels.delivery import Retry
from frontdesk.channels.fakes.fake_telegram import USERNAME, FakeTelegram
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.sent_files import sent_file
from frontdesk.channels.split import size, utf16_units
from frontdesk.channels.telegram import TelegramIntake, TelegramSender, telegram_router
from frontdesk.channels.telegram_posts import CALLBACK_LIMIT, callback_data, posts
from frontdesk.channels.telegram_updates import GREETING
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import done, event_with, kept, scripted, served

URL = "/webhooks/telegram/webhook"
NOWHERE = "http://127.0.0.1:9"


def settings(fake: FakeTelegram, api_url: str = NOWHERE) -> Telegram:
    return Telegram(bot_token=SecretStr(fake.bot_token), secret_token=SecretStr(fake.secret_token), api_url=api_url)


async def deliver(
    desk: FakeDesk, fake: FakeTelegram, *updates: Any, api_url: str = NOWHERE, headers: Any = None
) -> list[Any]:
    """Deliver updates (bytes as they are) in order and return the responses."""
    known, sender, responses = settings(fake, api_url), TelegramSender(settings(fake, api_url)), []
    intake = TelegramIntake(desk, Limits(), "shop", sender, {"return_policy"})
    async with served(telegram_router(intake, known, Limits())) as client:
        for update in updates:
            body = update if isinstance(update, bytes) else json.dumps(update).encode()
            responses.append(await client.post(URL, content=body, headers=headers or fake.headers))
    await sender.close()
    return responses


def received(*updates: Any) -> FakeDesk:
    """Deliver updates, all of which must be acknowledged, and return the desk."""
    desk = scripted()
    responses = asyncio.run(deliver(desk, FakeTelegram(), *updates))
    assert [response.status_code for response in responses] == [200] * len(updates)
    return desk


def texts(desk: FakeDesk, conversation_id: str = "telegram:7") -> list[str]:
    known = asyncio.run(desk.conversation(conversation_id))
    return [turn.message.text for turn in known.turns] if known else []


def texts_of(conversation: Conversation) -> list[str]:
    return [turn.message.text for turn in conversation.turns]


@pytest.mark.parametrize(
    "token", [None, b"", b"wrong", b"local-secret-token ", b"LOCAL-SECRET-TOKEN", "é".encode(), b"\xff"]
)
def test_a_wrong_secret_token_is_401(token: bytes | None) -> None:
    headers = {"X-Test": "1"} if token is None else {"X-Telegram-Bot-Api-Secret-Token": token}
    [response] = asyncio.run(deliver(scripted(), FakeTelegram(), {}, headers=headers))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "bad_signature")


def test_a_message_becomes_a_turn_of_its_chat_once() -> None:
    fake = FakeTelegram()
    first, second = fake.message("hi"), fake.message("again")
    desk = received(first, second, first, first)
    assert texts(desk) == ["hi", "again"]
    known = asyncio.run(kept(desk, "telegram:7"))
    assert known.customer is not None
    assert (known.customer.id, known.customer.identity) == ("telegram:7", "channel")
    assert known.turns[0].message.metadata == {"chat_id": "7"}
    assert known.turns[0].message.id == f"telegram:4242:{first['update_id']}"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "/start"}, GREETING),
        ({"text": "/start campaign"}, GREETING),
        ({"text": "/start return_policy"}, "/return_policy"),
        ({"text": None, "caption": "this kettle is dented", "photo": [{}]}, "this kettle is dented"),
        ({"text": None, "photo": [{}]}, "[photo]"),
        ({"text": None, "sticker": {}, "voice": {"file_id": "x"}}, "[voice]"),
        ({"text": "x" * 9000}, "x" * Limits().text_chars),
    ],
)
def test_what_counts_as_words(message: dict[str, Any], text: str) -> None:
    update = FakeTelegram().message("")
    update["message"] |= message
    assert texts(received(update)) == [text]


def test_a_deep_link_and_a_file_are_remembered() -> None:
    fake = FakeTelegram()
    desk = received(fake.message("/start summer-sale"), fake.message(None, caption="dented", document={"file_id": "x"}))
    known = asyncio.run(kept(desk, "telegram:7"))
    assert [turn.message.text for turn in known.turns] == [GREETING, "dented"]
    assert [turn.message.metadata for turn in known.turns] == [
        {"chat_id": "7", "start": "summer-sale"},
        {"chat_id": "7", "file": "document", "files": [sent_file("x", "document", "document", "")]},
    ]


def test_an_album_is_answered_once() -> None:
    fake, photo = FakeTelegram(), [{"file_id": "x"}]
    album = [fake.message(None, media_group_id="9", photo=photo) for _ in range(3)]
    worded = fake.message(None, media_group_id="9", photo=photo, caption="All are dented")
    other = fake.message(None, chat=8, media_group_id="9", photo=photo)
    desk = received(*album, album[0], worded, other)
    known = asyncio.run(kept(desk, "telegram:7"))
    assert [turn.message.text for turn in known.turns] == ["[photo]", "[photo]", "[photo]", "All are dented"]
    assert [bool(turn.message.metadata.get("noted")) for turn in known.turns] == [False, True, True, False]
    assert not asyncio.run(kept(desk, "telegram:8")).turns[0].message.metadata.get("noted")


BOT = {"id": 4242, "is_bot": True}
GROUP = -5


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": f"@{USERNAME} where is it?"}, "where is it?"),
        ({"text": f"Where is it, @{USERNAME.lower()}"}, "Where is it,"),
        ({"text": f"@{USERNAME}"}, GREETING),
        ({"text": f"/start@{USERNAME} return_policy"}, "/return_policy"),
        ({"text": "and this?", "reply_to_message": {"from": BOT, "message_id": 1}}, "and this?"),
        ({"text": None, "photo": [{}], "caption": f"@{USERNAME}"}, "[photo]"),
        ({"text": "hello all"}, None),
        ({"text": f"@{USERNAME}2 hello, x@{USERNAME}"}, None),
        ({"text": "no", "reply_to_message": {"from": {"id": 8}, "message_id": 1}}, None),
        ({"text": "new topic", "reply_to_message": {"from": BOT, "forum_topic_created": {}}}, None),
        ({"text": f"@{USERNAME} hi", "from": BOT}, None),
        ({"text": "no", "reply_to_message": [BOT]}, None),
    ],
)
def test_a_group_is_answered_when_it_names_or_answers_the_bot(message: dict[str, Any], text: str | None) -> None:
    fake, desk = FakeTelegram(), scripted()
    update = fake.message("", chat=GROUP)
    update["message"] |= message
    with LocalServer(fake.app) as server:
        [response] = asyncio.run(deliver(desk, fake, update, api_url=server.url))
    assert response.status_code == 200
    assert texts(desk, f"telegram:{GROUP}:5") == ([] if text is None else [text])


def test_in_a_group_each_person_is_answered_as_a_reply_in_the_topic() -> None:
    fake = FakeTelegram()

    async def go(api_url: str) -> None:
        desk, sender = scripted(), TelegramSender(settings(fake, api_url))
        where = {"is_topic_message": True, "message_thread_id": 3, "message_id": 11}
        asked = fake.message(f"@{USERNAME} choose", chat=GROUP, **where)
        other = fake.message(f"@{USERNAME} hello", chat=GROUP) | {}
        other["message"]["from"] = {"id": 6, "is_bot": False}
        await deliver(desk, fake, asked, other, api_url=api_url)
        [event] = await done(desk, f"telegram:{GROUP}:5")
        await sender.send(event, await kept(desk, f"telegram:{GROUP}:5"))
        assert texts_of(await kept(desk, f"telegram:{GROUP}:6")) == ["hello"]
        await deliver(desk, fake, fake.press(fake.sent[0], "Choice 2"), api_url=api_url)
        assert texts_of(await kept(desk, f"telegram:{GROUP}:5")) == ["choose", "/choice_2"]
        await sender.close()

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    [post] = fake.sent
    assert (post["chat_id"], post["message_thread_id"]) == (GROUP, 3)
    assert post["reply_parameters"] == {"message_id": 11, "allow_sending_without_reply": True}


def test_a_mention_waits_until_the_bot_knows_its_name() -> None:
    update = FakeTelegram().message(f"@{USERNAME} hi", chat=GROUP)
    [response] = asyncio.run(deliver(scripted(), FakeTelegram(), update))
    assert response.status_code == 503


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1, "edited_message": {"text": "hi"}},
        {"update_id": 1, "message": {"text": "hi", "chat": {"id": 7, "type": "group"}, "from": {"id": 7}}},
        {
            "update_id": 1,
            "message": {"text": "hi", "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": 1}},
        },
        {"update_id": 1, "message": {"text": "hi", "chat": {"id": 7, "type": "private"}}},
        {
            "update_id": 1,
            "message": {"new_chat_members": [{}], "chat": {"id": 7, "type": "private"}, "from": {"id": 7}},
        },
        {"update_id": True, "message": {"text": "hi", "chat": {"id": 7, "type": "private"}, "from": {"id": 7}}},
        {"message": {"text": "hi", "chat": {"id": 7, "type": "private"}, "from": {"id": 7}}},
        {"update_id": [], "message": []},
        {"update_id": 1, "callback_query": {"id": "1", "data": "x", "message": None}},
        {"update_id": 1, "callback_query": {"id": "1", "data": {}, "message": {"chat": 7}, "from": []}},
        {"update_id": 1, "callback_query": []},
        {},
    ],
)
def test_no_turn_for_edits_chatter_bots_and_noise(update: dict[str, Any]) -> None:
    assert texts(received(update)) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b'{"a":"\xff"}', 400), (b"[" * 99_999, 400), (b"x" * 1_100_000, 413)],
)
def test_nonsense_bodies_are_4xx(body: bytes, status: int) -> None:
    [response] = asyncio.run(deliver(scripted(), FakeTelegram(), body))
    assert response.status_code == status


def test_nothing_is_acknowledged_when_the_store_fails() -> None:
    desk, fake = scripted(), FakeTelegram()
    desk.broken = True
    [response] = asyncio.run(deliver(desk, fake, fake.message("hi")))
    assert response.status_code == 503


def test_a_mutated_secret_is_never_accepted_and_never_a_5xx() -> None:
    random_, fake, statuses = random.Random(4), FakeTelegram(), set()

    async def go() -> None:
        intake = TelegramIntake(scripted(), Limits(), "shop", TelegramSender(settings(fake)))
        router = telegram_router(intake, settings(fake), Limits())
        async with served(router) as client:
            for _ in range(600):
                token = bytearray(fake.secret_token.encode())
                token[random_.randrange(len(token))] ^= 1 << random_.randrange(8)
                headers = {b"X-Telegram-Bot-Api-Secret-Token": bytes(token)}
                statuses.add((await client.post(URL, content=b"{}", headers=headers)).status_code)

    asyncio.run(go())
    assert statuses == {401}


# Replies

LONG = '/answer{"order":"' + "ü" * 80 + '"}'


def offers_long(message: Message) -> Reply:
    text = f"You said {message.text}"
    buttons = (Button(title="Long", payload=LONG), Button(title="Short", payload="/short"))
    return Reply(text=text, routes=(), sentences=(Sentence(text=text),), buttons=buttons)


def test_from_the_message_to_a_long_button_and_back() -> None:
    fake = FakeTelegram()

    async def go(api_url: str) -> None:
        desk, sender = FakeDesk(offers_long), TelegramSender(settings(fake, api_url))
        await deliver(desk, fake, fake.message("hi"), api_url=api_url)
        [event] = await done(desk, "telegram:7")
        await sender.send(event, await kept(desk, "telegram:7"))
        [post] = fake.sent
        assert (post["chat_id"], post["text"]) == (7, "You said hi")
        data = [button["callback_data"] for [button] in post["reply_markup"]["inline_keyboard"]]
        assert data[1] == "/short"
        assert data[0].startswith("#")
        press = fake.press(post, "Long")
        await deliver(desk, fake, press, press, api_url=api_url)
        known = await kept(desk, "telegram:7")
        assert [turn.message.text for turn in known.turns] == ["hi", LONG]
        assert known.turns[1].message.metadata["title"] == "Long"
        stranger = press | {"update_id": 1}
        await deliver(empty := scripted(), fake, stranger, api_url=api_url)
        assert (await kept(empty, "telegram:7")).turns[0].message.text == "Long", "the title stands in"
        await sender.close()

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    methods = [method for method, _ in fake.calls]
    assert methods.count("answerCallbackQuery") == 2, "once per press, not per delivery"


def test_payloads_and_their_short_ids() -> None:
    assert callback_data("/return_policy") == "/return_policy"
    assert callback_data("ü" * 32) == "ü" * 32
    for payload in ("ü" * 33, "x" * 65, "#1", ""):
        assert callback_data(payload).startswith("#")
        assert 1 <= len(callback_data(payload).encode()) <= CALLBACK_LIMIT


def test_plain_text_with_its_sources() -> None:
    citation = {"number": 1, "title": "Returns", "url": "https://shop.example/r", "quote": "45 days.\n"}
    [post] = posts({"text": "**Yes.** 45 days. [1]", "citations": [citation]})
    text = "Yes. 45 days. [1]\n\n[1] Returns: “45 days.” https://shop.example/r"
    assert post == {"text": text, "entities": [{"type": "bold", "offset": 0, "length": 4}]}
    assert posts({"text": " ", "citations": [citation]}) == []
    assert posts({"text": "I'll look.", "author": "Ada"}) == [{"text": "Ada: I'll look."}]
    assert posts({"text": "_*[x]()~`>#+-=|{}.!\\"}) == [{"text": "_*[x]()~`>#+-=|{}.!\\"}]


def test_bold_is_counted_in_utf16_units_and_survives_a_cut() -> None:
    [post] = posts({"text": "😀 **45 😀** and **_*[x**", "author": "Ada"})
    assert post["text"] == "Ada: 😀 45 😀 and _*[x"
    assert [(one["offset"], one["length"]) for one in post["entities"]] == [(8, 5), (18, 4)]
    first, second = posts({"text": "a" * 4000 + " **" + "b" * 90 + " " + "c" * 90 + "**"})
    assert (first["entities"][0]["length"], second["entities"][0]) == (90, {"type": "bold", "offset": 0, "length": 90})


def test_typing_is_shown_until_the_reply_is_there() -> None:
    fake, desk = FakeTelegram(), FakeDesk(offers_long, pause=1.0)

    async def go(api_url: str) -> None:
        sender = TelegramSender(settings(fake, api_url), typing_seconds=0.05, quick=0.1)
        intake = TelegramIntake(desk, Limits(), "shop", sender)
        await intake.take(fake.message("hi"))
        await done(desk, "telegram:7")
        shown = len(fake.calls)
        await desk.post("telegram:7", "I'll look.", "Ada")
        await intake.take(fake.message("thanks"))
        await asyncio.sleep(0.2)
        await sender.close()
        assert shown > 2 and len(fake.calls) <= shown + 1

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))


def test_4096_is_counted_in_utf16_units() -> None:
    made = posts({"text": "😀" * 3000})
    assert [size(post["text"], utf16_units) for post in made] == [4096, 1904]


def push(fake: FakeTelegram, data: dict[str, Any], times: int = 1) -> tuple[TelegramSender, list[float]]:
    """Send one event up to `times` times and return the sender and the waits it asked for."""
    waits: list[float] = []

    async def go(api_url: str) -> TelegramSender:
        sender = TelegramSender(settings(fake, api_url))
        for _ in range(times):
            try:
                await sender.send(event_with(data, "telegram:7"), Conversation(id="telegram:7", brand="shop"))
            except Retry as retry:
                waits.append(retry.seconds)
        await sender.close()
        return sender

    with LocalServer(fake.app) as server:
        return asyncio.run(go(server.url)), waits


def test_faults_are_waited_out_and_the_rest_sent_once() -> None:
    fake = FakeTelegram()
    fake.faults.add(None, Fault(kind="busy", seconds=3), Fault(kind="broken"), Fault(kind="reset"))
    sender, waits = push(fake, {"text": "a" * 4096 + "\n\n" + "b"}, times=5)
    assert [post["text"][0] for post in fake.sent] == ["a", "b", "b"]
    assert waits == [3.0, 2.0, 2.0]
    assert sender.outgoing.counts == {"sent": 2, "retried": 2, "ambiguous": 1}


def test_a_customer_who_blocked_the_bot_is_not_tried_again() -> None:
    sender, waits = push(FakeTelegram(blocked={7}), {"text": "hi"}, times=2)
    assert waits == []
    assert sender.outgoing.counts["dropped"] == 1


def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake = FakeTelegram()
    fake.faults.add(Fault(kind="busy", seconds=1), Fault(kind="reset"))
    push(fake, {"text": "hi"}, times=4)
    push(FakeTelegram(blocked={7}), {"text": "hi"})
    with pytest.raises(Retry) as retry:
        asyncio.run(_send_nowhere(fake))
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    assert ours
    assert fake.bot_token not in "".join(record.getMessage() for record in ours) + str(retry.value)
    assert fake.bot_token not in repr(settings(fake))


async def _send_nowhere(fake: FakeTelegram) -> None:
    sender = TelegramSender(settings(fake))
    try:
        await sender.send(event_with({"text": "hi"}, "telegram:7"), Conversation(id="telegram:7", brand="shop"))
    finally:
        await sender.close()


def test_a_revoked_token_waits_for_the_operator() -> None:
    fake = FakeTelegram()
    stale = settings(fake)
    fake.bot_token = "4242:other"

    async def go(api_url: str) -> float:
        sender = TelegramSender(stale.model_copy(update={"api_url": api_url}))
        with pytest.raises(Retry) as retry:
            await sender.send(event_with({"text": "hi"}, "telegram:7"), Conversation(id="telegram:7", brand="shop"))
        await sender.close()
        return retry.value.seconds

    with LocalServer(fake.app) as server:
        assert asyncio.run(go(server.url)) >= 60
