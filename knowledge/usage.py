"""How many tokens a chat model reads and writes, as its provider counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.callbacks import UsageMetadataCallbackHandler
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True)
class Meter:
    """Counts from the moment it is made; a server that names no usage counts as nothing."""

    _seen: UsageMetadataCallbackHandler

    @classmethod
    def on(cls, chat: BaseChatModel) -> Meter:
        """Start to count what `chat` reads and writes, in whatever thread it is called."""
        from langchain_core.callbacks import UsageMetadataCallbackHandler

        handler = UsageMetadataCallbackHandler()
        chat.callbacks = [handler]
        if hasattr(chat, "stream_usage"):  # LangChain asks servers other than OpenAI's for it only when told to
            chat.stream_usage = True
        return cls(handler)

    @property
    def tokens(self) -> tuple[int, int]:
        """The tokens read and the tokens written."""
        usage = self._seen.usage_metadata.values()
        return sum(one["input_tokens"] for one in usage), sum(one["output_tokens"] for one in usage)
