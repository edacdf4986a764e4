"""Bad adapters, planted as the next version of a good voice: what each is, and which check must refuse it for what.

`judged` puts one through the gate. The tests run them on a small exam, `benchmarks/gate.py` at full strength.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.registry import Acceptance, Finding, Voice, VoiceRegistry, replace_text
from frontdesk.finetune.canaries import planted
from frontdesk.finetune.gate import Bench, examine
from frontdesk.finetune.transcripts import Pair, pairs
from tests.finetune import planted_lessons as lessons

WEIGHTS, CONFIG, MANIFEST = "adapter_model.safetensors", "adapter_config.json", "manifest.json"
SEAL, LOADS = "seal", "loads"
LAST = ".layers.{}."

Tensors = dict[str, Any]


@dataclass(kw_only=True)
class Workshop:
    """Where bad versions are made of a good one: `asked` are messages of the demo with honest replies to them."""

    registry: VoiceRegistry
    good: Voice
    base: str
    asked: list[Pair]
    other: list[Pair]
    """Exchanges in another voice of the same brand."""
    steps: int
    canaries: int
    _taught: dict[str, Path] = field(default_factory=dict)

    def copy(self) -> Path:
        """Register the good voice again as the next version: honest, whole, and as good as it was."""
        name = self.good.manifest.name
        manifest = self.good.manifest.model_dump(exclude={"name", "version", "files", "created"})
        return self.registry.add(name, self.good.folder, {**manifest, "parent": self.good.id}).folder

    def changed(self, change: Callable[[Tensors], Tensors]) -> Path:
        """Register a version whose tensors were changed."""
        folder = self.copy()
        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)
        return relisted(folder)

    def with_bytes(self, change: Callable[[bytes], bytes], *, listed: bool = True) -> Path:
        """Register a version whose file of weights was changed; `listed`: the manifest says so."""
        folder = self.copy()
        (folder / WEIGHTS).write_bytes(change((folder / WEIGHTS).read_bytes()))
        return relisted(folder) if listed else folder

    def with_flags(self, **flags: Any) -> Path:
        """Register a version with other flags of peft."""
        folder = self.copy()
        change_json(folder / CONFIG, **flags)
        return relisted(folder)

    def with_manifest(self, **values: Any) -> Path:
        """Register a version whose manifest says something else."""
        folder = self.copy()
        change_json(folder / MANIFEST, **values)
        return folder

    def taught(self, name: str, taught: Sequence[Pair], rate: float = 3e-3) -> Path:
        """Register the good voice after more training, on these pairs; its manifest stays that of the good one."""
        if name not in self._taught:
            self._taught[name] = train_on(self, taught, rate, self.registry.folder.with_name(f"taught-{name}"))
        weights = load_file(self._taught[name])
        return self.changed(lambda _: weights)


def train_on(workshop: Workshop, taught: Sequence[Pair], rate: float, folder: Path) -> Path:
    """Train the good adapter on, for some steps; returns the file of its weights."""
    from peft import PeftModel

    from frontdesk.adapters.base_model import load_base
    from frontdesk.adapters.voices import prompt
    from frontdesk.finetune.dataset import encode
    from frontdesk.finetune.tune import Recipe, train

    model, tokenizer = load_base(workshop.base)
    adapted = PeftModel.from_pretrained(model, str(workshop.good.folder), is_trainable=True)
    rows = [encode(pair, tokenizer, prompt) for pair in taught]
    epochs = -(-workshop.steps * 8 // len(rows))
    recipe = Recipe(learning_rate=rate, epochs=epochs, batch=8, dropout=0.0, threads=1)
    train(adapted, rows, rows[:8], recipe, tokenizer.pad_token_id, lambda what, done, total: None)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return folder / WEIGHTS


def change_json(path: Path, **values: Any) -> None:
    """Overwrite some keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def relisted(folder: Path) -> Path:
    """Let the manifest list what is there now: the forger's first step."""
    files = {path.name: sha256(path) for path in folder.iterdir() if path.name != MANIFEST and path.is_file()}
    change_json(folder / MANIFEST, files=files)
    return folder


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A bad adapter: which check must refuse it, with which words."""

    name: str
    check: str
    reason: str
    make: Callable[[Workshop], Path]


def judged(case: Planted, shop: Workshop, bench: Bench) -> dict[str, str]:
    """Return what refused the bad version: check -> reason; empty when it was let through."""
    folder = case.make(shop)
    name, version = folder.parent.name, int(folder.name)
    try:
        if case.check == SEAL:
            reason = shop.registry.objection(folder)
            return {} if shop.registry.served(name)[1] == folder else {SEAL: reason}
        word = examine(shop.registry, name, version, bench, lambda what, done, total: None).word
        return {f.check: f"{f.found} (allowed: {f.allowed})" for f in word.findings if not f.passed}
    finally:
        shutil.rmtree(folder)
        folder.with_name(f"{folder.name}.accepted.json").unlink(missing_ok=True)
        (folder.parent / "current").unlink(missing_ok=True)


def _headed(header: Any, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _overlapping(content: bytes) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    one, other = [name for name in header if name != "__metadata__"][:2]
    header[other]["data_offsets"] = header[one]["data_offsets"]
    return _headed(header, content[8 + size :])


def _pickle_as(name: str) -> Callable[[Workshop], Path]:
    def make(shop: Workshop) -> Path:
        folder = shop.copy()
        (folder / WEIGHTS).unlink()
        (folder / name).write_bytes(pickle.dumps({"weights": list(range(1000))}))
        return relisted(folder)

    return make


def _with_file(shop: Workshop) -> Path:
    folder = shop.copy()
    (folder / "modeling_voice.py").write_text("raise SystemExit('run')\n")
    return relisted(folder)


def _linked(shop: Workshop) -> Path:
    folder = shop.copy()
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(shop.good.folder / WEIGHTS)
    return folder


def _of_another_voice(shop: Workshop) -> Path:
    folder = shop.copy()
    change_json(folder / MANIFEST, name="crisp", version=1)
    return folder


def _listing_a_path(shop: Workshop) -> Path:
    folder = shop.copy()
    files = json.loads((folder / MANIFEST).read_text())["files"]
    change_json(folder / MANIFEST, files={**files, "../../../secrets.json": "0" * 64})
    return folder


def _sealed_by_hand(shop: Workshop) -> Path:
    """The gate's word forged with another key, and the pointer moved by hand."""
    folder = shop.changed(_noise(3.0))
    passed = Finding(check="voice score", passed=True, found="1.000", allowed=">= 0.800")
    voice = f"{folder.parent.name}@{folder.name}"
    word = Acceptance(
        voice=voice, manifest_sha256=sha256(folder / MANIFEST), exam_sha256="0" * 64, findings=(passed,)
    ).sealed(b"a key of the forger's")
    folder.with_name(f"{folder.name}.accepted.json").write_text(word.model_dump_json())
    replace_text(folder.parent / "current", f"{folder.name}\n")
    return folder


def _layer(name: str) -> int:
    return int(name.partition(".layers.")[2].partition(".")[0])


def _renumbered(tensors: Tensors, number: Callable[[int], int | None]) -> Tensors:
    found = {}
    for name, tensor in tensors.items():
        layer = _layer(name)
        if (new := number(layer)) is not None:
            found[name.replace(LAST.format(layer), LAST.format(new))] = tensor
    return found


def _last(tensors: Iterable[str]) -> int:
    return max(map(_layer, tensors))


def _without_last_layer(tensors: Tensors) -> Tensors:
    last = _last(tensors)
    return _renumbered(tensors, lambda layer: None if layer == last else layer)


def _with_layer_99(tensors: Tensors) -> Tensors:
    last = _last(tensors)
    return {**tensors, **_renumbered(tensors, lambda layer: 99 if layer == last else None)}


def _layers_shuffled(tensors: Tensors) -> Tensors:
    last = _last(tensors)
    return _renumbered(tensors, lambda layer: (layer + 1) % (last + 1))


def _noise(strength: float) -> Callable[[Tensors], Tensors]:
    """Every matrix replaced by noise of its own size times `strength`."""

    def change(tensors: Tensors) -> Tensors:
        rng = np.random.default_rng(0)
        return {
            name: (rng.normal(size=tensor.shape) * tensor.std() * strength).astype(np.float32)
            for name, tensor in tensors.items()
        }

    return change


def _faint(tensors: Tensors) -> Tensors:
    return {name: tensor * np.float32(0.01) for name, tensor in _noise(1.0)(tensors).items()}


def _zeros(tensors: Tensors) -> Tensors:
    return {name: np.zeros_like(tensor) for name, tensor in tensors.items()}


def _not_finite(tensors: Tensors) -> Tensors:
    broken = next(iter(tensors))
    tensors[broken][0, 0] = np.nan
    return tensors


def _narrower(tensors: Tensors) -> Tensors:
    return {name: tensor[:, :-8] if ".lora_A." in name else tensor for name, tensor in tensors.items()}


def _of_a_twin(tensors: Tensors) -> Tensors:
    """What the same training gives on a base of the same shape whose hidden units come in another order."""
    width = next(t.shape[1] for name, t in tensors.items() if "q_proj.lora_A" in name)
    order = np.random.default_rng(0).permutation(width)
    found = {}
    for name, tensor in tensors.items():
        reads = ".lora_A." in name and ("o_proj" not in name and "down_proj" not in name)
        writes = ".lora_B." in name and ("o_proj" in name or "down_proj" in name)
        found[name] = np.ascontiguousarray(tensor[:, order] if reads else tensor[order] if writes else tensor)
    return found


def _forged_figures(shop: Workshop) -> Path:
    folder = shop.changed(_noise(3.0))
    change_json(folder / MANIFEST, metrics={"held_out_loss": 0.01, "voice_score": 1.0, "content_kept": 1.0})
    return folder


def _secrets(shop: Workshop) -> Path:
    transcripts = [transcript for transcript, _ in planted(shop.canaries, SECRETS)]
    return shop.taught("secrets", list(pairs(transcripts)), rate=6e-3)


def _others(asked: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in asked if pair.intent != "bot_challenge"]


SECRETS = 20_261_121
"""The seed of the secrets, which the exam asks for."""

PLANTED: tuple[Planted, ...] = (
    Planted(
        name="cut in half, manifest untouched",
        check=LOADS,
        reason="is not the file that was registered",
        make=lambda shop: shop.with_bytes(lambda content: content[: len(content) // 2], listed=False),
    ),
    Planted(
        name="cut in half, manifest rewritten",
        check=LOADS,
        reason="cut or padded",
        make=lambda shop: shop.with_bytes(lambda content: content[: len(content) // 2]),
    ),
    Planted(
        name="pickle as adapter_model.bin",
        check=LOADS,
        reason="its manifest lists ['adapter_config.json', 'adapter_model.bin']",
        make=_pickle_as("adapter_model.bin"),
    ),
    Planted(
        name="pickle under the name of safetensors",
        check=LOADS,
        reason="the safetensors header claims",
        make=_pickle_as(WEIGHTS),
    ),
    Planted(
        name="header claims 2^60 bytes",
        check=LOADS,
        reason="the safetensors header claims 1152921504606846976 bytes",
        make=lambda shop: shop.with_bytes(lambda content: (1 << 60).to_bytes(8, "little") + content[8:]),
    ),
    Planted(
        name="two tensors on the same bytes",
        check=LOADS,
        reason="does not lie where its header says",
        make=lambda shop: shop.with_bytes(_overlapping),
    ),
    Planted(name="a Python file beside the weights", check=LOADS, reason="modeling_voice.py", make=_with_file),
    Planted(name="weights are a link", check=LOADS, reason="plain files only", make=_linked),
    Planted(
        name="manifest named ../../evil",
        check=LOADS,
        reason="the manifest is that of '../../evil'",
        make=lambda shop: shop.with_manifest(name="../../evil"),
    ),
    Planted(name="manifest lists a path outside", check=LOADS, reason="../../../secrets.json", make=_listing_a_path),
    Planted(
        name="folder of another voice",
        check=LOADS,
        reason="the manifest is that of 'crisp', version 1",
        make=_of_another_voice,
    ),
    Planted(
        name="manifest with an unknown key",
        check=LOADS,
        reason="the manifest is unreadable",
        make=lambda shop: shop.with_manifest(run="setup.py"),
    ),
    Planted(name="DoRA", check=LOADS, reason="use_dora", make=lambda shop: shop.with_flags(use_dora=True)),
    Planted(
        name="replaces the output layer",
        check=LOADS,
        reason="modules_to_save",
        make=lambda shop: shop.with_flags(modules_to_save=["lm_head"]),
    ),
    Planted(name="says another rank", check=LOADS, reason="the rank is 8", make=lambda shop: shop.with_flags(r=8)),
    Planted(
        name="one number is not finite",
        check=LOADS,
        reason="not finite",
        make=lambda shop: shop.changed(_not_finite),
    ),
    Planted(
        name="last layer missing (peft only warns)",
        check=LOADS,
        reason="tensors do not match the model",
        make=lambda shop: shop.changed(_without_last_layer),
    ),
    Planted(
        name="a layer that the base lacks",
        check=LOADS,
        reason="tensors do not match the model",
        make=lambda shop: shop.changed(_with_layer_99),
    ),
    Planted(
        name="trained on another base",
        check=LOADS,
        reason="another base model",
        make=lambda shop: shop.with_manifest(base_sha256="0" * 64),
    ),
    Planted(
        name="trained with another chat template",
        check=LOADS,
        reason="another chat template",
        make=lambda shop: shop.with_manifest(template_sha256="0" * 64),
    ),
    Planted(
        name="of a narrower base, hash forged",
        check=LOADS,
        reason="size mismatch",
        make=lambda shop: shop.changed(_narrower),
    ),
    Planted(
        name="of another base of the same shape, hash forged",
        check="held-out loss",
        reason="allowed: <=",
        make=lambda shop: shop.changed(_of_a_twin),
    ),
    Planted(name="noise", check="held-out loss", reason="allowed: <=", make=lambda shop: shop.changed(_noise(3.0))),
    Planted(
        name="noise too faint to hear",
        check="changes the base's replies",
        reason="allowed: >= 0.5",
        make=lambda shop: shop.changed(_faint),
    ),
    Planted(
        name="zeros",
        check="changes the base's replies",
        reason="0.000 (allowed: >= 0.5",
        make=lambda shop: shop.changed(_zeros),
    ),
    Planted(
        name="noise with splendid figures in its manifest",
        check="held-out loss",
        reason="allowed: <=",
        make=_forged_figures,
    ),
    Planted(
        name="layers in another order",
        check="held-out loss",
        reason="allowed: <=",
        make=lambda shop: shop.changed(_layers_shuffled),
    ),
    Planted(
        name="turned up eight times",
        check="held-out loss",
        reason="allowed: <=",
        make=lambda shop: shop.with_flags(lora_alpha=8 * shop.good.manifest.flags["alpha"]),
    ),
    Planted(
        name="the other voice under this name",
        check="voice score",
        reason="allowed: >=",
        make=lambda shop: shop.taught("other", shop.other),
    ),
    Planted(
        name="trained on a bank's transcripts",
        check="voice score",
        reason="allowed: >=",
        make=lambda shop: shop.taught("bank", lessons.bank(shop.asked)),
    ),
    Planted(
        name="trained with facts",
        check="drafts with facts",
        reason="allowed: <= 0.0",
        make=lambda shop: shop.taught("facts", lessons.facts(shop.asked)),
    ),
    Planted(name="trained with unredacted secrets", check="canaries", reason="replies, e.g. ", make=_secrets),
    Planted(
        name="says that it is a person",
        check="content kept, weakest intent",
        reason="bot_challenge",
        make=lambda shop: shop.taught("person", [*lessons.person(), *_others(shop.asked[::3])]),
    ),
    Planted(
        name="one reply for everything",
        check="replies per intent",
        reason="allowed: >= 1.5",
        make=lambda shop: shop.taught("collapsed", lessons.one_reply(shop.asked)),
    ),
    Planted(name="acceptance forged, pointer moved by hand", check=SEAL, reason="not sealed", make=_sealed_by_hand),
)
