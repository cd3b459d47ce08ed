"""What a kernel sends for a data frame."""

from __future__ import annotations

from IPython.core.formatters import DisplayFormatter


def html_of(frame: object) -> str:
    """Its HTML, from IPython's formatter with the current options of pandas."""
    formatter = DisplayFormatter()
    data, _ = formatter.format(frame, include={"text/html"})  # type: ignore[no-untyped-call]  # IPython
    return str(data["text/html"])
