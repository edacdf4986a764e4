"""Inbox and admin: closed without the token, useful with it, deaf to forms from elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import httpx
import pytest
from pydantic import SecretStr

from frontdesk.bot.errors import ConfigError, KnowledgeError
from frontdesk.bot.people import Agent
from frontdesk.bot.types import Customer, Message
from frontdesk.channels.admin import admin_router
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.operator import COOKIE
from frontdesk.channels.testing import FakeDesk, FakeStaff
from tests.channels.overseen import FakeOversight
from tests.channels.reviewed import FakeReview
from tests.channels.wire import kept, script, served

TOKEN = "operator-token-of-the-tests"
PAGE = {"Accept": "text/html"}
Test = Callable[[httpx.AsyncClient, FakeDesk], Awaitable[None]]


async def health() -> Mapping[str, Any]:
    return {"voice": "warm@1", "counts": {"documents": 41, "<b>": 1}}


async def ingest() -> Mapping[str, Any]:
    return {"added": 3, "removed": 0}


async def failing() -> Mapping[str, Any]:
    raise KnowledgeError("the index cannot be written.", where="kb", fix="free some space.")


def run(test: Test, token: str | None = TOKEN) -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        jobs = {"ingest": ingest, "failing": failing}
        admin = admin_router(
            operator_token=token, health=health, jobs=jobs, oversight=FakeOversight(), review=FakeReview()
        )
        routers = inbox_router(desk, staff=FakeStaff(desk), operator_token=token), admin
        async with served(*routers) as client:
            await asyncio.wait_for(test(client, desk), 30)

    asyncio.run(go())


async def sign_in(client: httpx.AsyncClient, then: str = "/inbox") -> httpx.Response:
    return await client.post("/inbox/login", data={"token": TOKEN, "name": "Ana <b>", "then": then})


async def write(desk: FakeDesk, text: str = "return?", conversation_id: str = "team/1:x") -> str:
    customer = Customer(id="nora", identity="token", attributes={"name": "Nora <i>"})
    message = Message(
        text=text, conversation_id=conversation_id, brand="shop", channel="slack", customer=customer, id=text
    )
    await desk.accept(message, text)
    async for event in desk.events(conversation_id):
        if event.kind == "done" and event.message_id == text:
            break
    return conversation_id


def csrf(html: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', html)
    assert found
    return found[1]


# --- closed -----------------------------------------------------------------------------------------------------
def test_closed_to_everyone_else() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for method, path in (
            ("GET", "/inbox"),
            ("GET", "/inbox/conversation?id=x"),
            ("GET", "/inbox/events"),
            ("GET", "/inbox/audit"),
            ("POST", "/inbox/reply"),
            ("POST", "/inbox/claim"),
            ("POST", "/inbox/note"),
            ("POST", "/inbox/back"),
            ("POST", "/inbox/logout"),
            ("GET", "/admin"),
            ("POST", "/admin/jobs"),
        ):
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": f"Basic {TOKEN}"},
                {"Cookie": f"{COOKIE}=x.y.z"},
            ):
                response = await client.request(method, path, headers=headers)
                assert response.status_code == 401, (method, path)
                assert set(response.json()["error"]) == {"code", "message", "hint"}
        sent = await client.get("/inbox/conversation?id=a%26b", headers=PAGE)
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            "/inbox/login?then=%2Finbox%2Fconversation%3Fid%3Da%2526b",
        )

    run(test)


def test_without_a_token_nobody_enters() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for path in ("/inbox", "/admin"):
            response = await client.get(path, headers={"Authorization": "Bearer "})
            assert (response.status_code, response.json()["error"]["code"]) == (403, "closed")
        assert (await client.post("/inbox/login", data={"token": "None"})).status_code == 401
        assert (await client.post("/inbox/login", data={"token": ""})).status_code == 401

    run(test, token=None)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigError, match="operator_token"):
        inbox_router(FakeDesk(script), staff=FakeStaff(FakeDesk(script)), operator_token="secret")


def test_signing_in() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        wrong = await client.post("/inbox/login", data={"token": "wrong", "then": "/inbox"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        right = await sign_in(client, "/admin")
        assert (right.status_code, right.headers["location"]) == (303, "/admin")
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
        page = await client.get("/inbox", headers=PAGE)
        assert "Ana &lt;b&gt;" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        out = await client.post("/inbox/logout", data={"csrf": csrf(page.text)})
        assert out.status_code == 303
        assert (await client.get("/inbox")).status_code == 401

    run(test)


@pytest.mark.parametrize(
    "then",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "/inbox/../x", "/inbox?\n"],
)
def test_signing_in_leads_nowhere_else(then: str) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        assert (await sign_in(client, then)).headers["location"] == "/inbox"

    run(test)


# --- people of their own ----------------------------------------------------------------------------------------
def agents(token: str = "token-of-ana-for-tests", role: Literal["agent", "admin"] = "agent") -> dict[str, Agent]:
    return {"ana": Agent(name="Ana", token=SecretStr(token), role=role)}


def test_an_agent_has_a_name_of_her_own_and_the_inbox_only() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        staff = FakeStaff(desk)
        admin = admin_router(
            operator_token=TOKEN,
            agents=agents(),
            health=health,
            jobs={},
            oversight=FakeOversight(),
            review=FakeReview(),
        )
        async with served(inbox_router(desk, staff=staff, operator_token=TOKEN, agents=agents()), admin) as client:
            form = {"token": "token-of-ana-for-tests", "name": "The boss"}
            assert (await client.post("/inbox/login", data=form)).status_code == 303
            here = await write(desk)
            shown = (await client.get("/inbox/conversation", params={"id": here})).text
            assert "The boss" not in shown and "Audit log" not in shown
            await client.post("/inbox/reply", data={"csrf": csrf(shown), "id": here, "text": "Hello."})
            kept_now = (await client.get("/inbox/conversation", params={"id": here})).text
            assert "You have this conversation" in kept_now
            assert (await client.get("/inbox/audit")).status_code == 403
            assert (await client.get("/admin/gaps")).status_code == 200
            for path in ("/admin", "/admin/review"):
                assert (await client.get(path)).status_code == 403
            for path in ("/admin/jobs", "/admin/review", "/admin/review/train"):
                mine = {"csrf": csrf(shown), "job": "ingest", "decision": "dismiss"}
                refused = await client.post(path, data=mine)
                assert (refused.status_code, "Only admins" in refused.text) == (403, True)
                bearer = {"Authorization": "Bearer token-of-ana-for-tests"}
                assert (await client.post(path, json={"job": "ingest"}, headers=bearer)).status_code == 403
            assert [(deed.actor, deed.action) for deed in staff.done] == [("Ana", "signed in")]
            held = (await kept(desk, here)).handoff
            assert held is not None and held.agent == "Ana"

    asyncio.run(asyncio.wait_for(go(), 30))


def test_an_agent_who_is_an_admin_has_everything() -> None:
    async def go() -> None:
        desk, people = FakeDesk(script), agents(role="admin")
        admin = admin_router(
            operator_token=TOKEN,
            agents=people,
            health=health,
            jobs={"ingest": ingest},
            oversight=FakeOversight(),
            review=FakeReview(),
        )
        async with served(
            inbox_router(desk, staff=FakeStaff(desk), operator_token=TOKEN, agents=people), admin
        ) as client:
            await client.post("/inbox/login", data={"token": "token-of-ana-for-tests"})
            for path in ("/admin", "/admin/review", "/admin/gaps", "/inbox/audit"):
                assert (await client.get(path)).status_code == 200, path
            form = {"csrf": csrf((await client.get("/admin")).text), "job": "ingest"}
            assert "&quot;added&quot;: 3" in (await client.post("/admin/jobs", data=form)).text

    asyncio.run(asyncio.wait_for(go(), 30))


def test_a_session_ends_with_the_token_it_began_with() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        before = inbox_router(desk, staff=FakeStaff(desk), operator_token=TOKEN, agents=agents())
        async with served(before) as client:
            await client.post("/inbox/login", data={"token": "token-of-ana-for-tests"})
            cookie = client.cookies[COOKIE]
            assert (await client.get("/inbox")).status_code == 200
        for now in (agents("another-token-of-ana-then"), {}):
            after = inbox_router(desk, staff=FakeStaff(desk), operator_token=TOKEN, agents=now)
            async with served(after) as client:
                assert (await client.get("/inbox", headers={"Cookie": f"{COOKIE}={cookie}"})).status_code == 401

    asyncio.run(asyncio.wait_for(go(), 30))


def test_a_colleague_who_is_slower_is_told_and_loses_no_word() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        await sign_in(client)
        here = await write(desk)
        await FakeStaff(desk).claim(here, "Ben")
        shown = (await client.get("/inbox/conversation", params={"id": here})).text
        assert "Ben has this conversation." in shown and "Take over from Ben" in shown
        form = {"csrf": csrf(shown), "id": here}
        late = await client.post("/inbox/reply", data=form | {"text": "My <words>"})
        assert late.status_code == 409
        assert "Your answer was not sent." in late.text and "My &lt;words&gt;</textarea>" in late.text
        assert (await client.post("/inbox/claim", data=form)).status_code == 409
        assert (await client.post("/inbox/back", data=form)).status_code == 409
        assert (await client.post("/inbox/claim", data=form | {"force": "1"})).status_code == 303
        assert (await client.post("/inbox/reply", data=form | {"text": "My words"})).status_code == 303
        noted = await client.post("/inbox/note", data=form | {"text": "For us <b>"})
        assert noted.status_code == 303
        suggested = (await client.get("/inbox/conversation", params={"id": here, "suggest": "1"})).text
        assert "Use it" in suggested and "For us &lt;b&gt;" in suggested

    run(test)


# --- work -------------------------------------------------------------------------------------------------------
def test_reading_answering_and_handing_back() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        await sign_in(client)
        assert "Nobody is waiting" in (await client.get("/inbox")).text
        here = await write(desk)
        await desk.post(here, "One moment.", "Ana")
        page = (await client.get("/inbox")).text
        assert "Nora &lt;i&gt;" in page and "id=team%2F1%3Ax" in page
        shown = (await client.get("/inbox/conversation", params={"id": here})).text
        for part in (
            "knowledge · return_policy · 90%",
            "Returns &lt;policy&gt;",
            "One moment.",
            "verified",
            "<sup>[1]</sup>",
            "/admin/explain?brand=shop&amp;question=return%3F&amp;conversation=team%2F1%3Ax&amp;message=return%3F",
        ):
            assert part in shown
        form = {"csrf": csrf(shown), "id": here, "text": "Line one\r\nLine <two>"}
        sent = await client.post("/inbox/reply", data=form)
        assert (sent.status_code, sent.headers["location"]) == (303, "/inbox/conversation?id=team%2F1%3Ax")
        assert "Line one\nLine &lt;two&gt;" in (await client.get(sent.headers["location"])).text
        assert (await kept(desk, here)).state == "human"
        assert (await client.post("/inbox/reply", data=form | {"text": " "})).status_code == 400
        assert (await client.post("/inbox/back", data={"csrf": csrf(shown), "id": here})).status_code == 303
        assert (await kept(desk, here)).state == "bot"

    run(test)


def test_forms_from_elsewhere_change_nothing() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = await write(desk)
        await sign_in(client)
        good = csrf((await client.get("/inbox")).text)
        form = {"id": here, "text": "forged"}
        for data, headers in (
            (form, {}),
            (form | {"csrf": ""}, {}),
            (form | {"csrf": "0" * 64}, {}),
            (form | {"csrf": "é"}, {}),
            (form | {"csrf": good}, {"Origin": "https://evil.example"}),
            (form | {"csrf": good}, {"Origin": "null"}),
        ):
            for path in ("/inbox/reply", "/inbox/claim", "/inbox/note", "/inbox/back", "/inbox/logout"):
                assert (await client.post(path, data=data, headers=headers)).status_code == 403
        assert (await client.post("/admin/jobs", json={"job": "ingest"})).status_code == 403, "a cookie is not enough"
        assert (await kept(desk, here)).state == "bot"

    run(test)


@pytest.mark.parametrize(
    "body", [b"\xff=\xff", b"a&" * 40_000, b"&".join(b"a%d=1" % n for n in range(50)), b"", b"%00=%00"]
)
def test_unreadable_forms(body: bytes) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
        for path in ("/inbox/login", "/inbox/reply", "/inbox/claim", "/inbox/note", "/inbox/back", "/admin/jobs"):
            assert 400 <= (await client.post(path, content=body, headers=headers)).status_code < 500

    run(test)


# --- admin ------------------------------------------------------------------------------------------------------
def test_admin_page_and_jobs() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        done = await client.post("/admin/jobs", json={"job": "ingest"}, headers=headers)
        assert (done.status_code, done.json()) == (200, {"job": "ingest", "result": {"added": 3, "removed": 0}})
        unknown = await client.post("/admin/jobs", json={"job": "x"}, headers=headers)
        assert (unknown.status_code, "ingest" in unknown.json()["error"]["hint"]) == (404, True)
        assert (await client.post("/admin/jobs", content=b"{", headers=headers)).status_code == 400
        assert (await client.post("/admin/jobs", json={"job": "failing"}, headers=headers)).status_code == 503
        await sign_in(client)
        page = (await client.get("/admin")).text
        assert "warm@1" in page and "counts · documents" in page and "counts · &lt;b&gt;" in page
        ran = await client.post("/admin/jobs", data={"csrf": csrf(page), "job": "ingest"})
        assert "&quot;added&quot;: 3" in ran.text

    run(test)


def test_one_job_at_a_time() -> None:
    async def go() -> None:
        gate = asyncio.Event()

        async def slow() -> Mapping[str, Any]:
            await gate.wait()
            return {}

        jobs = {"ingest": slow}
        admin = admin_router(
            operator_token=TOKEN, health=health, jobs=jobs, oversight=FakeOversight(), review=FakeReview()
        )
        async with served(admin) as client:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            first = asyncio.create_task(client.post("/admin/jobs", json={"job": "ingest"}, headers=headers))
            await asyncio.sleep(0.05)
            second = await client.post("/admin/jobs", json={"job": "ingest"}, headers=headers)
            gate.set()
            assert (second.status_code, (await first).status_code) == (409, 200)

    asyncio.run(asyncio.wait_for(go(), 30))
