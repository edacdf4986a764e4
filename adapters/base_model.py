"""The base model under the voices: `frontdesk-base` from the package, a local folder, or a hub id.

Only safetensors are loaded and no remote code is run. A folder with a manifest (the shipped one, or one that
`python -m frontdesk.finetune.pretrain` wrote) is checked file by file before torch sees it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ModelError

NAME = "frontdesk-base"
FOLDER = Path(__file__).with_name("frontdesk_base")
_REINSTALL = "install frontdesk again, or train the base again and export it."


def load_base(name_or_path: str = NAME) -> tuple[Any, Any]:
    """Return (model, tokenizer) in float32, ready to generate; ModelError says what is wrong and where."""
    source = FOLDER if name_or_path == NAME else Path(name_or_path)
    manifest = check_files(source) if name_or_path == NAME or (source / "manifest.json").is_file() else {}
    model, tokenizer = _load(str(source) if source.is_dir() else name_or_path)
    if manifest:
        check_wording(tokenizer, manifest, source)
    if not tokenizer.chat_template:
        raise ModelError(
            "the tokenizer has no chat template.", where=name_or_path, fix="choose an instruction-tuned model."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.eval(), tokenizer


def check_files(folder: Path) -> Mapping[str, Any]:
    """Return the folder's manifest; ModelError names the first file that is missing or differs from it."""
    manifest = read_manifest(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise ModelError("the file is missing.", where=str(path), fix=_REINSTALL)
        if sha256(path) != expected:
            raise ModelError("the file differs from its sha256 in manifest.json.", where=str(path), fix=_REINSTALL)
    return manifest


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """Read `manifest.json` with the keys that the checks need."""
    path = folder / "manifest.json"
    try:
        manifest: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"no readable manifest: {error}", where=str(path), fix=_REINSTALL) from error
    if missing := sorted({"files", "chat_template", "eos"} - set(manifest)):
        raise ModelError(f"the manifest lacks {missing}.", where=str(path), fix=_REINSTALL)
    if "model.safetensors" not in manifest["files"]:
        raise ModelError("the manifest names no model.safetensors.", where=str(path), fix=_REINSTALL)
    return manifest


def check_wording(tokenizer: Any, manifest: Mapping[str, Any], folder: Path) -> None:
    """Chat template and end token must be those of training, byte for byte; a voice speaks nonsense otherwise."""
    for what, found, expected in (
        ("chat template", tokenizer.chat_template, manifest["chat_template"]),
        ("end token", tokenizer.eos_token, manifest["eos"]),
    ):
        if found != expected:
            raise ModelError(f"the {what} differs from manifest.json.", where=str(folder), fix=_REINSTALL)


def sha256(path: Path) -> str:
    """The sha256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(source: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        fix = "name a folder or hub id that holds safetensors weights and a tokenizer."
        raise ModelError(f"the base model cannot be loaded: {error}", where=source, fix=fix) from error
    return model, tokenizer
