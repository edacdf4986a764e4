"""Attachments and quotas of the web channel: what is taken, who sees it, and how much one visitor may send."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from frontdesk.bot.config import Web
from frontdesk.bot.errors import ChannelError, StoreError
from frontdesk.channels import quotas
from frontdesk.channels.files import Files, type_of
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.inbox_files import inbox_files_router
from frontdesk.channels.quotas import Quota
from frontdesk.channels.testing import FakeDesk, FakeStaff
from frontdesk.channels.web import web_router
from tests.channels.test_web import bearer, problem_in, router, run, said, token
from tests.channels.wire import kept, script, served

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PDF = b"%PDF-1.7\n" + bytes(100)
OPERATOR = "operator-token-of-the-tests"
Test = Callable[[httpx.AsyncClient, FakeDesk], Awaitable[None]]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (PDF, "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>", ""),
        (b"<script>alert(1)</script>", ""),
        (b" %PDF-1.7", ""),
        (b"RIFF\x00\x00\x00\x00WAVE", ""),
        (b"PK\x03\x04", ""),
        (b"", ""),
    ],
)
def test_the_content_says_what_a_file_is(start: bytes, kind: str) -> None:
    assert type_of(start) == kind


def test_a_file_goes_with_a_message_and_is_read_from_the_inbox_alone(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        left = await client.post("/api/files", params={"name": "../../a\u202e<b>.png"}, content=PNG)
        assert left.json() | {"file_id": ""} == {"file_id": "", "name": "a<b>.png", "type": "image/png", "bytes": 108}
        message = said(
            "", files=[left.json()["file_id"]], metadata={"file": "x", "files": ["y"], "title": "t", "noted": True}
        )
        first = await client.post("/api/chat", json=message)
        assert first.json()["reply"]["text"] == "You said: [image]"
        assert (await client.post("/api/chat", json=message)).json() == first.json(), "a repeat is one turn"
        here = first.json()["conversation_id"]
        known = (await kept(desk, here)).turns[0].message.metadata
        assert (known["file"], known["title"]) == ("image", "t")
        assert "noted" not in known, "the desk would close the turn without a word"
        [file] = known["files"]
        shown = (await client.get(f"/api/conversations/{here}")).json()["turns"][0]["message"]["files"]
        assert shown == [file]
        for path in (f"/api/files/{file['id']}", f"/files/{file['id']}", f"/widget/{file['id']}"):
            assert (await client.get(path)).status_code in (404, 405)
        where = {"conversation": here, "id": file["id"]}
        asked = {"id": here}, {"Authorization": f"Bearer {OPERATOR}"}
        inbox = await client.get("/inbox/conversation", params=asked[0], headers=asked[1])
        link = f'<a href="/inbox/file?conversation={here}&amp;id={file["id"]}"'
        assert link in inbox.text and "a&lt;b&gt;.png (PNG, 1 kB)" in inbox.text
        assert (await client.get("/inbox/file", params=where)).status_code == 401
        seen = await client.get("/inbox/file", params=where, headers={"Authorization": f"Bearer {OPERATOR}"})
        assert (seen.content, seen.headers["content-type"]) == (PNG, "image/png")
        assert seen.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert seen.headers["x-content-type-options"] == "nosniff"
        assert seen.headers["content-disposition"] == "inline; filename*=UTF-8''a%3Cb%3E.png"
        for wrong in (
            {"conversation": "0" * 32},
            {"id": "0" * 32},
            {"id": "../../secrets.json"},
            {"conversation": ".."},
        ):
            answer = await client.get(
                "/inbox/file", params=where | wrong, headers={"Authorization": f"Bearer {OPERATOR}"}
            )
            problem_in(answer, 404, "unknown_file")

    run_with(test, files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "files").rglob("*")), "private"


def run_with(test: Test, files: Files, **settings: Any) -> None:
    """Run `test(client, desk)` against the web channel and the inbox over these files."""

    async def go() -> None:
        desk = FakeDesk(script)
        web = router(desk, files=files, settings=Web(**settings))
        inbox = (
            inbox_router(desk, staff=FakeStaff(desk), operator_token=OPERATOR),
            inbox_files_router(files, desk, operator_token=OPERATOR),
        )
        async with served(web, *inbox) as client:
            await asyncio.wait_for(test(client, desk), 30)

    asyncio.run(go())


def test_a_pdf_is_saved_not_shown(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    file = files.keep(PDF, "C:\\bills\\may.pdf")
    files.claim("a" * 32, [file.id])
    assert (file.name, file.word) == ("may.pdf", "document")
    assert files.open("a" * 32, file.id) == (file, PDF)
    with pytest.raises(ChannelError, match="no such file"):
        files.open("b" * 32, file.id)
    files.claim("b" * 32, [file.id])
    assert files.open("a" * 32, file.id)[1] == PDF, "it stays with its first conversation"


def test_a_file_is_looked_for_in_its_own_conversation_alone(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        left = (await client.post("/api/files", content=PNG)).json()["file_id"]
        here = (await client.post("/api/chat", json=said(files=[left]))).json()["conversation_id"]
        again = await client.post("/api/chat", json=said(files=[left], conversation_id=here))
        assert again.status_code == 200, "it may be named again where it is"
        there = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        problem_in(await client.post("/api/chat", json=said(files=[left])), 404, "unknown_file")
        answer = await client.post("/api/chat", json=said(files=[left], conversation_id=there))
        problem_in(answer, 404, "unknown_file")

    run_with(test, files)


def test_unknown_files_use_up_the_quota(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        guesses = [said(files=["0" * 32], conversation_id=here) for _ in range(3)]
        answers = [await client.post("/api/chat", json=guess) for guess in guesses]
        assert [answer.status_code for answer in answers] == [404, 404, 429]

    run_with(test, Files(tmp_path / "files"), messages_per_minute=2)


def test_refused_files(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        problem_in(await client.post("/api/files?name=a.png", content=b"<html>"), 415, "unknown_file")
        problem_in(await client.post("/api/files?name=a.png", content=b""), 415, "unknown_file")
        problem_in(await client.post("/api/files", content=PNG + bytes(2**20)), 413, "too_large")
        problem_in(await client.post("/api/files?conversation_id=x", content=PNG), 404, "unknown_conversation")
        for ids in (["0" * 32], ["../../../etc/passwd"], [""]):
            problem_in(await client.post("/api/chat", json=said(files=ids)), 404, "unknown_file")
        problem_in(await client.post("/api/chat", json=said(files=["a"] * 5)), 400, "invalid_request")
        problem_in(await client.post("/api/chat", json=said("", files=[])), 422, "empty_text")
        mine = (await client.post("/api/chat", json=said(token=token("nora")))).json()["conversation_id"]
        problem_in(await client.post(f"/api/files?conversation_id={mine}", content=PNG), 403, "not_yours")
        taken = await client.post(f"/api/files?conversation_id={mine}", content=PNG, headers=bearer("nora"))
        assert taken.status_code == 200

    run_with(test, Files(tmp_path / "files"), file_megabytes=1)

    async def closed(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        problem_in(await client.post("/api/files", content=PNG), 404, "no_files")
        assert 'data-files="0"' in (await client.get("/frame")).text

    run_with(closed, Files(tmp_path / "files"), file_megabytes=0)
    run(closed)


def test_what_no_message_names_is_deleted_after_a_day(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    old, fresh = files.keep(PNG, "old.png"), files.keep(PNG, "fresh.png")
    for path in (tmp_path / "files").rglob(f"{old.id}*"):
        os.utime(path, (time.time() - 90_000,) * 2)
    files.keep(PNG, "next.png")
    assert files.find([fresh.id]) == (fresh,)
    with pytest.raises(ChannelError):
        files.find([old.id])


def test_a_full_disk_is_a_503(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where the folder should be")

    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        problem_in(await client.post("/api/files", content=PNG), 503, "store_unavailable")

    with pytest.raises(StoreError):
        Files(tmp_path / "files").keep(PNG, "a.png")
    run_with(test, Files(tmp_path / "files"))


# --- quotas -----------------------------------------------------------------------------------------------------
def test_a_bucket_fills_evenly() -> None:
    at = 100.0
    quota = Quota(3, 60, lambda: at)
    assert [quota.wait("a") for _ in range(4)] == [0, 0, 0, 20]
    assert quota.wait("b") == 0
    at += 19
    assert quota.wait("a") == 1
    at += 1
    assert [quota.wait("a"), quota.wait("a")] == [0, 20]
    at += 1000
    assert [quota.wait("a") for _ in range(4)] == [0, 0, 0, 20]
    assert all(Quota(0, 60).wait("a") == 0 for _ in range(1000))


def test_the_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "KEYS", 10)
    quota = Quota(1, 60, lambda: 0.0)
    for n in range(20):
        quota.wait(str(n))
    assert [quota.wait("19") > 0, quota.wait("0")] == [True, 0], "who was not seen for longest is forgotten"


def test_one_visitor_may_send_only_so_much() -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        answers = [await client.post("/api/chat", json=said(conversation_id=here)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        problem_in(answers[-1], 429, "quota")
        assert int(answers[-1].headers["retry-after"]) <= 30
        assert "moment" in answers[-1].json()["error"]["message"]
        assert len((await kept(desk, here)).turns) == 3, "what was refused was not stored"
        other = [await client.post("/api/chat", json=said(token=token("nora"))) for _ in range(3)]
        assert [answer.status_code for answer in other] == [200, 200, 429], "a customer is one visitor everywhere"

    run(test, settings=Web(messages_per_minute=2))


def test_one_address_may_begin_only_so_many_conversations() -> None:
    async def begun(address: str) -> list[int]:
        app = FastAPI()
        app.include_router(router(FakeDesk(script), settings=Web(conversations_per_hour=2)))
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://frontdesk.test") as client:
            return [(await client.post("/api/chat", json=said())).status_code for _ in range(3)]

    assert asyncio.run(begun("203.0.113.7")) == [200, 200, 429]
    assert asyncio.run(begun("127.0.0.1")) == [200, 200, 200], "a proxy on this machine stands for everybody"


def test_one_visitor_may_attach_only_so_much(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
        at = f"/api/files?conversation_id={here}"
        assert [(await client.post(at, content=PNG)).status_code for _ in range(3)] == [200, 200, 429]

    run_with(test, Files(tmp_path / "files"), files_per_day=2)


@pytest.mark.parametrize(
    ("addresses", "taken"),
    [
        (("203.0.113.7",) * 3, [200, 200, 429]),
        (("203.0.113.7", "203.0.113.7", "203.0.113.8"), [200, 200, 200]),
        (("2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"), [200, 200, 429]),
        (("2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"), [200, 200, 200]),
        (("::ffff:203.0.113.1", "::ffff:203.0.113.2", "::ffff:203.0.113.3"), [200, 200, 200]),
        (("::ffff:127.0.0.1",) * 3, [200, 200, 200]),
    ],
)
def test_new_conversations_get_an_address_no_more_files(
    tmp_path: Path, addresses: tuple[str, ...], taken: list[int]
) -> None:
    app = FastAPI()
    app.include_router(router(FakeDesk(script), files=Files(tmp_path / "files"), settings=Web(files_per_day=2)))

    async def attached(address: str) -> int:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://frontdesk.test") as client:
            here = (await client.post("/api/chat", json=said())).json()["conversation_id"]
            return (await client.post(f"/api/files?conversation_id={here}", content=PNG)).status_code

    async def go() -> list[int]:
        return [await attached(address) for address in addresses]

    assert asyncio.run(go()) == taken


def test_a_signed_in_customer_is_not_counted_by_address(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(router(FakeDesk(script), files=Files(tmp_path / "files"), settings=Web(files_per_day=1)))

    async def go() -> list[int]:
        transport = httpx.ASGITransport(app, client=("203.0.113.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://frontdesk.test") as client:
            who = ("nora", "ben", "nora")
            return [(await client.post("/api/files", content=PNG, headers=bearer(name))).status_code for name in who]

    assert asyncio.run(go()) == [200, 200, 429]


# --- words ------------------------------------------------------------------------------------------------------
WORDS = Path(web_router.__code__.co_filename).parent / "widget"


def test_every_language_has_every_word_with_its_blanks() -> None:
    told = {path.stem: words_in(path) for path in WORDS.glob("words-*.js")}
    assert set(told) == {"words-en", "words-es", "words-zh", "words-ar"}
    for name, words in told.items():
        assert set(words) == set(told["words-en"]), name
        for key, text in words.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", told["words-en"][key])), key
            assert name == "words-en" or text != told["words-en"][key], f"{name}: {key} is not translated"
    used = {key for path in WORDS.glob("*.js") for key in re.findall(r"\b[tw]\(\"(\w+)\"", path.read_text())}
    assert used <= set(told["words-en"])


def words_in(path: Path) -> dict[str, str]:
    rows = re.findall(r'^  (\w+): "(.*)",$', path.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len(dict(rows)) == len(path.read_text("utf-8").splitlines()) - 2
    return dict(rows)
