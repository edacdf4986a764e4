"""Two public widgets made for Rasa, in a real browser, unchanged: one over socket.io, one over the REST channel.

`npm install rasa-webchat@1.0.1 @scalableminds/chatroom@0.12.0` in some folder; FRONTDESK_RASA_WEBCHAT names the
lib/index.js of the first, FRONTDESK_RASA_CHATROOM the dist/Chatroom.js of the second.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from playwright.sync_api import Browser, Page

from frontdesk.bot.config import Limits, Messages, RasaSocket
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.rasa import rasa_router
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import scripted

WEBCHAT = Path(os.environ.get("FRONTDESK_RASA_WEBCHAT", "/nowhere"))
CHATROOM = Path(os.environ.get("FRONTDESK_RASA_CHATROOM", "/nowhere"))
WEBCHAT_PAGE = """<!doctype html><title>A shop</title><div id="webchat"></div><script src="/widget.js"></script><script>
WebChat.default({selector: "#webchat", socketUrl: location.origin, socketPath: "/socket.io/", title: "Larkspur Lane",
  embedded: true, params: {storage: "session"}}, null)
</script>"""
CHATROOM_PAGE = """<!doctype html><title>A shop</title><div id="chat"></div><script src="/widget.js"></script><script>
new Chatroom({host: "http://" + location.hash.slice(1), title: "Larkspur Lane",
  container: document.querySelector("#chat")}).openChat()
</script>"""


@pytest.mark.skipif(not WEBCHAT.is_file(), reason="needs FRONTDESK_RASA_WEBCHAT, the bundle of rasa-webchat from npm")
def test_rasa_webchat_talks_to_us(browser: Browser, tmp_path: Path) -> None:
    pytest.importorskip("socketio", reason="needs the extra `rasa`")
    from frontdesk.channels.rasa_socketio import socket_app

    desk = scripted()
    app = page_of(WEBCHAT_PAGE, WEBCHAT)
    app.mount("/socket.io", socket_app(desk, RasaSocket(session_persistence=True), Limits(), "shop", Messages()))
    with LocalServer(app) as server, browser.new_page() as page:
        talk(page, server.url, desk, ".rw-new-message")
        assert not page.get_by_text("empty").count()
        page.screenshot(path=os.environ.get("FRONTDESK_SHOT", str(tmp_path / "webchat.png")))


@pytest.mark.skipif(not CHATROOM.is_file(), reason="needs FRONTDESK_RASA_CHATROOM, the bundle of chatroom from npm")
def test_chatroom_talks_to_us(browser: Browser, tmp_path: Path) -> None:
    desk, bot = scripted(), FastAPI(openapi_url=None)
    with LocalServer(page_of(CHATROOM_PAGE, CHATROOM)) as shop, LocalServer(bot) as server, browser.new_page() as page:
        bot.include_router(rasa_router(desk, Limits(), "shop", Messages(), [shop.url]))
        talk(page, f"{shop.url}/#{server.url.removeprefix('http://')}", desk, "#chat input[type=text]")
        page.screenshot(path=os.environ.get("FRONTDESK_SHOT", str(tmp_path / "chatroom.png")))


def page_of(page: str, widget: Path) -> FastAPI:
    """Return an app with a page and the bundle that it loads as /widget.js."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/", lambda: HTMLResponse(page))
    app.add_api_route("/widget.js", lambda: FileResponse(widget, media_type="text/javascript"))
    return app


def talk(page: Page, url: str, desk: FakeDesk, field: str) -> None:
    """Say three things in the widget, press a button, and see each answered; the desk has them in one conversation."""
    page.goto(url)
    for said, answer in (("hi", "You said: hi"), ("return?", "You may return it"), ("choose", "Which one?")):
        page.fill(field, said)
        page.press(field, "Enter")
        page.get_by_text(answer).wait_for()
    page.get_by_text("Choice 2").click()
    page.get_by_text("You said: /choice_2").wait_for()
    [conversation] = desk._conversations.values()
    assert [turn.message.text for turn in conversation.turns] == ["hi", "return?", "choose", "/choice_2"]
