"""Loads the tools of other packages; what cannot be loaded is left out, and the log says why."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from logging import Logger
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.governance.extra_tools import ExtraTools, package_of
from jupyter_mcp_ext.governance.tool_names import ToolNames
from jupyter_mcp_ext.tools.answer import Answer
from jupyter_mcp_ext.tools.confirmations import Asks
from jupyter_mcp_ext.tools.definition import Tool

from .aside import Aside
from .calls import Call
from .definition import NoTool, made, size_of, with_function, words_of
from .results import answer, sayable

if TYPE_CHECKING:
    from jupyter_mcp_ext.tools.call import Call as OwnCall

MAX_ALL = 8_000
"""Characters of all tools of other packages in ``tools/list``."""

MOST = 16
"""Calls of such tools at a time."""

WITHIN = 50.0
"""Seconds for which a call waits for one."""

LOADING = 20.0
"""Seconds for which the import of one, and its description, are waited for."""


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


def load(extra: ExtraTools, names: ToolNames, log: Logger, *, within: float = LOADING) -> Loaded:
    """Load what the operator has named, one after another, each ``within`` some seconds."""
    aside = Aside(most=MOST, within=WITHIN)
    tools: list[Tool] = []
    room = MAX_ALL
    held: set[str] = set()
    for point in extra.points:
        try:
            tool = _within(within, point, held)
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
    except ToolError as err:
        raise sayable(err, call, tool.name) from err
    except Asks as asks:
        return Answer(blocks=(), status="input", question=asks.question)
    finally:
        outside.close()
    return await answer(value, call, tool.name)


def _within(seconds: float, point: EntryPoint, held: set[str]) -> Tool:
    """Load an entry point. Raises NoTool, also when that does not end.

    ``held`` are packages whose import has not ended: another import of one would wait for it.
    """
    package = point.module.partition(".")[0]
    if package in held:
        msg = f"is of {package}, which did not load within {seconds:g} s"
        raise NoTool(msg)
    outcome: list[Tool | NoTool] = []

    def load() -> None:
        try:
            found = point.load()
        except BaseException as err:  # noqa: BLE001  # also SystemExit: it may not end the server
            outcome.append(NoTool(f"failed to load: {words_of(err)}"))
            return
        try:
            outcome.append(made(found, point.name))
        except NoTool as err:
            outcome.append(err)

    thread = threading.Thread(target=load, name=f"mcp-load-{point.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        held.add(package)
        msg = f"did not load within {seconds:g} s"
        raise NoTool(msg)
    if isinstance(outcome[0], NoTool):
        raise outcome[0]
    return outcome[0]
