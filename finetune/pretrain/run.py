"""The training loop: steps by the clock, a checkpoint every few minutes, a curve to look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

from frontdesk.finetune.pretrain.batches import IGNORE, Batch, Packed, shuffled
from frontdesk.finetune.pretrain.recipe import Optimizer, Recipe, Schedule
from frontdesk.finetune.pretrain.state import load_state, save_state

Report = Callable[[str], None]
_CURVE_EVERY = 50


class Run:
    """One run of a recipe: the model, its optimizer and the clock; continues from `folder` if it was there before."""

    def __init__(self, recipe: Recipe, model: LlamaForCausalLM, folder: Path, report: Report = print) -> None:
        self.recipe, self.model, self.folder, self.report = recipe, model, folder, report
        self.optimizer = adamw(model, recipe.optimizer)
        self.progress = load_state(folder, model, self.optimizer)
        self.loss = torch.compile(self._loss) if recipe.compile else self._loss

    @property
    def share(self) -> float:
        """How much of the time is used, 0 to 1."""
        return self.progress.seconds / (60 * self.recipe.schedule.minutes)

    def phase(self, name: str, rows_of: Callable[[int], Packed], held_out: Packed, *, until: float) -> None:
        """Train on the rows of one phase, drawn anew each epoch, until its share of the time is used."""
        progress = self.progress
        if self.share >= until:
            return
        if progress.phase != name:
            progress.phase, progress.epoch, progress.row = name, 0, 0
        self._train(rows_of, until)
        progress.checks[f"{name}_held_out"] = self.check(held_out)
        self.report(f"{name}: {progress.tokens} tokens, held-out loss {progress.checks[f'{name}_held_out']:.3f}")
        save_state(self.folder, self.model, self.optimizer, progress)

    def step(self, batch: Batch) -> float:
        """One step of AdamW at the rate of this moment; returns the mean loss of the batch."""
        settings = self.recipe.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.share, self.recipe.schedule, settings)
        loss = self.loss(batch.ids, batch.labels, batch.mask)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.steps += 1
        self.progress.tokens += int(batch.labels.ne(IGNORE).sum())
        return float(loss.detach())

    def check(self, packed: Packed) -> float:
        """Mean loss per token on held-out rows."""
        size, total, tokens = self.recipe.optimizer.rows, 0.0, 0
        with torch.no_grad():
            for start in range(0, len(packed), size):
                batch = packed.batch(list(range(start, min(start + size, len(packed)))))
                count = int(batch.labels.ne(IGNORE).sum())
                total += float(self._loss(batch.ids, batch.labels, batch.mask)) * count
                tokens += count
        return round(total / max(1, tokens), 4)

    def _train(self, rows_of: Callable[[int], Packed], until: float) -> None:
        progress, losses, saved = self.progress, list[float](), self.progress.seconds
        began = time.perf_counter()
        for batch in self._batches(rows_of):
            losses.append(self.step(batch))
            now = time.perf_counter()
            progress.seconds, began = progress.seconds + now - began, now
            over = self.share >= until
            if over or len(losses) == _CURVE_EVERY:
                self._log(losses)
                losses.clear()
            if progress.seconds - saved > 60 * self.recipe.schedule.checkpoint_minutes:
                save_state(self.folder, self.model, self.optimizer, progress)
                saved = progress.seconds
            if over:
                return

    def _batches(self, rows_of: Callable[[int], Packed]) -> Iterator[Batch]:
        progress = self.progress
        while True:
            packed = rows_of(progress.epoch)
            order = shuffled(len(packed), self.recipe.seed + progress.epoch)
            size = min(self.recipe.optimizer.rows, len(packed))
            while progress.row + size <= len(packed):
                start, progress.row = progress.row, progress.row + size
                yield packed.batch(order[start : start + size])
            progress.epoch, progress.row = progress.epoch + 1, 0

    def _log(self, losses: list[float]) -> None:
        progress, mean = self.progress, sum(losses) / len(losses)
        progress.curve.append((round(progress.seconds, 1), progress.phase, round(mean, 4)))
        speed = progress.steps * self.recipe.optimizer.rows * self.recipe.optimizer.length / max(1.0, progress.seconds)
        self.report(f"{progress.phase} {self.share:5.1%} step {progress.steps} loss {mean:.3f} {speed:.0f} tokens/s")

    def _loss(self, ids: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.bf16):
            hidden = self.model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            logits = self.model.lm_head(hidden)
        return F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORE)


def adamw(model: LlamaForCausalLM, settings: Optimizer) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.95), fused=True)


def rate_at(share: float, schedule: Schedule, settings: Optimizer) -> float:
    """Learning rate at a share of the time: warm up, hold, then fall in a straight line to `final_rate`."""
    if share < schedule.warmup_share:
        return settings.rate * max(0.01, share / schedule.warmup_share)
    left = max(0.0, 1.0 - share) / schedule.decay_share
    return settings.final_rate + (settings.rate - settings.final_rate) * min(1.0, left)
