"""One HTML page per version: what the gate found, how the training went, and what each arm says side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from frontdesk.adapters.registry import Voice, replace_text
from frontdesk.finetune.gate import Examined

TEMPLATE = Path(__file__).with_name("report.html")
WIDTH, HEIGHT = 640.0, 180.0
SHOWN = 60


def write_report(path: Path, voice: Voice, examined: Examined, lineage: Sequence[str]) -> Path:
    """Write the page of one examined version; it needs no network to be read."""
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = page.render(
        voice=voice,
        manifest=voice.manifest,
        word=examined.word,
        samples=examined.samples[:: 1 + len(examined.samples) // SHOWN],
        lineage=lineage,
        training=line([(step, loss) for step, loss, _ in voice.manifest.curve], voice),
        held_out=line([(step, loss) for step, _, loss in voice.manifest.curve if loss is not None], voice),
        width=WIDTH,
        height=HEIGHT,
    )
    replace_text(path, text)
    return path


def line(points: Sequence[tuple[int, float]], voice: Voice) -> str:
    """Return the points of an SVG polyline, on the scale of the whole curve."""
    every = [loss for _, train, held_out in voice.manifest.curve for loss in (train, held_out) if loss is not None]
    if not points:
        return ""
    last, top = max(step for step, _, _ in voice.manifest.curve) or 1, max(every) or 1.0
    return " ".join(f"{WIDTH * step / last:.1f},{HEIGHT * (1 - loss / top):.1f}" for step, loss in points)
