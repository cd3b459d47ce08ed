"""Outputs that cost more to show than their size tells: HTML, drawings and images.

Hostile ones take minutes and gigabytes, so a server renders them in a process that can be ended
(``rendering/``). Code in this package gets a `Render` to call.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

Render: TypeAlias = Callable[..., Any]
"""``render(name, source, *options)`` gives the result of the named operation on the source.

Raises NotRendered, and for images UnreadableImage.
"""

OPERATIONS = {
    "read": "html.markup",
    "measure": "pixels",
    "fit": "pixels",
    "rasterise": "drawings",
}
"""The functions that render, and their modules, which take megabytes and load when needed."""


class NotRendered(Exception):
    """It could not be rendered within the limits; the message names the limit."""


class Lacking(NotRendered):
    """It is not rendered yet and will be: what is built now is thrown away."""


def operation(name: str) -> Callable[..., Any]:
    """The function of that name; imports its module."""
    module = importlib.import_module(f"{__package__}.{OPERATIONS[name]}")
    function: Callable[..., Any] = getattr(module, name)
    return function


def here(name: str, source: str | bytes, *options: int) -> Any:
    """Render in this process, however long it takes."""
    return operation(name)(source, *options)
