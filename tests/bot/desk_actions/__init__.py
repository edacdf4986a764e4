"""A lending desk as rasa-sdk actions: forms, a validation, a read-back, a change under a key, odd events."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import (
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    FollowupAction,
    SlotSet,
)
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection

OWNERS = {"LN-101": "C1", "LN-102": "C1", "LN-201": "C2"}
Events = list[dict[str, Any]]


def record(loan: str, **facts: Any) -> dict[str, Any]:
    fields = {"loan": loan, "customer_id": OWNERS.get(loan, ""), **facts}
    return {"record": {"table": "loans", "id": loan, "fields": fields, "read_at": "2026-11-21T10:00:00+00:00"}}


class ValidateMoveForm(FormValidationAction):  # type: ignore[misc]
    def name(self) -> str:
        return "validate_move_form"

    def validate_loan(self, value: Any, dispatcher: Any, tracker: Tracker, domain: Any) -> dict[str, Any]:
        value = value if value.startswith("LN-") else f"LN-{value}"
        if OWNERS.get(value) != tracker.get_slot("customer_id"):
            dispatcher.utter_message(text="I can't find that loan among yours.")
            return {"loan": None}
        return {"loan": value}


class ValidateAskedForm(FormValidationAction):  # type: ignore[misc]
    def name(self) -> str:
        return "validate_asked_form"

    def validate_kind(self, value: Any, dispatcher: Any, tracker: Tracker, domain: Any) -> dict[str, Any]:
        return {"kind": value}

    def validate_note(self, value: Any, dispatcher: Any, tracker: Tracker, domain: Any) -> dict[str, Any]:
        return {"note": value}

    async def required_slots(
        self, domain_slots: list[str], dispatcher: Any, tracker: Tracker, domain: Any
    ) -> list[str]:
        gift = tracker.get_slot("kind") == "gift"
        return [*domain_slots, "note"] if gift else domain_slots


class ActionAskLoan(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_ask_loan"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        own = [loan for loan, owner in OWNERS.items() if owner == tracker.get_slot("customer_id")]
        buttons = [{"title": loan, "payload": f'/inform{{"loan":"{loan}"}}'} for loan in own]
        whose = {"table": "loans", "id": "all", "customer_id": tracker.get_slot("customer_id"), "fields": {"own": own}}
        dispatcher.utter_message(text="Which loan?", buttons=buttons, json_message={"record": whose})
        return []


class ReadBackMove(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_read_back_move"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        loan, street = tracker.get_slot("loan"), tracker.get_slot("street")
        if street == "9 Nowhere":
            dispatcher.utter_message(text="We can't deliver there.")
            return [ActiveLoop(None)]
        if street == "7 Person":
            return [SlotSet("handoff_reason", "the street is unusual"), ConversationPaused()]
        cost = 500 if street == "1 Far Away" else 5
        message = {**record(loan, street=street), "policy": {"cost": cost, "state": "out"}}
        dispatcher.utter_message(text=f"I'd send {loan} to {street}. Shall I?", json_message=message)
        return [SlotSet("quoted", cost)]


class Move(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_move"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        book = Path(tracker.get_slot("project_dir")) / "book.json"
        lines = json.loads(book.read_text()) if book.exists() else []
        key = tracker.get_slot("idempotency_key")
        if all(line["key"] != key for line in lines):
            lines.append({name: tracker.get_slot(name) for name in ("loan", "street", "note", "quoted")} | {"key": key})
            book.write_text(json.dumps(lines))
        loan, street = tracker.get_slot("loan"), tracker.get_slot("street")
        if (armed := book.with_name("armed")).exists():
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if street == "88 Slow":
            time.sleep(1.0)
        if street == "13 Crash":
            raise RuntimeError("after the write")
        dispatcher.utter_message(text=f"{loan} now goes to {street}.", json_message=record(loan, street=street))
        return []


class UndoMove(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_undo_move"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        book = Path(tracker.get_slot("project_dir")) / "book.json"
        lines = json.loads(book.read_text())
        loan, change = tracker.get_slot("loan"), tracker.get_slot("undo_key")
        if book.with_name("left the house").exists():
            dispatcher.utter_message(text=f"{loan} has left the house.", json_message=record(loan))
            return [ActiveLoop(None)]
        book.write_text(json.dumps([line for line in lines if line["key"] != change]))
        dispatcher.utter_message(text=f"{loan} goes where it went before.", json_message=record(loan))
        return []


class Odd(Action):  # type: ignore[misc]
    """Does what its `note` says."""

    def name(self) -> str:
        return "action_odd"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        note = tracker.get_slot("note")
        if note == "reject":
            raise ActionExecutionRejection(self.name())
        if note == "hang":
            time.sleep(0.4)
        if note == "response":
            dispatcher.utter_message(response="utter_hello", place="the desk")
        if note == "domain":
            dispatcher.utter_message(text=" ".join(sorted(domain["forms"])) + " " + " ".join(domain["intents"]))
        if note == "tracker":
            events = " ".join(event["event"] for event in tracker.events)
            dispatcher.utter_message(text=f"{events} | {tracker.latest_message['intent']['name']}")
        if note == "figures":
            dispatcher.utter_message(text="You owe 77 dollars.", json_message=record("LN-101", owed="78"))
        if note == "foreign":
            dispatcher.utter_message(text="It is with somebody.", json_message=record("LN-201"))
        return {
            "follow": [FollowupAction("action_said")],
            "follow_response": [FollowupAction("utter_hello")],
            "loop": [FollowupAction("action_odd")],
            "pause": [ConversationPaused()],
            "resume": [ConversationPaused(), ConversationResumed(), FollowupAction("action_said")],
            "reset": [AllSlotsReset(), FollowupAction("action_said")],
            "bot": [BotUttered("kept, not sent"), FollowupAction("action_said")],
            "identity": [SlotSet("customer_id", "C2"), SlotSet("confirmation", {}), FollowupAction("action_said")],
            "form": [ActiveLoop("move_form")],
        }.get(note, [])


class SaidAction(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_said"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        logged = [event["text"] for event in tracker.events if event["event"] == "bot"]
        dispatcher.utter_message(
            text=f"For {tracker.get_slot('customer_id')}, note {tracker.get_slot('note') or 'nothing'}. {logged}"
        )
        return []


class Verify(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_verify"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        owner = OWNERS.get(tracker.get_slot("loan"))
        dispatcher.utter_message(text="This is never passed on.")
        if owner and tracker.get_slot("email").casefold() == f"{owner}@example.com".casefold():
            return [SlotSet("customer_id", owner)]
        return []


class Show(Action):  # type: ignore[misc]
    def name(self) -> str:
        return "action_show"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        loan, customer = tracker.get_slot("loan"), tracker.get_slot("customer_id")
        if loan and OWNERS.get(loan) == customer:
            dispatcher.utter_message(text=f"Loan {loan} is out.", json_message=record(loan))
        else:
            dispatcher.utter_message(text="I can't find that loan among yours.")
        return []
