"""An exporter of OpenTelemetry that writes each span as a line of JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

FILE = "SPANS"
"""The variable of the environment with the file's name."""


class OTLPSpanExporter(SpanExporter):
    """Takes the place of the one that sends spans to a collector."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans."""
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
            file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
        return SpanExportResult.SUCCESS
