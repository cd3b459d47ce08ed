"""Waits for another program's save of a notebook's file.

Jupyter writes a file in its place, and keeps what it was before in another beside it until it is
done. A manager that is asked for a notebook in the middle of that takes it for damaged and puts the
other one back: what is being saved is lost. So no manager is asked then.
"""

from __future__ import annotations

import asyncio

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import Place, quoted
from jupyter_mcp_ext.files.storage import FileStorage

TRIES = 30
PAUSE = 0.1
"""Seconds between two looks: nothing tells that a file was written."""

BEFORE = ".~"
"""Begins the name of the file that has what it was before."""


async def until_saved(storage: FileStorage, place: Place) -> None:
    """Return when Jupyter is not saving a file on this server's disk.

    Raises ContentsError if that takes long, and OSError.
    """
    folder, slash, name = place.real.rpartition("/")
    for _ in range(TRIES):
        if await storage.find(f"{folder}{slash}{BEFORE}{name}") is None:
            return
        await asyncio.sleep(PAUSE)
    msg = (
        f"{quoted(place.path)} is being saved by another program, or a save of it was cut off. "
        "Call again; if it stays so, open it in JupyterLab, which puts back what it was before."
    )
    raise ContentsError(msg)
