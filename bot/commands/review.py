"""`frontdesk review`: what customers wrote and the router doubted becomes examples, one group after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.channels.reviewing import Alike

KEY_CHARS = 12
"""How much of a message's key is shown and must be given."""
_ASK = "  [a]ccept as {}, [r]elabel, [n]ew intent, [o]ut of scope, [d]ismiss, [s]kip, [q]uit"


class Desk(Protocol):
    """Where the queue is: in this process, or in the running server."""

    def queue(self, brand: str, days: int) -> Sequence[Mapping[str, Any]]:
        """Return the groups as JSON values."""
        ...

    def decide(self, intent: str, rows: Sequence[tuple[str, str]]) -> int:
        """Make examples of rows, as (key, text), or dismiss them without an intent."""
        ...


def review(
    accept: Annotated[
        list[str] | None, typer.Option(help="Make an example of a message: its KEY, under the proposed intent.")
    ] = None,
    relabel: Annotated[
        list[str] | None, typer.Option(help="KEY=INTENT: make an example of it under that intent, new or not.")
    ] = None,
    dismiss: Annotated[list[str] | None, typer.Option(help="KEY of a message that is no example of anything.")] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train afterwards and put the router through the gate.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 30,
    brand: Annotated[str | None, typer.Option(help="Whose messages; default the default brand's.")] = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Review the messages whose intent was in doubt; what is accepted goes to nlu.yml.

    Without --accept, --relabel or --dismiss it asks about one group after the other; --json lists them.
    """
    quiet_libraries()
    loaded = Project.load(project)
    key = brand or loaded.settings.brand_id
    loaded.settings.brand(key)
    given = [*(accept or ()), *(relabel or ()), *(dismiss or ())]
    with _desk(loaded) as desk:
        queue = desk.queue(key, days)
        if given:
            count = _decide(desk, queue, accept or (), relabel or (), dismiss or ())
            emit({"decided": count}, as_json, f"{count} reviewed.")
        elif as_json:
            emit({"groups": queue}, as_json)
        else:
            count = _ask_all(desk, queue)
    if train:
        from frontdesk.bot.commands.train import train as retrain

        retrain(project, as_json=as_json)
    elif not as_json and count:
        print("Learn from them with `frontdesk train`.")


@contextmanager
def _desk(project: Project) -> Iterator[Desk]:
    """Open the queue: the store's, or the server's that holds the store."""
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.commands.reviewing import Reviewer
    from frontdesk.bot.store import Store
    from frontdesk.bot.store.database import StoreInUse

    try:
        store = Store(project.store_url).open()
    except StoreInUse:
        yield _Server(project)
        return
    with closing(store):
        reviewer = Reviewer(project, store, encoder_of(project.settings.models))
        reviewer.write()
        yield _Here(reviewer)


class _Here:
    def __init__(self, reviewer: Any) -> None:
        self._reviewer, self.decide = reviewer, reviewer.decide

    def queue(self, brand: str, days: int) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Alike] = self._reviewer.queue(brand, days)
        return [json.loads(json.dumps(asdict(group), default=str)) for group in found]


class _Server:
    """The queue of the server that runs on the project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def queue(self, brand: str, days: int) -> Sequence[Mapping[str, Any]]:
        from frontdesk.bot.commands.running import called

        query = {"brand": brand, "days": str(days)}
        found = called(self._project, "GET", "/admin/review", query=query)
        return list(found["groups"])

    def decide(self, intent: str, rows: Sequence[tuple[str, str]]) -> int:
        from frontdesk.bot.commands.running import called

        body = {"intent": intent, "rows": [{"key": key, "text": text} for key, text in rows]}
        return int(called(self._project, "POST", "/admin/review", body=body)["decided"])


def _decide(
    desk: Desk,
    queue: Sequence[Mapping[str, Any]],
    accept: Sequence[str],
    relabel: Sequence[str],
    dismiss: Sequence[str],
) -> int:
    """Do what the options say; all of them are understood before any is done."""
    rows: list[tuple[str, str, str]] = []
    for key in accept:
        message, group = _found(queue, key)
        if not group["intent"]:
            fix = f"use --relabel {key}=INTENT."
            raise ConfigError(f"no intent is proposed for {message['text']!r}.", fix=fix)
        rows.append((group["intent"], message["key"], message["text"]))
    for given in relabel:
        key, equals, intent = given.partition("=")
        if not equals or not intent:
            raise ConfigError(f"{given!r} names no intent.", fix="write --relabel KEY=INTENT.")
        message, _ = _found(queue, key)
        rows.append((intent, message["key"], message["text"]))
    rows += [("", _found(queue, key)[0]["key"], "") for key in dismiss]
    return sum(desk.decide(intent, [(key, text)]) for intent, key, text in rows)


def _found(queue: Sequence[Mapping[str, Any]], key: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return a message and its group by the beginning of its key."""
    found = [(one, group) for group in queue for one in group["messages"] if one["key"].startswith(key)]
    if len(found) != 1 or len(key) < KEY_CHARS:
        what = f"no message {key!r} is to be reviewed." if not found else f"{key!r} is too short."
        raise ConfigError(what, fix="`frontdesk review --json` lists the keys.")
    return found[0]


def _ask_all(desk: Desk, queue: Sequence[Mapping[str, Any]]) -> int:
    """Ask about every group; returns how many messages were decided."""
    if not queue:
        print("Nothing is left to review.")
    count = 0
    for number, group in enumerate(queue, 1):
        messages = group["messages"]
        print(f"\n{number} of {len(queue)}")
        for one in messages:
            then = f" -> the customer chose {one['chosen']}" if one["chosen"] else ""
            print(f"  {one['text']}  ({one['guess']} {one['confidence']:.0%}{then})")
        answer = _answer(group)
        if answer == "q":
            break
        if answer is not None:
            count += desk.decide(answer, [(one["key"], one["text"] if answer else "") for one in messages])
    return count


def _answer(group: Mapping[str, Any]) -> str | None:
    """Return the intent that was said, "" to dismiss, None to skip, "q" to end."""
    proposed = group["intent"]
    said = typer.prompt(_ASK.format(proposed or "(nothing proposed)"), default="s").strip().lower()[:1]
    if said == "a" and proposed:
        return str(proposed)
    if said in ("r", "n"):
        return str(typer.prompt("  intent", default=proposed if said == "r" else group["name"]))
    return {"o": "out_of_scope", "d": "", "q": "q"}.get(said)
