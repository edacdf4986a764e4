"""A small bot with real documents, a real store and two knowledge bases, served for operators to look at."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import uvicorn

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.app import Bot, knowledge_of, operator_token, voices_of
from frontdesk.bot.commands.serving import create_app
from frontdesk.bot.engine import Engine
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.project import Project
from frontdesk.bot.types import Conversation, Message, Route
from tests.knowledge.knowledge_samples import KETTLE, RETURNS, SHIPPING
from tests.serving import free_port

SETTINGS = """
default_brand = "shop"

[brands.shop]
name = "Larkspur Lane"

[brands.studio]
name = "Studio"

[brands.studio.knowledge]
sources = ["studio"]
"""
OLD = """---
title: Returns
valid_from: 2020-01-01
---
You can return unused items within 30 days of delivery.
"""
HOSTILE = """# A notice
<script>document.title = "owned"</script>

The brass lamp is out of stock <img src=x onerror="document.title='owned'"> until spring.
"""


class Fixed:
    """A router that sends everything to the documents, save a wish for a person."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        person = "person" in message.text
        kind, intent = ("handoff", "human_agent") if person else ("knowledge", "question")
        return (Route(kind=kind, intent=intent, confidence=0.97, reason="scripted"),)  # type: ignore[arg-type]


class Served:
    """The running server, seen from a test."""

    def __init__(self, url: str, bot: Bot) -> None:
        self.url, self.bot = url, bot
        self.project, self.token = bot.project.folder, operator_token(bot.project)

    def say(self, *texts: str, brand: str = "shop") -> str:
        """Write the texts as one conversation, each answered before the next; return its id."""
        return self._say("", texts, brand)

    def say_to(self, conversation: str, *texts: str) -> str:
        """Go on in a conversation."""
        return self._say(conversation, texts, "shop")

    def _say(self, conversation: str, texts: Sequence[str], brand: str) -> str:
        for text in texts:
            body = {"text": text, "message_id": str(uuid4()), "conversation_id": conversation or None, "brand": brand}
            answer = httpx.post(f"{self.url}/api/chat", json=body, timeout=60)
            assert answer.status_code == 200, answer.text
            conversation = str(answer.json()["conversation_id"])
        return conversation


def made(folder: Path, more: str = "") -> Bot:
    """Return the bot of a project with five documents for the shop, and one for the studio; `more` are settings."""
    for name, text in {
        "frontdesk.toml": SETTINGS + more,
        "knowledge/returns.md": RETURNS,
        "knowledge/wren.md": KETTLE,
        "knowledge/shipping.md": SHIPPING,
        "knowledge/notice.md": HOSTILE,
        "knowledge/old-returns.md": OLD,
        "studio/prints.md": "# Prints\n\nA print takes two weeks to make.\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project, encoder = Project.load(folder), MiniLM(user_cache())
    knowledge = knowledge_of(project, encoder)
    knowledge.ingest(folder)
    brands = project.settings.brands
    engine = Engine(
        brands=brands,
        routers=dict.fromkeys(brands, Fixed()),
        answerers={"knowledge": knowledge, "handoff": HandoffAnswerer(brands)},
        checks=(),
    )
    return Bot(project=project, encoder=encoder, knowledge=knowledge, voices=voices_of(project), engine=engine)


@contextmanager
def running(bot: Bot, questions: Sequence[Sequence[str]] = ()) -> Iterator[Served]:
    """Serve the bot from a thread, with these conversations held."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(bot), port=port, log_level="warning"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended by itself"
        time.sleep(0.02)
    served = Served(f"http://127.0.0.1:{port}", bot)
    for texts in questions:
        served.say(*texts)
    yield served
    server.should_exit = True
    thread.join(20)
    loop.close()
    bot.knowledge.close()
