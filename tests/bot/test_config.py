"""Settings: what is refused, and how the refusal helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

MINIMAL = '[brands.shop]\nname = "Shop"\n'


def project(folder: Path, text: str) -> Project:
    (folder / "frontdesk.toml").write_text(text, encoding="utf-8")
    return Project.load(folder)


def test_a_brand_is_all_that_is_needed(tmp_path: Path) -> None:
    settings = project(tmp_path, MINIMAL).settings
    assert settings.brand_id == "shop"
    assert settings.router.max_error == 0.05


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "brands: Field required"),
        ("[brands.shop]\nname = 1\n", "brands.shop.name"),
        (MINIMAL + "[serve]\nport = 1\n", "did you mean 'server'"),
        (MINIMAL + "[server]\nprot = 1\n", "did you mean 'port'"),
        (MINIMAL + "[server]\nport = 99999\n", "server.port"),
        (MINIMAL + '[server]\noperator_token = "plain"\n', "written out in the file"),
        (MINIMAL + '[server]\noperator_token = "${NO_SUCH_NAME}"\n', "environment variable NO_SUCH_NAME"),
        (MINIMAL + '[knowledge]\nsources = [""]\n', "a source is empty"),
        ('default_brand = "other"\n' + MINIMAL, "default_brand 'other'"),
        ("[brands.shop\n", "not valid TOML"),
        (MINIMAL + '[brands.shop.acts]\ngreeting = ["greets"]\n', "no act greets"),
        (MINIMAL + '[brands.shop.routes]\norder = "account"\n', "actions.order is missing"),
        (MINIMAL + '[brands.shop.slots.id]\npattern = "(x"\n', "not a regular expression"),
        (MINIMAL + '[store]\nurl = "postgresql://u:hunter2@h/db"\n', "written out in the file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, text)
    assert what in str(caught.value)
    assert "frontdesk.toml" in str(caught.value)
    assert "Fix:" in str(caught.value)


def test_an_empty_variable_is_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUMENTS", "")
    with pytest.raises(ConfigError, match="needs the environment variable DOCUMENTS"):
        project(tmp_path, MINIMAL + '[knowledge]\nsources = ["${DOCUMENTS}"]\n')


def test_no_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frontdesk init"):
        Project.load(tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "frontdesk.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        Project.load(tmp_path)


def test_secrets_come_from_the_environment_and_stay_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_TOKEN", "hunter2hunter2")
    settings = project(tmp_path, MINIMAL + '[server]\noperator_token = "${DESK_TOKEN}"\n').settings
    assert settings.server.operator_token is not None
    assert settings.server.operator_token.get_secret_value() == "hunter2hunter2"
    assert "hunter2" not in repr(settings)
