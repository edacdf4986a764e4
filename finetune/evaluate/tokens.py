"""Counting tokens, for speeds that mean the same for every voice on a base."""

from __future__ import annotations

from collections.abc import Callable


def token_counter(base: str) -> Callable[[str], int]:
    """Return what counts the tokens of a text, as the base's tokenizer cuts it."""
    from frontdesk.adapters.decoding.decoder import folder_of

    folder = folder_of(base)
    if folder and (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: len(plain.encode(text, add_special_tokens=False).ids)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))
