"""The pages about knowledge: complete, escaped, closed to others, and deaf to forms from elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.channels import admin
from frontdesk.channels.admin import admin_router
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.testing import FakeDesk, FakeStaff
from tests.channels.overseen import DROPPED, EVIL, QUOTE, FakeOversight
from tests.channels.reviewed import FakeReview
from tests.channels.wire import script, served

TOKEN = "operator-token-of-the-tests"
QUESTION = "How long can I return a lamp?"
PATHS = ("/admin/explain", "/admin/gaps", "/admin/corrections")
POSTS = ("/admin/gaps/done", "/admin/corrections", "/admin/corrections/remove")


class Jobs:
    """The job `ingest`, which can be made to fail, to skip a document or to wait for its gate."""

    def __init__(self) -> None:
        self.runs, self.error, self.skipped = 0, "", ""
        self.gate = asyncio.Event()
        self.gate.set()

    async def ingest(self) -> Mapping[str, Any]:
        self.runs += 1
        await self.gate.wait()
        if self.error:
            raise KnowledgeError(self.error, fix="wait for it to end.")
        return {"shop": {"skipped": [{"path": self.skipped, "reason": "no text in it"}] if self.skipped else []}}


async def health() -> Mapping[str, Any]:
    return {}


class Site:
    """The pages, and a browser that is signed in."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.oversight, self.jobs = client, FakeOversight(), Jobs()
        self.csrf = ""

    async def get(self, path: str, **query: str) -> str:
        response = await self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.text

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data={"csrf": self.csrf, **fields})

    async def correct(self, answer: str = "Within 90 days.", **fields: str) -> httpx.Response:
        return await self.post(
            "/admin/corrections", **{"question": QUESTION, "before": QUESTION, "answer": answer, **fields}
        )


Test = Callable[[Site], Awaitable[None]]


def run(test: Test) -> None:
    async def go() -> None:
        oversight, jobs = FakeOversight(), Jobs()
        desk = FakeDesk(script)
        inbox = inbox_router(desk, staff=FakeStaff(desk), operator_token=TOKEN)
        pages = admin_router(
            operator_token=TOKEN, health=health, jobs={"ingest": jobs.ingest}, oversight=oversight, review=FakeReview()
        )
        async with served(inbox, pages) as client:
            site = Site(client)
            site.oversight, site.jobs = oversight, jobs
            await client.post("/inbox/login", data={"token": TOKEN, "name": "Ana"})
            found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await client.get("/admin")).text)
            assert found
            site.csrf = found[1]
            await asyncio.wait_for(test(site), 30)

    asyncio.run(go())


class Tags(HTMLParser):
    """The names of the elements of a page and of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def words(html: str) -> str:
    """The text of a page, as it is read."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


# --- closed -----------------------------------------------------------------------------------------------------
def test_closed_to_everyone_else() -> None:
    async def test(site: Site) -> None:
        site.client.cookies.clear()
        for method, path in (*(("GET", path) for path in PATHS), *(("POST", path) for path in POSTS)):
            assert (await site.client.request(method, path)).status_code == 401, path
        asked = await site.client.get("/admin/gaps?days=7", headers={"Accept": "text/html"})
        assert asked.headers["location"] == "/inbox/login?then=%2Fadmin%2Fgaps%3Fdays%3D7"
        back = await site.client.post("/inbox/login", data={"token": TOKEN, "then": "/admin/gaps?days=7"})
        assert back.headers["location"] == "/admin/gaps?days=7"

    run(test)


def test_forms_from_elsewhere_change_nothing() -> None:
    async def test(site: Site) -> None:
        good = {"question": QUESTION, "answer": "forged", "conversation_id": "c/1", "message_id": "m-1"}
        for data, headers in (
            (good, {}),
            (good | {"csrf": "0" * 64}, {}),
            (good | {"csrf": site.csrf}, {"Origin": "https://evil.example"}),
        ):
            for path in POSTS:
                assert (await site.client.post(path, data=data, headers=headers)).status_code == 403
        assert (site.oversight.written, site.oversight.settled, site.jobs.runs) == ({}, [], 0)

    run(test)


@pytest.mark.parametrize("path", PATHS)
def test_pages_keep_to_the_policy_and_escape_what_is_hostile(path: str) -> None:
    async def test(site: Site) -> None:
        await site.correct(f'{EVIL} & "quoted"', question=f"{QUESTION} {EVIL}"[:300])
        response = await site.client.get(path, params={"question": f"{QUESTION} {EVIL}", "brand": "shop"})
        assert "default-src 'none'" in response.headers["content-security-policy"]
        tags = Tags()
        tags.feed(response.text)
        assert not {"script", "img", "style", "iframe"} & tags.names
        assert not any(name.startswith("on") or name == "style" for name in tags.attributes)
        assert "alert(1)" in words(response.text)

    run(test)


def test_an_unknown_brand_is_refused() -> None:
    async def test(site: Site) -> None:
        for path in PATHS:
            assert (await site.client.get(path, params={"brand": "nobody"})).status_code == 404

    run(test)


# --- explain ----------------------------------------------------------------------------------------------------
def test_an_answer_is_explained_whole() -> None:
    async def test(site: Site) -> None:
        assert "The answer" not in await site.get("/admin/explain")
        html = await site.get("/admin/explain", question=QUESTION, brand="shop", audience="staff")
        said = words(html)
        for part in (
            "knowledge · return_policy · 92%",
            "83% sure that the best sentence answers; it answers from 40% on.",
            "return lamp",
            "0.71",
            "7.5",
            "0.125",
            "3 sentences are enough",
            "the chat model was too slow",
            "Two documents disagree.",
            "lamps.md @ vvvvvvvvvvvv",
        ):
            assert part in said, part
        assert f'<span class="unseen">quoted: </span>{QUOTE}<sup>[1]</sup></mark>' in html
        assert f"{DROPPED} Lamps" in said
        assert '<option value="staff" selected>' in html
        assert 'width="83.0%"' in html and 'x1="40.0%"' in html

    run(test)


def test_a_message_is_explained_with_what_was_said_before() -> None:
    async def test(site: Site) -> None:
        html = await site.get("/admin/explain", question=QUESTION, brand="shop", conversation="c/1", message="m-1")
        assert "Said before" in html and "We do &lt;b&gt;." in html
        assert 'href="/inbox/conversation?id=c%2F1"' in html and 'name="conversation" value="c/1"' in html
        for place in (
            {"conversation": "c/2", "message": "m"},
            {"conversation": "c/1"},
            {"conversation": "\x00", "message": "m"},
        ):
            assert "Said before" not in await site.get("/admin/explain", question=QUESTION, **place)

    run(test)


def test_an_abstention_asks_for_the_right_answer() -> None:
    async def test(site: Site) -> None:
        html = await site.get("/admin/explain", question="which glue?")
        assert "it offers a person instead" in html
        assert '<details class="card correct" open>' in html

    run(test)


def test_a_broken_knowledge_base_is_told_on_the_page() -> None:
    async def test(site: Site) -> None:
        site.oversight.broken = True
        html = await site.get("/admin/explain", question=QUESTION)
        assert 'role="alert"' in html and "The index is damaged. run `frontdesk ingest`." in html

    run(test)


# --- correct ----------------------------------------------------------------------------------------------------
def test_a_correction_is_written_read_in_shown_and_undone() -> None:
    async def test(site: Site) -> None:
        sent = await site.correct("Within\r\n90 days.", audience="staff", corrects="lamps.md")
        assert (sent.status_code, site.jobs.runs) == (303, 1)
        (made,) = site.oversight.written.values()
        assert (made.answer, made.audience, made.corrects) == ("Within\n90 days.", "staff", "lamps.md")
        html = (await site.client.get(sent.headers["location"])).text
        assert "Saved and read in, but the answer does not quote it" in html and 'role="alert"' in html
        assert "Undo this correction" in html and "Within\n90 days.</textarea>" in html
        assert QUESTION in words(await site.get("/admin/corrections"))
        undone = await site.post("/admin/corrections/remove", slug=made.slug, seen=made.version, question=QUESTION)
        assert (undone.status_code, site.jobs.runs, site.oversight.written) == (303, 2, {})
        assert "The correction is gone." in (await site.client.get(undone.headers["location"])).text
        assert "Nothing is corrected." in await site.get("/admin/corrections")

    run(test)


def test_two_people_at_once_lose_nothing() -> None:
    async def test(site: Site) -> None:
        await site.correct("From Ana.")
        late = await site.correct("From <Ben>.")
        assert (late.status_code, site.jobs.runs) == (409, 1)
        assert "From Ana." in late.text and "From &lt;Ben&gt;.</textarea>" in late.text
        seen = re.search(r'name="seen" value="([^"]+)"', late.text)
        assert seen
        assert (await site.correct("From <Ben>.", seen=seen[1])).status_code == 303
        old = await site.post("/admin/corrections/remove", slug="how-long-can-i-return-a-lamp?", seen=seen[1])
        assert "Somebody else changed this correction" in old.text
        (made,) = site.oversight.written.values()
        assert made.answer == "From <Ben>."
        assert (await site.correct("Another.", question="A reworded one?", seen=made.version)).status_code == 303
        assert len(site.oversight.written) == 2

    run(test)


@pytest.mark.parametrize(("error", "skipped"), [("Another ingest is running.", ""), ("", "the document")])
def test_what_cannot_be_read_in_stays_and_is_told(error: str, skipped: str) -> None:
    async def test(site: Site) -> None:
        site.jobs.error = error
        site.jobs.skipped = skipped and "knowledge/corrections/how-long-can-i-return-a-lamp?.md"
        sent = await site.correct()
        assert sent.status_code == 200
        assert "Saved, but not yet read in" in sent.text and (error or "no text in it") in sent.text
        assert 'name="job" value="ingest"' in sent.text
        (made,) = site.oversight.written.values()
        if error:
            undone = await site.post("/admin/corrections/remove", slug=made.slug, seen=made.version, question=QUESTION)
            assert error in undone.text and not site.oversight.written

    run(test)


def test_a_correction_does_not_wait_for_ever_for_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "WAIT_SECONDS", 0.05)

    async def test(site: Site) -> None:
        site.jobs.gate.clear()
        first = asyncio.create_task(site.post("/admin/jobs", job="ingest"))
        while not site.jobs.runs:
            await asyncio.sleep(0.01)
        sent = await site.correct()
        site.jobs.gate.set()
        assert "another job is running" in sent.text and len(site.oversight.written) == 1
        assert (await first).status_code == 200

    run(test)


def test_a_text_that_cannot_be_saved_comes_back() -> None:
    async def test(site: Site) -> None:
        sent = await site.correct(" ", question="Is it <blue>?")
        assert (sent.status_code, site.jobs.runs) == (422, 0)
        assert "The answer is empty." in sent.text and 'value="Is it &lt;blue&gt;?"' in sent.text
        assert (await site.correct("x" * 70_000)).status_code == 413

    run(test)


def test_a_brand_without_a_place_for_corrections_says_so() -> None:
    async def test(site: Site) -> None:
        assert "There is no folder for corrections." in await site.get("/admin/corrections", brand="other")
        assert "The answer" in await site.get("/admin/explain", brand="other", question=QUESTION)

    run(test)


# --- gaps -------------------------------------------------------------------------------------------------------
def test_gaps_lead_to_the_conversations_and_can_be_done() -> None:
    async def test(site: Site) -> None:
        html = await site.get("/admin/gaps")
        said = words(html)
        assert "4 questions in 2 groups; the most asked first." in said
        assert "Asked 3 times, last on 09 January 2026 at 09:30 UTC: not in the documents, asked for a person" in said
        assert '/inbox/conversation?id=c%2F1"' in html
        assert "Documents that disagree" in said and "sale.md says 14." in said
        until = re.findall(r'name="until" value="([^"]+)"', html)[0]
        fields = {"brand": "shop", "days": "90", "conversation_id": "c/2", "message_id": "m-2"}
        done = await site.post("/admin/gaps/done", until="2026-01-08T00:00:00+00:00", **fields)
        assert done.headers["location"] == "/admin/gaps?brand=shop&days=90"
        assert site.oversight.settled == [("c/1", "m-1"), ("c/2", "m-2")], "what was asked later stays"
        for bad in ("", "yesterday", "2026-01-08"):
            assert (await site.post("/admin/gaps/done", until=bad, **fields)).status_code == 400
        await site.post("/admin/gaps/done", until=until, **fields | {"conversation_id": "c/4", "message_id": "m-4"})
        assert "1 question in 1 group" in words(await site.get("/admin/gaps", days="7"))

    run(test)


def test_an_answer_written_for_a_gap_settles_it() -> None:
    async def test(site: Site) -> None:
        until = "2026-12-01T00:00:00+00:00"
        named = {"conversation_id": "c/3", "message_id": "m-3", "until": until, "days": "30", "brand": "shop"}
        sent = await site.correct("No.", question="Is there a student discount?", **named)
        assert sent.headers["location"].startswith("/admin/explain?")
        assert site.oversight.settled == [("c/3", "m-3")]

    run(test)


def test_without_gaps_the_page_says_so() -> None:
    async def test(site: Site) -> None:
        html = await site.get("/admin/gaps", brand="other", days="nonsense")
        assert "Nothing went unanswered here." in html and "Documents that disagree" not in html

    run(test)
