"""A server that is killed right after a change was made: started again, it says what is true and changes nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.talking import ACTIONS, BRAND, book

ROOT = Path(__file__).parents[2]
SERVER = """
import asyncio, json, sys
from pathlib import Path
from frontdesk.bot.config import Limits
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.store import Store
from frontdesk.bot.types import Customer, Message
from tests.bot.talking import BRAND, Talk

folder, repeatable = Path(sys.argv[1]), sys.argv[2] == "True"
move = BRAND.actions["move"].model_copy(update={"repeatable": repeatable})
brand = BRAND.model_copy(update={"actions": {**BRAND.actions, "move": move}})
store = Store(f"sqlite:///{folder / 'x.db'}")
front = FrontDesk(Talk(Actions(folder).load(), brand=brand, ledger=store.ledger).engine, store, Limits(), workers=1)

async def said(number, text):
    who = Customer(id="C1", identity="token")
    message = Message(text=text, conversation_id="c", brand="b", channel="web", customer=who, id=f"m{number}")
    receipt = await front.accept(message, f"m{number}")
    async for event in front.events("c", 0):
        if event.kind == "done" and event.message_id == f"m{number}":
            return event.data["text"]

async def main():
    await front.start()
    texts = [await said(number, text) for number, text in enumerate(("move 101", "42 Elm Street", "yes"))]
    state = (await front.conversation("c")).state
    await front.stop()
    print(json.dumps([texts[-1], state]))

asyncio.run(main())
"""


def serve(folder: Path, repeatable: bool) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SERVER, str(folder), str(repeatable)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(
    ("repeatable", "text", "state"),
    [
        (True, "LN-101 now goes to 42 Elm Street.", "bot"),
        (False, BRAND.messages.uncertain, "waiting"),
    ],
)
def test_a_change_is_made_once_though_the_server_dies(tmp_path: Path, repeatable: bool, text: str, state: str) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "__init__.py").write_text((ACTIONS / "__init__.py").read_text())
    (tmp_path / "armed").touch()
    killed = serve(tmp_path, repeatable)
    assert killed.returncode == -signal.SIGKILL
    assert len(book(tmp_path)) == 1
    again = serve(tmp_path, repeatable)
    assert json.loads(again.stdout.splitlines()[-1]) == [text, state], again.stderr[-2000:]
    assert len(book(tmp_path)) == 1
