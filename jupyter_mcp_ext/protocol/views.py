"""Views of outputs for people: the protocol's extension for apps, ``io.modelcontextprotocol/ui``.

A client that declares it is told of a view for the tools that have outputs, which it shows in a
sandbox of its own. The view reads the execution through the client, as `jupyter://executions`; a
client that does not declare it gets not a byte more, and the model of neither.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
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
VEGA = "ui://jupyter/vega.js"

PACKAGES = {PLOTLY: "plotly", VEGA: "vl-convert-python"}
"""Which package brings a library."""

URIS = frozenset({VIEW, PLOTLY, VEGA})

FOLDER = Path(__file__).parent / "view"
SCRIPT = '<script src="output.js"></script>'
SCRIPTS = ("tables.js", "pages.js", "charts.js", "output.js")
"""What stands in the page in the place of `SCRIPT`: it has to be one file."""

MAX_LIBRARY = 8_000_000
"""Bytes of a library."""

BUNDLING = 60.0
"""Seconds in which the library for Vega is put together."""

BUNDLE = """\
import sys, vl_convert
sys.stdout.buffer.write(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode())
"""

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


class Views:
    """The view, and the libraries that it loads for charts.

    They are from the server's own environment: what a kernel gives could act in the view, through
    the client, with the rights of its user.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._vega = ""

    async def read(self, uri: str) -> Content:
        """One of `URIS`. Raises ContentsError."""
        if uri == VIEW:
            page = await asyncio.to_thread(_page)
            return Content(text=page, mime_type=MIME_TYPE, fresh=FRESH, meta=META)
        text = await (asyncio.to_thread(_plotly) if uri == PLOTLY else self._bundled())
        return Content(text=text, mime_type="text/javascript", fresh=FRESH)

    async def _bundled(self) -> str:
        """The library for Vega, which takes seconds to put together: once, in another process."""
        async with self._lock:
            self._vega = self._vega or await asyncio.to_thread(_vega)
        return self._vega


def _page() -> str:
    page = (FOLDER / "output.html").read_text(encoding="utf-8")
    scripts = [(FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return page.replace(SCRIPT, f"<script>\n(() => {{\n{''.join(scripts)}}})();\n</script>")


def _vega() -> str:
    if find_spec("vl_convert") is None:
        raise _missing(VEGA)
    # In a folder that no kernel writes to: Python looks for modules there first.
    command = [sys.executable, "-c", BUNDLE]
    try:
        made = subprocess.run(  # noqa: S603  # this interpreter, with code of this module
            command, cwd=sys.prefix, capture_output=True, timeout=BUNDLING, check=True
        )
    except (OSError, subprocess.SubprocessError) as err:
        msg = "The library for Vega could not be put together. Show the chart's image."
        raise ContentsError(msg) from err
    return made.stdout.decode()


def _plotly() -> str:
    found = find_spec("plotly")
    file = (
        Path(found.origin).parent / "package_data" / "plotly.min.js"
        if found is not None and found.origin
        else None
    )
    if file is None or not file.is_file():
        raise _missing(PLOTLY)
    if file.stat().st_size > MAX_LIBRARY:
        msg = f"The library is over {MAX_LIBRARY:,} bytes. Show the chart's image."
        raise ContentsError(msg)
    return file.read_text(encoding="utf-8")


def _missing(uri: str) -> ContentsError:
    return ContentsError(
        f"{PACKAGES[uri]} is not installed in the environment of the Jupyter server, which has "
        "the library for such charts from there. Show the chart's image."
    )
