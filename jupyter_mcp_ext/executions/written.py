"""Finds the files that executions have written in their session's folder.

It searches after an execution has ended, in a thread, for a fifth of the time that the code ran and
a quarter of a second at most. Code that cannot have written files is not searched for. A search
that was cut short is marked so, and so are files that another kernel's code may have written.
"""

from __future__ import annotations

import ast
import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from jupyter_mcp_ext.files.changes import SLACK, Change, Changes, Found, changes

from .execution import Execution

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel

CONTENTS_ACTIONS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
"""Jupyter's event for every file that a person saves."""

LEAST, MOST = 0.005, 0.25
"""Seconds that a search of a folder may take."""

SHARE = 0.2
"""Share of the execution's duration that it may take, within these bounds."""

MAX_LOOKS = 2
"""Searches at a time: a slow file system would occupy all shared threads."""

RECENT = 2.0
"""Seconds for which a found file is remembered: times of files are not exact."""

MAX_OTHERS = 1_000
"""Files that are remembered as written by tools or people and not by code."""

SHORT = 200
"""Characters of code that is parsed to see whether it can write."""

MAX_BESIDE = 200
"""Executions that are remembered to tell which ran at the same time."""

Look = Callable[..., Found]

IDLE = (
    *(ast.Module, ast.Expr, ast.Constant, ast.Name, ast.Load, ast.Attribute, ast.Subscript),
    *(ast.Slice, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop),
    *(ast.boolop, ast.cmpop, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.IfExp),
)
"""Nodes of Python code that calls nothing and binds nothing."""


class WrittenFiles:
    """Searches for the files of each execution that it follows; ``root`` is Jupyter's."""

    def __init__(
        self,
        root: Path | None,
        events: Any,
        *,
        on_found: Callable[[Execution, Sequence[Change]], None],
        foreign_beside: Callable[[Kernel], float | None] = lambda _: None,
    ) -> None:
        """``events`` is Jupyter's event logger; ``on_found`` is given all that an execution wrote.

        ``foreign_beside`` tells since when any kernel but one runs a person's code.
        """
        self._events = events
        self._events.add_listener(schema_id=CONTENTS_ACTIONS, listener=self._on_action)
        self._on_found = on_found
        self._root = root
        self._foreign_beside = foreign_beside
        self._turns = anyio.CapacityLimiter(MAX_LOOKS)
        self._followed: deque[tuple[Execution, str]] = deque(maxlen=MAX_BESIDE)
        """The latest executions, and the folders that they work in."""
        self._looks: dict[Execution, asyncio.Task[None]] = {}
        self._is_closed = False
        self._known: dict[str, frozenset[Change]] = {}
        """Files found recently, by session: the next execution has not written them."""
        self._others: OrderedDict[str, float] = OrderedDict()
        """When files were last written by tools or people, by API path."""

    def follow(self, execution: Execution, folder: str, *, but: Callable[[str], bool]) -> None:
        """Search a folder when the execution ends; paths for which ``but`` is true are left out."""
        if self._root is not None:
            self._followed.append((execution, folder))
            execution.done.add_done_callback(
                partial(self._begin, execution, partial(changes, self._root, folder, but=but))
            )

    def by_another(self, path: str) -> None:
        """A tool or a person, and not code, has just written the file at an API path."""
        self._others[path] = time.time()
        self._others.move_to_end(path)
        if len(self._others) > MAX_OTHERS:
            self._others.popitem(last=False)

    async def settled(self, execution: Execution) -> None:
        """Return when the search for a finished execution's files is over."""
        look = self._looks.get(execution)
        if look is not None:
            await asyncio.wait({look})

    async def close(self) -> None:
        """Wait for all searches and begin no more."""
        self._events.remove_listener(listener=self._on_action)
        self._is_closed = True
        if self._looks:
            await asyncio.wait(list(self._looks.values()))

    def _begin(self, execution: Execution, look: Look, _: object) -> None:
        kernel = execution.kernel
        if self._is_closed or execution.sent is None or kernel is None:
            return
        if kernel.info.language == "python" and is_idle(execution.code):
            return
        task = asyncio.create_task(self._look(execution, look), name=f"mcp-files-{execution.id}")
        self._looks[execution] = task
        task.add_done_callback(lambda _: self._looks.pop(execution))

    async def _look(self, execution: Execution, look: Look) -> None:
        known = self._known.get(execution.session_id, frozenset())
        found = await self._looked(execution, partial(look, known=known))
        own = [change for change in found.changes if not self._is_anothers(change)]
        execution.files = Changes.latest(
            own, is_whole=found.is_whole, is_shared=bool(own) and self._is_shared(execution, own)
        )
        if execution.files:
            self._on_found(execution, own)
        late = (time.time() - RECENT) * 1e9
        self._known[execution.session_id] = frozenset(
            change for change in (*found.changes, *known) if change.at >= late
        )

    async def _looked(self, execution: Execution, look: Look) -> Found:
        """What a search finds; nothing if it gets no turn in time."""
        within = min(max(SHARE * execution.duration, LEAST), MOST)
        turn = object()
        with anyio.move_on_after(within) as waiting:
            await self._turns.acquire_on_behalf_of(turn)
        if waiting.cancelled_caught:
            return Found(is_whole=False)
        try:
            # Of several cells, what is sent last is not what began.
            since = min(filter(None, (execution.sent, execution.began)), default=None)
            return await asyncio.to_thread(look, since=since, within=within)
        finally:
            self._turns.release_on_behalf_of(turn)

    def _is_shared(self, execution: Execution, found: Sequence[Change]) -> bool:
        """Whether another kernel's code ran when and where some of the files were written."""
        since = self._foreign_beside(execution.kernel) if execution.kernel is not None else None
        if since is not None and any(change.at / 1e9 >= since - SLACK for change in found):
            return True
        return any(
            _ran_at(other, change.at / 1e9) and change.path.startswith(f"{folder}/" * bool(folder))
            for other, folder in self._followed
            if other.kernel is not execution.kernel
            for change in found
        )

    async def _on_action(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        if data.get("action") in ("save", "upload", "copy", "rename"):
            self.by_another(str(data.get("path", "")).strip("/"))

    def _is_anothers(self, change: Change) -> bool:
        return change.at / 1e9 <= self._others.get(change.path, 0.0) + SLACK


def _ran_at(execution: Execution, moment: float) -> bool:
    if execution.sent is None or is_idle(execution.code):
        return False
    return execution.sent - SLACK <= moment <= (execution.ended or moment)


def is_idle(code: str) -> bool:
    """Whether Python code only evaluates expressions, so that it has written no file."""
    if len(code) > SHORT:
        return False
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # a magic, for example
        return False
    return all(isinstance(node, IDLE) for node in ast.walk(tree))
