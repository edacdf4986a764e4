"""Markdown to a small tree that a page can draw with `textContent`: no HTML, no images, safe links only.

A tree is a list of nodes `{"type", ...}`: paragraph, list (ordered, start), item, strong, emphasis and link (href,
host) have `children`; text and code (block) have `text`; citation has `number`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from frontdesk.bot.types import Citation, Sentence

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

Node = dict[str, Any]
MAX_CHARS = 20_000
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_WRITTEN = re.compile(r"\s?\[([0-9]{1,3})\](?![(\[:])")
_BARE = re.compile(r"https://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]]|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")


def render(text: str, citations: Sequence[Citation] = ()) -> list[Node]:
    """Return the nodes of one piece of text; citations not marked `[n]` in it follow at its end."""
    return render_reply(text, [Sentence(text=text, citations=tuple(citations))])


def render_reply(text: str, sentences: Iterable[Sentence], citations: Iterable[Citation] = ()) -> list[Node]:
    """Return the nodes of a whole reply, each sentence followed by the markers of its citations.

    Of `citations`, those that no sentence carries stand where `[n]` is written, or at the end.
    """
    marked = _with_marks(_clean(text), sentences)
    placed = {int(number) for number in _MARK.findall(marked)}
    marked = _mark(marked, {citation.number for citation in citations} - placed)
    if len(marked) > MAX_CHARS:
        return [{"type": "paragraph", "children": [{"type": "text", "text": _MARK.sub(r" [\1]", marked)}]}]
    from markdown_it.tree import SyntaxTreeNode

    return _children(SyntaxTreeNode(_parser().parse(marked)), _block)


def _clean(text: str) -> str:
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def _with_marks(text: str, sentences: Iterable[Sentence]) -> str:
    """Put the private marks of citations where each sentence ends."""
    cursor = 0
    for sentence in sentences:
        known = {citation.number for citation in sentence.citations}
        body = _clean(sentence.text).strip()
        found = text.find(body, cursor)
        start = found if found >= 0 else len(text)
        end = _end(text, start + len(body)) if found >= 0 else start
        marked = _mark(text[start:end], known)
        text, cursor = text[:start] + marked + text[end:], start + len(marked)
    return text


def _end(text: str, at: int) -> int:
    """Return where a sentence ends, with the markers `[n]` written after it."""
    while follows := _WRITTEN.match(text, at):
        at = follows.end()
    return at


def _mark(sentence: str, known: set[int]) -> str:
    written = {int(n) for n in _WRITTEN.findall(sentence)} & known
    marked = _WRITTEN.sub(lambda m: f"{_OPEN}{int(m[1])}{_CLOSE}" if int(m[1]) in known else m[0], sentence)
    return marked + "".join(f"{_OPEN}{number}{_CLOSE}" for number in sorted(known - written))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 12})
    return parser.disable(["html_block", "html_inline", "reference"])


def _children(node: SyntaxTreeNode, make: Callable[[SyntaxTreeNode], list[Node]]) -> list[Node]:
    return [made for child in node.children for made in make(child)]


def _block(node: SyntaxTreeNode) -> list[Node]:
    """Return the nodes of one block; what we do not draw falls back to its contents."""
    if node.type in ("paragraph", "heading"):
        inner = _joined([made for inline in node.children for made in _children(inline, _inline)])
        strong = [{"type": "strong", "children": inner}] if node.type == "heading" else inner
        return [{"type": "paragraph", "children": strong}] if inner else []
    if node.type in ("bullet_list", "ordered_list"):
        ordered = node.type == "ordered_list"
        start = int(node.attrs.get("start", 1))
        return [{"type": "list", "ordered": ordered, "start": start, "children": _children(node, _block)}]
    if node.type == "list_item":
        return [{"type": "item", "children": _children(node, _block)}]
    if node.type in ("fence", "code_block"):
        return [{"type": "code", "block": True, "text": _MARK.sub(r"[\1]", node.content.rstrip("\n"))}]
    return _children(node, _block)


def _inline(node: SyntaxTreeNode) -> list[Node]:
    """Return the nodes of one inline element; an image is its description, an unsafe link its text."""
    if node.type == "text":
        return _text(node.content)
    if node.type in ("softbreak", "hardbreak"):
        return [{"type": "text", "text": "\n"}]
    if node.type == "code_inline":
        return [{"type": "code", "block": False, "text": _MARK.sub(r"[\1]", node.content)}]
    if node.type in ("strong", "em"):
        kind = "strong" if node.type == "strong" else "emphasis"
        return [{"type": kind, "children": _joined(_children(node, _inline))}]
    if node.type == "link":
        return _link(str(node.attrs.get("href", "")), _joined(_children(node, _inline)))
    if node.type == "image":
        return [{"type": "text", "text": _MARK.sub("", node.content)}] if node.content else []
    return _children(node, _inline)


def _text(text: str) -> list[Node]:
    """Return text with citation marks and bare addresses made into nodes."""
    nodes: list[Node] = []
    for index, piece in enumerate(_MARK.split(text)):
        nodes += [{"type": "citation", "number": int(piece)}] if index % 2 else _with_links(piece)
    return nodes


def _with_links(text: str) -> list[Node]:
    nodes: list[Node] = []
    at = 0
    for match in _BARE.finditer(text):
        address = match[0]
        if text[at : match.start()]:
            nodes.append({"type": "text", "text": text[at : match.start()]})
        href = address if address.startswith("https://") else f"mailto:{address}"
        nodes += _link(href, [{"type": "text", "text": address}])
        at = match.end()
    return nodes + ([{"type": "text", "text": text[at:]}] if text[at:] else [])


def _link(href: str, children: list[Node]) -> list[Node]:
    host = _host(href)
    inner = [made for child in children for made in (child["children"] if child["type"] == "link" else [child])]
    return [{"type": "link", "href": href, "host": host, "children": inner}] if host else inner


def _host(href: str) -> str:
    """Return what a link's host is shown as; empty for every link we refuse."""
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme == "mailto" and not parts.query and re.fullmatch(r"[^\s@?&]+@[^\s@?&]+", parts.path):
        return parts.path.rpartition("@")[2]
    return host if parts.scheme == "https" and not parts.username else ""


def _joined(nodes: list[Node]) -> list[Node]:
    """Merge neighbouring texts."""
    merged: list[Node] = []
    for node in nodes:
        if merged and node["type"] == "text" == merged[-1]["type"]:
            merged[-1] = {"type": "text", "text": merged[-1]["text"] + node["text"]}
        else:
            merged.append(node)
    return merged
