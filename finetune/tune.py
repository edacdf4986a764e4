"""Tune a voice: a dataset -> LoRA on the base model -> the next version in the registry.

The recipe is read top to bottom: base, adapter, rows, epochs with a look at the held-out pairs, register.
"""

from __future__ import annotations

import importlib.metadata
import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.registry import Voice, VoiceRegistry
from frontdesk.adapters.voices import model_sha256, prompt, template_sha256
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.dataset import IGNORED, Dataset, Row, encode
from frontdesk.finetune.lora import placed, with_lora

Progress = Callable[[str, int, int], None]

MIN_PAIRS, PATIENCE = 20, 2
SMALL = 50_000_000
"""Parameters of a base up to which it trains past its best held-out loss."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a voice is trained; saved in its manifest.

    `overshoot` is how far the held-out loss may rise above its best, as a share of it, before training stops: a base of
    a few million parameters speaks whole sentences only past that best. `exchange` is the share of rows that get, anew
    in each epoch, the reply of another row of their intent: such a base then learns whole replies to an intent and does
    not mix pieces of them (docs/experiments.md). For a base of more than SMALL parameters, where neither
    was tried, both are 0 and the weights of the best look are kept.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    learning_rate: float = 3e-3
    epochs: int = 10
    batch: int = 16
    overshoot: float = 0.25
    exchange: float = 0.8
    seed: int = 0
    threads: int = 2


Point = tuple[int, float, float]
"""A look during training: the step, the mean training loss since the last look, the loss on the held-out pairs."""


def tune(name: str, data: Dataset, registry: VoiceRegistry, *, base: str, recipe: Recipe, progress: Progress) -> Voice:
    """Train one voice and register it as the next version, unpromoted; its manifest holds the curve.

    Raises ConfigError when fewer than MIN_PAIRS pairs are left to learn from, or none to hold out.
    """
    registry.versions(name)  # refuses a bad name before the work, not after
    check_enough(data)
    import torch

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    model, tokenizer = load_base(base)
    origin = {"base": base, "base_sha256": model_sha256(model), "template_sha256": template_sha256(tokenizer)}
    started = time.perf_counter()
    if sum(parameter.numel() for parameter in model.parameters()) > SMALL:
        recipe = replace(recipe, overshoot=0.0, exchange=0.0)
    model = placed(model, base)
    adapted = with_lora(model, base, rank=recipe.rank, alpha=recipe.alpha, dropout=recipe.dropout)
    rows, held_out = ([encode(pair, tokenizer, prompt) for pair in part] for part in (data.train, data.held_out))
    curve = train(adapted, rows, held_out, recipe, tokenizer.pad_token_id, progress)
    metrics = {
        "held_out_loss_before": curve[0][2],
        "held_out_loss": curve[-1][2] if recipe.overshoot else min(held for _, _, held in curve),
        "seconds": round(time.perf_counter() - started, 1),
    }
    return _register(name, adapted, registry, data, recipe, {**origin, "metrics": metrics, "curve": curve})


def check_enough(data: Dataset) -> None:
    """Raise ConfigError when the data cannot make a voice; it says what was dropped and why."""
    if len(data.train) < MIN_PAIRS:
        raise ConfigError(
            f"{len(data.train)} usable pairs; {MIN_PAIRS} are the least. Dropped: {data.losses}.",
            where="transcripts",
            fix="add conversations in which agents answer routine messages without stating facts.",
        )
    if not data.held_out:
        raise ConfigError(
            f"{len(data.train)} usable pairs, but none can be held out to see what was learned.",
            where="transcripts",
            fix="add conversations with an id of their own, or hold out a larger share with --held-out.",
        )


def train(
    model: Any, rows: Sequence[Row], held_out: Sequence[Row], recipe: Recipe, pad: int, progress: Progress
) -> tuple[Point, ...]:
    """Run the epochs; look at the held-out rows twice in each, stop when they get no better, leave the best weights."""
    import torch

    torch.set_num_threads(recipe.threads)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=recipe.learning_rate, weight_decay=0.0)
    an_epoch = math.ceil(len(rows) / recipe.batch)
    total, often = recipe.epochs * an_epoch, max(1, an_epoch // 2)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total))
    best, losses = _Best(learned), list[float]()
    best.look(0, loss_on(model, rows[: recipe.batch], pad), loss_on(model, held_out, pad))
    for step, batch in enumerate(_stream(rows, recipe), start=1):
        model.train()
        loss = _loss(model, batch, pad)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % often == 0 or step == total:
            best.look(step, sum(losses) / len(losses), loss_on(model, held_out, pad))
            losses.clear()
        progress(f"loss {loss.item():.2f}, held out {best.curve[-1][2]:.2f}", step, total)
        if best.over(recipe.overshoot):
            break
    if not recipe.overshoot:
        best.restore()
    model.eval()
    return tuple(best.curve)


@dataclass
class _Best:
    """The looks so far, and the weights of the best one."""

    learned: Sequence[Any]
    curve: list[Point] = field(default_factory=list)
    waited: int = 0
    _weights: list[Any] = field(default_factory=list)

    def look(self, step: int, train_loss: float, held_out_loss: float) -> None:
        """Note a look; keep a copy of the weights when it is the best."""
        if all(held_out_loss < held for _, _, held in self.curve):
            self._weights, self.waited = [weight.detach().clone() for weight in self.learned], 0
        else:
            self.waited += 1
        self.curve.append((step, round(train_loss, 4), held_out_loss))

    def over(self, overshoot: float) -> bool:
        """Whether to stop: too far above the best look, or PATIENCE looks without a better one when none may be."""
        held = [point[2] for point in self.curve]
        return held[-1] > min(held) * (1 + overshoot) if overshoot else self.waited > PATIENCE

    def restore(self) -> None:
        """Put the best weights back."""
        for weight, kept in zip(self.learned, self._weights, strict=True):
            weight.data.copy_(kept)


def _stream(rows: Sequence[Row], recipe: Recipe) -> Iterator[list[Row]]:
    draw = random.Random(recipe.seed)
    for _ in range(recipe.epochs):
        yield from batches(exchanged(rows, recipe.exchange, draw), recipe.batch, draw)


def exchanged(rows: Sequence[Row], share: float, draw: random.Random) -> list[Row]:
    """Return the rows, that share of them with the reply of another row of the same intent."""
    replies: defaultdict[str, list[tuple[int, ...]]] = defaultdict(list)
    for row in rows:
        replies[row.intent].append(row.reply)
    return [row.answered(draw.choice(replies[row.intent])) if draw.random() < share else row for row in rows]


def _rate(step: int, total: int) -> float:
    """Warm up over a twentieth of the steps, then fall along a cosine."""
    warm = max(1, total // 20)
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * step / total))


def batches(rows: Sequence[Row], size: int, draw: random.Random) -> Iterator[list[Row]]:
    """Yield shuffled batches of rows of similar length, so that little is padded."""
    order = sorted(draw.sample(range(len(rows)), len(rows)), key=lambda i: len(rows[i].ids) // 8)
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    draw.shuffle(groups)
    for group in groups:
        yield [rows[i] for i in group]


def _loss(model: Any, batch: Sequence[Row], pad: int) -> Any:
    """The mean loss per learned token of a batch."""
    import torch

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[pad] * (width - len(row.ids))] for row in batch], device=model.device)
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.ids))] for row in batch], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch], device=model.device)
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        return model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss


def loss_on(model: Any, rows: Sequence[Row], pad: int, size: int = 32) -> float:
    """Return the mean loss per learned token over rows; 0 for none."""
    import torch

    model.eval()
    total = tokens = 0.0
    ordered = sorted(rows, key=lambda row: len(row.ids))
    with torch.inference_mode():
        for start in range(0, len(ordered), size):
            batch = ordered[start : start + size]
            count = sum(label != IGNORED for row in batch for label in row.labels)
            total += _loss(model, batch, pad).item() * count
            tokens += count
    return round(total / tokens, 4) if tokens else 0.0


def _register(
    name: str, model: Any, registry: VoiceRegistry, data: Dataset, recipe: Recipe, origin: dict[str, Any]
) -> Voice:
    versions = registry.versions(name)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, save_embedding_layers=False)  # "auto" asks the hub
        targets = sorted(model.peft_config["default"].target_modules)
        return registry.add(
            name,
            Path(folder),
            {
                **origin,
                "parent": f"{name}@{max(versions)}" if versions else None,
                "data_sha256": data.sha256,
                "pairs": len(data.train),
                "flags": {**{k: v for k, v in asdict(recipe).items() if k != "seed"}, "targets": targets},
                "seed": recipe.seed,
                "libraries": {lib: importlib.metadata.version(lib) for lib in ("torch", "transformers", "peft")},
            },
        )
