"""Packs examples into rows of token ids, each example blind to its neighbours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frontdesk.finetune.pretrain.examples import AGENT, END, PAD, Example, agent_mask, render

IGNORE = -100


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step: `ids` and `labels` (rows, length), `mask` (rows, 1, length, length), True where a token may look."""

    ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Rows of length + 1: token ids, the number of the example each belongs to, and whether it carries loss."""

    ids: NDArray[np.int32]
    owner: NDArray[np.int32]
    loss: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: Sequence[int]) -> Packed:
        """Some of the rows."""
        return Packed(ids=self.ids[chosen], owner=self.owner[chosen], loss=self.loss[chosen])

    def batch(self, rows: Sequence[int]) -> Batch:
        """The chosen rows as tensors, labels shifted by one and never across two examples."""
        ids = torch.from_numpy(self.ids[rows].astype(np.int64))
        owner, loss = torch.from_numpy(self.owner[rows]), torch.from_numpy(self.loss[rows])
        keep = loss[:, 1:] & (owner[:, 1:] == owner[:, :-1])
        same = owner[:, :-1, None] == owner[:, None, :-1]
        return Batch(
            ids=ids[:, :-1].contiguous(),
            labels=ids[:, 1:].masked_fill(~keep, IGNORE),
            mask=same.tril().unsqueeze(1),
        )


def encode(examples: Sequence[Example], tokenizer: Any, *, agent_only: bool) -> list[tuple[list[int], list[bool]]]:
    """Token ids and loss mask of each example."""
    agent, end = tokenizer.convert_tokens_to_ids([AGENT, END])
    batch: list[list[int]] = tokenizer([render(example) for example in examples], add_special_tokens=False)["input_ids"]
    return [(ids, agent_mask(ids, agent, end) if agent_only else [True] * len(ids)) for ids in batch]


def pack(encoded: Sequence[tuple[list[int], list[bool]]], *, length: int, pad: int, split: bool) -> Packed:
    """Fill rows of `length` + 1 tokens; `split` cuts an example over rows, otherwise each stays whole or is cut off."""
    width, rows = length + 1, [_Row()]
    for number, (ids, loss) in enumerate(encoded):
        if not split:
            ids, loss = ids[:width], loss[:width]
        if not split and len(rows[-1].ids) + len(ids) > width:
            rows.append(_Row())
        while ids:
            room = width - len(rows[-1].ids)
            rows[-1].add(ids[:room], number, loss[:room])
            ids, loss = ids[room:], loss[room:]
            if ids:
                rows.append(_Row())
    return _stack(rows, width, pad)


def pack_examples(examples: Sequence[Example], tokenizer: Any, *, length: int, agent_only: bool) -> Packed:
    """Encode and pack: dialogues are cut over rows in the first phase, pairs stay whole in the second."""
    encoded = encode(examples, tokenizer, agent_only=agent_only)
    return pack(encoded, length=length, pad=tokenizer.convert_tokens_to_ids(PAD), split=not agent_only)


def joined(parts: Sequence[Packed]) -> Packed:
    """Several sets of rows of one length as one."""
    return Packed(
        ids=np.concatenate([part.ids for part in parts]),
        owner=np.concatenate([part.owner for part in parts]),
        loss=np.concatenate([part.loss for part in parts]),
    )


def shuffled(count: int, seed: int) -> list[int]:
    """The numbers below `count` in an order that `seed` decides."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


class _Row:
    """A row being filled."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.owner: list[int] = []
        self.loss: list[bool] = []

    def add(self, ids: list[int], owner: int, loss: list[bool]) -> None:
        self.ids += ids
        self.owner += [owner] * len(ids)
        self.loss += loss


def _stack(rows: Sequence[_Row], width: int, pad: int) -> Packed:
    ids = np.full((len(rows), width), pad, dtype=np.int32)
    owner = np.full((len(rows), width), -1, dtype=np.int32)
    loss = np.zeros((len(rows), width), dtype=np.bool_)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = row.ids
        owner[number, : len(row.ids)] = row.owner
        loss[number, : len(row.ids)] = row.loss
    return Packed(ids=ids, owner=owner, loss=loss)
