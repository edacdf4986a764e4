"""`python -m frontdesk.finetune.ship PROJECT/.frontdesk VOICE ...`: put a project's served voices into the package.

How the shipped voices are made: `frontdesk init DEMO`, `frontdesk train`, `frontdesk tune --voice NAME` in it for each,
then this. It takes only what the gate accepted, and the exam with it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from frontdesk.adapters.registry import SHIPPED, VoiceRegistry, replace_text
from frontdesk.finetune.exam import FILE


def ship(registry: VoiceRegistry, name: str, shipped: Path = SHIPPED) -> Path:
    """Replace the shipped versions of a voice by the one that the registry serves; returns its new folder."""
    voice = registry.load(name)
    target = shipped / name / voice.folder.name
    shutil.rmtree(shipped / name, ignore_errors=True)
    shutil.copytree(voice.folder, target)
    shutil.copyfile(registry.folder / name / FILE, shipped / name / FILE)
    replace_text(shipped / name / "current", f"{voice.folder.name}\n")
    return target


def main(arguments: list[str] | None = None) -> None:
    """Ship the named voices of a bot project."""
    parser = argparse.ArgumentParser(prog="python -m frontdesk.finetune.ship", description=main.__doc__)
    parser.add_argument("state", type=Path, help="the project's .frontdesk folder")
    parser.add_argument("voices", nargs="+", help="their names")
    chosen = parser.parse_args(arguments)
    key = json.loads((chosen.state / "secrets.json").read_text())["voices"]
    registry = VoiceRegistry(chosen.state / "voices", shipped=Path("none"), key=key.encode())
    for name in chosen.voices:
        print(ship(registry, name))


if __name__ == "__main__":
    main()
