"""The actions of a project: where they run, whether the settings name any that are not there, and serving them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.calls import Rejected, Runner
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.channels.action_server import ActionRoutes


def actions_of(project: Project) -> Runner:
    """Return what runs the actions: a team's action server where the settings name one, else actions/, checked."""
    settings = project.settings
    if settings.action_endpoint:
        from frontdesk.bot.dialogue.remote import RemoteActions

        return RemoteActions(settings.action_endpoint)
    actions = Actions(project.folder)
    if any(brand.actions for brand in settings.brands.values()):
        check_actions(actions.load(), settings.brands)
    return actions


def check_actions(actions: Runner, brands: Mapping[str, Brand]) -> None:
    """Raise ConfigError when the settings name an action that actions/ does not have."""
    for name, brand in brands.items():
        named = [(f"actions.{intent}", one.action) for intent, one in brand.actions.items()]
        named += [(f"actions.{intent}", one.read_back) for intent, one in brand.actions.items() if one.read_back]
        named += [(f"actions.{intent}.undo", one.undo) for intent, one in brand.actions.items() if one.undo]
        named += [("challenge", brand.challenge.action)] if brand.challenge else []
        for where, action in named:
            if action not in actions.names and action not in brand.responses:
                known = ", ".join(sorted(actions.names)) or "none"
                place = f"brands.{name}.{where}"
                raise ConfigError(f"no action {action!r}.", where=place, fix=f"actions/ has {known}.")


def token_of(project: Project) -> str | None:
    """Return the token of the action server, or None."""
    settings = project.settings.channels.actions
    return settings.token.get_secret_value() if settings else None


def served(actions: Runner, project: Project) -> ActionRoutes:
    """Return the routes of an action server over these actions."""
    from frontdesk.channels.action_server import action_router

    return action_router(Served(actions), token=token_of(project), body_bytes=project.settings.limits.body_bytes)


class Served:
    """The actions, their rejections in the words of the channel."""

    def __init__(self, actions: Runner) -> None:
        self._actions = actions

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions."""
        return self._actions.names

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run an action; raises Refused, or ModelError."""
        from frontdesk.channels.action_server import Refused

        try:
            return self._actions.run(call)
        except Rejected as error:
            raise Refused(str(error)) from None
