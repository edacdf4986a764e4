"""Which documents lead to which: Markdown links between them, by address, by path or by title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from frontdesk.knowledge.values import Document

_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_NUMBER = re.compile(r"^\d+-")


class Links:
    """The links of a knowledge base's documents; a document may be given more than once.

    A link leads to the document with its address, with its path from the folder of the linking one, or with the title
    that its last part spells, as help centres write them: `/articles/360017-Track-your-order`.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        every = {document.id: document for document in documents}
        self._ids = set(every)
        self._by_address = {_address(one.url): one.id for one in every.values() if one.url}
        self._by_title = {_spelt(one.title): one.id for one in every.values() if one.title}
        self._to = {one.id: [to for to in dict.fromkeys(self._led(one)) if to != one.id] for one in every.values()}

    def of(self, document_id: str) -> list[str]:
        """Return the ids of the documents that one leads to, in the order of its links."""
        return self._to.get(document_id, [])

    def _led(self, document: Document) -> Iterator[str]:
        for link in _LINK.findall(document.text):
            to = self._target(link, document)
            if to is not None:
                yield to

    def _target(self, link: str, document: Document) -> str | None:
        try:
            parts = urlsplit(link)
        except ValueError:
            return None
        path = PurePosixPath(unquote(parts.path))
        if parts.scheme in ("http", "https"):
            found = self._by_address.get(_address(link))
            return self._by_title.get(_spelt(_NUMBER.sub("", path.name))) if found is None else found
        near = _normal(PurePosixPath(document.id).parent / path)
        return next((one for one in (near, f"{near}.md") if one in self._ids), None)


def _address(url: str) -> str:
    return url.partition("#")[0].partition("?")[0].rstrip("/").lower()


def _spelt(title: str) -> str:
    return re.sub(r"[\W_]+", "-", title.lower()).strip("-")


def _normal(path: PurePosixPath) -> str:
    """Return a path without `.` and `..`; what would leave the sources stays inside."""
    kept: list[str] = []
    for part in path.parts:
        if part == "..":
            kept = kept[:-1]
        elif part not in (".", "/"):
            kept.append(part)
    return "/".join(kept)
