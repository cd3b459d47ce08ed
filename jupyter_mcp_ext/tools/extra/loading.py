"""Loads the tools of other packages; what cannot be loaded is left out, and the log says why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from logging import Logger
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.governance.extra_tools import ExtraTools, package_of
from jupyter_mcp_ext.governance.tool_names import ToolNames
from jupyter_mcp_ext.tools.answer import Answer
from jupyter_mcp_ext.tools.confirmations import Asks
from jupyter_mcp_ext.tools.definition import Tool

from .aside import Aside
from .calls import Call
from .definition import NoTool, made, size_of, with_function
from .results import answer

if TYPE_CHECKING:
    from jupyter_mcp_ext.tools.call import Call as OwnCall

MAX_ALL = 8_000
"""Characters of all tools of other packages in ``tools/list``."""

MOST = 16
"""Calls of such tools at a time."""

WITHIN = 50.0
"""Seconds for which a call waits for one."""

LOADING = 20.0
"""Seconds for which the import of one is waited for."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The tools of other packages, and the names of those that are missing."""

    tools: tuple[Tool, ...] = ()
    missing: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that are there."""
        return tuple(tool.name for tool in self.tools)

    def why_not(self, name: str) -> str:
        """What a caller is told of a tool that is missing; empty for all other names."""
        if name not in self.missing:
            return ""
        return f"The tool {name} could not be loaded; the server's log says why. Use another tool."


NONE = Loaded()


def load(extra: ExtraTools, names: ToolNames, log: Logger) -> Loaded:
    """Load what the operator has named, one after another."""
    aside = Aside(most=MOST, within=WITHIN)
    tools: list[Tool] = []
    room = MAX_ALL
    for point in extra.points:
        try:
            tool = made(_within(LOADING, point), point.name)
            if (size := size_of(tool)) > room:
                msg = f"does not fit: those of other packages may take {MAX_ALL:,} characters"
                raise NoTool(msg)
        except NoTool as err:
            log.error("The tool %s of %s is not served: it %s.", point.name, package_of(point), err)
            continue
        room -= size
        if tool.annotations["readOnlyHint"]:
            names.note_reading(tool.name)
        tools.append(with_function(tool, partial(_called, tool, aside)))
        log.info("The tool %s of %s is served.", point.name, package_of(point))
    found = {tool.name for tool in tools}
    return Loaded(
        tools=tuple(tools),
        missing=frozenset(point.name for point in extra.points if point.name not in found),
    )


async def _called(tool: Tool, aside: Aside, call: OwnCall, **arguments: Any) -> Answer:
    """Call the function of a tool: what `Tool.function` is for such a tool."""
    call.task_after = None  # an execution is a part of what the tool does, and not its task
    outside = Call(call, tool)
    try:
        work = partial(tool.function, outside, **arguments)
        value = await aside.run(tool.name, work, paused=lambda: call.paused)
    except Asks as asks:
        return Answer(blocks=(), status="input", question=asks.question)
    finally:
        outside.close()
    return await answer(value, call, tool.name)


def _within(seconds: float, point: EntryPoint) -> object:
    """Load an entry point. Raises NoTool, also when its import does not end."""
    outcome: list[Callable[[], object]] = []

    def load() -> None:
        try:
            found = point.load()
        except BaseException as err:  # noqa: BLE001  # also SystemExit: it may not end the server
            words = f"failed to load: {type(err).__name__}: {str(err)[:300]}"
            outcome.append(partial(_fail, words))
        else:
            outcome.append(lambda: found)

    thread = threading.Thread(target=load, name=f"mcp-load-{point.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        _fail(f"did not load within {seconds:g} s")
    return outcome[0]()


def _fail(words: str) -> object:
    raise NoTool(words)
