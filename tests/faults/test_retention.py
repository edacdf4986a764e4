"""What is older than the days that are kept is gone from every byte of the project's state; the rest is untouched."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.commands import retention
from frontdesk.bot.commands.retention import Retention
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project
from frontdesk.bot.store import Store, tables
from frontdesk.bot.types import Customer, Message, now
from tests.faults.standin import project_in
from tests.serving import frontdesk

DAYS = 30
PLANTED = [f"planted-{number:03d}-zyxwv" for number in range(15)]


def kept(folder: Path) -> Project:
    project = project_in(folder)
    settings = (folder / "frontdesk.toml").read_text().replace("[store]", f"[store]\nkeep_days = {DAYS}")
    (folder / "frontdesk.toml").write_text(settings)
    return Project.load(project.folder)


def talk(store: Store, words: str, number: int, days: float) -> None:
    """Have one conversation, with a vote, that many days ago; every row of it holds the words."""
    name = f"c{number}"
    who = Customer(id=words, attributes={"name": words})
    message = Message(text=words, conversation_id=name, brand="shop", channel="slack", customer=who, id=f"m{number}")
    store.put(message, f"e{number}")
    [lane] = store.claim("w", 1, 60)
    pending = store.next(lane)
    assert pending
    store.commit(lane, pending, 0, "sentence", {"text": words * 300})
    store.close_turn(lane, pending, {"text": words, "citations": []}, {"slot": words}, None, who)
    store.release(lane)
    store.feedback(name, message.id, {"value": "down", "comment": words})
    for event in store.unsent(["slack"]):
        store.mark_sent(event.id)
    database: Any = store._database
    with database._writer.begin() as connection:
        for table, column, at in (
            (tables.inbox, "received_at", tables.inbox.c.conversation_id),
            (tables.inbox, "closed_at", tables.inbox.c.conversation_id),
            (tables.turns, "created_at", tables.turns.c.conversation_id),
            (tables.outbox, "created_at", tables.outbox.c.conversation_id),
            (tables.votes, "created_at", tables.votes.c.conversation_id),
            (tables.conversations, "updated_at", tables.conversations.c.id),
        ):
            moment = time.time() - days * 86400 - number
            connection.execute(table.update().where(at == name).values({column: moment}))


def bytes_of(folder: Path) -> bytes:
    """Every byte of a folder; what is deleted while it is read is gone."""
    read = b""
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                read += (Path(parent) / name).read_bytes()
    return read


def attach(project: Project, words: str, days: float) -> None:
    file = project.state / "attachments" / words / "picture.png"
    file.parent.mkdir(parents=True)
    file.write_text(words)
    os.utime(file, (time.time() - days * 86400,) * 2)


def planted_in(project: Project, store: Store) -> None:
    for number, words in enumerate(PLANTED):
        talk(store, words, number, DAYS + 1 + number % 3)
        attach(project, words, DAYS + 1)
    talk(store, "recent-words", 100, DAYS - 1)
    attach(project, "recent-words", DAYS - 1)


def left(project: Project) -> list[str]:
    found = bytes_of(project.state)
    return [words for words in PLANTED if words.encode() in found]


def test_no_byte_of_it_is_left(tmp_path: Path) -> None:
    project = kept(tmp_path / "shop")
    with Store(project.store_url) as store:
        planted_in(project, store)
        assert left(project) == PLANTED
        report = Retention(project, store).run()
        assert (report["conversations"], report["files"]) == (len(PLANTED), len(PLANTED))
        assert left(project) == [], "while the server runs"
        assert store.counts()["conversations"] == 1
        recent = store.conversation("c100")
        assert recent and [turn.message.text for turn in recent.turns] == ["recent-words"]
    assert b"recent-words" in bytes_of(project.state)
    assert [path.name for path in (project.state / "attachments").iterdir()] == ["recent-words"]


def test_it_runs_when_the_server_starts_and_holds_up_no_message(tmp_path: Path) -> None:
    project = kept(tmp_path / "shop")

    async def go(store: Store) -> None:
        retention = Retention(project, store)
        await retention.start()
        who = Customer(id="c")
        message = Message(text="x", conversation_id="new", brand="shop", channel="web", customer=who, id="new")
        await asyncio.wrap_future(store.put_async(message, "new"))
        async with asyncio.timeout(60):
            while left(project):
                await asyncio.sleep(0.05)
        await retention.stop()

    with Store(project.store_url) as store:
        planted_in(project, store)
        asyncio.run(go(store))
        assert store.conversation("new") is not None


def test_no_error_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    project = kept(tmp_path / "shop")
    monkeypatch.setattr(retention, "AGAIN_SECONDS", 0.01)

    class Failing(Store):
        failures = 2

        def oldest(self) -> datetime | None:
            self.failures -= 1
            if self.failures >= 0:
                raise OSError("the disk gave an error")
            return super().oldest()

    async def go(store: Store) -> None:
        nightly = Retention(project, store)
        await nightly.start()
        async with asyncio.timeout(20):
            while left(project):
                await asyncio.sleep(0.05)
        await nightly.stop()

    with Failing(project.store_url) as store:
        planted_in(project, store)
        asyncio.run(go(store))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "what is too old was not deleted: the disk gave an error"
    ] * 2


def test_the_command(tmp_path: Path) -> None:
    project = kept(tmp_path / "shop")
    with Store(project.store_url) as store:
        planted_in(project, store)
    report = json.loads(frontdesk("forget", "--json", cwd=project.folder))
    assert (report["conversations"], left(project)) == (len(PLANTED), [])


def test_a_long_read_delays_the_end_of_the_log_and_nothing_else(tmp_path: Path) -> None:
    project = kept(tmp_path / "shop")
    with Store(project.store_url) as store:
        planted_in(project, store)
        database: Any = store._database
        with database._readers.begin() as reader:
            reader.execute(tables.turns.select()).first()
            running = threading.Thread(target=Retention(project, store).run)
            running.start()
            time.sleep(0.2)
            assert store.forget_before(now() - timedelta(days=900)) == 0, "writes go on"
        running.join(30)
        assert left(project) == []


def test_without_days_everything_is_kept(tmp_path: Path) -> None:
    project = project_in(tmp_path / "shop")
    with Store(project.store_url) as store, pytest.raises(ConfigError, match="kept for ever"):
        Retention(project, store).run()


def test_both_databases_forget(store_url: str, tmp_path: Path) -> None:
    project = kept(tmp_path / "shop")
    with Store(store_url) as store:
        assert store.oldest() is None
        who = Customer(id="c")
        message = Message(text="x", conversation_id="c", brand="shop", channel="web", customer=who, id="m")
        store.put(message, "e")
        [lane] = store.claim("w", 1, 60)
        pending = store.next(lane)
        assert pending
        store.close_turn(lane, pending, {"text": "x"}, {}, None, who)
        oldest = store.oldest()
        assert oldest and oldest < now()
        assert Retention(project, store).run()["conversations"] == 0
        store.release(lane)
        assert store.forget_before(now() + timedelta(seconds=60)) == 1
        store.scrub()
