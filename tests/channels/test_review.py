"""The review page: complete, escaped, closed to others, and each form does one deed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from frontdesk.bot.errors import ChannelError
from frontdesk.channels.admin import admin_router
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.testing import FakeDesk, FakeStaff
from tests.channels.overseen import EVIL, FakeOversight
from tests.channels.reviewed import FakeReview
from tests.channels.wire import script, served

TOKEN = "operator-token-of-the-tests"
ONE, TWO = f"{1:064x}", f"{2:064x}"
Test = Callable[[httpx.AsyncClient, FakeReview, str], Awaitable[None]]


async def health() -> Mapping[str, Any]:
    return {}


def run(test: Test) -> None:
    async def go() -> None:
        review = FakeReview()

        async def train() -> Mapping[str, Any]:
            if review.error:
                raise ChannelError(review.error, status=409)
            return review.train()

        desk = FakeDesk(script)
        inbox = inbox_router(desk, staff=FakeStaff(desk), operator_token=TOKEN)
        pages = admin_router(
            operator_token=TOKEN, health=health, jobs={"train": train}, oversight=FakeOversight(), review=review
        )
        async with served(inbox, pages) as client:
            await client.post("/inbox/login", data={"token": TOKEN, "name": "Ana"})
            found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await client.get("/admin")).text)
            assert found
            await asyncio.wait_for(test(client, review, found[1]), 30)

    asyncio.run(go())


def test_the_queue_is_shown_whole_and_escaped() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        text = (await client.get("/admin/review")).text
        assert EVIL not in text
        assert "the customer chose return policy" in text
        assert "10 messages in 2 groups" in text
        assert "3 more like these follow" in text
        assert 'value="gift_wrap"' in text
        assert '<option value="return_policy" selected>' in text
        assert "Router 3 is served. 2 examples in nlu.yml are new to it." in text
        assert "Nothing is left to review" in (await client.get("/admin/review", params={"brand": "other"})).text

    run(go)


def test_what_is_ticked_becomes_examples_as_it_was_mended() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        fields = {"csrf": csrf, "decision": "accept", "intent": "return_policy", "name": "x"}
        rows = {"pick-0": TWO, "text-0": "do you wrap\u0000 gifts", "text-1": "left alone"}
        answer = await client.post("/admin/review", data={**fields, **rows})
        assert answer.status_code == 303
        assert review.decided == [("return_policy", [(TWO, "do you wrap gifts")])]
        assert "1 message reviewed." in (await client.get(answer.headers["location"])).text

    run(go)


def test_a_new_intent_is_named_and_a_dismissal_needs_no_name() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        fields = {"csrf": csrf, "intent": "+", "name": "gift_wrap", "pick-0": TWO, "text-0": "wrap it"}
        await client.post("/admin/review", data={**fields, "decision": "accept"})
        await client.post("/admin/review", data={**fields, "decision": "dismiss", "pick-0": ONE})
        assert review.decided == [("gift_wrap", [(TWO, "wrap it")]), ("", [(ONE, "wrap it")])]

    run(go)


def test_what_is_wrong_is_said_and_nothing_is_decided() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        good = {"csrf": csrf, "decision": "accept", "intent": "+", "name": "gift", "pick-0": TWO, "text-0": "wrap it"}
        nothing = {key: value for key, value in good.items() if not key.startswith("pick")}
        for fields, said in ((nothing, "No message is ticked"), ({**good, "name": " "}, "has no name")):
            answer = await client.post("/admin/review", data=fields)
            assert answer.status_code == 422
            assert said in answer.text
        bad = await client.post("/admin/review", data={**good, "name": "-x"})
        assert (bad.status_code, "is no name for an intent" in bad.text) == (422, True)
        assert (await client.post("/admin/review", data={**good, "csrf": "0" * 64})).status_code == 403
        assert (await client.post("/admin/review", data={**good, "pick-0": "nonsense"})).status_code == 400
        assert review.decided == []

    run(go)


def test_training_shows_what_the_gate_said() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        passed = (await client.post("/admin/review/train", data={"csrf": csrf})).text
        assert "Router 4 passed the gate and is served." in passed
        review.served = False
        refused = (await client.post("/admin/review/train", data={"csrf": csrf})).text
        assert "The gate refused router 4." in refused
        assert "90 of 100" in refused
        assert EVIL not in refused
        review.error = "nlu.yml is broken."
        failed = await client.post("/admin/review/train", data={"csrf": csrf})
        assert (failed.status_code, "Nlu.yml is broken." in failed.text) == (409, True)

    run(go)


def test_json_needs_the_token_and_the_page_a_session() -> None:
    async def go(client: httpx.AsyncClient, review: FakeReview, csrf: str) -> None:
        body = {"intent": "return_policy", "rows": [{"key": ONE, "text": "returns?"}]}
        assert (await client.post("/admin/review", json=body)).status_code == 403
        client.cookies.clear()
        assert (await client.get("/admin/review")).status_code == 401
        assert (await client.post("/admin/review", json=body)).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
        groups = (await client.get("/admin/review", headers=headers)).json()["groups"]
        assert groups[0]["messages"][0]["key"] == ONE
        answer = await client.post("/admin/review", json=body, headers=headers)
        assert answer.json() == {"decided": 1}
        wrong = await client.post("/admin/review", json={"intent": "-", "rows": body["rows"]}, headers=headers)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "not_written")
        wrong_bodies: list[dict[str, object]] = [
            {"rows": []},
            {"rows": [{"key": "x"}]},
            {"rows": body["rows"], "more": 1},
        ]
        for bad in wrong_bodies:
            assert (await client.post("/admin/review", json=bad, headers=headers)).status_code == 400

    run(go)
