"""The recipe of a base model: one TOML file, unknown keys refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.bot.errors import ConfigError


class Table(BaseModel):
    """One table of the recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(Table):
    """The size of the Llama network."""

    vocabulary: int = Field(default=8000, ge=300)
    context: int = Field(default=1024, ge=32)
    width: int = 320
    layers: int = 6
    heads: int = 5
    feed_forward: int = 864


class Schedule(Table):
    """How long to train, by the clock: every share is a share of `minutes`."""

    minutes: float = Field(default=50, gt=0)
    instruct_share: float = Field(default=0.35, ge=0, le=1)
    """The last share of the time: loss on the agent's words only."""
    warmup_share: float = Field(default=0.02, gt=0, le=1)
    decay_share: float = Field(default=0.5, gt=0, le=1)
    """The last share of the time, over which the learning rate falls to `final_rate`."""
    checkpoint_minutes: float = Field(default=5, gt=0)


class Optimizer(Table):
    """AdamW and the size of a step."""

    rate: float = 1.5e-3
    final_rate: float = 7.5e-5
    weight_decay: float = 0.1
    clip: float = 1.0
    rows: int = Field(default=8, ge=1)
    length: int = Field(default=256, ge=16)


class Recipe(Table):
    """Everything that decides a base model, besides the data."""

    name: str
    seed: int = 0
    threads: int = Field(default=2, ge=1)
    bf16: bool = True
    compile: bool = False
    shape: Shape = Shape()
    schedule: Schedule = Schedule()
    optimizer: Optimizer = Optimizer()
    corpus: dict[str, float]
    """Share of each data set that is read in the first phase; 1 = all, 2 = all of it twice."""
    instruct: dict[str, float]
    """Weight of each source of pairs in the instruction phase, by number of pairs drawn."""
    replay: float = Field(default=0, ge=0, lt=1)
    """Share of the instruction phase's rows that are still dialogue and documents, so that they are not forgotten."""


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe; ConfigError names the file and the key."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"not a valid recipe: {error}", where=str(path), fix="correct the keys named above."
        ) from error
