"""The bytes of a source -> a document: decoding, front matter, conversion."""

from __future__ import annotations

import codecs
import re
from typing import Any

import yaml

from frontdesk.knowledge.blocks import plain
from frontdesk.knowledge.convert import Converter, Unconvertible
from frontdesk.knowledge.sources.source import MAX_CHARS, Read, Source, Unreadable
from frontdesk.knowledge.values import Document

READER = "1"
"""Part of every source hash: raise it when a change here gives other text for the same file."""
_FRONT = re.compile(r"---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|$)", re.DOTALL)
_H1 = re.compile(r"^# +(.+?)[ \t]*#*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def read(source: Source, data: bytes, converter: Converter) -> Read:
    """Return the document in `data`, which `source` gave; raises Unreadable."""
    kind = source.kind
    try:
        found = {"text": decode(data), "title": "", "url": ""} if kind == "text" else converter.convert(kind, data)
    except Unconvertible as error:
        raise Unreadable(str(error)) from None
    front, body = front_matter(found["text"]) if kind == "text" else ({}, found["text"])
    text = _CONTROL.sub("", body).strip()
    if not re.search(r"\w", text):
        raise Unreadable("no text in it", empty=kind == "text")
    if len(text) > MAX_CHARS:
        raise Unreadable(f"longer than {MAX_CHARS} characters")
    title = front.pop("title", "") or found["title"] or _title(text, source)
    url = front.pop("url", "") or found["url"]
    return Read(document=Document(id=source.id, title=title.strip(), url=url, text=text, context=front))


def decode(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with a mark, or Windows-1252; raises Unreadable for binary data. All newlines become LF."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(_CONTROL.findall(text[:100_000])) * 1000 <= len(text[:100_000]):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise Unreadable("not text (binary, or an unknown encoding)")


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """Split YAML front matter from the body; only plain values are kept. Raises Unreadable when it is broken."""
    match = _FRONT.match(text)
    if not match:
        return {}, text
    try:
        front: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"its front matter is not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(front, dict):
        return {}, text
    values = {str(key): str(value).strip() for key, value in front.items() if isinstance(value, str | int | float)}
    return values, text[match.end() :]


def _title(text: str, source: Source) -> str:
    heading = _H1.search(text)
    return plain(heading[1]) if heading else source.name
