"""Lets a request in a subshell end unnoticed, beside the cell that runs.

IPython tells its listeners that a cell has ended after each request, also one in a subshell
(https://github.com/ipython/ipykernel/issues/1564). matplotlib then draws and closes the figures
that the running cell still works on.
"""

from __future__ import annotations

import linecache
import sys
import threading
from typing import Any


def hold() -> None:
    """Hold back the announcement of this request's end, and what IPython remembers of its code."""
    shell = sys.modules["IPython"].get_ipython()
    events, here, mine = shell.events, threading.get_ident, threading.get_ident()
    trigger = events.trigger

    def held(event: str, *args: Any, **kwargs: Any) -> None:
        if here() != mine:
            trigger(event, *args, **kwargs)
        elif events.__dict__.get("trigger") is held:
            del events.trigger

    events.trigger = held
    frame: Any = sys._getframe()
    while frame is not None and frame.f_globals is not shell.user_ns:
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    # What tracebacks show of a cell: https://github.com/ipython/ipython/pull/13043
    linecache.cache.pop(name, None)
    getattr(shell.compile, "_filename_map", {}).pop(name, None)
