"""The web API: its exact shapes, streams that resume, and refusals that are never a 5xx."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI

from frontdesk.bot.config import Brand, DemoCustomer, Limits, Web
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.types import Conversation, Customer, Message
from frontdesk.channels.demo import Demo
from frontdesk.channels.identity import HostTokens
from frontdesk.channels.testing import FakeDesk
from frontdesk.channels.web import web_router
from tests.channels.wire import kept, script, served

SECRET = b"k" * 32
REPLY = {"text", "nodes", "routes", "citations", "buttons", "voice", "ms"}
CITATION = {"number", "document_id", "title", "url", "version", "quote", "start", "end"}
BRANDS = {"shop": Brand(name="The Shop"), "other": Brand(name="Other & Sons")}
Test = Callable[[httpx.AsyncClient, FakeDesk], Awaitable[None]]


def router(desk: FakeDesk, **changes: Any) -> APIRouter:
    limits = Limits(wait_seconds=5)
    usual = partial(web_router, settings=Web(), limits=limits, brands=BRANDS, default_brand="shop", host_secret=SECRET)
    return usual(desk, **changes)


def run(test: Test, desk: FakeDesk | None = None, **changes: Any) -> None:
    """Run `test(client, desk)` against the app in process."""

    async def go() -> None:
        known = desk or FakeDesk(script)
        async with served(router(known, **changes)) as client:
            await asyncio.wait_for(test(client, known), 30)

    asyncio.run(go())


def said(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"text": text, "message_id": str(uuid4()), **more}


def token(customer: str = "nora", **more: str) -> str:
    return HostTokens(SECRET).sign(customer, **more)


def bearer(customer: str = "nora") -> dict[str, str]:
    return {"Authorization": f"Bearer {token(customer)}"}


def problem_in(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message", "hint"}
    assert response.json()["error"]["code"] == code
    assert response.headers["cache-control"] == "no-store"


def events_in(text: str) -> list[tuple[int | None, str, dict[str, Any]]]:
    blocks = [
        dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if "event: " in block
    ]
    return [(int(b["id"]) if "id" in b else None, b["event"], json.loads(b["data"])) for b in blocks]


@asynccontextmanager
async def listening(desk: FakeDesk, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a real server: streams that never end need one."""
    app = FastAPI()
    app.include_router(router(desk, **changes))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    await running


async def until(client: httpx.AsyncClient, url: str, kinds: list[str], **headers: str) -> list[Any]:
    """Read a stream until its last events are of these kinds, and leave."""
    text = ""
    async with client.stream("GET", url, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        async for chunk in response.aiter_text():
            text += chunk
            if [kind for _, kind, _ in events_in(text)][-len(kinds) :] == kinds:
                return events_in(text)
    raise AssertionError(text)


# --- shapes -----------------------------------------------------------------------------------------------------
def test_json_answer() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        message = said("return?")
        response = await client.post("/api/chat", json=message)
        body = response.json()
        assert response.status_code == 200
        assert set(body) == {"conversation_id", "message_id", "state", "reply"}
        assert (body["message_id"], body["state"], len(body["conversation_id"])) == (message["message_id"], "bot", 32)
        assert set(body["reply"]) == REPLY
        assert set(body["reply"]["citations"][0]) == CITATION
        assert set(body["reply"]["routes"][0]) == {"kind", "intent", "confidence", "reason"}
        assert [n for n in body["reply"]["nodes"][0]["children"] if n["type"] == "citation"] == [
            {"type": "citation", "number": 1}
        ]
        first = (await kept(desk, body["conversation_id"])).turns[0].message
        assert (first.channel, first.brand, first.customer.identity) == ("web", "shop", "anonymous")
        assert body["conversation_id"] not in first.customer.id

    run(test)


def test_stream_of_a_turn() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        response = await client.post("/api/chat", json=said("return?"), headers={"Accept": "text/event-stream"})
        assert response.headers["content-type"].startswith("text/event-stream")
        events = events_in(response.text)
        assert [kind for _, kind, _ in events] == ["state", "typing", "sentence", "sentence", "done"]
        assert set(events[0][2]) == {"conversation_id", "message_id", "state"}
        assert set(events[2][2]) == {"message_id", "text", "nodes", "citations"}
        assert set(events[-1][2]) == REPLY
        positions = [position for position, _, _ in events[1:]]
        assert None not in positions
        assert positions == sorted(position for position in positions if position is not None)
        whole = [n["type"] for n in events[-1][2]["nodes"][0]["children"]]
        assert whole == ["text", "citation", "text"], "the marker stands after its own sentence"

    run(test)


def test_buttons_and_their_titles_come_back() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        events = events_in(
            (await client.post("/api/chat", json=said("choose"), headers={"Accept": "text/event-stream"})).text
        )
        [pressed] = [data["buttons"][0] for _, kind, data in events if kind == "buttons"]
        here = events[0][2]["conversation_id"]
        await client.post(
            "/api/chat", json=said(pressed["payload"], conversation_id=here, metadata={"title": pressed["title"]})
        )
        turns = (await client.get(f"/api/conversations/{here}")).json()["turns"]
        assert (turns[1]["message"]["text"], turns[1]["message"]["title"]) == ("/choice_1", "Choice 1")

    run(test)


def test_reading_back_with_what_a_person_wrote() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said("return?"))).json()["conversation_id"]
        await desk.post(here, "Ana **here**", "Ana")
        held = (await client.post("/api/chat", json=said("thanks", conversation_id=here))).json()
        assert (held["state"], held["reply"]["text"]) == ("human", "")
        seen = (await client.get(f"/api/conversations/{here}")).json()
        assert set(seen) == {"conversation_id", "state", "turns", "position"}
        assert [(t["message"] or {}).get("text") for t in seen["turns"]] == ["return?", None, "thanks"]
        assert [t["author"] for t in seen["turns"]] == [None, "Ana", None]
        assert set(seen["turns"][0]["reply"]) == REPLY
        assert seen["turns"][0]["reply"]["citations"][0]["quote"] == "You may return it within 45 days."
        assert seen["turns"][1]["reply"]["nodes"][0]["children"][1]["type"] == "strong"
        assert seen["position"] == await desk.position(here)

    run(test)


def test_feedback() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        first = (await client.post("/api/chat", json=said())).json()
        vote = {
            "conversation_id": first["conversation_id"],
            "message_id": first["message_id"],
            "value": "down",
            "reason": "wrong",
        }
        assert (await client.post("/api/feedback", json=vote)).status_code == 200
        assert desk.votes == [(first["conversation_id"], first["message_id"], {"value": "down", "reason": "wrong"})]
        problem_in(await client.post("/api/feedback", json=vote | {"message_id": "x"}), 404, "unknown_message")
        problem_in(await client.post("/api/feedback", json=vote | {"value": "so so"}), 400, "invalid_request")
        problem_in(
            await client.post("/api/feedback", json=vote | {"conversation_id": "x"}), 404, "unknown_conversation"
        )

    run(test)


def test_a_slow_reply_is_202_and_arrives_later() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        message = said()
        response = await client.post("/api/chat", json=message)
        assert (response.status_code, response.json()["reply"]) == (202, None)
        cut = await client.post("/api/chat", json=message, headers={"Accept": "text/event-stream"})
        assert "done" not in [kind for _, kind, _ in events_in(cut.text)]
        async for event in desk.events(response.json()["conversation_id"]):
            if event.kind == "done":
                break
        again = await client.post("/api/chat", json=message)
        assert (again.status_code, again.json()["reply"]["text"]) == (200, "You said: hi")

    run(test, FakeDesk(script, pause=0.5), limits=Limits(wait_seconds=0.1))


# --- one turn per message ---------------------------------------------------------------------------------------
def test_a_repeated_message_is_one_turn() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        message = said()
        first, second = (await client.post("/api/chat", json=message)), (await client.post("/api/chat", json=message))
        assert first.json() == second.json()
        assert len((await kept(desk, first.json()["conversation_id"])).turns) == 1
        elsewhere = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        problem_in(await client.post("/api/chat", json=message | {"conversation_id": elsewhere}), 409, "conflict")

    run(test)


# --- live streams -----------------------------------------------------------------------------------------------
def test_events_replay_resume_and_carry_a_person() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        async with listening(desk) as client:
            here = (await client.post("/api/chat", json=said("return?"))).json()["conversation_id"]
            url = f"/api/conversations/{here}/events"
            whole = await until(client, url, ["done"])
            assert [kind for _, kind, _ in whole] == ["typing", "sentence", "sentence", "done"]
            middle = str(whole[1][0])
            rest = await until(client, url, ["done"], **{"Last-Event-ID": middle})
            assert [row[:2] for row in rest] == [row[:2] for row in whole[2:]]
            marks = [node["type"] for node in rest[-1][2]["nodes"][0]["children"]]
            assert marks == ["text", "citation", "text"], "also when the cited sentence was before"
            following = asyncio.create_task(
                until(client, url, ["state", "sentence"], **{"Last-Event-ID": str(whole[-1][0])})
            )
            await asyncio.sleep(0.05)
            await desk.post(here, "Ana here.", "Ana")
            state, person = await following
            assert (state[2]["state"], person[2]["author"], person[2]["text"]) == ("human", "Ana", "Ana here.")

    asyncio.run(asyncio.wait_for(go(), 30))


def test_a_turn_stream_resumes_without_a_gap() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said("one"))).json()["conversation_id"]
        await desk.post(here, "Ana here.", "Ana")
        await desk.hand_back(here)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "3"}
        events = events_in(
            (await client.post("/api/chat", json=said("two", conversation_id=here), headers=headers)).text
        )
        assert [kind for _, kind, _ in events] == ["state", "state", "sentence", "state", "typing", "sentence", "done"]
        assert [position for position, _, _ in events[1:]] == [4, 5, 6, 7, 8, 9]

    run(test)


def test_silence_is_filled_and_streams_end() -> None:
    from frontdesk.channels import stream

    async def go() -> None:
        desk = FakeDesk(script)
        receipt = await desk.accept(
            Message(text="x", conversation_id="c", brand="b", channel="web", customer=Customer(id="v"), id="m"), "m"
        )
        frames = [
            f
            async for f in stream.frames_of(
                desk.events(receipt.conversation_id), lambda event: False, 0.3, heartbeat=0.05
            )
        ]
        assert frames.count(b": still here\n\n") >= 2

    asyncio.run(go())


def test_a_store_that_fails_midway_says_so() -> None:
    class Failing(FakeDesk):
        async def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Any]:
            from frontdesk.bot.errors import StoreError

            async for event in super().events(conversation_id, after):
                yield event
                raise StoreError("gone")

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        response = await client.post("/api/chat", json=said(), headers={"Accept": "text/event-stream"})
        assert events_in(response.text)[-1][1:] == (
            "error",
            {"message": "The connection was interrupted.", "retry": True},
        )

    run(test, Failing(script))


# --- who may ----------------------------------------------------------------------------------------------------
def test_a_customers_conversation_is_theirs_alone() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        message = said(token=token("nora", name="Nora"))
        here = (await client.post("/api/chat", json=message)).json()["conversation_id"]
        first = (await kept(desk, here)).turns[0].message.customer
        assert (first.id, first.identity, first.attributes["name"]) == ("nora", "token", "Nora")
        for headers, mine in (({}, {}), (bearer("ben"), {"token": token("ben")})):
            for url in (f"/api/conversations/{here}", f"/api/conversations/{here}/events"):
                problem_in(await client.get(url, headers=headers), 403, "not_yours")
            problem_in(await client.post("/api/chat", json=said(conversation_id=here, **mine)), 403, "not_yours")
            problem_in(await client.post("/api/chat", json={**message, "token": None, **mine}), 403, "not_yours")
            vote = {"conversation_id": here, "message_id": message["message_id"], "value": "up"}
            problem_in(await client.post("/api/feedback", json=vote, headers=headers), 403, "not_yours")
        assert (await client.get(f"/api/conversations/{here}", headers=bearer("nora"))).status_code == 200
        assert (await client.post("/api/chat", json=said(conversation_id=here, token=token("nora")))).status_code == 200

    run(test)


def test_a_visitors_stream_ends_when_the_customer_signs_in() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        async with listening(desk) as client:
            here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
            after = {"Last-Event-ID": str(await desk.position(here))}
            stream = asyncio.create_task(client.get(f"/api/conversations/{here}/events", headers=after, timeout=20))
            await asyncio.sleep(0.1)
            await client.post("/api/chat", json=said("my order", conversation_id=here, token=token()))
            seen = events_in((await stream).text)
            assert [kind for _, kind, _ in seen] == ["error"]

    asyncio.run(asyncio.wait_for(go(), 30))


def test_what_is_replayed_to_a_visitor_costs_one_look_at_who_wrote() -> None:
    class Counting(FakeDesk):
        looks = 0

        async def conversation(self, conversation_id: str) -> Conversation | None:
            self.looks += 1
            return await super().conversation(conversation_id)

    async def go() -> None:
        desk = Counting(script)
        async with listening(desk) as client:
            here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
            for text in ("again", "and again"):
                await client.post("/api/chat", json=said(text, conversation_id=here))
            async with client.stream("GET", f"/api/conversations/{here}/events", timeout=20) as stream:
                desk.looks, kinds = 0, list[str]()
                async for line in stream.aiter_lines():
                    kinds += [line] if line.startswith("event: ") else []
                    if kinds.count("event: done") == 3:
                        break
            assert desk.looks <= 1 < len(kinds)

    asyncio.run(asyncio.wait_for(go(), 30))


def test_bad_tokens() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        problem_in(await client.post("/api/chat", json=said(token="x.y.z")), 401, "invalid_token")
        here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        for value in ("Bearer x", "Basic eDp5", "Bearer", "x" * 9000):
            problem_in(
                await client.get(f"/api/conversations/{here}", headers={"Authorization": value}), 401, "invalid_token"
            )

    run(test)


def test_other_channels_are_out_of_reach() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        customer = Customer(id="U1", identity="channel")
        await desk.accept(
            Message(text="x", conversation_id="slack-1", brand="shop", channel="slack", customer=customer, id="m"), "m"
        )
        problem_in(await client.get("/api/conversations/slack-1"), 404, "unknown_conversation")
        problem_in(await client.post("/api/chat", json=said(conversation_id="slack-1")), 404, "unknown_conversation")

    run(test)


# --- origins ----------------------------------------------------------------------------------------------------
def test_only_listed_pages_may_call() -> None:
    settings = Web(allowed_origins=("https://shop.example",))

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for origin in (
            "https://evil.example",
            "null",
            "https://shop.example:444",
            "http://shop.example",
            "https://[",
            "x",
        ):
            problem_in(
                await client.post("/api/chat", json=said(), headers={"Origin": origin}), 403, "origin_not_allowed"
            )
        ours = await client.post("/api/chat", json=said(), headers={"Origin": "http://frontdesk.test"})
        assert ours.status_code == 200 and "access-control-allow-origin" not in ours.headers
        listed = await client.post("/api/chat", content=b"{", headers={"Origin": "https://shop.example"})
        assert listed.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-credentials" not in listed.headers
        assert "Origin" in listed.headers["vary"]
        assert (await client.options("/api/chat", headers={"Origin": "https://shop.example"})).status_code == 204
        assert (await client.options("/api/chat", headers={"Origin": "https://evil.example"})).status_code == 403
        frame = await client.get("/frame?origin=https://shop.example")
        assert "frame-ancestors 'self' https://shop.example;" in frame.headers["content-security-policy"]
        problem_in(await client.get("/frame?origin=https://evil.example"), 403, "origin_not_allowed")

    run(test, settings=settings)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.shop.example",
        "shop.example",
        "https://shop.example/",
        "https://a; script-src *",
        "https://a@b",
        "",
    ],
)
def test_an_allow_list_that_is_not_exact_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="allowed_origins"):
        router(FakeDesk(script), settings=Web(allowed_origins=(origin,)))


# --- bad input --------------------------------------------------------------------------------------------------
GOOD = {"text": "hi", "message_id": "7d444840-9dc0-41d1-b245-5ffdce74fad2"}
BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "invalid_json"),
    (b"{", 400, "invalid_json"),
    (b"\xff\xfe\x00", 400, "invalid_json"),
    (b'{"text":"\xff"}', 400, "invalid_json"),
    (b"[" * 50_000, 400, "invalid_json"),
    (b"null", 400, "invalid_request"),
    (b"[]", 400, "invalid_request"),
    (b'"hi"', 400, "invalid_request"),
    (b"{}", 400, "invalid_request"),
    (b'{"text":"hi"}', 400, "invalid_request"),
    (json.dumps(GOOD | {"text": ""}).encode(), 422, "empty_text"),
    (json.dumps(GOOD | {"text": " \n\t\x00\u200b".replace("\u200b", "")}).encode(), 422, "empty_text"),
    (json.dumps(GOOD | {"text": "x" * 8001}).encode(), 413, "text_too_long"),
    (json.dumps(GOOD | {"text": 7}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"text": None}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"text": "\ud800"}).encode(), 400, "invalid_json"),
    (json.dumps(GOOD | {"message_id": "1"}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"message_id": "00000000-0000-0000-0000-000000000000"}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"mesage_id": "1"}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"conversation_id": "nope"}).encode(), 404, "unknown_conversation"),
    (json.dumps(GOOD | {"conversation_id": "\u0000"}).encode(), 404, "unknown_conversation"),
    (json.dumps(GOOD | {"conversation_id": "x" * 101}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"brand": "nobody"}).encode(), 404, "unknown_brand"),
    (json.dumps(GOOD | {"locale": "../../etc"}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"token": {"a": 1}}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"metadata": []}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"metadata": {"a": "x" * 9000}}).encode(), 400, "invalid_request"),
    (json.dumps(GOOD | {"metadata": {"a": "\u0000"}}).encode(), 400, "invalid_request"),
    (b'{"text":"hi","message_id":"7d444840-9dc0-41d1-b245-5ffdce74fad2","metadata":{"a":NaN}}', 400, "invalid_request"),
    (
        b'{"text":"hi","message_id":"7d444840-9dc0-41d1-b245-5ffdce74fad2","metadata":{"a":1e999}}',
        400,
        "invalid_request",
    ),
    (json.dumps(GOOD | {"text": "x" * 1_100_000}).encode(), 413, "too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
def test_bad_bodies(body: bytes, status: int, code: str) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        problem_in(await client.post("/api/chat", content=body), status, code)

    run(test)


def test_a_body_without_a_length_is_cut_while_reading() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100_000):
            yield b"x" * 1024
        raise AssertionError("it was read to the end")

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        read = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal read
            async for chunk in endless():
                read += len(chunk)
                yield chunk

        problem_in(await client.post("/api/chat", content=counted()), 413, "too_large")

    async def go() -> None:
        async with listening(FakeDesk(script)) as client:
            problem_in(await client.post("/api/chat", content=b"x" * 2_000_000), 413, "too_large")

    asyncio.run(asyncio.wait_for(go(), 30))
    run(test)


@pytest.mark.parametrize("position", ["-1", "x", "1e3", "9" * 30, "\u0662", "1.5"])
def test_bad_last_event_ids(position: str) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        headers = {"Last-Event-ID": position.encode()}
        problem_in(await client.get(f"/api/conversations/{here}/events", headers=headers), 400, "invalid_request")  # type: ignore[arg-type]

    run(test)


def test_nothing_is_acknowledged_when_the_store_fails() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        desk.broken = True
        response = await client.post("/api/chat", json=said())
        problem_in(response, 503, "store_unavailable")
        assert int(response.headers["retry-after"]) > 0

    run(test)


def test_a_conversation_keeps_its_brand() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said(brand="other"))).json()["conversation_id"]
        assert (await kept(desk, here)).brand == "other"
        await client.post("/api/chat", json=said(conversation_id=here))
        assert (await kept(desk, here)).turns[-1].message.brand == "other"
        problem_in(await client.post("/api/chat", json=said(conversation_id=here, brand="shop")), 404, "unknown_brand")

    run(test)


# --- pages ------------------------------------------------------------------------------------------------------
def test_the_front_page_is_for_people_and_a_line_for_machines() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        plain = await client.get("/", headers={"Accept": "*/*"})
        assert (plain.status_code, plain.text) == (200, "Hello from frontdesk")
        page = await client.get("/", headers={"Accept": "text/html,*/*"})
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>" in page.text and "Be a customer" not in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        assert (await client.post("/demo/token", json={"customer_id": "c"})).status_code == 404

    run(test)


def test_demo_tokens() -> None:
    demo = Demo(customers=(DemoCustomer(id="c<1>", name="N & O", story='"x"'),), questions=("Why?",))

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        page = (await client.get("/", headers={"Accept": "text/html"})).text
        assert 'value="c&lt;1&gt;"' in page and "N &amp; O" in page and "c<1>" not in page
        given = (await client.post("/demo/token", json={"customer_id": "c<1>"})).json()["token"]
        assert HostTokens(SECRET).customer(given).attributes["name"] == "N & O"
        problem_in(await client.post("/demo/token", json={"customer_id": "c-2"}), 404, "unknown_customer")
        problem_in(await client.post("/demo/token", content=b"\xff"), 400, "invalid_json")

    run(test, settings=Web(demo=True), demo=demo)
    run_off = Web(demo=False)

    async def off(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        assert (await client.post("/demo/token", json={"customer_id": "c<1>"})).status_code == 404

    run(off, settings=run_off, demo=demo)


def test_the_frame_is_strict() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        frame = await client.get("/frame?brand=other")
        rules = frame.headers["content-security-policy"]
        for rule in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'self'",
        ):
            assert rule in rules.split("; ")
        assert 'data-name="Other &amp; Sons"' in frame.text
        assert "<script>" not in frame.text and "style=" not in frame.text
        problem_in(await client.get("/frame?brand=x"), 404, "unknown_brand")

    run(test)


def test_where_nobody_is_nobody_is_offered() -> None:
    alone = Brand.model_validate({"name": "Alone", "handoff": {"enabled": False}})

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        assert 'data-people="none"' in (await client.get("/frame?brand=alone")).text
        assert 'data-people=""' in (await client.get("/frame")).text

    run(test, brands=BRANDS | {"alone": alone})


def test_static_files() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        launcher = await client.get("/widget.js")
        assert launcher.headers["content-type"] == "text/javascript; charset=utf-8"
        assert launcher.headers["content-encoding"] == "gzip"
        assert (await client.get("/widget.js", headers={"If-None-Match": launcher.headers["etag"]})).status_code == 304
        plain = await client.get("/widget/frame.css", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        for name in ("nope.js", "..%2Fweb.py", "%2e%2e/web.py", "web.py", "%00"):
            assert (await client.get(f"/widget/{name}")).status_code == 404

    run(test)


def test_the_widget_never_parses_html() -> None:
    from frontdesk.channels import pages

    folder = pages._FOLDER
    for script_file in folder.glob("*.js"):
        source = script_file.read_text()
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
        ):
            assert sink not in source, (script_file.name, sink)
    for asset in folder.iterdir():
        assert "//cdn" not in asset.read_text() and "googleapis" not in asset.read_text()
