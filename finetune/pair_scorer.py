"""Train a pair scorer on a CPU: `python -m frontdesk.finetune.pair_scorer PAIRS.jsonl --held HELD.jsonl --out FOLDER`.

A row is `{"first", "second", "label": 0 or 1, "weight"?}`. LoRA (2106.09685) on every linear layer of MiniLM, and a
head over the pair; about 1 MB is written. A run that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frontdesk.adapters.encoder import WEIGHTS_SHA256, model_folder, padded
from frontdesk.adapters.minilm_graph import SECOND, WIDTH
from frontdesk.adapters.pair_scorer import FILE, KINDS, MANIFEST, pair_tokenizer, read_pairs
from frontdesk.finetune.pretrain.state import Progress, load_state, save_state

SAVE_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two texts and whether the first carries (or answers ...) the second; `weight` is what it counts for."""

    first: str
    second: str
    label: int
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a scorer is trained; the rate rises over the first twentieth and then falls to nothing."""

    rank: int = 16
    epochs: int = 1
    batch: int = 16
    length: int = 128
    rate: float = 8e-4
    dropout: float = 0.0
    smoothing: float = 0.03
    seed: int = 7
    threads: int = 2


class PairModel(nn.Module):
    """MiniLM with LoRA, a table of token kinds and a head: the network that `build_pair` writes as a graph."""

    def __init__(self, recipe: Recipe) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import BertModel

        super().__init__()
        bert = BertModel.from_pretrained(model_folder(), add_pooling_layer=False)
        targets = ["query", "key", "value", "dense"]
        self.scale = 2.0
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=int(self.scale * recipe.rank),
            lora_dropout=recipe.dropout,
            target_modules=targets,
            bias="none",
        )
        self.bert: Any = get_peft_model(bert, config)
        types = bert.embeddings.token_type_embeddings.weight.detach()
        self.kinds = nn.Embedding(KINDS, WIDTH)
        with torch.no_grad():
            self.kinds.weight.zero_()
            self.kinds.weight[SECOND:] = types[1] - types[0]
        self.head = nn.Linear(3 * WIDTH, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Return one logit per pair."""
        words = self.bert.base_model.model.embeddings.word_embeddings(ids)
        state = self.bert(inputs_embeds=words + self.kinds(kinds), attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(2).float()
        mean = (state * kept).sum(1) / kept.sum(1)
        most = state.masked_fill((kinds < SECOND).unsqueeze(2), -1e4).amax(1)
        logit: Tensor = self.head(self.dropout(torch.cat([state[:, 0], mean, most], dim=1)))
        return logit.squeeze(1)

    def tensors(self) -> dict[str, NDArray[np.float16]]:
        """Return what is shipped: LoRA matrices with their scale in B, kinds and head, in half precision."""
        found: dict[str, Tensor] = {"kinds": self.kinds.weight}
        found |= {f"head.{name}": value for name, value in self.head.named_parameters()}
        for name, value in self.bert.named_parameters():
            if ".lora_" in name:
                layer, side = name.removeprefix("base_model.model.").split(".lora_")
                found[f"{layer}.{side[0]}"] = value * (self.scale if side[0] == "B" else 1.0)
        return {name: value.detach().half().contiguous().numpy() for name, value in found.items()}


Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def train(
    pairs: Sequence[Pair], held: Sequence[Pair], out: Path, recipe: Recipe, about: Mapping[str, Any]
) -> PairModel:
    """Train on `pairs`, or go on from `out/checkpoint`; write scorer and manifest (with `about`) to `out`.

    The head's bias is moved so that on `held` a probability of .5 separates best (balanced over both labels).
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    model, began = PairModel(recipe), time.perf_counter()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".lora_" in name or not name.startswith("bert."))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=recipe.rate, weight_decay=0.01)
    batches = list(_epochs(pairs, recipe))
    progress = load_state(out / "checkpoint", model, optimiser)
    loss_sum = 0.0
    for step in range(progress.steps, len(batches)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min((step + 1) / (len(batches) / 20), 1.0) * (1 - step / len(batches))
        loss_sum += _step(model, optimiser, batches[step], recipe)
        if (step + 1) % 50 == 0:
            print(
                f"step {step + 1}/{len(batches)} loss {loss_sum / 50:.4f} {time.perf_counter() - began:.0f} s",
                flush=True,
            )
            loss_sum = 0.0
        if (step + 1) % SAVE_EVERY == 0:
            save_state(out / "checkpoint", model, optimiser, Progress(steps=step + 1))
    with torch.no_grad():
        model.head.bias.sub_(bar(logits(model, held, recipe), [pair.label for pair in held]))
    write(model, out, {**about, "pairs": len(pairs), "held": len(held), "recipe": asdict(recipe)})
    return model


def logits(model: PairModel, pairs: Sequence[Pair], recipe: Recipe) -> NDArray[np.float32]:
    """Return the model's logit of every pair, in order."""
    model.eval()
    found = np.zeros(len(pairs), dtype=np.float32)
    order = sorted(range(len(pairs)), key=lambda k: len(pairs[k].first) + len(pairs[k].second))
    with torch.inference_mode():
        for start in range(0, len(order), recipe.batch):
            at = order[start : start + recipe.batch]
            ids, kinds, mask, _, _ = _batch(_rows([pairs[k] for k in at], recipe))
            found[at] = model(ids, kinds, mask).numpy()
    model.train()
    return found


def bar(scores: Sequence[float] | NDArray[np.float32], labels: Sequence[int]) -> float:
    """Return the score that separates both labels best: the highest mean of their two recalls."""
    values, truth = np.asarray(scores), np.asarray(labels)
    order = np.unique(values)
    middles = (order[1:] + order[:-1]) / 2
    balanced = [(values[truth == 1] > at).mean() + (values[truth == 0] <= at).mean() for at in middles]
    return float(middles[int(np.argmax(balanced))]) if len(middles) else 0.0


def write(model: PairModel, out: Path, about: Mapping[str, Any]) -> None:
    """Write the scorer and the manifest that names it."""
    from safetensors.numpy import save

    data = save(model.tensors())
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_bytes(data)
    manifest = {"sha256": hashlib.sha256(data).hexdigest(), "base_sha256": WEIGHTS_SHA256, **about}
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[Pair]:
    """Read pairs from JSON lines; further keys are ignored."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [
        Pair(first=row["first"], second=row["second"], label=int(row["label"]), weight=float(row.get("weight", 1.0)))
        for row in rows
    ]


Row = tuple[list[int], list[int], float, float]


def _rows(pairs: Sequence[Pair], recipe: Recipe) -> list[Row]:
    read = read_pairs(pair_tokenizer(recipe.length), [(pair.first, pair.second) for pair in pairs])
    return [(ids, kinds, float(pair.label), pair.weight) for (ids, kinds), pair in zip(read, pairs, strict=True)]


def _epochs(pairs: Sequence[Pair], recipe: Recipe) -> Iterator[list[Row]]:
    """Yield the batches of every epoch, always the same ones: rows of like length together, in random order."""
    rows, rng = _rows(pairs, recipe), random.Random(recipe.seed)
    for _ in range(recipe.epochs):
        rng.shuffle(rows)
        near = 50 * recipe.batch
        groups = [sorted(rows[at : at + near], key=lambda row: len(row[0])) for at in range(0, len(rows), near)]
        batches = [group[at : at + recipe.batch] for group in groups for at in range(0, len(group), recipe.batch)]
        rng.shuffle(batches)
        yield from batches


def _batch(rows: Sequence[Row]) -> Batch:
    ids, mask = padded([row[0] for row in rows])
    kinds, _ = padded([row[1] for row in rows])
    labels, weights = torch.tensor([row[2] for row in rows]), torch.tensor([row[3] for row in rows])
    return torch.from_numpy(ids), torch.from_numpy(kinds), torch.from_numpy(mask), labels, weights


def _step(model: PairModel, optimiser: torch.optim.Optimizer, rows: Sequence[Row], recipe: Recipe) -> float:
    ids, kinds, mask, labels, weights = _batch(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(ids, kinds, mask)
    soft = labels * (1 - 2 * recipe.smoothing) + recipe.smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(found.float(), soft, weight=weights)
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimiser.step()
    return loss.item()


def main() -> None:
    """Read the pairs, train, report how well the held ones are told apart."""
    parser = argparse.ArgumentParser(description="Train a pair scorer.")
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--held", type=Path, required=True, help="pairs that set where a probability of .5 lies")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--rank", type=int, default=Recipe.rank)
    parser.add_argument("--length", type=int, default=Recipe.length, help="the most tokens of a pair that are read")
    parser.add_argument("--threads", type=int, default=Recipe.threads)
    chosen = parser.parse_args()
    recipe = Recipe(epochs=chosen.epochs, rank=chosen.rank, length=chosen.length, threads=chosen.threads)
    held = read_rows(chosen.held)
    model = train(read_rows(chosen.pairs), held, chosen.out, recipe, {"data": chosen.pairs.name})
    scores, labels = logits(model, held, recipe), np.array([pair.label for pair in held])
    right = [float(((scores > 0) == labels)[labels == label].mean()) for label in (0, 1)]
    print(json.dumps({"recall_of_0": round(right[0], 4), "recall_of_1": round(right[1], 4)}))


if __name__ == "__main__":
    main()
