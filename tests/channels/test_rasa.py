"""Rasa's REST wire, against the shapes and quirks of Rasa 3.6."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from frontdesk.bot.config import Limits, Messages
from frontdesk.bot.types import Message, Reply
from frontdesk.channels.rasa import STATUS_HEADER, STILL_WORKING, rasa_router
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import BESIDE, scripted, served

URL = "/webhooks/rest/webhook"


def ask(body: Any, desk: FakeDesk | None = None, url: str = URL, limits: Limits | None = None) -> Any:
    """Post a body (bytes as they are) and return the response."""

    async def go() -> Any:
        async with served(rasa_router(desk or scripted(), limits or Limits(), "shop", Messages())) as client:
            return await client.post(url, content=body if isinstance(body, bytes) else json.dumps(body))

    return asyncio.run(go())


def test_plain_answer() -> None:
    response = ask({"sender": "u1", "message": "hi"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    [message] = response.json()
    assert (message["recipient_id"], message["text"]) == ("u1", "You said: hi")
    assert set(message) == {"recipient_id", "text", "metadata"}
    [route] = message["metadata"]["routes"]
    assert route == {"kind": "knowledge", "intent": "return_policy", "confidence": 0.9, "reason": "test"}
    assert message["metadata"]["voice"] == "warm@1"


def test_buttons_stand_on_the_last_message() -> None:
    messages = ask({"sender": "u1", "message": "choose"}).json()
    assert messages[-1]["buttons"][0] == {"title": "Choice 1", "payload": "/choice_1"}
    assert "voice" not in messages[-1]["metadata"], "None is dropped"


def test_a_fact_comes_with_its_source() -> None:
    answer, source = ask({"sender": "u1", "message": "return?"}).json()
    assert answer["text"] == "You may return it within 45 days. [1] Good luck."
    assert source["text"].startswith("[1] Returns <policy>: “You may return it within 45 days.” https://shop.example")
    assert source["metadata"]["citations"][0]["document_id"] == "returns"


@pytest.mark.parametrize("stream", ["", "?stream=true"])
def test_what_an_action_shows_beside_its_words_follows_them(stream: str) -> None:
    answer = ask({"sender": "u1", "message": "show it"}, url=URL + stream)
    words, *beside = [json.loads(line) for line in answer.text.splitlines() if line] if stream else answer.json()
    assert (words["text"], words["metadata"]["routes"][0]["kind"]) == ("Here it is.", "knowledge")
    assert beside == [
        {"recipient_id": "u1", "image": "https://shop.example/kettle.png"},
        {"recipient_id": "u1", **BESIDE[1]},
        {"recipient_id": "u1", "text": "Kettle : Red", "buttons": [{"title": "This", "payload": "/kettle"}]},
        {"recipient_id": "u1", "custom": {"type": "map", "zoom": 3}},
    ]


def test_paragraphs_become_messages() -> None:
    desk = FakeDesk(lambda message: Reply(text="One.\n\nTwo.\n\n\n\nThree.", routes=()))
    assert [m["text"] for m in ask({"message": "hi"}, desk).json()] == ["One.", "Two.", "Three."]


@pytest.mark.parametrize(("sender", "recipient"), [(None, "default"), ("*", "*"), (7, "7"), ("../x", "../x"), ("", "")])
def test_senders(sender: Any, recipient: str) -> None:
    assert ask({"sender": sender, "message": "hi"}).json()[0]["recipient_id"] == recipient


def test_missing_sender_is_default() -> None:
    assert ask({"message": "hi"}).json()[0]["recipient_id"] == "default"


def test_stream_is_one_json_object_per_line() -> None:
    response = ask({"sender": "u1", "message": "return"}, url=URL + "?stream=true")
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = response.text.splitlines()
    messages = [json.loads(line) for line in lines if line]
    assert [m["text"] for m in messages][:2] == ["You may return it within 45 days. [1]", "Good luck."]
    assert messages[-1]["metadata"]["citations"]
    assert all(m["recipient_id"] == "u1" for m in messages)


def test_stream_ends_with_the_buttons() -> None:
    messages = [json.loads(line) for line in ask({"message": "choose"}, url=URL + "?stream=true").text.splitlines()]
    assert [m["text"] for m in messages] == ["Which one?"]
    assert len(messages[0]["buttons"]) == 7


@pytest.mark.parametrize("url", [URL, URL + "?stream=true"])
def test_a_turn_that_takes_too_long_is_not_an_empty_list(url: str) -> None:
    desk = FakeDesk(scripted().script, pause=30)
    response = ask({"sender": "u1", "message": "hi"}, desk, url, Limits(wait_seconds=0.05))
    assert response.status_code == 200
    assert STILL_WORKING in response.text
    if url == URL:
        assert response.headers[STATUS_HEADER] == "504"


def test_a_person_has_the_conversation() -> None:
    async def go() -> Any:
        desk = scripted()
        async with served(rasa_router(desk, Limits(), "shop", Messages())) as client:
            await client.post(URL, json={"sender": "u1", "message": "hi"})
            await desk.post("rest:u1", "I'll look.", "Ada")
            return (await client.post(URL, json={"sender": "u1", "message": "thanks"})).json()

    assert [m["text"] for m in asyncio.run(go())] == [Messages().waiting]


def test_a_broken_store_is_503_with_an_apology() -> None:
    desk = scripted()
    desk.broken = True
    response = ask({"sender": "u1", "message": "hi"}, desk)
    assert response.status_code == 503
    assert response.json() == [{"recipient_id": "u1", "text": Messages().apology}]


def test_a_repeated_message_id_is_one_turn() -> None:
    seen: list[Message] = []

    async def go() -> list[Any]:
        desk = FakeDesk(lambda message: seen.append(message) or scripted().script(message))  # type: ignore[func-returns-value]
        body = {"sender": "u1", "message": "hi", "metadata": {"message_id": "m1"}}
        async with served(rasa_router(desk, Limits(), "shop", Messages())) as client:
            answers = [(await client.post(URL, json=body)).json() for _ in range(3)]
            await client.post(URL, json=body | {"sender": "u2"})
        return answers

    first, second, third = asyncio.run(go())
    assert first == second == third
    assert [message.customer.id for message in seen] == ["rest:u1", "rest:u2"]
    assert {message.customer.identity for message in seen} == {"anonymous"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b'{"message": "\xff"}', 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b"9" * 5000, 400, "bad_json"),
        ([{"message": "hi"}], 400, "not_an_object"),
        ("hi", 400, "not_an_object"),
        ({"sender": ["u1"], "message": "hi"}, 400, "invalid_request"),
        ({"sender": True, "message": "hi"}, 400, "invalid_request"),
        ({"sender": "u" * 300, "message": "hi"}, 400, "invalid_request"),
        ({"sender": "u1", "message": {"text": "hi"}}, 400, "invalid_request"),
        ({"sender": "u1", "message": "x" * 9000}, 400, "invalid_text"),
        ({"sender": "u1", "message": "x" * 1_100_000}, 413, "too_large"),
        ({"sender": "u1"}, 400, "invalid_text"),
        ({"sender": "u1", "message": " \x00 "}, 400, "invalid_text"),
    ],
)
def test_bad_requests_say_what_is_wrong(body: Any, status: int, code: str) -> None:
    response = ask(body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["message"]


def test_lone_surrogates_and_tag_characters_do_no_harm() -> None:
    response = ask(b'{"sender": "u\\ud800", "message": "hi \\udfff\\udb40\\udc41 \\ud83d\\ude00"}')
    assert response.json()[0]["text"] == "You said: hi  😀"


def test_health() -> None:
    async def go() -> Any:
        async with served(rasa_router(scripted(), Limits(), "shop", Messages())) as client:
            return (await client.get("/webhooks/rest/")).json()

    assert asyncio.run(go()) == {"status": "ok"}


def test_pages_of_the_allowed_origins_may_read_the_answers_and_nobody_is_refused() -> None:
    async def go() -> list[Any]:
        shop = "https://shop.example"
        async with served(rasa_router(scripted(), Limits(), "shop", Messages(), [shop])) as client:
            asked = await client.options(URL, headers={"Origin": shop, "Access-Control-Request-Method": "POST"})
            said = [
                await client.post(URL, content='{"sender": "u1", "message": "hi"}', headers={"Origin": origin})
                for origin in (shop, "https://elsewhere.example")
            ]
            wrong = await client.post(URL, content="[]", headers={"Origin": shop})
            return [asked, *said, wrong]

    asked, ours, theirs, wrong = asyncio.run(go())
    assert [one.status_code for one in (asked, ours, theirs, wrong)] == [204, 200, 200, 400]
    allowed = "access-control-allow-origin"
    assert [one.headers.get(allowed) for one in (asked, ours, theirs, wrong)] == [
        *["https://shop.example"] * 2,
        None,
        "https://shop.example",
    ]
    assert asked.headers["access-control-allow-headers"].count("Content-Type") == 1
