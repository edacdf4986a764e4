"""A folder of a Git repository as a source: `git+https://host/repository@ref#folder`, fetched by the git command.

Nothing is checked out. The newest commit alone is fetched into a bare repository that is deleted afterwards, its files
are listed with their sizes and read one by one, so that links, submodules, hooks and endless trees do nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from frontdesk.knowledge.sources.addresses import Resolve, public, resolve
from frontdesk.knowledge.sources.files import KINDS
from frontdesk.knowledge.sources.source import Unreadable

SECONDS = 120.0
MAX_PACK = 300_000_000
MAX_LISTING = 20_000_000
MAX_FILES = 50_000
_NAME = re.compile(
    r"git\+(?P<url>https://[^@#/\s]+/[^@#\s]+|file:///[^@#\s]+)"
    r"(?:@(?P<ref>[A-Za-z0-9][\w./-]{0,200}))?(?:#(?P<folder>.+))?"
)
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
# fmt: off
_SAFE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "credential.helper=",
    "-c", "http.followRedirects=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=20",
    "-c", "fetch.recurseSubmodules=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Place:
    """A repository, the branch, tag or commit in it, and a folder of that; both may be empty."""

    url: str
    ref: str = ""
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file of a commit: its path in the repository, the name of its content, and its size in bytes."""

    path: str
    oid: str
    size: int


class Git:
    """Reads repositories. With `local`, which is for tests, also those at `git+file://` addresses."""

    def __init__(self, *, resolve: Resolve = resolve, local: bool = False, seconds: float = SECONDS) -> None:
        self._resolve, self._local, self._seconds = resolve, local, seconds

    def place(self, name: str) -> Place:
        """Return the parts of a source's name; raises Unreadable, saying how to write it."""
        match = _NAME.fullmatch(name)
        parts = PurePosixPath((match and match["folder"]) or "").parts
        if match is None or ".." in f"{match['ref']}{parts}" or (match["url"].startswith("file:") and not self._local):
            raise Unreadable("not a Git folder; write it as git+https://host/repository@branch#folder")
        return Place(url=match["url"].rstrip("/"), ref=match["ref"] or "", folder="/".join(parts).strip("/"))

    def newest(self, place: Place) -> str:
        """Return the commit that the branch or tag names now, without fetching it; raises Unreadable."""
        if re.fullmatch(r"[0-9a-f]{40}", place.ref):
            return place.ref
        with tempfile.TemporaryDirectory(prefix="frontdesk-git-") as folder:
            listed = self._run(Path(folder), *self._pinned(place), "ls-remote", "--", place.url).decode()
        refs = {name: oid for oid, name in (line.split("\t", 1) for line in listed.splitlines() if "\t" in line)}
        wanted = (f"refs/heads/{place.ref}", f"refs/tags/{place.ref}^{{}}", f"refs/tags/{place.ref}")
        found = next((refs[name] for name in (wanted if place.ref else ("HEAD",)) if name in refs), "")
        if not found:
            raise Unreadable(f"the repository has no branch or tag {place.ref or 'HEAD'!r}")
        return found

    @contextmanager
    def fetched(self, place: Place, commit: str) -> Iterator[Commit]:
        """Give the files of a commit while the `with` block lasts; raises Unreadable."""
        with tempfile.TemporaryDirectory(prefix="frontdesk-git-") as name:
            folder = Path(name)
            self._run(folder, "init", "--quiet", "--bare", "--template=", ".")
            fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
            self._run(folder, *self._pinned(place), *fetch, "--", place.url, commit)
            yield Commit(self, folder, commit, place.folder)

    def _pinned(self, place: Place) -> tuple[str, ...]:
        """Return the options that hold a host at its address, which must be public; raises Unreadable."""
        parts = urlsplit(place.url)
        if parts.scheme == "file":
            return ()
        host, port = parts.hostname or "", parts.port or 443
        try:
            addresses = sorted(self._resolve(host, port), key=lambda one: ":" in one)
        except (OSError, UnicodeError) as error:
            raise Unreadable(f"{host} has no address ({error})") from None
        if not addresses or not all(map(public, addresses)):
            raise Unreadable(f"{host} is not on the public internet")
        address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        return ("-c", f"http.curloptResolve={host}:{port}:{address}")

    def _run(self, folder: Path, *command: str) -> bytes:
        """Run git in `folder` and return what it prints; raises Unreadable when it fails or takes too long."""
        child = self.start(folder, *command)
        try:
            out, errors = child.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            end(child)
            raise Unreadable(f"git took more than {self._seconds:g} s") from None
        if child.returncode:
            lines = errors.decode("utf-8", "replace").strip().splitlines()
            raise Unreadable(f"git failed ({lines[-1][:200] if lines else child.returncode})")
        return out

    def start(self, folder: Path, *command: str) -> subprocess.Popen[bytes]:
        """Start git in `folder` with a limit on the size of each file; raises Unreadable without git."""
        if shutil.which("git") is None:
            raise Unreadable("the git command is not installed")
        environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file" if self._local else "https",
        }
        limited = ("sh", "-c", f'ulimit -f {MAX_PACK // 512}; exec "$@"', "sh", "git", *_SAFE, *command)
        pipe = subprocess.PIPE
        return subprocess.Popen(
            limited, cwd=folder, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )


class Commit:
    """The files of one fetched commit."""

    def __init__(self, git: Git, folder: Path, oid: str, below: str) -> None:
        self._git, self._folder, self._oid, self._below = git, folder, oid, below

    def files(self) -> list[Blob]:
        """Return the files that can be read, by path; links, submodules and hidden files are none of them."""
        below = (self._below,) if self._below else ()
        child = self._git.start(self._folder, "ls-tree", "-r", "-z", "-l", "--full-tree", self._oid, "--", *below)
        out, _ = _streams(child)
        listing = out.read(MAX_LISTING + 1)
        end(child)
        if len(listing) > MAX_LISTING or listing.count(b"\0") > MAX_FILES:
            raise Unreadable(f"it lists more than {MAX_FILES} files")
        found = filter(None, map(_blob, listing.decode("utf-8", "replace").split("\0")))
        return sorted(found, key=lambda one: one.path)

    def contents(self, blobs: list[Blob]) -> Iterator[tuple[Blob, bytes]]:
        """Yield the bytes of files, in order."""
        child = self._git.start(self._folder, "cat-file", "--batch")
        out, into = _streams(child)
        try:
            for blob in blobs:
                into.write(f"{blob.oid}\n".encode())
                into.flush()
                head = out.readline().split()
                if len(head) != 3 or int(head[2]) != blob.size:
                    raise Unreadable(f"git cannot read {blob.path}")
                yield blob, out.read(blob.size)
                out.read(1)
        finally:
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """End git and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe:
            pipe.close()
    child.wait()


def _streams(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if child.stdout is None or child.stdin is None:
        raise Unreadable("git cannot be spoken to")
    return child.stdout, child.stdin


def _blob(line: str) -> Blob | None:
    """Return the file that a line of `ls-tree -l` names: mode, type, name of the content, size, path."""
    head, _, path = line.partition("\t")
    words = head.split()
    plain = len(words) == 4 and words[0] in ("100644", "100755") and words[3].isdigit()
    hidden = any(part.startswith(".") for part in PurePosixPath(path).parts)
    if not plain or hidden or PurePosixPath(path).suffix.lower() not in KINDS:
        return None
    return Blob(path=path, oid=words[2], size=int(words[3]))
