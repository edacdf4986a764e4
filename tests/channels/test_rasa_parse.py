"""Rasa's /model/parse: the shape, the token, and bad requests."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from frontdesk.bot.config import Limits, RasaRest
from frontdesk.channels.rasa_parse import parse_router
from tests.channels.wire import served

KEY = "k" * 32


@dataclass(frozen=True, kw_only=True)
class Value:
    name: str
    value: str
    start: int
    end: int
    extractor: str


@dataclass(frozen=True, kw_only=True)
class Said:
    ranking: tuple[tuple[str, float], ...]
    entities: tuple[Value, ...]


def understand(text: str) -> Said:
    at = text.find("LL-")
    number = Value(name="order_id", value="LL-1", start=at, end=at + 4, extractor="RegexEntityExtractor")
    return Said(
        ranking=(("order_status", 0.9), *((f"other_{k}", 0.01) for k in range(20))),
        entities=(number,) if at >= 0 else (),
    )


def parse(body: Any, query: str = "", bearer: str = "", **secrets: str) -> Any:
    settings = RasaRest.model_validate(secrets)

    async def go() -> Any:
        async with served(parse_router(understand, Limits(text_chars=100), settings)) as client:
            content = body if isinstance(body, bytes) else json.dumps(body)
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            return await client.post(f"/model/parse{query}", content=content, headers=headers)

    return asyncio.run(go())


def test_the_shape_is_rasas() -> None:
    response = parse({"text": "where is LL-1?", "message_id": "m1"})
    assert response.status_code == 200
    found = response.json()
    assert (found["text"], found["message_id"]) == ("where is LL-1?", "m1")
    assert found["intent"] == {"name": "order_status", "confidence": 0.9}
    [entity] = found["entities"]
    assert {key: entity[key] for key in ("entity", "value", "start", "end", "extractor")} == {
        **{"entity": "order_id", "value": "LL-1", "start": 9, "end": 13},
        "extractor": "RegexEntityExtractor",
    }
    assert {"confidence", "role", "group"} < entity.keys()
    assert len(found["intent_ranking"]) == 10
    assert found["intent_ranking"][0] == found["intent"]
    assert found["text_tokens"] == [[0, 5], [6, 8], [9, 13]]
    assert "default" in found["response_selector"]


def test_what_was_made_for_other_services_is_answered_in_their_shape() -> None:
    said = {"text": "where is LL-1?", "message_id": "m1"}
    found = parse(said, "?emulation_mode=WIT").json()
    assert found["intents"] == [{"name": "order_status", "confidence": 0.9}]
    [entity] = found["entities"]["order_id:order_id"]
    assert (entity["body"], entity["start"], entity["end"], entity["role"]) == ("LL-1", 9, 13, "order_id")
    prediction = parse(said, "?emulation_mode=luis").json()["prediction"]
    assert (prediction["topIntent"], prediction["intents"]["other_0"]) == ("order_status", {"score": 0.01})
    assert prediction["entities"]["order_id"] == ["LL-1"]
    assert prediction["entities"]["$instance"]["order_id"][0]["length"] == 4
    result = parse(said, "?emulation_mode=DIALOGFLOW").json()["queryResult"]
    assert (result["action"], result["parameters"]) == ("order_status", {"order_id": ["LL-1"]})
    assert result["intentDetectionConfidence"] == 0.9


@pytest.mark.parametrize(("query", "status"), [("?token=s3cret", 200), ("", 401), ("?token=", 401), ("?token=ñ", 401)])
def test_a_configured_token_is_asked_for(query: str, status: int) -> None:
    assert parse({"text": "hi"}, query, token="s3cret").status_code == status


@pytest.mark.parametrize(("key", "role", "status"), [(KEY, "admin", 200), (KEY, "user", 403), ("x" * 32, "admin", 401)])
def test_a_configured_secret_closes_it_to_all_but_admins(key: str, role: str, status: int) -> None:
    bearer = jwt.encode({"user": {"username": "u1", "role": role}}, key, "HS256")
    assert parse({"text": "hi"}, bearer=bearer, jwt_secret=KEY).status_code == status
    assert parse({"text": "hi"}, jwt_secret=KEY).status_code == 401


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b"{", "", 400),
        (b"\xff", "", 400),
        ([], "", 400),
        ({}, "", 400),
        ({"text": 3}, "", 400),
        ({"text": "  "}, "", 400),
        ({"text": "x" * 101}, "", 413),
        ({"text": "hi"}, "?emulation_mode=ALEXA", 400),
    ],
)
def test_bad_requests_say_what_is_wrong(body: Any, query: str, status: int) -> None:
    response = parse(body, query)
    assert response.status_code == status
    said = response.json()
    assert (said["status"], said["code"]) == ("failure", status)
    assert said["message"]
