"""The manifest of a Slack app: what Slack needs to know to send us what people write, and nothing more.

Source: https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from typing import Any

SCOPES = ("app_mentions:read", "channels:history", "chat:write", "groups:history", "im:history")
"""What the bot token is allowed: mentions, the threads it was called into, direct messages, posting."""
EVENTS = ("app_mention", "message.channels", "message.groups", "message.im")
WEBHOOK = "/webhooks/slack/webhook"
_NAME_LIMIT = 35


def manifest(name: str, address: str = "") -> dict[str, Any]:
    """Return the manifest of an app: for the webhook at `address` (https://host), without one for Socket Mode."""
    request = {"request_url": f"{address.rstrip('/')}{WEBHOOK}"} if address else {}
    shown = name[:_NAME_LIMIT]
    home = {"home_tab_enabled": False, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False}
    return {
        "display_information": {"name": shown},
        "features": {"app_home": home, "bot_user": {"display_name": shown, "always_online": True}},
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not address,
            "token_rotation_enabled": False,
        },
    }
