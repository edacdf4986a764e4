"""The buffers of one caller: keys, values and logits of up to ROWS replies that are drawn together.

Everything is bound to a voice's session once per number of rows, so that a step passes no values and switching the
voice is choosing another binding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.decoding.graph import POSITIONS
from frontdesk.adapters.decoding.llama import Shape
from frontdesk.adapters.decoding.sampling import Choice, chooser
from frontdesk.bot.errors import ModelError

ROWS = 8
"""How many replies one lane draws at once."""
PROMPT_TOKENS = 160
"""The longest prompt in tokens; of a longer one head and tail are read."""
NEW_TOKENS = 80
"""The longest reply in tokens; one that has not ended by then counts as empty."""


class Adapter:
    """A voice ready to speak: the session of its graph, kept alive while anything is bound to it."""

    def __init__(self, session: Any) -> None:
        self.session = session


@dataclass(kw_only=True)
class _Row:
    """One reply being drawn."""

    which: int
    choose: Choice
    token: int
    """Drawn, not yet read by the model."""
    length: int
    """Tokens that the model has read."""
    left: int


class Lane:
    """Draws for one caller at a time."""

    def __init__(self, words: NDArray[np.float16], shape: Shape) -> None:
        self._words, self._shape = words, shape
        size = (2 * shape.layers, ROWS, shape.kv_heads, POSITIONS, shape.head_size)
        self._kept = np.zeros(size, dtype=np.float32)
        self._read = np.zeros((size[0], 1, *size[2:]), dtype=np.float32)
        self._states = np.zeros((ROWS, 1, shape.width), dtype=np.float32)
        self._ends, self._total = np.zeros(ROWS, dtype=np.int32), np.zeros((), dtype=np.int32)
        self._logits = np.zeros((ROWS, 1, shape.vocabulary), dtype=np.float32)
        self._bound: WeakKeyDictionary[Adapter, dict[int, Any]] = WeakKeyDictionary()

    def draw(
        self, adapter: Adapter, prompts: Sequence[Sequence[int]], seeds: Sequence[int], end: int
    ) -> Iterator[tuple[int, int]]:
        """Yield (which prompt, token) in the order of drawing; a reply's last token is `end` unless it ran too long."""
        waiting, speaking = deque(range(len(prompts))), list[_Row]()
        before: Sequence[int] = ()
        first = self._logits[0, 0]
        while waiting or speaking:
            while waiting and len(speaking) < ROWS:
                which = waiting.popleft()
                if prompts[which] != before:
                    before, first = prompts[which], self.read(adapter, prompts[which])
                row = self._begin(which, before, first, seeds[which], len(speaking))
                yield which, row.token
                if row.token != end:
                    speaking.append(row)
            for row in self._step(adapter, speaking):
                yield row.which, row.token
            self._dismiss(speaking, end)

    def read(self, adapter: Adapter, prompt: Sequence[int]) -> NDArray[np.float32]:
        """Read a prompt of at most POSITIONS - NEW_TOKENS ids; returns the logits of what follows (vocabulary)."""
        count = len(prompt)
        states = self._words[None, list(prompt)].astype(np.float32)
        self._ends[0], self._total[...] = count - 1, count
        binding = self._binding(adapter, 0)
        _bind(binding, "states", states)
        self._run(adapter, binding)
        logits: NDArray[np.float32] = self._logits[0, 0].copy()
        return logits

    def _begin(self, which: int, prompt: Sequence[int], logits: NDArray[np.float32], seed: int, place: int) -> _Row:
        """Give a prompt that was read its place among the rows, and draw the first token."""
        choose, count = chooser(seed, prompt), len(prompt)
        self._kept[:, place, :, :count] = self._read[:, 0, :, :count]
        return _Row(which=which, choose=choose, token=choose(logits), length=count, left=NEW_TOKENS - 1)

    def _step(self, adapter: Adapter, rows: Sequence[_Row]) -> Sequence[_Row]:
        """Let every row read its last token and draw the next."""
        if not rows:
            return rows
        for place, row in enumerate(rows):
            self._states[place, 0], self._ends[place] = self._words[row.token], row.length
            row.length, row.left = row.length + 1, row.left - 1
        self._total[...] = max(row.length for row in rows)
        self._run(adapter, self._binding(adapter, len(rows)))
        for place, row in enumerate(rows):
            row.token = row.choose(self._logits[place, 0])
        return rows

    def _dismiss(self, rows: list[_Row], end: int) -> None:
        """Remove the rows that are done; the last row moves into the gap."""
        for place in reversed(range(len(rows))):
            if rows[place].token == end or not rows[place].left:
                last = rows.pop()
                if place < len(rows):
                    rows[place] = last
                    self._kept[:, place, :, : last.length] = self._kept[:, len(rows), :, : last.length]

    def _binding(self, adapter: Adapter, rows: int) -> Any:
        """Everything that a call reads and writes, for a number of rows (0: a prompt), bound at first use."""
        bound = self._bound.setdefault(adapter, {})
        if rows not in bound:
            bound[rows] = self._bind_all(adapter, rows)
        return bound[rows]

    def _bind_all(self, adapter: Adapter, rows: int) -> Any:
        binding = adapter.session.io_binding()
        held = self._kept[:, :rows] if rows else self._read
        for layer in range(self._shape.layers):
            for part, name in enumerate((f"{layer}.k", f"{layer}.v")):
                _bind(binding, name, held[2 * layer + part])
                _bind(binding, f"{name}.new", held[2 * layer + part], output=True)
        _bind(binding, "states", self._states[:rows])
        _bind(binding, "ends", self._ends[: rows or 1])
        _bind(binding, "total", self._total)
        _bind(binding, "logits", self._logits[: rows or 1], output=True)
        return binding

    def _run(self, adapter: Adapter, binding: Any) -> None:
        try:
            adapter.session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's own exception types are not public
            raise ModelError(f"the decoder stopped: {error}") from error


def _bind(binding: Any, name: str, array: NDArray[Any], *, output: bool = False) -> None:
    """Bind an array by its address; the first axis may be a prefix of the buffer's."""
    bind = binding.bind_output if output else binding.bind_input
    bind(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)
