"""A real Chromium against a real server over FakeDesk; nothing here leaves the machine."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

from frontdesk.bot.config import Brand, DemoCustomer, Limits, Web
from frontdesk.channels.demo import Demo
from frontdesk.channels.files import Files
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.testing import FakeDesk, FakeStaff
from frontdesk.channels.web import web_router
from tests.browser.shop import CHROMIUM, FLAGS, HOST, OPERATOR, Shop, missing, script


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module."""
    if not CHROMIUM.exists():
        missing(f"Chromium ({CHROMIUM})")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    files = Files(tmp_path_factory.mktemp("state") / "files")
    desk = FakeDesk(script, pause=float(os.environ.get("FAKE_PAUSE", "0.05")))
    brand = Brand(name="Larkspur Lane")
    people = (
        DemoCustomer(id="c-1", name="Nora Whitfield", story="A kettle on its way."),
        DemoCustomer(id="c-2", name="Ben Okafor", story="Two orders, one of them late."),
    )
    demo = Demo(customers=people, questions=("Can I return a kettle?", "Where is my order?", "Something about a lamp"))
    app = FastAPI()
    app.include_router(
        web_router(
            desk,
            settings=Web(demo=True, allowed_origins=(HOST,), messages_per_minute=0, file_megabytes=1),
            limits=Limits(),
            brands={"shop": brand},
            default_brand="shop",
            host_secret=b"k" * 32,
            demo=demo,
            files=files,
        )
    )
    app.include_router(inbox_router(desk, staff=FakeStaff(desk), operator_token=OPERATOR))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield Shop(
        url=f"http://127.0.0.1:{port}",
        desk=desk,
        call=lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(20),
    )
    server.should_exit = True
    thread.join(10)
    loop.close()
