"""On every channel with buttons the customer can say that an answer helped, and it is a thumb on that answer."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.foreign import Shop, served, token

ASKED, ENDED = "how many days do I have to send something back?", "thanks"
YES, TITLE, THANKED = "/helped", "Yes, it did", "good to know"


@pytest.fixture(scope="module")
def shop(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    project = tmp_path_factory.mktemp("helped") / "shop"
    shutil.copytree(demo, project)
    with served(project) as running:
        yield running


def arrived(posts: list[Any], found: Callable[[Any], bool], seconds: float = 60.0) -> Any:
    """Return the first post of which something is so, once it has arrived."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if hit := next((post for post in posts if found(post)), None):
            return hit
        time.sleep(0.05)
    raise AssertionError(f"nothing of the kind arrived: {posts}")


def on_rasas_wire(shop: Shop) -> str:
    shop.rest(ASKED, "helped")
    buttons = [one["payload"] for said in json.loads(shop.rest(ENDED, "helped")) for one in said.get("buttons", ())]
    assert buttons == [YES, "/not_helped"]
    return shop.rest(YES, "helped")


def in_the_widget(shop: Shop) -> str:
    def said(text: str, conversation: str | None) -> dict[str, Any]:
        body = {"text": text, "message_id": str(uuid4()), "token": token(shop.people[9])}
        whole = body | ({"conversation_id": conversation} if conversation else {})
        answer: dict[str, Any] = json.loads(shop.post("/api/chat", whole))
        return answer

    first = said(ASKED, None)
    ended = said(ENDED, first["conversation_id"])
    assert YES in [one["payload"] for one in ended["reply"]["buttons"]]
    return str(said(YES, first["conversation_id"])["reply"]["text"])


def on_slack(shop: Shop) -> str:
    posts = shop.slack.posted
    for text in (ASKED, ENDED):
        shop.write_slack(text, "U90")
    body, headers = shop.slack.signed(shop.slack.press(arrived(posts, lambda post: YES in str(post)), YES, user="U90"))
    shop.client.post(f"{shop.url}/webhooks/slack/webhook", content=body, headers=headers)
    return str(arrived(posts, lambda post: THANKED in str(post)))


def on_telegram(shop: Shop) -> str:
    posts = shop.telegram.sent
    for text in (ASKED, ENDED):
        shop.write_telegram(text, 90)
    press = shop.telegram.press(arrived(posts, lambda post: TITLE in str(post)), TITLE)
    shop.client.post(f"{shop.url}/webhooks/telegram/webhook", json=press, headers=shop.telegram.headers)
    return str(arrived(posts, lambda post: THANKED in str(post)))


def test_it_can_be_said_on_every_channel_with_buttons(shop: Shop) -> None:
    for play in (on_rasas_wire, in_the_widget, on_slack, on_telegram):
        assert THANKED in play(shop), play.__name__
    with closing(sqlite3.connect(shop.folder / ".frontdesk" / "frontdesk.db")) as database:
        votes = [value for (value,) in database.execute("SELECT value FROM feedback")]
    assert votes == ['{"value":"up"}'] * 4
