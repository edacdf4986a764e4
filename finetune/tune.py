"""Tune a voice: transcripts -> pairs -> LoRA on the base model -> the next version in the registry.

LoRA: Hu et al. 2021 (arXiv 2106.09685), by peft. The recipe is read top to bottom.
"""

from __future__ import annotations

import importlib.metadata
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.registry import Voice, VoiceRegistry
from frontdesk.adapters.voices import generate, model_sha256, prompt, template_sha256
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.dataset import IGNORED, Dataset, Row, encode

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a voice is trained; saved in its manifest."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    learning_rate: float = 1e-3
    epochs: int = 3
    batch: int = 16
    seed: int = 0
    threads: int = 2
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


MIN_PAIRS = 20


def tune(name: str, data: Dataset, registry: VoiceRegistry, *, base: str, recipe: Recipe, progress: Progress) -> Voice:
    """Train one voice and register it as the next version, unpromoted.

    Raises ConfigError when fewer than MIN_PAIRS pairs are left to learn from.
    """
    registry.versions(name)  # refuses a bad name before the work, not after
    if len(data.train) < MIN_PAIRS:
        raise ConfigError(
            f"{len(data.train)} usable pairs; {MIN_PAIRS} are the least.",
            fix=f"add transcripts; dropped: {data.dropped}.",
        )
    import torch

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    model, tokenizer = load_base(base)
    origin = {"base": base, "base_sha256": model_sha256(model), "template_sha256": template_sha256(tokenizer)}
    started = time.perf_counter()
    adapted = _with_lora(model, recipe, base)
    rows = [encode(pair, tokenizer, prompt) for pair in data.train]
    held_out = [encode(pair, tokenizer, prompt) for pair in data.held_out]
    before = loss_on(adapted, held_out, tokenizer.pad_token_id)
    _train(adapted, rows, recipe, tokenizer.pad_token_id, progress)
    metrics = {
        "held_out_loss_before": before,
        "held_out_loss": loss_on(adapted, held_out, tokenizer.pad_token_id),
        "ended_by_itself": _ended(adapted, tokenizer, data),
        "seconds": round(time.perf_counter() - started, 1),
    }
    return _register(name, adapted, registry, data, recipe, {**origin, "metrics": metrics})


def _with_lora(model: Any, recipe: Recipe, base: str) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = base
    return adapted


def _train(model: Any, rows: Sequence[Row], recipe: Recipe, pad: int, progress: Progress) -> None:
    import torch

    learned = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=recipe.learning_rate, weight_decay=0.0)
    total = recipe.epochs * math.ceil(len(rows) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total))
    model.train()
    draw, step = random.Random(recipe.seed), 0
    for epoch in range(recipe.epochs):
        for batch in batches(rows, recipe.batch, draw):
            loss = _loss(model, batch, pad)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            progress(f"epoch {epoch + 1}/{recipe.epochs}, loss {loss.item():.3f}", step, total)
    model.eval()


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
    import torch

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[pad] * (width - len(row.ids))] for row in batch])
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.ids))] for row in batch])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def loss_on(model: Any, rows: Sequence[Row], pad: int, size: int = 32) -> float:
    """Return the mean loss over batches of rows; 0 for none."""
    import torch

    model.eval()
    with torch.inference_mode():
        losses = [_loss(model, rows[i : i + size], pad).item() for i in range(0, len(rows), size)]
    return round(sum(losses) / len(losses), 4) if losses else 0.0


def _ended(model: Any, tokenizer: Any, data: Dataset, most: int = 40) -> float:
    """The share of held-out messages whose greedy reply comes to an end."""
    asked = (data.held_out or data.train)[:most]
    replies = [generate(model, tokenizer, prompt(pair.intent, pair.message), seed=0) for pair in asked]
    return round(sum(map(bool, replies)) / len(replies), 4)


def _register(
    name: str, model: Any, registry: VoiceRegistry, data: Dataset, recipe: Recipe, origin: dict[str, Any]
) -> Voice:
    versions = registry.versions(name)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, save_embedding_layers=False)  # "auto" asks the hub
        return registry.add(
            name,
            Path(folder),
            {
                **origin,
                "parent": f"{name}@{max(versions)}" if versions else None,
                "data_sha256": data.sha256,
                "pairs": len(data.train),
                "flags": {k: v for k, v in asdict(recipe).items() if k != "seed"},
                "seed": recipe.seed,
                "libraries": {lib: importlib.metadata.version(lib) for lib in ("torch", "transformers", "peft")},
            },
        )
