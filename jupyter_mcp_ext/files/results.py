"""Results of the file tools, before they become text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.outputs.images import FittedImage

from .lines import TextPage


@dataclass(frozen=True, kw_only=True)
class FileText:
    """A page of a text file."""

    path: str
    size: int
    lines: TextPage


@dataclass(frozen=True, kw_only=True)
class FileImage:
    """An image in a size that models take."""

    path: str
    size: int
    image: FittedImage


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A file that cannot be shown."""

    path: str
    size: int
    mime_type: str


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A file that was written, and whether it was made, replaced or extended."""

    path: str
    size: int
    did: Literal["made", "replaced", "appended"]
    added: int


@dataclass(frozen=True, kw_only=True)
class Download:
    """Where a file can be fetched, and a part of its bytes."""

    path: str
    size: int
    mime_type: str
    url: str
    """Its path on the Jupyter server, with the base URL."""
    sha256: str | None
    """None for a file that is too large to compute it."""
    offset: int
    data: bytes
