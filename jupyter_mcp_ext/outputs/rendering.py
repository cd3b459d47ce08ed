"""What takes more to show than its size tells: HTML, drawings and images.

Hostile ones take minutes and gigabytes, so a server has them rendered in a process that can be
ended (``rendering/``). Everything here is given how: a `Render`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

Render: TypeAlias = Callable[..., Any]
"""``render(name, source, *options)`` gives what the operation of that name makes of the source.

Raises NotRendered, and for images UnreadableImage.
"""

OPERATIONS = {
    "read": "markup",
    "measure": "pixels",
    "fit": "pixels",
    "rasterise": "drawings",
}
"""The functions that render, and the modules they are in: megabytes, which load when needed."""


class NotRendered(Exception):
    """It could not be rendered within the limits; the message says within which."""


class Lacking(NotRendered):
    """It was not rendered yet, and will be: what is made now is not what is shown."""


def operation(name: str) -> Callable[..., Any]:
    """The function of that name; its module loads."""
    module = importlib.import_module(f"{__package__}.{OPERATIONS[name]}")
    function: Callable[..., Any] = getattr(module, name)
    return function


def here(name: str, source: str | bytes, *options: int) -> Any:
    """Render in this process, however long it takes."""
    return operation(name)(source, *options)
