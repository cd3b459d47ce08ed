"""Views of outputs for people: the protocol's extension for apps, ``io.modelcontextprotocol/ui``.

A client that declares it is told of a view for the tools that have outputs, which it shows in a
sandbox of its own. The view reads the execution through the client, as `jupyter://executions`; a
client that does not declare it gets not a byte more, and the model of neither.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import mcp_types as types

from jupyter_mcp_ext.errors import ContentsError

from .resource import Content

if TYPE_CHECKING:
    from .tasks import Context

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
VIEW = "ui://jupyter/output"
PLOTLY = "ui://jupyter/plotly.js"

URIS = frozenset({VIEW, PLOTLY})

FILE = Path(__file__).parent / "view" / "output.html"

MAX_LIBRARY = 8_000_000
"""Bytes of plotly.js."""

FRESH = 86_400_000
"""Milliseconds for which a client need not read them again."""

WITH_OUTPUTS = frozenset({"execute_code", "get_output", "run_cells"})
"""Tools whose results have a view."""

META = {"ui": {"csp": {"connectDomains": [], "resourceDomains": []}, "prefersBorder": False}}
"""The view reaches nothing outside: clients make its content security policy of this."""


def takes_views(ctx: Context) -> bool:
    """Whether the client of a request can show views."""
    declared = ctx.session.client_capabilities
    known = (declared.extensions or {}).get(EXTENSION) if declared is not None else None
    kinds = known.get("mimeTypes", [MIME_TYPE]) if isinstance(known, dict) else ()
    return isinstance(kinds, list) and MIME_TYPE in kinds


def with_view(tool: types.Tool) -> types.Tool:
    """A tool as a client that shows views is told of it: no view may call one."""
    ui: dict[str, object] = {"visibility": ["model"]}
    if tool.name in WITH_OUTPUTS:
        ui["resourceUri"] = VIEW
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": ui}})


async def read(uri: str) -> Content:
    """The view, or the library that it loads for charts. Raises ContentsError."""
    if uri == VIEW:
        return Content(text=_page(), mime_type=MIME_TYPE, fresh=FRESH, meta=META)
    text = await asyncio.to_thread(_library)
    return Content(text=text, mime_type="text/javascript", fresh=FRESH)


@lru_cache(maxsize=1)
def _page() -> str:
    return FILE.read_text(encoding="utf-8")


def _library() -> str:
    # From the server's own environment: what a kernel gives could act in the view, through the
    # client, with the rights of its user.
    found = find_spec("plotly")
    file = (
        Path(found.origin).parent / "package_data" / "plotly.min.js"
        if found is not None and found.origin
        else None
    )
    if file is None or not file.is_file():
        msg = (
            "plotly is not installed in the environment of the Jupyter server, which has the "
            "library for such charts from there. Show the chart's image."
        )
        raise ContentsError(msg)
    if file.stat().st_size > MAX_LIBRARY:
        msg = f"The library is over {MAX_LIBRARY:,} bytes. Show the chart's image."
        raise ContentsError(msg)
    return file.read_text(encoding="utf-8")
