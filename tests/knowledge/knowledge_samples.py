"""Sample documents, and an encoder that needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from frontdesk.knowledge.terms import terms

RETURNS = """---
title: Returns
url: https://shop.example/returns
---
# Returns

You can return **unused** items within 45 days
of delivery. They must be in their [original box](https://shop.example/box).

## What does a return cost?

The label is free in the US. For returns from Canada we deduct $6.95.

We cannot take back:

- gift cards
- engraved knives
- opened food
"""
KETTLE = """# Wren Kettle

| | |
| --- | --- |
| Capacity | 1.7 L |
| Price | $64 |
"""
SHIPPING = """# Shipping

| Method | Price | Time |
| --- | --- | --- |
| Standard | $4.95 | 3-5 business days |
| Express | $14.95 | 1-2 business days |

Parcels leave our warehouse on weekdays.
"""


class Hashing:
    """A bag of stemmed words hashed into 256 numbers: similar words, similar vectors, no weights."""

    def __init__(self, name: str = "hashing-1") -> None:
        self.fingerprint, self.encoded = name, 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += len(texts)
        out = np.full((len(texts), 256), 1e-3, dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for term in terms(text):
                row[sha256(term.encode()).digest()[0]] += 1.0
        unit: NDArray[np.float32] = out / np.linalg.norm(out, axis=1, keepdims=True)
        return unit
