"""The languages a project wants its transcripts in."""

from __future__ import annotations

from collections.abc import Collection

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.languages import COMMON


def check_languages(wanted: Collection[str]) -> frozenset[str]:
    """Return the codes; raises ConfigError for one that cannot be recognised."""
    if unknown := set(wanted) - COMMON:
        raise ConfigError(
            f"language {', '.join(sorted(unknown))} cannot be recognised.",
            where="languages",
            fix=f"one of {' '.join(sorted(COMMON))}, or none to take every language.",
        )
    return frozenset(wanted)
