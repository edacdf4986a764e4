"""The replies that show each voice's own style: those of its exam."""

from __future__ import annotations

from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.evaluate.contrast import StyleReply
from frontdesk.finetune.exam import read_exam


def own_replies(registry: VoiceRegistry) -> list[StyleReply]:
    """Return the style replies of every voice in the registry; a voice without an exam has none."""
    return [reply for name in registry.names() for reply in _own(registry, name)]


def _own(registry: VoiceRegistry, name: str) -> tuple[StyleReply, ...]:
    try:
        return read_exam(registry, name).style
    except ConfigError:
        return ()
