"""A resource that a caller may read, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.wording import size

if TYPE_CHECKING:
    from jupyter_mcp_ext.resources.uris import Uri

NOTEBOOK = "application/x-ipynb+json"
"""The MIME type of notebooks."""

MAX_CHARACTERS = 5_000_000
"""Of one resource: a message is made of it on the event loop."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is in a resource at one moment."""

    text: str
    mime_type: str
    fresh: int = 0
    """Milliseconds for which a client need not read it again."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What the protocol says of it besides."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that exists, found for a caller who may read it."""

    names: frozenset[Uri]
    """Under which its changes are told; a notebook behind a link has two."""
    read: Callable[[], Awaitable[Content]]
    """Raises ToolError."""


def too_large(what: str, instead: str) -> ContentsError:
    """The error for a resource that is too large; ``instead`` is a call that reads it in pages."""
    return ContentsError(
        f"{what} is larger than the {size(MAX_CHARACTERS)} that a resource may have. "
        f"{instead} reads it in pages."
    )


def as_json(value: Any) -> str:
    """JSON as Jupyter writes notebooks; for large values call it in a thread."""
    return json.dumps(value, ensure_ascii=False, indent=1)
