"""`frontdesk` with every span written to a file: `python -m tests.faults.traced FILE serve ...`.

What an operator gets with `opentelemetry-instrument`, without a collector.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def trace_into(path: Path) -> None:
    """Append every span that ends to `path`, one JSON object in a line; without the SDK nothing is recorded."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
    except ImportError:
        return

    class ToFile(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            with path.open("a", encoding="utf-8") as file:
                file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ToFile()))
    trace.set_tracer_provider(provider)


if __name__ == "__main__":
    trace_into(Path(sys.argv.pop(1)))
    from frontdesk.bot.commands import main

    main()
