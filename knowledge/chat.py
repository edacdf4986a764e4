"""The chat model of the settings, made by LangChain."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from frontdesk.bot.config import ChatModel
from frontdesk.bot.errors import ConfigError, MissingExtra
from frontdesk.bot.usage import Tariff

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

WHERE = "knowledge.chat_model"


def chat_model(settings: ChatModel) -> BaseChatModel:
    """Return the chat model, not yet called: no retries, temperature 0, `seconds` for a request.

    Raises MissingExtra without LangChain, ConfigError when the provider is unknown, not installed or lacks its key.
    """
    if importlib.util.find_spec("langchain") is None:
        raise MissingExtra("langchain", "chat")
    from langchain.chat_models import init_chat_model

    given: dict[str, Any] = {"temperature": 0, "timeout": settings.seconds, "max_retries": 0}
    if settings.url:
        given |= {"base_url": settings.url, "api_key": "none"}
    if settings.api_key:
        given["api_key"] = settings.api_key.get_secret_value()
    try:
        made: BaseChatModel = init_chat_model(settings.model, model_provider=settings.provider, **given)
    except ImportError as error:
        what, fix = " ".join(str(error).split()), "install the provider's package."
        raise ConfigError(f"the provider is not installed: {what}", where=WHERE, fix=fix) from None
    except Exception as error:  # every provider checks its settings in its own way
        what, fix = " ".join(str(error).split()), "mend provider, model or api_key."
        raise ConfigError(f"no chat model can be made: {what}", where=WHERE, fix=fix) from None
    if hasattr(made, "stream_usage"):  # LangChain asks servers other than OpenAI's for tokens only when told to
        made.stream_usage = settings.count_tokens
    return made


def tariff_of(settings: ChatModel) -> Tariff:
    """Return how the calls of this model are counted."""
    return Tariff(
        model=settings.model, provider=settings.provider, price_in=settings.price_in, price_out=settings.price_out
    )
