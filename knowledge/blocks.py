"""The blocks of a Markdown text with exact character spans: paragraphs, lists, tables under their heading path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from frontdesk.knowledge.values import Span

Kind = Literal["paragraph", "list", "table", "code", "other"]
_NOISE = re.compile(
    r"(?P<code>`+[^`]*`+)|\[\^[^\]\s]+\]:?|\{[.#:][^{}\n]*\}|\{[{%][^{}]*[}%]\}|^\s*\[!\w+\]|(?<![\w\]])\[(?P<text>[^\[\]]+)\]\[[^\[\]]*\]"
)
"""Marks that are not for reading: of footnotes, attributes, templates, call-outs; a link by reference is its words."""
_BOLD = re.compile(r"(\*\*|__)(?P<text>[^*_\n]{2,100})\1:?$")
_KINDS: dict[str, Kind] = {
    "paragraph_open": "paragraph",
    "blockquote_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
    "fence": "code",
    "code_block": "code",
}


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: its span, the headings above it, and the spans of its list items or table rows."""

    kind: Kind
    start: int
    end: int
    heading: tuple[str, ...] = ()
    parts: tuple[Span, ...] = ()


@cache
def parser() -> MarkdownIt:
    """The one Markdown parser: CommonMark with tables, HTML never rendered."""
    return MarkdownIt("commonmark").enable("table")


def plain(markdown: str) -> str:
    """Return inline Markdown as readable text: links as their words, images and markup gone, one line."""
    tokens = parser().parseInline(_NOISE.sub(lambda mark: mark["code"] or mark["text"] or "", markdown))
    return " ".join("".join(_words(child) for token in tokens for child in token.children or ()).split())


def _words(token: Token) -> str:
    if token.type == "text":
        return token.content.replace("**", "")
    if token.type in ("code_inline", "text_special"):
        return token.content
    broken = token.type in ("softbreak", "hardbreak") or token.content.lower().startswith("<br")
    return " " if broken else ""


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of `text` in order, without headings; spans exclude surrounding white space."""
    lines = [0, *accumulate(len(line) for line in _lines(text))]
    tokens, path = parser().parse(text), [""] * 8
    for at, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        start, end = _trim(text, lines[token.map[0]], lines[min(token.map[1], len(lines) - 1)])
        title = _heading(token, tokens[at + 1 : at + 2], text[start:end])
        if title:
            depth = int(token.tag[1]) if token.type == "heading_open" else 7
            path[depth:] = [title, *[""] * (7 - depth)]
        elif start < end:
            kind = _KINDS.get(token.type, "other")
            parts = tuple(_parts(text, lines, tokens, at, kind))
            yield Block(kind=kind, start=start, end=end, heading=tuple(h for h in path if h), parts=parts)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


def _heading(token: Token, after: list[Token], source: str) -> str:
    """Return the words of a heading, or of a paragraph that is nothing but bold words; else nothing."""
    if token.type == "heading_open" and after:
        return plain(after[0].content)
    bold = _BOLD.fullmatch(source) if token.type == "paragraph_open" else None
    return plain(bold["text"]) if bold else ""


def _parts(text: str, lines: list[int], tokens: list[Token], at: int, kind: Kind) -> Iterator[Span]:
    """Yield the spans of the items of the list, or rows of the table, that begins at token `at`."""
    wanted = {"list": ("list_item_open", 1), "table": ("tr_open", 2)}.get(kind)
    if wanted is None:
        return
    for index in range(at + 1, len(tokens)):
        token = tokens[index]
        if token.level == 0:
            return
        if (token.type, token.level) == wanted and token.map:
            yield _trim(text, lines[token.map[0]], lines[min(token.map[1], len(lines) - 1)])


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
