"""A public widget made for Rasa, in a real browser, unchanged.

`npm install rasa-webchat@1.0.1` in some folder, and FRONTDESK_RASA_WEBCHAT names its lib/index.js.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from playwright.sync_api import Browser

from frontdesk.bot.config import Limits, Messages, RasaSocket
from frontdesk.channels.fakes.server import LocalServer
from tests.channels.wire import scripted

WIDGET = Path(os.environ.get("FRONTDESK_RASA_WEBCHAT", "/nowhere"))
PAGE = """<!doctype html><title>A shop</title><div id="webchat"></div><script src="/webchat.js"></script><script>
WebChat.default({selector: "#webchat", socketUrl: location.origin, socketPath: "/socket.io/", title: "Larkspur Lane",
  embedded: true, params: {storage: "session"}}, null)
</script>"""


@pytest.mark.skipif(not WIDGET.is_file(), reason="needs FRONTDESK_RASA_WEBCHAT, the bundle of rasa-webchat from npm")
def test_rasa_webchat_talks_to_us(browser: Browser, tmp_path: Path) -> None:
    pytest.importorskip("socketio", reason="needs the extra `rasa`")
    from frontdesk.channels.rasa_socketio import socket_app

    app, desk = FastAPI(openapi_url=None), scripted()
    app.add_api_route("/", lambda: HTMLResponse(PAGE))
    app.add_api_route("/webchat.js", lambda: FileResponse(WIDGET, media_type="text/javascript"))
    app.mount("/socket.io", socket_app(desk, RasaSocket(session_persistence=True), Limits(), "shop", Messages()))
    with LocalServer(app) as server, browser.new_page() as page:
        page.goto(server.url)
        for said, answer in (("hi", "You said: hi"), ("return?", "You may return it"), ("choose", "Which one?")):
            page.fill(".rw-new-message", said)
            page.press(".rw-new-message", "Enter")
            page.get_by_text(answer).wait_for()
        page.get_by_text("Choice 2").click()
        page.get_by_text("You said: /choice_2").wait_for()
        assert not page.get_by_text("empty").count()
        page.screenshot(path=os.environ.get("FRONTDESK_SHOT", str(tmp_path / "webchat.png")))
    [conversation] = desk._conversations.values()
    assert [turn.message.text for turn in conversation.turns] == ["hi", "return?", "choose", "/choice_2"]
