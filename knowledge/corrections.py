"""An operator's corrections: Markdown files in the project, read in and versioned like every other document.

Each is `SOURCE/corrections/SLUG.md`, in the first folder among the sources of the knowledge base it belongs to: title =
the question, `corrects` = the id of the document that was wrong, if one was, `valid_from` = the day it was written.
"""

from __future__ import annotations

import fcntl
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast, get_args

import yaml

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.values import Audience

FOLDER = "corrections"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
QUESTION_CHARS, ANSWER_CHARS = 300, 5_000
_FRONT = re.compile(r"---\n(.*?\n)---(?:\n|$)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One corrected answer; `version` is the SHA-256 of its file, `document_id` what citations call it."""

    slug: str
    question: str
    answer: str
    document_id: str
    version: str
    audience: Audience = "customers"
    corrects: str = ""
    valid_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Nothing was written: the correction is not what the writer saw. `now` is what stands there, None for nothing."""

    now: Correction | None


class Corrections:
    """The corrections of one knowledge base; safe to use by several people at once."""

    def __init__(self, project: Path, sources: Sequence[str]) -> None:
        self._project, self._sources = project.resolve(), tuple(sources)

    @property
    def folder(self) -> Path:
        """Where the files stand; raises KnowledgeError when no source is a folder of the project."""
        for name in self._sources:
            folder = (self._project / name).resolve()
            if folder.is_dir() and folder.is_relative_to(self._project):
                return folder / FOLDER
        raise KnowledgeError(
            "there is no folder for corrections.",
            where=", ".join(self._sources),
            fix="add a folder of the project to the `sources` of this knowledge base in frontdesk.toml.",
        )

    def all(self) -> list[Correction]:
        """Return every correction, by question."""
        found = [self.one(path.stem) for path in self.folder.glob("*.md")]
        return sorted((one for one in found if one), key=lambda one: one.question.lower())

    def one(self, slug: str) -> Correction | None:
        """Return a correction, or None."""
        path = self._path(slug)
        try:
            data = path.read_bytes() if path and path.is_file() else None
        except OSError:
            data = None
        return self._read(slug, data) if data is not None else None

    def save(
        self, question: str, answer: str, *, audience: Audience = "customers", corrects: str = "", seen: str = ""
    ) -> Correction | Changed:
        """Write the answer to a question; a question that was corrected before gets a new version.

        `seen` is the version that the writer replaces, empty for none: when another stands there, nothing is written.
        Raises KnowledgeError when the texts are empty or too long, or the file cannot be written.
        """
        title, body = _line(question), _CONTROL.sub("", answer.replace("\r\n", "\n")).strip()
        _check(title, body)
        slug = slug_of(title)
        front = {"title": title, "corrects": _line(corrects), "valid_from": datetime.now(UTC).date().isoformat()}
        front = {key: value for key, value in {**front, "audience": audience}.items() if value}
        head = yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=10_000)
        data = f"---\n{head}---\n\n{body}\n".encode("utf-8", "replace")
        with self._alone():
            now = self.one(slug)
            if (now.version if now else "") != seen:
                return Changed(now=now)
            self._write(self.folder / f"{slug}.md", data)
        return self._read(slug, data)

    def remove(self, slug: str, seen: str) -> Changed | None:
        """Delete a correction; its versions stay in the knowledge base for the citations that were given."""
        with self._alone():
            now = self.one(slug)
            if now is None or now.version != seen:
                return Changed(now=now)
            (self.folder / f"{slug}.md").unlink()
        return None

    def _path(self, slug: str) -> Path | None:
        return self.folder / f"{slug}.md" if SLUG.fullmatch(slug) else None

    def _read(self, slug: str, data: bytes) -> Correction:
        front, body = _front(data.decode("utf-8", "replace").replace("\r\n", "\n"))
        audience = front.get("audience", "")
        return Correction(
            slug=slug,
            question=front.get("title", "") or slug.replace("-", " "),
            answer=body.strip(),
            document_id=(self.folder / f"{slug}.md").relative_to(self._project).as_posix(),
            version=sha256(data).hexdigest(),
            audience=cast(Audience, audience) if audience in get_args(Audience) else "customers",
            corrects=front.get("corrects", ""),
            valid_from=front.get("valid_from", ""),
        )

    def _write(self, path: Path, data: bytes) -> None:
        """Replace the file whole: a crash leaves the old one or the new one."""
        draft = path.with_name(f".{path.name}.new")
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the only right to write corrections, among threads and processes."""
        folder = self.folder
        try:
            folder.mkdir(exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise _unwritable(folder, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def slug_of(question: str) -> str:
    """Return the file name of a question's correction: its first words and a hash of all of them."""
    folded = unicodedata.normalize("NFKD", question.casefold()).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:48].strip("-")
    name = sha256(" ".join(question.casefold().split()).encode("utf-8", "replace")).hexdigest()[:8]
    return f"{words}-{name}" if words else name


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).encode("utf-8", "replace").decode().split())


def _check(question: str, answer: str) -> None:
    """Raise KnowledgeError for texts that cannot become a document."""
    for name, text, most in (("question", question, QUESTION_CHARS), ("answer", answer, ANSWER_CHARS)):
        if not re.search(r"\w", text):
            raise KnowledgeError(f"the {name} is empty.", where="correction", fix="write it in words.")
        if len(text) > most:
            what = f"the {name} has {len(text)} characters."
            raise KnowledgeError(what, where="correction", fix=f"use at most {most}.")


def _front(text: str) -> tuple[dict[str, str], str]:
    """Split a file that somebody may have edited by hand; front matter that is broken is shown as text."""
    match = _FRONT.match(text)
    try:
        front = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, ValueError, RecursionError):
        front = None
    if match is None or not isinstance(front, dict):
        return {}, text
    return {str(key): str(value) for key, value in front.items()}, text[match.end() :]


def _unwritable(path: Path, error: OSError) -> KnowledgeError:
    return KnowledgeError(f"the correction cannot be written: {error.strerror}.", where=str(path), fix="check it.")
