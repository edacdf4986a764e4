"""The errors of frontdesk. Each says what went wrong, where, and how to mend it."""

from __future__ import annotations


class FrontdeskError(Exception):
    """An error with an address: what happened, where, and the fix."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        """One readable line: where, what, fix."""
        return (f"{self.where}: " if self.where else "") + self.what + (f" Fix: {self.fix}" if self.fix else "")


class ConfigError(FrontdeskError):
    """The operator must act: a setting or a project file is wrong."""


class ChannelError(FrontdeskError):
    """The caller must act: a request is malformed, forged or too large. `status` is the HTTP status."""

    def __init__(
        self, what: str, *, where: str = "", fix: str = "", status: int = 400, code: str = "bad_request"
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.status, self.code = status, code


class ModelError(FrontdeskError):
    """A model could not be loaded or did not answer: retry or hand off."""


class KnowledgeError(FrontdeskError):
    """A document or the index is unusable; the old index keeps serving."""


class StoreError(FrontdeskError):
    """The store could not commit: do not acknowledge, so that the platform sends the message again."""


class Overloaded(StoreError):
    """As many messages wait to be answered as may: do not acknowledge this one, and have it sent again later."""


class MissingExtra(FrontdeskError):
    """An optional part is not installed; names the install command."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed.", fix=f"run `pip install 'frontdesk[{extra}]'`.")
