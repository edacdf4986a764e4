"""`python -m frontdesk.finetune.redact.train`: train the head that finds names and places, in minutes on one core.

MiniLM stays frozen. Written carriers are filled with three quarters of Faker's names; `--chat FILE` (JSON lines with
"text") adds customers' sentences as they are typed. The bars are set on sentences that were not trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import random
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import TokenStates
from frontdesk.finetune.redact.chat import chat_rows, sampled
from frontdesk.finetune.redact.examples import Marked, own_sentences, training
from frontdesk.finetune.redact.names import CLASSES, HEAD, LAYERS, decided, probabilities, word_states
from frontdesk.finetune.redact.wording import SHAPES, shapes, words

INNER, HIDDEN, REACH = 96, 96, 3
COUNT, NAMED_CHAT, PLAIN_CHAT = 16_000, 4_000, 6_000
EPOCHS, BATCH, RATE, SEED = 3, 64, 2e-3, 3
NAME_RECALL, PLACE_RECALL = 0.988, 0.97
"""The share of words of either class that the bars let through on the held-back sentences."""

Rows = list[tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.int64]]]


def main() -> None:
    """Make the examples, read their states, train, set the bars, write the head and its manifest."""
    parser = argparse.ArgumentParser(description="Train the classifier of names and places.")
    parser.add_argument("--chat", type=Path, nargs="*", default=[], help='JSON lines with "text", .gz or not')
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the head and its manifest")
    arguments, started = parser.parse_args(), time.perf_counter()
    rng = random.Random(SEED)
    chat = sampled(chat_rows(arguments.chat, "train"), rng, NAMED_CHAT, PLAIN_CHAT)
    own = own_sentences(Path(str(files("frontdesk.bot"))) / "template")
    marked = chat + list(training(rng, COUNT, own + [row.text for row in chat if not row.spans]))
    rng.shuffle(marked)
    rows = _read(marked)
    held, used = rows[: len(rows) // 10], rows[len(rows) // 10 :]
    head = _trained(used)
    bars = _bars(head, held)
    sources = [{"name": f.parent.name, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()} for f in arguments.chat]
    _write(arguments.out, head, bars, {"chat": sources, "own_sha256": _digest(own), "examples": len(marked)})
    print(json.dumps({"bars": bars, "seconds": round(time.perf_counter() - started)}))


def _digest(sentences: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sentences).encode()).hexdigest()


def _read(marked: Sequence[Marked]) -> Rows:
    """The states, shapes and labels of every sentence."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as cache:
        encoder = TokenStates(Path(cache), LAYERS, threads=1)
        for start in range(0, len(marked), 512):
            part = marked[start : start + 512]
            for one, tokens in zip(part, encoder.read([m.text for m in part]), strict=True):
                if spans := words(one.text):
                    labels = np.array([_label(one, *span) for span in spans])
                    rows.append((word_states(tokens, spans).astype(np.float16), shapes(one.text, spans), labels))
    return rows


def _label(marked: Marked, start: int, end: int) -> int:
    """The class of a word: -1 where it is unclear."""
    kind = next((kind for kind, a, b in marked.spans if a < end and start < b), "")
    return -1 if kind == "unclear" else CLASSES.index(kind)


def _trained(rows: Rows) -> dict[str, NDArray[np.float32]]:
    """Train the head: AdamW, the rate falling linearly to nothing; returns weights in numpy's (in, out) order."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    state = nn.Linear(rows[0][0].shape[1], INNER)
    window, out = nn.Linear((2 * REACH + 1) * (INNER + SHAPES), HIDDEN), nn.Linear(HIDDEN, len(CLASSES))
    layers = nn.ModuleDict({"state": state, "window": window, "out": out})
    steps = EPOCHS * (len(rows) // BATCH)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 0.0))
    rng = random.Random(SEED)
    for step in range(steps):
        states, marks, labels = (torch.from_numpy(a) for a in _batch(rng.sample(rows, BATCH)))
        kept = functional.dropout(states, 0.15)
        inner = torch.cat([functional.gelu(state(kept), approximate="tanh"), marks], dim=2)
        padded = functional.pad(inner, (0, 0, REACH, REACH))
        views = torch.cat([padded[:, k : k + inner.shape[1]] for k in range(2 * REACH + 1)], dim=2)
        logits = out(functional.dropout(functional.gelu(window(views), approximate="tanh"), 0.15))
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}/{steps} loss {loss.item():.4f}", flush=True)
    return {k: (v.T if v.ndim == 2 else v).detach().contiguous().numpy() for k, v in layers.state_dict().items()}


def _batch(rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Pad a few sentences to one length; padding has label -1."""
    longest = max(len(labels) for _, _, labels in rows)
    states = np.zeros((len(rows), longest, rows[0][0].shape[1]), dtype=np.float32)
    marks = np.zeros((len(rows), longest, SHAPES), dtype=np.float32)
    labels = np.full((len(rows), longest), -1)
    for k, (state, mark, label) in enumerate(rows):
        states[k, : len(label)], marks[k, : len(label)], labels[k, : len(label)] = state, mark, label
    return states, marks, labels


def _bars(head: dict[str, NDArray[np.float32]], rows: Rows) -> dict[str, float]:
    """The probability above which a word counts, so that the wanted share of held-back words passes."""
    found = [(probabilities(head, state.astype(np.float32), mark), label) for state, mark, label in rows]
    bars = {}
    for label, wanted in ((1, NAME_RECALL), (2, PLACE_RECALL)):
        chances = np.concatenate([chance[truth == label, label] for chance, truth in found])
        bars[CLASSES[label]] = round(float(np.clip(np.quantile(chances, 1 - wanted), 0.15, 0.6)), 3)
    classes = [(decided(chance, (bars["customer_name"], bars["place"])), truth) for chance, truth in found]
    for label in (1, 2):
        hits = sum(int(c == label == t) for guess, truth in classes for c, t in zip(guess, truth, strict=True))
        said = sum(guess.count(label) for guess, _ in classes)
        true = sum(int((truth == label).sum()) for _, truth in classes)
        print(f"{CLASSES[label]}: words found {hits}/{true}, right {hits}/{said}", flush=True)
    return bars


def _write(folder: Path, head: dict[str, NDArray[np.float32]], bars: dict[str, float], about: dict[str, Any]) -> None:
    from safetensors.numpy import save

    data = save({name: values.astype(np.float16) for name, values in sorted(head.items())})
    (folder / HEAD).write_bytes(data)
    manifest = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "encoder": TokenStates(folder, LAYERS).fingerprint,
        "bars": bars,
        "recipe": {"epochs": EPOCHS, "batch": BATCH, "rate": RATE, "seed": SEED, "inner": INNER, "hidden": HIDDEN},
        "data": {**about, "faker": importlib.metadata.version("faker")},
    }
    (folder / "names.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
