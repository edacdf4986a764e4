"""Bytes -> text, or a reason why not: a file in an unknown encoding is skipped, never guessed into wrong letters."""

from __future__ import annotations

import codecs
import re

from frontdesk.knowledge.sources.source import Unreadable

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_UTF8_TWICE = re.compile(r"Ã[\x80-¿€-™Œ-Ÿ]|â€|Â[\xa0-¿]")
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w-]{2,40})", re.I)
_NOT_WESTERN = re.compile(
    r"[À-ÖØ-öø-ÿŠŒŽšœžŸ]{3}"  # whole words of accented letters: another alphabet
    r"|[^\W\d_][¡-©«-±´¸»-¿×÷][^\W\d_]"  # a symbol inside a word
    r"|[a-zß-öø-ÿ][À-ÖØ-ÞŠŒŽŸ]"  # a capital inside a word
)


def decode(data: bytes, declared: str = "") -> str:
    """Decode UTF-8, UTF-16 with a mark, the `declared` encoding, or what is certainly Windows-1252.

    All newlines become LF. Raises Unreadable for binary data and for encodings that are not certain.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = (_or_nothing(data, "utf-16") or "\0") if marked else data[:100_000].decode("latin-1")
    if len(_CONTROL.findall(text[:100_000])) * 1000 > len(text[:100_000]):
        raise Unreadable("not text (binary, or an unknown encoding)")
    text = text if marked else _text(data, declared)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def declared(data: bytes, header: str = "") -> str:
    """Return the encoding that a page's Content-Type header or its first lines declare, empty for none."""
    named = re.search(r"charset\s*=\s*[\"']?([\w-]{2,40})", header, re.I)
    inside = _DECLARED.search(data[:2048])
    return named[1] if named else inside[1].decode("ascii", "ignore") if inside else ""


def cleaned(text: str) -> str:
    """Drop control characters and the invisible tag letters that can carry hidden words."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff\U000e0000-\U000e007f]", "", text).strip()


def _text(data: bytes, declared: str) -> str:
    unicode = _or_nothing(data, "utf-8-sig")
    if unicode is not None:
        return _once(unicode)
    if declared and (said := _or_nothing(data, declared)) is not None:
        return said
    western = _or_nothing(data, "cp1252")
    if western is None or _NOT_WESTERN.search(western):
        raise Unreadable("neither UTF-8 nor another encoding that is certain; save it as UTF-8")
    return western


def _or_nothing(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _once(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 and written again; that it decodes is proof enough."""
    if not _UTF8_TWICE.search(text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text
