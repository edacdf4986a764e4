"""The shapes of other services in which Rasa's /model/parse can answer, for what was made for those.

Sources: https://wit.ai/docs/http (GET /message), LUIS's endpoint API v3.0 (predict), Dialogflow ES's
DetectIntentResponse; which of their fields are filled is as in Rasa open source 3.6, `rasa/nlu/emulators`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

Json = dict[str, Any]


def wit(found: Json) -> Json:
    """Return what was understood as wit.ai tells it: entities by `name:role`."""
    entities = defaultdict(list)
    for one in found["entities"]:
        name, role, place = one["entity"], one["role"] or one["entity"], slice(one["start"], one["end"])
        said = {"name": name, "role": role, "value": one["value"], "body": found["text"][place]}
        where = {key: one[key] for key in ("start", "end", "confidence")}
        entities[f"{name}:{role}"].append({**said, **where, "entities": []})
    return {"text": found["text"], "intents": [found["intent"]], "entities": entities}


def luis(found: Json) -> Json:
    """Return what was understood as LUIS tells it: values by entity, and beside them where each was found."""
    values, places = defaultdict(list), defaultdict(list)
    for one in found["entities"]:
        key = one["role"] or one["entity"]
        values[key].append(one["value"])
        told = {"role": one["role"], "type": one["entity"], "text": one["value"], "startIndex": one["start"]}
        told |= {"length": one["end"] - one["start"], "score": one["confidence"], "modelType": one["extractor"]}
        places[key].append(told)
    prediction = {
        "normalizedQuery": found["text"],
        "topIntent": found["intent"]["name"],
        "intents": {one["name"]: {"score": one["confidence"]} for one in found["intent_ranking"]},
        "entities": {**values, "$instance": places},
    }
    return {"query": found["text"], "prediction": prediction}


def dialogflow(found: Json) -> Json:
    """Return what was understood as Dialogflow tells it; the bot says nothing here, so the texts are empty."""
    parameters = defaultdict(list)
    for one in found["entities"]:
        parameters[one["entity"]].append(one["value"])
    intent = found["intent"]["name"]
    result = {
        "queryText": found["text"],
        "action": intent,
        "parameters": parameters,
        "fulfillmentText": "",
        "fulfillmentMessages": [],
        "outputContexts": [],
        "intent": {"name": intent, "displayName": intent},
        "intentDetectionConfidence": found["intent"]["confidence"],
    }
    return {"responseId": str(uuid4()), "queryResult": result}


SHAPES: Mapping[str, Callable[[Json], Json]] = {"wit": wit, "luis": luis, "dialogflow": dialogflow}
"""By the value of `emulation_mode`, which Rasa reads in any case."""
