"""Make an accepted voice of a project the one that the package ships; for those who make a release.

How the shipped voices are made, from the repository's root:

    frontdesk init shop
    frontdesk tune --project shop --voice warm
    python -m frontdesk.bot.commands.ship shop warm
    frontdesk tune --project shop --voice crisp
    python -m frontdesk.bot.commands.ship shop crisp

The version keeps its number and its files, byte for byte; versions of a base that is no longer shipped are removed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from frontdesk.adapters.registry import SHIPPED, VoiceRegistry, replace_text, verified
from frontdesk.bot.app import registry_of
from frontdesk.bot.errors import FrontdeskError, ModelError
from frontdesk.bot.project import Project
from frontdesk.finetune.exam import FILE, read_exam


def ship(registry: VoiceRegistry, name: str, target: Path = SHIPPED) -> Path:
    """Copy the served version of a voice and its exam among the shipped voices; return where.

    Raises ModelError unless the gate accepted the version.
    """
    voice = registry.load(name)
    if registry.acceptance(voice.folder) is None:
        fix = f"run `frontdesk tune --voice {name}` in the project."
        raise ModelError("the project serves no version of its own.", where=voice.id, fix=fix)
    exam = read_exam(registry, name)
    home = target / name
    folder = home / str(voice.manifest.version)
    _forget(home, voice.manifest.base_sha256)
    shutil.copytree(voice.folder, folder, dirs_exist_ok=True)
    replace_text(home / FILE, exam.model_dump_json(indent=1) + "\n")
    replace_text(home / "current", f"{voice.manifest.version}\n")
    verified(folder)
    return folder


def _forget(home: Path, base_sha256: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for old in home.iterdir():
        if old.is_dir() and verified(old).base_sha256 != base_sha256:
            shutil.rmtree(old)


def main(arguments: list[str]) -> None:
    """Ship one voice of a project; errors are one line and exit code 2."""
    if len(arguments) != 2:
        sys.exit("usage: python -m frontdesk.bot.commands.ship PROJECT VOICE")
    try:
        print(ship(registry_of(Project.load(Path(arguments[0]))), arguments[1]))
    except FrontdeskError as error:
        print(f"ship: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
