"""Playing acceptance conversations on a desk of their own: every message takes the path a customer's would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from frontdesk.bot.acceptance.checks import Played, failure
from frontdesk.bot.acceptance.script import Case, Check, Step
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.store.prepared import begin
from frontdesk.bot.types import Conversation, Message, Reply

TURN_SECONDS = 60.0
"""How long a step may take before it counts as not answered."""
CHANNEL = "test"
AUTHOR = "Support"
"""Under whose name `person` steps write."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An assertion that was not met: which, where, and what was found instead."""

    line: int
    assertion: str
    wanted: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one case went; after the first step with a failure the rest is not played. `ms` are per message."""

    case: Case
    failures: tuple[Failure, ...]
    checks: int
    ms: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether every assertion was met."""
        return not self.failures


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where cases are played: the desk, the folder of the project's databases, and what sets those back."""

    desk: FrontDesk
    brand: str
    folder: Path
    reset: Callable[[], None]


async def played(cases: Sequence[Case], stage: Stage) -> AsyncIterator[Result]:
    """Play the cases one after the other, each on databases as they were."""
    for case in cases:
        await asyncio.to_thread(stage.reset)
        yield await _play(case, stage)


async def _play(case: Case, stage: Stage) -> Result:
    talk = _Talk(case, stage)
    failures: list[Failure] = []
    checks = 0
    for step in case.steps:
        turn = await talk.step(step)
        if isinstance(turn, Failure):
            failures.append(turn)
        else:
            checks += len(step.checks)
            failures += [_failed(check, found) for check in step.checks if (found := failure(check, turn))]
        if failures:
            break
    return Result(case=case, failures=tuple(failures), checks=checks, ms=tuple(talk.ms))


def _failed(check: Check, found: str) -> Failure:
    return Failure(line=check.line, assertion=check.name, wanted=_shown(check.wanted), found=found)


def _shown(wanted: Any) -> str:
    if isinstance(wanted, tuple):
        return ", ".join(_shown(one) for one in wanted) or "nothing"
    if hasattr(wanted, "model_dump"):
        kept = wanted.model_dump(exclude_unset=True)
        return ", ".join(f"{key}: {_shown(value)}" for key, value in kept.items())
    if isinstance(wanted, dict):
        return " ".join(_shown(value) for value in wanted.values())
    return str(wanted)


class _Talk:
    """One conversation under way."""

    def __init__(self, case: Case, stage: Stage) -> None:
        self.case, self.stage, self.desk = case, stage, stage.desk
        self.id, self.customer, self.ms = f"test-{uuid4()}", case.customer, list[float]()
        self._numbers = count(1)
        self._now = Conversation(
            id=self.id,
            brand=case.brand or stage.brand,
            channel=CHANNEL,
            customer=case.customer,
            slots=case.slots,
        )
        self._begun = False

    async def step(self, step: Step) -> Played | Failure:
        """Do one step; a Failure when it cannot be done or nothing comes of it."""
        self.customer = step.customer or self.customer
        if step.kind in ("person", "hand_back"):
            return await self._by_a_person(step)
        if step.kind == "user":
            return await self._said(step, step.text, dict(step.metadata))
        last = self._now.turns[-1].reply if self._now.turns else None
        shown = {button.title: button for button in (last.buttons if last else ())}
        if step.text not in shown:
            found = f"the buttons are {', '.join(shown) or 'none'}"
            return Failure(line=step.line, assertion="press", wanted=step.text, found=found)
        return await self._said(step, shown[step.text].payload, {**step.metadata, "title": step.text})

    async def _by_a_person(self, step: Step) -> Played | Failure:
        if not self._begun:
            return Failure(line=step.line, assertion=step.kind, wanted="a conversation", found="none has begun")
        before = self._now
        await (self.desk.post(self.id, step.text, AUTHOR) if step.kind == "person" else self.desk.hand_back(self.id))
        self._now = await self._read()
        return self._played(before, None)

    async def _said(self, step: Step, text: str, metadata: dict[str, Any]) -> Played | Failure:
        before, started = self._now, time.perf_counter()
        if not await self._answered(self._message(text, metadata)):
            found = f"none within {TURN_SECONDS:.0f} s"
            return Failure(line=step.line, assertion=step.kind, wanted="an answer", found=found)
        self.ms.append((time.perf_counter() - started) * 1000)
        self._now = await self._read()
        return self._played(before, self._now.turns[-1].reply if self._now.turns else None)

    def _played(self, before: Conversation, reply: Reply | None) -> Played:
        return Played(reply=reply, before=before, after=self._now, folder=self.stage.folder)

    async def _read(self) -> Conversation:
        return cast(Conversation, await self.desk.conversation(self.id))

    def _message(self, text: str, metadata: dict[str, Any]) -> Message:
        return Message(
            text=text,
            conversation_id=self.id,
            brand=self._now.brand,
            channel=CHANNEL,
            customer=self.customer,
            id=f"{self.id}-{next(self._numbers)}",
            locale=self.case.locale,
            metadata=metadata,
        )

    async def _answered(self, message: Message) -> bool:
        """Have one message answered; False when that takes too long."""
        if self.case.slots and not self._begun:
            await self.desk.store.call(begin, self.desk.store, self._now)
        self._begun = True
        receipt = await self.desk.accept(message, message.id)
        async with aclosing(cast(Any, self.desk.events(self.id, receipt.position))) as events:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    async for event in events:
                        if event.kind == "done" and event.message_id == message.id:
                            return True
            except TimeoutError:
                pass
        return False
