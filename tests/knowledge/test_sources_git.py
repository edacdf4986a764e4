"""Git folders: what they bring in, how little they fetch, and the tricks a repository can play."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from frontdesk.bot.config import Sources
from frontdesk.knowledge import sources
from frontdesk.knowledge.convert import Converter
from frontdesk.knowledge.sources.git import Git
from frontdesk.knowledge.sources.source import Unreadable

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs the git command")


class Repository:
    """A repository on disk, and what a look at it gives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.known = folder / "repo", folder / "state", dict[str, str]()
        self.folder.mkdir()
        self.run("init", "-q", "-b", "main")
        self.run("config", "uploadpack.allowAnySHA1InWant", "true")

    def run(self, *command: str) -> str:
        who = {f"GIT_{role}_{what}": "x@y.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environ = os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull}
        made = subprocess.run(
            ["git", *command], cwd=self.folder, env=environ, check=True, capture_output=True, text=True
        )
        return made.stdout.strip()

    def commit(self, **files: str | bytes) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_md", ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.run("add", "-A")
        self.run("commit", "-q", "-m", "x", "--allow-empty")
        return self.run("rev-parse", "HEAD")

    def name(self, rest: str = "") -> str:
        return f"git+file://{self.folder}{rest}"

    def sync(self, name: str, pages: int = 100, git: Git | None = None) -> tuple[dict[str, str], sources.Found]:
        """Return the text of each document by its path, "=" for those that were not fetched."""
        got: dict[str, str] = {}
        converter = Converter()  # Markdown needs no child
        found = sources.Found(
            project=self.folder,
            wanted=Sources(sources=(name,), pages=pages),
            converter=converter,
            state=self.state,
            known=self.known,
            hashed=lambda data: sha256(data).hexdigest(),
            git=git or Git(local=True, seconds=30),
        )
        for source in found:
            data = source.load()
            path = source.id.removeprefix(f"file://{self.folder}/")
            got[path] = sources.read(source, data, converter).document.text if isinstance(data, bytes) else "="
            if isinstance(data, bytes):
                self.known[source.id] = sha256(data).hexdigest()
        return got, found


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    yield Repository(tmp_path)


def test_a_folder_of_a_branch(repository: Repository) -> None:
    repository.commit(docs__a_md="Alpha.", docs__deep__b_md="Beta.", other_md="Other.", docs__code="x = 1")
    assert repository.sync(repository.name("#docs"))[0] == {"docs/a.md": "Alpha.", "docs/deep/b.md": "Beta."}
    assert list(repository.sync(repository.name("@main"))[0]) == ["docs/a.md", "docs/deep/b.md", "other.md"]


def test_a_commit_that_was_seen_is_not_fetched_again(repository: Repository) -> None:
    repository.commit(a_md="Alpha.", b_md="Beta.")
    repository.sync(repository.name())
    assert repository.sync(repository.name())[0] == {"a.md": "=", "b.md": "="}
    repository.commit(b_md="Beta, newly.")
    assert repository.sync(repository.name())[0] == {"a.md": "Alpha.", "b.md": "Beta, newly."}
    repository.known.clear()
    assert "=" not in repository.sync(repository.name())[0].values()


def test_tags_and_commits(repository: Repository) -> None:
    first = repository.commit(a_md="One.")
    repository.run("tag", "-a", "v1", "-m", "v1")
    repository.commit(a_md="Two.")
    assert repository.sync(repository.name("@v1"))[0] == {"a.md": "One."}
    assert repository.sync(repository.name(f"@{first}"))[0] == {"a.md": "One."}
    assert repository.sync(repository.name(f"@{first}"))[0] == {"a.md": "="}
    assert repository.sync(repository.name("@main"))[0] == {"a.md": "Two."}


def test_links_hidden_files_and_submodules_are_no_documents(repository: Repository) -> None:
    repository.commit(a_md="Alpha.")
    (repository.folder / "passwd.md").symlink_to("/etc/passwd")
    (repository.folder / "docs").symlink_to("/etc")
    head = repository.run("rev-parse", "HEAD")
    repository.run("update-index", "--add", "--cacheinfo", f"160000,{head},module.md")
    repository.run("add", "passwd.md", "docs")
    repository.commit(**{".hidden_md": "Hidden.", ".github__x_md": "Hidden."})
    assert repository.sync(repository.name())[0] == {"a.md": "Alpha."}


def test_what_is_too_large_or_too_many(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit(a_md="Alpha.", b_md="Beta.", c_md=b" \n")
    _, found = repository.sync(repository.name(), pages=1)
    assert "more than 1 files" in found.skipped[0].reason
    monkeypatch.setattr("frontdesk.knowledge.sources.repository.MAX_BYTES", 5)
    with pytest.raises(Unreadable, match="larger than"):
        repository.sync(repository.name("@main"))
    monkeypatch.setattr("frontdesk.knowledge.sources.git.MAX_FILES", 1)
    assert "lists more than" in repository.sync(repository.name("@main#."))[1].skipped[0].reason


def test_a_repository_that_cannot_be_reached_keeps_what_it_brought(repository: Repository) -> None:
    repository.commit(a_md="Alpha.")
    repository.sync(repository.name())
    shutil.move(repository.folder, repository.folder.with_name("moved"))
    repository.folder.mkdir()
    got, found = repository.sync(repository.name())
    assert not got
    assert "still serves" in found.skipped[0].reason
    assert found.keeps(f"file://{repository.folder}/a.md")


@pytest.mark.parametrize(
    "name",
    [
        "git+ext::sh -c touch% /tmp/pwned",
        "git+ssh://host.example/repo",
        "git+https://user:secret@host.example/repo",
        "git+https://host.example/repo@-upload-pack=x",
        "git+https://host.example/repo@a..b",
        "git+https://host.example/repo#../../etc",
        "git+file:///etc",
        "git+http://host.example/repo",
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Unreadable, match="write it as"):
        Git().place(name)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1"])
def test_an_internal_host_is_refused(address: str) -> None:
    git = Git(resolve=lambda host, port: ["8.8.8.8", address])
    with pytest.raises(Unreadable, match="public internet"):
        git.newest(git.place("git+https://host.example/repo"))


def test_a_host_is_held_at_the_address_that_was_checked() -> None:
    git = Git(resolve=lambda host, port: ["2606:4700::1", "8.8.8.8"])
    place = git.place("git+https://host.example:8443/repo")
    assert git._pinned(place) == ("-c", "http.curloptResolve=host.example:8443:8.8.8.8")


def test_git_that_takes_too_long_is_ended(repository: Repository) -> None:
    repository.commit(a_md="Alpha.")
    _, found = repository.sync(repository.name(), git=Git(local=True, seconds=0.0))
    assert "git took more than 0 s" in found.skipped[0].reason
