"""Rasa's `POST /model/parse`: what a text says, stored nowhere. The shape is that of Rasa open source 3.6."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.config import Limits, RasaRest
from frontdesk.bot.errors import ChannelError
from frontdesk.channels.problems import read_body
from frontdesk.channels.rasa_conversations import RasaRoute, admitted
from frontdesk.channels.rasa_emulation import SHAPES
from frontdesk.channels.requests import read_object

RANKED = 10
"""The intents that Rasa ranks."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class Entity(Protocol):
    """A value in a text, at `[start, end)`, and what found it."""

    @property
    def name(self) -> str:
        """Name the slot."""
        ...

    @property
    def value(self) -> str:
        """Return what it means."""
        ...

    @property
    def start(self) -> int:
        """Return where it begins."""
        ...

    @property
    def end(self) -> int:
        """Return where it ends."""
        ...

    @property
    def extractor(self) -> str:
        """Name what found it."""
        ...


class Understood(Protocol):
    """What a text says: (intent, confidence) with the likeliest first, and the entities."""

    @property
    def ranking(self) -> Sequence[tuple[str, float]]:
        """Return the intents."""
        ...

    @property
    def entities(self) -> Sequence[Entity]:
        """Return the values."""
        ...


def parse_router(understand: Callable[[str], Understood], limits: Limits, settings: RasaRest) -> APIRouter:
    """Return the route /model/parse; where the settings name a token or a secret, whoever asks must prove it."""
    router = APIRouter(route_class=RasaRoute)

    @router.post("/model/parse")
    async def parse(request: Request) -> Response:
        if settings.token or settings.jwt_secret:
            admitted(request, settings)
        mode = request.query_params.get("emulation_mode", "").lower()
        if mode and mode not in SHAPES:
            raise ChannelError("emulation_mode is unknown.", fix=f"use one of {', '.join(SHAPES).upper()}.")
        body = read_object(await read_body(request, limits.body_bytes))
        text, message_id = body.get("text"), body.get("message_id")
        if not isinstance(text, str) or not text.strip():
            raise ChannelError("text is missing.", fix='send {"text": "..."}.', code="invalid_text")
        if len(text) > limits.text_chars:
            fix = f"send at most {limits.text_chars} characters."
            raise ChannelError("the text is too long.", fix=fix, status=413, code="text_too_long")
        found = parsed(text, await asyncio.to_thread(understand, text))
        if mode:
            return JSONResponse(SHAPES[mode](found))
        return JSONResponse(found | ({"message_id": message_id} if isinstance(message_id, str) else {}))

    return router


def parsed(text: str, found: Understood) -> dict[str, Any]:
    """Return what was understood in Rasa's shape."""
    ranking = [{"name": name, "confidence": confidence} for name, confidence in found.ranking[:RANKED]]
    entities = [
        {
            "entity": one.name,
            "start": one.start,
            "end": one.end,
            "value": one.value,
            "extractor": one.extractor,
            "confidence": 1.0,
            "role": None,
            "group": None,
        }
        for one in found.entities
    ]
    return {
        "text": text,
        "intent": ranking[0] if ranking else {"name": None, "confidence": 0.0},
        "entities": entities,
        "text_tokens": [[match.start(), match.end()] for match in _WORD.finditer(text)],
        "intent_ranking": ranking,
        "response_selector": {"all_retrieval_intents": [], "default": {"response": {}, "ranking": []}},
    }
