"""Real databases for the tests: a SQLite file, or a throw-away PostgreSQL cluster."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL database: FRONTDESK_TEST_POSTGRES, or a throw-away cluster of Debian's package."""
    given = os.environ.get("FRONTDESK_TEST_POSTGRES")
    if given:
        yield given
        return
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        missing = "no PostgreSQL: install it (apt-get install postgresql) or set FRONTDESK_TEST_POSTGRES"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-pg-"))
    as_user = _unprivileged(folder)
    data = str(folder / "data")
    try:
        _run([*as_user, str(binaries[-1] / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"])
        options = f"-k {folder} -c listen_addresses='' -c max_connections=200"
        control = [*as_user, str(binaries[-1] / "pg_ctl"), "-D", data, "-w"]
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = f"t{uuid4().hex}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'frontdesk.db'}"
    return str(request.getfixturevalue("postgres_url"))


def _unprivileged(folder: Path) -> list[str]:
    """Return what makes a command run as a user that PostgreSQL accepts, who then owns `folder`."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/")
