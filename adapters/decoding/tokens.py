"""A base's tokenizer and chat template, without importing transformers (seconds) for a file that is read in 20 ms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ModelError


class ChatTokenizer:
    """Writes messages as the prompt they were trained as, and tokens as text; `transformers` gives the same ids."""

    def __init__(self, folder: Path) -> None:
        from jinja2.exceptions import TemplateError
        from tokenizers import Tokenizer

        try:
            settings: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            self.chat_template = _template(folder, settings)
            self._special = {k: _text(v) for k, v in settings.items() if k.endswith("_token") and v}
            self.eos_token = self._special["eos_token"]
            self._prompt = _compiled(self.chat_template)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except (OSError, ValueError, KeyError, TypeError, TemplateError) as error:
            raise ModelError(
                f"the tokenizer cannot be read: {type(error).__name__}: {error}", where=str(folder)
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        end = self._tokenizer.token_to_id(self.eos_token)
        if end is None:
            raise ModelError(f"the tokenizer does not know its end token {self.eos_token!r}.", where=str(folder))
        self.eos_id = int(end)

    def encode(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Return the ids of the prompt that asks for the next reply."""
        text = self._prompt.render(messages=messages, add_generation_prompt=True, **self._special)
        clean = text.encode("utf-8", "replace").decode("utf-8")  # no tokenizer accepts lone surrogates
        return list(self._tokenizer.encode(clean, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of some tokens, special ones left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def plain_tokenizer(folder: Path) -> bool:
    """Whether ChatTokenizer reads the tokenizer as transformers does: a template, no clean-up of spaces afterwards."""
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        named = isinstance(_template(folder, settings), str) and bool(settings.get("eos_token"))
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return named and not settings.get("clean_up_tokenization_spaces")


def _template(folder: Path, settings: Mapping[str, Any]) -> str:
    file = folder / "chat_template.jinja"
    return file.read_text(encoding="utf-8") if file.is_file() else settings["chat_template"]


def _text(token: Any) -> str:
    """A special token is written as text, or as an object with its text."""
    return str(token["content"]) if isinstance(token, dict) else str(token)


def _compiled(template: str) -> Any:
    """Compile with the environment that transformers documents for chat templates."""
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    return environment.from_string(template)
