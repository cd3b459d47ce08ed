"""Questions to a kernel besides its code, for hints that go with the result.

Most executions ask nothing: only one after a file tool has changed a Python file, and one that
ended with an error of a few kinds.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels import shapes
from jupyter_mcp_ext.kernels.evaluation import EvaluationError, evaluate
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.kernels.losses import KernelLost

from . import answers

SECONDS = 0.5
"""Seconds to wait for the kernel's answer; without one there is no hint."""

NEAR = frozenset(
    {"KeyError", "FileNotFoundError", "NameError", "AttributeError", "ColumnNotFoundError"}
)
"""Errors after which the kernel is asked for similar names."""

MAX_KEPT = 1_000


class Hints:
    """Asks ipykernels only. ``root`` is Jupyter's folder on disk."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._changed: dict[str, float] = {}
        """Python files that were changed, with the time, the oldest first."""
        self._asked: WeakKeyDictionary[Kernel, float] = WeakKeyDictionary()
        """When a kernel was last asked about them."""

    def changed(self, path: str, at: float | None = None) -> None:
        """A file was changed at its API path, now or at a time in seconds since the epoch."""
        if self._root is None or not path.endswith(".py"):
            return
        file = os.path.realpath(self._root / path.lstrip("/"))
        at = time.time() if at is None else at
        if at > self._changed.get(file, 0.0):  # what a tool wrote is found with the next code too
            _put(self._changed, file, at)

    async def before(self, kernel: Kernel, link: KernelLink, code: str) -> list[str]:
        """The hints on code that is about to run."""
        asked = self._asked.get(kernel, 0.0)
        changed = [path for path, at in self._changed.items() if at > asked]
        if not changed or link.is_busy or "reload" in code:
            return []
        self._asked[kernel] = time.time()
        names = await _texts(link, texts.stale, "stale", paths=changed)
        return [_stale(name) for name in names]

    async def after_error(self, link: KernelLink, ename: str) -> list[str]:
        """The hints on the error that code has ended with."""
        if ename not in NEAR or link.is_busy:
            return []
        root = str(self._root or "")
        return await _texts(link, texts.near, "near", ename=ename, root=root)


async def _texts(
    link: KernelLink, text: Callable[[], str], function: str, **arguments: Any
) -> list[str]:
    if not link.info.kind.runs_functions:
        return []
    try:
        source = await asyncio.to_thread(text)
        found = await evaluate(link, source, function, arguments, timeout=SECONDS)
        return [answers.line(text) for text in shapes.texts(found)]
    except (EvaluationError, KernelLost, asyncio.TimeoutError):
        return []


def _stale(module: str) -> str:
    return (
        f"the file of the module {module} has changed since the kernel loaded it, and the kernel "
        f"has the old one: importlib.reload({module}) and import its names again, or "
        "restart_kernel"
    )


def _put(kept: dict[str, float], key: str, at: float) -> None:
    kept.pop(key, None)
    kept[key] = at
    if len(kept) > MAX_KEPT:
        del kept[next(iter(kept))]
