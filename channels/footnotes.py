"""A reply where there is no rich text: numbers after the sentences that cite, and the sources below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

_BOLD = re.compile(r"\*\*(?=\S)((?:(?!\*\*)[^\n])+)(?<=\S)\*\*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^()\s]+)\)")
_UNSAFE = re.compile(r"[\s<>|\"]")
_LONGEST_QUOTE = 200


def marked(sentence: Mapping[str, Any]) -> str:
    """Return a sentence's text followed by ` [n]` for each source it cites, as in the text of a REPLY."""
    text, marks = str(sentence.get("text") or ""), "".join(f" [{n}]" for n in _numbers(sentence.get("citations") or ()))
    return text if text.endswith(marks) else text + marks


def sources(citations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one line per citation: its number, title, quote and address."""
    return [_line(citation) for citation in citations]


def quote(citation: Mapping[str, Any]) -> str:
    """Return the citation's quote on one line, shortened for a footnote."""
    words = " ".join(str(citation.get("quote") or "").split())
    return words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1].rstrip() + "…"


def title(citation: Mapping[str, Any]) -> str:
    """Return what the source is called, on one line."""
    return " ".join(str(citation.get("title") or citation.get("document_id") or "Source").split())


def address(citation: Mapping[str, Any]) -> str:
    """Return the citation's address if a customer may open it, else the empty string."""
    url = str(citation.get("url") or "")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc and not _UNSAFE.search(url) else ""


def plain(text: str) -> str:
    """Return Markdown as plain text: no bold marks, links as `words (address)`, images as their words."""
    return unbolded(text)[0]


def unbolded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return Markdown without its bold marks, links written out, and the places (start, end) of what was bold."""
    words, places, end = "", [], 0
    source = unlinked(text)
    for match in _BOLD.finditer(source):
        words += source[end : match.start()]
        places.append((len(words), len(words) + len(match[1])))
        words, end = words + match[1], match.end()
    return words + source[end:], places


def unlinked(text: str) -> str:
    """Return Markdown with each link written out, so that the reader sees where it leads."""
    return _LINK.sub(lambda link: link[1] if link[0].startswith("!") else f"{link[1]} ({link[2]})", text)


def _numbers(citations: Iterable[Any]) -> list[Any]:
    return [citation.get("number") if isinstance(citation, Mapping) else citation for citation in citations]


def _line(citation: Mapping[str, Any]) -> str:
    words, url = quote(citation), address(citation)
    return (
        f"[{citation.get('number')}] {title(citation)}" + (f": “{words}”" if words else "") + (f" {url}" if url else "")
    )
