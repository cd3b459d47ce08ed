"""Limits for the outputs in one result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of the outputs is shown, in characters except for images and bytes."""

    text: int = 10_000
    flood: int = 4_000
    """Head and tail of a stream that does not fit into a result."""
    error: int = 3_000
    last: int = 3_000
    html: int = 2_000
    rows: int = 20
    columns: int = 12
    images: int = 4
    image_edge: int = 1_568
    image_bytes: int = 1_000_000

    @classmethod
    def within(cls, text: int) -> Limits:
        """The limits of a result with this many characters of text."""
        return cls(text=text, flood=text * 2 // 5)
