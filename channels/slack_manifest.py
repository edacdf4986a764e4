"""The manifest of a Slack app: what Slack needs to know to send us what people write, and nothing more.

Source: https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SCOPES = ("app_mentions:read", "channels:history", "chat:write", "files:read", "groups:history", "im:history")
"""What the bot token is allowed: mentions, the threads it was called into, direct messages, posting, opening files."""
ASSISTANT_SCOPE = "assistant:write"
"""What Slack's assistants need besides, to suggest questions."""
EVENTS = ("app_mention", "message.channels", "message.groups", "message.im")
OPENED = "app_home_opened"
"""Tells an assistant that somebody opened it."""
WEBHOOK = "/webhooks/slack/webhook"
_NAME_LIMIT, _DESCRIPTION_LIMIT = 35, 300


def scopes_of(*, assistant: bool) -> tuple[str, ...]:
    """Return the scopes that the bot token needs."""
    return (*SCOPES, ASSISTANT_SCOPE) if assistant else SCOPES


def manifest(name: str, address: str = "", *, assistant: bool = False, prompts: Sequence[str] = ()) -> dict[str, Any]:
    """Return the manifest of an app: for the webhook at `address` (https://host), without one for Socket Mode.

    An `assistant` is of Slack's agent messaging (`agent_view`): new apps cannot have the older `assistant_view`.
    """
    request = {"request_url": f"{address.rstrip('/')}{WEBHOOK}"} if address else {}
    shown = name[:_NAME_LIMIT]
    home = {"home_tab_enabled": False, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False}
    return {
        "display_information": {"name": shown},
        "features": {
            "app_home": home,
            "bot_user": {"display_name": shown, "always_online": True},
            **({"agent_view": _agent(name, prompts)} if assistant else {}),
        },
        "oauth_config": {"scopes": {"bot": list(scopes_of(assistant=assistant))}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": [*EVENTS, *((OPENED,) if assistant else ())]},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not address,
            "token_rotation_enabled": False,
        },
    }


def _agent(name: str, prompts: Sequence[str]) -> dict[str, Any]:
    described: dict[str, Any] = {"agent_description": f"Ask {name} anything."[:_DESCRIPTION_LIMIT]}
    return described | ({"suggested_prompts": suggested(prompts)} if prompts else {})


def suggested(prompts: Sequence[str]) -> list[dict[str, str]]:
    """Return questions as Slack's suggested prompts: what is read, and what is then said."""
    return [{"title": question, "message": question} for question in prompts]
