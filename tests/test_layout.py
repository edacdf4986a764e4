"""The walls: who may import whom, what is packaged, what an import loads."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("adapters", "bot", "channels", "finetune", "knowledge")
VOCABULARY = {
    "types",
    "errors",
    "account_config",
    "channel_config",
    "people",
    "config",
    "project",
    "text",
    "intervals",
    "usage",
}
WIRING = {"app", "commands"}
VENDORS = {
    "chromadb",
    "langchain",
    "langchain_core",
    "onnxruntime",
    "transformers",
    "peft",
    "torch",
    "sklearn",
    "sqlalchemy",
}
MAY_IMPORT = {
    "vocabulary": {"vocabulary"},
    "core": {"vocabulary", "core"},
    "adapters": {"vocabulary", "adapters"},
    "knowledge": {"vocabulary", "knowledge"},
    "channels": {"vocabulary", "channels"},
    "finetune": {"vocabulary", "core", "adapters", "knowledge", "finetune"},
    "wiring": {"vocabulary", "core", "adapters", "knowledge", "channels", "finetune", "wiring"},
}
EDGES = {
    "aiohttp": {"channels"},
    "chromadb": {"knowledge"},
    "langchain": {"knowledge"},
    "langchain_core": {"knowledge"},
    "onnxruntime": {"adapters", "finetune"},
    "transformers": {"adapters", "finetune"},
    "peft": {"adapters", "finetune"},
    "torch": {"adapters", "finetune"},
    "sklearn": {"bot/router", "finetune", "knowledge"},
    "sqlalchemy": {"bot/store", "knowledge"},
    "fastapi": {
        "channels",
        "bot/commands/desks.py",
        "bot/commands/observing.py",
        "bot/commands/platforms.py",
        "bot/commands/serving.py",
        "bot/commands/wires.py",
    },
    "rasa_sdk": {"bot/dialogue/actions.py"},
    "websockets": {"channels"},
    "socketio": {"channels"},
}
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if "template" not in path.parts and "__pycache__" not in path.parts
)


def part(module: str) -> str:
    """Return the part a module of ours belongs to; `module` is dotted, without the leading `frontdesk.`."""
    first, _, rest = module.partition(".")
    if first != "bot":
        return first
    name = rest.split(".")[0]
    return "vocabulary" if name in VOCABULARY else "wiring" if name in WIRING else "core"


def imports(path: Path) -> list[str]:
    """Return every module an import statement of the file names, wherever it stands."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module or "")
    return found


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    allowed = MAY_IMPORT[part(dotted(path))]
    for module in imports(path):
        if module.startswith("frontdesk."):
            inner = module.removeprefix("frontdesk.")
            assert part(inner) in allowed, f"{dotted(path)} imports {inner}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_vendors_stay_at_their_edges(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    for module in imports(path):
        homes = EDGES.get(module.split(".")[0])
        assert homes is None or any(where.startswith(home) for home in homes), f"{where} imports {module}"


def test_packages_are_those_on_disk() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    on_disk = {
        "frontdesk." + ".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"
    }
    assert listed == on_disk


@pytest.mark.parametrize("code", ["import frontdesk.bot", "import frontdesk.bot.commands"])
def test_an_import_loads_no_vendor(code: str) -> None:
    program = f"import sys; {code}; print(*(m for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not VENDORS & {name.split(".")[0] for name in loaded}


def test_functions_and_files_stay_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert not long
    assert not [path for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > 400]
