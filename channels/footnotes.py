"""A reply as plain text: numbers after the sentences that cite, and the sources below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

_BOLD = re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^()\s]+)\)")
_LONGEST_QUOTE = 200


def marked_text(reply: Mapping[str, Any]) -> str:
    """Return the text of a REPLY with `[n]` after each sentence that cites source n."""
    text, at = str(reply.get("text") or ""), 0
    for sentence in reply.get("sentences") or ():
        words = str(sentence.get("text") or "")
        found = text.find(words, at)
        if not words or found < 0:
            continue
        at = found + len(words)
        marks = "".join(f"[{number}]" for number in _numbers(sentence.get("citations") or ()))
        if marks and not text.startswith((marks, " " + marks), at):
            text = f"{text[:at]} {marks}{text[at:]}"
            at += len(marks) + 1
    return text


def sources(reply: Mapping[str, Any]) -> list[str]:
    """Return one line per citation of a REPLY: its number, title, quote and address."""
    return [_line(citation) for citation in reply.get("citations") or ()]


def quote(citation: Mapping[str, Any]) -> str:
    """Return the citation's quote on one line, shortened for a footnote."""
    words = " ".join(str(citation.get("quote") or "").split())
    return words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1].rstrip() + "…"


def address(citation: Mapping[str, Any]) -> str:
    """Return the citation's address if a customer may open it, else the empty string."""
    url = str(citation.get("url") or "")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc and not re.search(r"[\s<>|\"]", url) else ""


def plain(text: str) -> str:
    """Return Markdown as plain text: no bold marks, links as `words (address)`, images as their words."""
    return _BOLD.sub(r"\1", unlinked(text))


def unlinked(text: str) -> str:
    """Return Markdown with each link written out, so that the reader sees where it leads."""
    return _LINK.sub(lambda link: link[1] if link[0].startswith("!") else f"{link[1]} ({link[2]})", text)


def _numbers(citations: Iterable[Any]) -> list[Any]:
    return [citation.get("number") if isinstance(citation, Mapping) else citation for citation in citations]


def _line(citation: Mapping[str, Any]) -> str:
    words, url = quote(citation), address(citation)
    title = citation.get("title") or citation.get("document_id") or "Source"
    return f"[{citation.get('number')}] {title}" + (f": “{words}”" if words else "") + (f" {url}" if url else "")
