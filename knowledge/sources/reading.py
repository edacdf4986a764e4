"""The bytes of a source -> a document: decoding, front matter, conversion, and what is left out of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from frontdesk.knowledge.blocks import plain
from frontdesk.knowledge.convert import Converted, Converter, Unconvertible
from frontdesk.knowledge.instructions import defuse
from frontdesk.knowledge.sources import front, rows
from frontdesk.knowledge.sources.front import Front
from frontdesk.knowledge.sources.source import MAX_CHARS, Read, Source, Unreadable, given
from frontdesk.knowledge.sources.text import cleaned, declared, decode
from frontdesk.knowledge.values import Document

READER = "2"
"""Part of every source hash: raise it when a change here gives other text for the same bytes."""
_H1 = re.compile(r"^# +(.+?)[ \t]*#*$", re.MULTILINE)


def read(source: Source, data: bytes, converter: Converter) -> Read:
    """Return the document in `data`, which `source` gave; raises Unreadable.

    Sentences that speak to an assistant are blanked out of its text, each named in `defused`.
    """
    stated, found = _found(source, data, converter)
    if found.noindex:
        raise Unreadable("it asks not to be indexed (robots noindex)", empty=True)
    text = cleaned(found.text)
    if not re.search(r"\w", text):
        raise Unreadable("no text in it", empty=source.kind == "text")
    if len(text) > MAX_CHARS:
        raise Unreadable(f"longer than {MAX_CHARS} characters")
    text, defused = defuse(text)
    text = text.strip()
    if not text:
        raise Unreadable("nothing in it but orders to an assistant", empty=True)
    document = Document(
        id=source.id,
        title=(stated.title or _title(found.title, text) or source.name).strip(),
        url=stated.url or found.url or source.url,
        text=text,
        context=stated.context,
        audience=stated.audience,
        locale=stated.locale or found.locale,
        valid_from=stated.valid_from,
        expires=stated.expires,
    )
    return Read(document=document, defused=defused)


def entries(source: Source, converter: Converter) -> list[Source]:
    """Return the rows of a table file as sources if it is a list of questions and answers; raises Unreadable."""
    data = source.load()
    if not isinstance(data, bytes):
        return []
    found = _converted(converter, "xlsx", data).rows if source.kind == "xlsx" else rows.entries(source.kind, data)
    named = rows.named(found)
    return [Source(id=f"{source.id}#{name}", kind="entry", load=given(row)) for name, row in named]


def _found(source: Source, data: bytes, converter: Converter) -> tuple[Front, Converted]:
    match source.kind:
        case "text":
            stated, body = front.split(decode(data))
            return stated, Converted(text=body)
        case "html":
            stated, body = front.split(decode(data, declared(data)))
            return stated, _about(_converted(converter, "html", body.encode()), source)
        case "csv" | "json" | "jsonl":
            return Front(), Converted(text=rows.markdown(source.kind, data))
        case "entry":
            return _entry(data)
        case _:
            return Front(), _converted(converter, source.kind, data)


def _entry(data: bytes) -> tuple[Front, Converted]:
    row = json.loads(data)
    row.pop("id", None)
    text = row.pop("text")
    return front.of(row), Converted(text=text)


def _converted(converter: Converter, kind: str, data: bytes) -> Converted:
    try:
        return converter.convert(kind, data)
    except Unconvertible as error:
        raise Unreadable(str(error)) from None


def _about(page: Converted, source: Source) -> Converted:
    """Keep what a page says of itself only where it is sound: its address must be whole, its language a tag."""
    url = page.url if page.url.startswith(("http://", "https://")) else source.url
    try:
        locale = front.of({"locale": page.locale}).locale
    except Unreadable:
        locale = ""
    return replace(page, url=url, locale=locale)


def _title(given: str, text: str) -> str:
    """Return the first heading where it is the given title, or that less the name of the site, or there is none."""
    heading = _H1.search(text)
    words = plain(heading[1]) if heading else ""
    return words if not given or (words and words in given) else given
