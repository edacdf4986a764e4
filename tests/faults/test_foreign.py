"""Nobody reads anybody else's orders over any channel, and nothing secret or personal reaches a log or an error body.

`benchmarks/foreign.py` makes 2,000 attempts; here every kind is made a few times, on the same server.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from frontdesk.channels.fakes.server import Fault
from tests.faults.foreign import API_KEY, CHATWOOT_SECRET, RASA_TOKEN, SECRET, Shop, Try, folded, foreign, served, token
from tests.faults.foreign_attacks import ATTACKS

EXPLODING = '''
"""An action that fails on one order, and says all it knows when it does."""

from .orders import ActionOrderStatus


class Exploding(ActionOrderStatus):
    def run(self, dispatcher, tracker, domain):
        if "LL-99913" in tracker.latest_message["text"]:
            raise RuntimeError(f"cannot read {tracker.latest_message['text']} of {tracker.slots}")
        return super().run(dispatcher, tracker, domain)
'''


@pytest.fixture(scope="module")
def shop(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    project = tmp_path_factory.mktemp("made") / "shop"
    shutil.copytree(demo, project)
    (project / "actions" / "z_exploding.py").write_text(EXPLODING)
    with served(project) as running:
        yield running


def settled(shop: Shop, count: int, seconds: float = 20.0) -> list[str]:
    """Return what arrived at Slack and Telegram, once it is that many."""
    deadline = time.monotonic() + seconds
    while len(posts := [*shop.slack.posted, *shop.telegram.sent]) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return [str(post) for post in posts]


def test_a_customer_hears_about_their_own_order(shop: Shop) -> None:
    who = shop.people[7]
    number, tracking, _, _ = who.orders[1]
    said = shop.web(f"where is my order {number}", token(who))
    assert number in said
    assert tracking in said


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: getattr(one, "__name__", "attack"))
def test_nobody_hears_about_anybody_else(shop: Shop, attack: object) -> None:
    rng, before = random.Random(3), shop.orders()
    for number in range(2):
        asker, victim = rng.sample(shop.people, 2)
        attempt = attack(shop, asker, victim, rng)  # type: ignore[operator]
        assert isinstance(attempt, Try)
        assert foreign(attempt, shop.people) == [], (number, attempt)
    assert not before or shop.orders() == before


def test_an_order_that_is_not_ones_own_sounds_like_one_that_does_not_exist(shop: Shop) -> None:
    asker, victim = shop.people[1], shop.people[2]

    def answered(number: str) -> str:
        text = shop.client.post(
            f"{shop.url}/api/chat",
            json={"text": f"where is my order {number}", "message_id": str(uuid4()), "token": token(asker)},
        ).json()["reply"]["text"]
        return str(text).replace(number, "N")

    assert answered(victim.orders[0][0]) == answered("LL-00001")


def planted(shop: Shop, give: Iterator[str]) -> list[str]:
    """Send secrets everywhere a secret can be sent, most of it wrong in some way; return the bodies of errors."""
    errors: list[str] = []

    def sent(method: str, path: str, **more: object) -> None:
        answer = shop.client.request(method, f"{shop.url}{path}", **more)  # type: ignore[arg-type]
        if answer.status_code >= 400:
            errors.append(answer.text)

    def chat(**more: object) -> None:
        sent("POST", "/api/chat", json={"text": "hello", "message_id": str(uuid4())} | more)

    who = shop.people[3]
    for text in ("my password is {}", "where is my order LL-99913 {}", "iban {} please refund", "hi {}"):
        chat(text=text.format(next(give)), token=token(who, name=f"{next(give)} Smith"))
        chat(text=text.format(next(give)))
        sent("POST", "/webhooks/rest/webhook", json={"sender": next(give), "message": text.format(next(give))})
        said = [{"role": "user", "content": text.format(next(give))}]
        sent(
            "POST", "/v1/chat/completions", json={"model": "m", "messages": said}, headers={"Authorization": next(give)}
        )
    for field in ("token", "conversation_id", "brand", "locale", "message_id"):
        chat(**{field: next(give)})
    chat(metadata={"note": next(give)}, surprise=next(give))
    for path in ("/admin", "/inbox", f"/api/conversations/{next(give)}", "/metrics", f"/{next(give)}"):
        sent("GET", path, headers={"Authorization": f"Bearer {next(give)}", "Cookie": f"session={next(give)}"})
        sent("GET", path, params={"token": next(give)})
    for path in ("/api/chat", "/webhooks/rest/webhook", "/v1/chat/completions", "/webhooks/slack/webhook"):
        sent("POST", path, content=f'{{"text": "{next(give)}", '.encode())
    wrong = {"X-Slack-Signature": f"v0={next(give)}", "X-Slack-Request-Timestamp": str(int(time.time()))}
    sent("POST", "/webhooks/slack/webhook", content=next(give).encode(), headers=wrong)
    sent("POST", "/webhooks/telegram/webhook", json={}, headers={"X-Telegram-Bot-Api-Secret-Token": next(give)})
    planted_elsewhere(sent, give)
    shop.write_slack(f"my card is {next(give)}", "U77")
    shop.write_telegram(f"my pin is {next(give)}, where is my order", 77)
    return errors


def planted_elsewhere(sent: Callable[..., None], give: Iterator[str]) -> None:
    """The same on the wires beside the chat: Rasa's others, the action server, Chatwoot, the pages of operators."""
    for path in (f"/conversations/{next(give)}/messages", f"/conversations/{next(give)}/tracker", "/model/parse"):
        said = {"text": f"reset {next(give)}", "sender": "user"}
        sent("POST", path, params={"token": next(give)}, json=said)
        sent("POST", path, params={"token": RASA_TOKEN}, json=said | {"surprise": next(give)})
    call = {"tracker": {"sender_id": next(give), "slots": {"x": next(give)}}, "domain": {}}
    sent("POST", "/webhook", params={"token": next(give)}, json=call | {"next_action": f"action_{next(give)}"})
    sent("POST", "/webhook", params={"token": RASA_TOKEN}, json=call | {"next_action": "action_nobody_has"})
    sent("POST", "/webhooks/callback/webhook", json={"sender": next(give), "message": f"my pin is {next(give)}"})
    polling = {"EIO": "4", "transport": "polling", "session_id": next(give)}
    sent("GET", "/socket.io/", params=polling, headers={"Authorization": next(give)})
    sent(
        "POST",
        "/socket.io/",
        params=polling | {"sid": next(give)},
        content=f'42["user_uttered",{{"{next(give)}'.encode(),
    )
    account = {"account": {"id": 1}, "conversation": {"id": 5, "status": "pending"}, "id": 9}
    written = {"event": "message_created", "message_type": "incoming", "content": f"card {next(give)}", **account}
    for secret in (next(give), CHATWOOT_SECRET):
        sent(
            "POST",
            "/webhooks/chatwoot/webhook",
            params={"secret": secret},
            json=written | {"sender": {"id": next(give)}},
        )
    for path in ("/inbox/login", "/inbox/reply", "/admin/jobs", "/admin/knowledge/corrections"):
        form = {"token": next(give), "name": next(give), "text": next(give), "id": next(give)}
        sent("POST", path, data=form, headers={"Cookie": f"frontdesk_operator={next(give)}"})
    vote = {"conversation_id": next(give), "message_id": next(give), "value": "up", "comment": next(give)}
    sent("POST", "/api/feedback", json=vote)
    sent("POST", "/api/feedback", json=vote | {"value": next(give)})
    sent("GET", "/admin/numbers", params={"brand": next(give), "since": next(give)})
    sent("PUT", f"/api/chat/{next(give)}", content=next(give).encode() * 20_000)
    sent("POST", "/api/chat", content=next(give).encode() * 80_000)


def test_no_secret_reaches_a_log_a_trace_or_an_error_body(shop: Shop) -> None:
    rng = random.Random(18)
    secrets = [f"Zq{number:03d}{''.join(rng.choices('bcdfghjkmn23456789', k=14))}" for number in range(160)]
    given: list[str] = []
    shop.telegram.faults.add(Fault(kind="busy", seconds=1))
    before = len(shop.slack.posted) + len(shop.telegram.sent)

    def give() -> Iterator[str]:
        for one in secrets:
            given.append(one)
            yield one

    errors = planted(shop, give())
    settled(shop, before + 2)
    log = folded(shop.log)
    assert len(given) >= 110
    assert len(errors) >= 40
    assert "cannot read" not in log, "what an action says when it fails quotes its customer"
    assert "runtimeerror" in log, "the failure itself is told"
    tokens = [shop.slack.bot_token, shop.slack.signing_secret, shop.telegram.bot_token, shop.telegram.secret_token]
    tokens += [RASA_TOKEN, CHATWOOT_SECRET, API_KEY, SECRET]
    assert [one for one in (*secrets, *tokens) if one.casefold() in log] == []
    assert [one for one in (*secrets, *tokens) for body in errors if one in body] == []
    traces = folded(shop.traces)
    assert '"name": "turn"' in traces or not traces
    assert [one for one in (*secrets, *tokens) if one.casefold() in traces] == []
    assert [value for who in shop.people for value in who.fields if value in traces] == []
    assert [value for who in shop.people for value in who.fields if value in log] == []
