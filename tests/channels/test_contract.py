"""Every channel with a webhook keeps the contract that third parties get."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter
from pydantic import SecretStr

from frontdesk.bot.channel_config import Chatwoot
from frontdesk.bot.config import Brand, Limits, Messages, Slack, Telegram, Web
from frontdesk.channels.chatwoot import ChatwootIntake, chatwoot_router
from frontdesk.channels.contract import ChannelContract, Delivery
from frontdesk.channels.desk import Desk
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.openai import openai_router
from frontdesk.channels.rasa import rasa_router
from frontdesk.channels.rasa_callback import callback_router
from frontdesk.channels.slack import SlackIntake, slack_router
from frontdesk.channels.telegram import TelegramIntake, TelegramSender, telegram_router
from frontdesk.channels.testing import FakeDesk, FakeStaff
from frontdesk.channels.web import web_router
from tests.channels.test_chatwoot import incoming
from tests.channels.wire import script

NOBODY = "http://127.0.0.1:9"


class TestSlack(ChannelContract):
    def routes(self, desk: Desk) -> APIRouter:
        settings = Slack(signing_secret=SecretStr(FakeSlack().signing_secret), bot_token=SecretStr("xoxb-local"))
        return slack_router(SlackIntake(desk, Limits(), "shop", settings), settings, Limits())

    def delivery(self, number: int) -> Delivery:
        fake = FakeSlack()
        body, headers = fake.signed(fake.message(f"message {number}", ts=f"{1000 + number}.1"))
        return Delivery(path="/webhooks/slack/webhook", body=body, headers=headers)

    def forged(self, delivery: Delivery) -> Delivery:
        return replace(delivery, body=delivery.body.replace(b"message", b"massage"))


class TestTelegram(ChannelContract):
    def routes(self, desk: Desk) -> APIRouter:
        secret = SecretStr(FakeTelegram().secret_token)
        settings = Telegram(bot_token=SecretStr("1:x"), secret_token=secret, api_url=NOBODY)
        return telegram_router(TelegramIntake(desk, Limits(), "shop", TelegramSender(settings)), settings, Limits())

    def delivery(self, number: int) -> Delivery:
        fake = FakeTelegram()
        update = fake.message(f"message {number}") | {"update_id": 1000 + number}
        return Delivery(path="/webhooks/telegram/webhook", body=json.dumps(update).encode(), headers=fake.headers)

    def forged(self, delivery: Delivery) -> Delivery:
        return replace(delivery, headers={"X-Telegram-Bot-Api-Secret-Token": "local-secret-tokem"})


class TestChatwoot(ChannelContract):
    def routes(self, desk: Desk) -> APIRouter:
        settings = Chatwoot(url=NOBODY, token=SecretStr("x" * 16), secret=SecretStr("s" * 16))
        staff = FakeStaff(desk) if isinstance(desk, FakeDesk) else FakeStaff(FakeDesk(script))
        return chatwoot_router(ChatwootIntake(desk, staff, Limits(), "shop"), settings, Limits())

    def delivery(self, number: int) -> Delivery:
        body = incoming(f"message {number}", number)
        return Delivery(
            path="/webhooks/chatwoot/webhook?secret=" + "s" * 16, body=json.dumps(body).encode(), headers={}
        )

    def forged(self, delivery: Delivery) -> Delivery:
        return replace(delivery, path=delivery.path + "t")


class TestRasaRest(ChannelContract):
    path = "/webhooks/rest/webhook"

    def routes(self, desk: Desk) -> APIRouter:
        return rasa_router(desk, Limits(), "shop", Messages())

    def delivery(self, number: int) -> Delivery:
        body = {"sender": "u", "message": f"message {number}", "metadata": {"message_id": f"m{number}"}}
        return Delivery(path=self.path, body=json.dumps(body).encode(), headers={})


class TestRasaCallback(TestRasaRest):
    path = "/webhooks/callback/webhook"

    def routes(self, desk: Desk) -> APIRouter:
        return callback_router(desk, Limits(), "shop")


class TestWidget(ChannelContract):
    busy = 429

    def routes(self, desk: Desk) -> APIRouter:
        return web_router(
            desk, settings=Web(), limits=Limits(), brands={"shop": Brand(name="Shop")}, default_brand="shop"
        )

    def delivery(self, number: int) -> Delivery:
        body = {"text": f"message {number}", "message_id": str(UUID(int=number + (4 << 76) + (8 << 60)))}
        return Delivery(path="/api/chat", body=json.dumps(body).encode(), headers={})


class TestOpenAI(ChannelContract):
    busy = 429

    def routes(self, desk: Desk) -> APIRouter:
        return openai_router(desk, Limits(), {"shop": Brand(name="Shop")}, "shop", SecretStr("k" * 16))

    def delivery(self, number: int) -> Delivery:
        named = {"conversation_id": "c", "message_id": f"m{number}"}
        said = [{"role": "user", "content": f"message {number}"}]
        body = {"model": "shop", "messages": said, "metadata": named}
        headers = {"Authorization": "Bearer " + "k" * 16}
        return Delivery(path="/v1/chat/completions", body=json.dumps(body).encode(), headers=headers)

    def forged(self, delivery: Delivery) -> Delivery:
        return replace(delivery, headers={"Authorization": "Bearer " + "k" * 15 + "l"})
