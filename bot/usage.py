"""What language models read and wrote for a message: told where a model is called, kept where a message is answered.

The collection is a context variable: tasks, `asyncio.to_thread` and another loop's tasks carry it on, a thread of one's
own is given it by `contextvars.copy_context().run`. Where nobody collects, telling does nothing.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass

HERE = "frontdesk"
"""The provider of models that run in this process: their tokens are on nobody's bill."""
MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One call of a language model; `began` is in seconds since the epoch.

    Tokens are None where the server named none; `cost` is then nought, and in the currency of the prices otherwise.
    """

    model: str
    provider: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    began: float
    seconds: float
    cost: float = 0.0

    @property
    def counted(self) -> bool:
        """Whether the tokens are known."""
        return self.tokens_in is not None and self.tokens_out is not None


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """A model by its name, whose it is, and what a million tokens read and written cost."""

    model: str
    provider: str = HERE
    price_in: float = 0.0
    price_out: float = 0.0

    def tell(self, began: float, tokens_in: int | None, tokens_out: int | None) -> None:
        """Tell whoever collects of a call that began at `began` (time.time()) and ends now."""
        calls = _calls.get()
        if calls is None:
            return
        cost = ((tokens_in or 0) * self.price_in + (tokens_out or 0) * self.price_out) / MILLION
        call = ModelCall(
            model=self.model,
            provider=self.provider,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            began=began,
            seconds=round(max(0.0, time.time() - began), 3),
            cost=cost if tokens_in is not None and tokens_out is not None else 0.0,
        )
        calls.append(call)


NAMELESS = Tariff(model="chat", provider="unknown")
"""A model that nobody named."""
_calls: ContextVar[list[ModelCall] | None] = ContextVar("frontdesk_model_calls", default=None)


def collect(into: list[ModelCall]) -> None:
    """Keep the calls that are told of from now on in this task, and in what it starts, in `into`."""
    _calls.set(into)
