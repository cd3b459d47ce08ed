"""``jupyter://notebooks/{path}``: a notebook as it is now, live where people have it open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.notebooks import TooLarge
from jupyter_mcp_ext.outputs.characters import argument
from jupyter_mcp_ext.resources.uris import Uri

from .resource import MAX_CHARACTERS, NOTEBOOK, Content, Resource, too_large

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.tools.call import Call


RIGHTS: tuple[Right, ...] = (("read", "contents"),)
"""What a caller needs to read one, and to be told of its changes."""

TOOL = "read_notebook"
"""The tool that shows the same: who does not have it does not get the resource."""


async def find(call: Call, path: str) -> Resource:
    """The notebook at a path. Raises Forbidden, ContentsError."""
    await call.require(*RIGHTS, tool=TOOL)
    notebooks = call.services.notebooks
    place = await notebooks.place(path, call.hides)
    await notebooks.size(place, path, hides=call.hides)  # a large one can be subscribed to
    names = frozenset(Uri(kind="notebooks", name=name) for name in (place.path, place.real))
    return Resource(names=names, read=partial(_read, call, place))


async def _read(call: Call, place: Place) -> Content:
    notebooks = call.services.notebooks
    try:
        text = await notebooks.text(place, limit=MAX_CHARACTERS)
    except TooLarge as err:
        await notebooks.check(place, place.path, hides=call.hides)  # pages may not be read either
        raise _too_large(place) from err
    if len(text) > MAX_CHARACTERS:
        raise _too_large(place)
    return Content(text=text, mime_type=NOTEBOOK)


def _too_large(place: Place) -> ContentsError:
    path = argument(place.path)
    return too_large(path, f"read_notebook({path})")
