"""The files of a Git folder as sources; a repository whose commit is the one last seen is not fetched again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from frontdesk.knowledge.sources.files import KINDS
from frontdesk.knowledge.sources.git import Blob, Commit, Git
from frontdesk.knowledge.sources.look import Look
from frontdesk.knowledge.sources.remembered import Entry
from frontdesk.knowledge.sources.source import MAX_BYTES, NOT_MODIFIED, Source, Unreadable, failing, given
from frontdesk.knowledge.values import Skipped


@dataclass(kw_only=True)
class Repository(Look):
    """One look at Git folders."""

    git: Git

    def sources(self, name: str) -> Iterator[Source]:
        """Yield the files of a Git folder, at most `limit`; their ids are the repository's address and their path."""
        try:
            place = self.git.place(name)
            commit = self.git.newest(place)
            same = self._same(name, commit)
            if same:
                yield from same
                return
            with self.git.fetched(place, commit) as fetched:
                yield from self._files(name, place.url, fetched)
            self.remembered.now[name] = Entry(id=name, of=name, etag=commit)
        except Unreadable as error:
            self.failed.add(name)
            reason = f"{error}; what it brought in before still serves"
            self.skipped.append(Skipped(path=name, reason=reason))

    def _same(self, name: str, commit: str) -> list[Source]:
        """Return the files as they are known, none when anything has changed since."""
        before = {url: one for url, one in self.remembered.before.items() if one.of == name}
        head = before.pop(name, None)
        if not head or head.etag != commit or any(self.known.get(one.id) != one.hash for one in before.values()):
            return []
        self.remembered.now |= {name: head, **before}
        self.found(len(before))
        return [Source(id=one.id, kind="", load=given(NOT_MODIFIED)) for one in before.values()]

    def _files(self, name: str, home: str, fetched: Commit) -> Iterator[Source]:
        blobs = fetched.files()
        if len(blobs) > self.limit:
            reason = f"it has more than {self.limit} files; to take in more, raise `pages` beside `sources`"
            self.skipped.append(Skipped(path=name, reason=reason))
        blobs = blobs[: self.limit]
        self.found(len(blobs))
        for blob in (one for one in blobs if one.size > MAX_BYTES):
            error = Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
            yield Source(id=f"{home}/{blob.path}", kind="", load=failing(error))
        for blob, data in fetched.contents([one for one in blobs if one.size <= MAX_BYTES]):
            yield self._file(name, home, blob, data)

    def _file(self, name: str, home: str, blob: Blob, data: bytes) -> Source:
        document = f"{home}/{blob.path}"
        if not data.strip():
            return Source(id=document, kind="", load=failing(Unreadable("empty", empty=True)))
        self.remembered.now[document] = Entry(id=document, of=name, hash=self.hashed(data), etag=blob.oid)
        kind = KINDS[PurePosixPath(blob.path).suffix.lower()]
        return Source(id=document, kind=kind, load=given(data))
