"""The tokens a chat model reads and writes are counted wherever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from frontdesk.knowledge.usage import Meter


class Counted(BaseChatModel):
    """Says one word and what it cost."""

    stream_usage: bool = False

    @property
    def _llm_type(self) -> str:
        return "counted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        usage = UsageMetadata(input_tokens=40, output_tokens=2, total_tokens=42) if self.stream_usage else None
        named = {"model_name": "counted"}
        yield ChatGenerationChunk(message=AIMessageChunk(content="Yes.", usage_metadata=usage, response_metadata=named))


def test_tokens_are_counted_in_another_thread() -> None:
    chat = Counted()
    meter = Meter.on(chat)
    asking = Thread(target=lambda: list(chat.stream("Do you?")))
    asking.start()
    asking.join()
    list(chat.stream("Do you still?"))
    assert meter.tokens == (80, 4)
