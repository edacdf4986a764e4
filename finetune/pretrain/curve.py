"""Draws the loss curve of a run."""

from __future__ import annotations

import json
from pathlib import Path

from frontdesk.bot.errors import MissingExtra

COLOURS = {"pretrain": "#3b6ea5", "instruct": "#c2703d"}
LABELS = {"pretrain": "dialogue and documents, all tokens", "instruct": "pairs, the agent's tokens only"}


def draw_curve(out: Path, picture: Path) -> None:
    """Write the training loss of `out`'s run over its minutes as a small picture, one colour per phase."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    curve = json.loads((out / "state" / "progress.json").read_text(encoding="utf-8"))["curve"]
    figure = Figure(figsize=(6, 3), dpi=90, layout="constrained")
    axes = figure.subplots()
    for phase, colour in COLOURS.items():
        rows = [(seconds / 60, loss) for seconds, name, loss in curve if name == phase]
        axes.plot([at for at, _ in rows], [loss for _, loss in rows], color=colour, label=LABELS[phase])
    axes.set(xlabel="minutes", ylabel="loss per token (nats)")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
