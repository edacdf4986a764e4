"""One HTML page per version: what the gate found, what each arm says side by side, and how the training went."""

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
    curve, samples = voice.manifest.curve, examined.samples
    last = max((step for step, _, _ in curve), default=0) or 1
    top = max((loss for _, *losses in curve for loss in losses if loss is not None), default=0.0) or 1.0
    text = page.render(
        voice=voice,
        manifest=voice.manifest,
        word=examined.word,
        failed=[finding.check for finding in examined.word.findings if not finding.passed],
        samples=samples[:: 1 + len(samples) // SHOWN],
        compared=any(sample.served for sample in samples),
        lineage=lineage,
        training=_line([(step, loss) for step, loss, _ in curve], last, top),
        held_out=_line([(step, loss) for step, _, loss in curve if loss is not None], last, top),
        last=last,
        top=top,
        width=WIDTH,
        height=HEIGHT,
    )
    replace_text(path, text)
    return path


def _line(points: Sequence[tuple[int, float]], last: int, top: float) -> str:
    """Return the points of an SVG polyline, on the scale of the whole curve."""
    return " ".join(f"{WIDTH * step / last:.1f},{HEIGHT * (1 - loss / top):.1f}" for step, loss in points)
