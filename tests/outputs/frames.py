"""What a kernel sends of a data frame."""

from __future__ import annotations

from IPython.core.formatters import DisplayFormatter


def html_of(frame: object) -> str:
    """Its HTML, by IPython's own formatter and under pandas' options of the moment."""
    formatter = DisplayFormatter()
    data, _ = formatter.format(frame, include={"text/html"})  # type: ignore[no-untyped-call]  # IPython
    return str(data["text/html"])
