"""Completes the paths and ids in URIs of resources and in arguments of prompts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument, ToolError, shown
from jupyter_mcp_ext.tools.road import recorded

from . import execution_resource, notebook_resource, session_resource
from .prompts import known_prompt
from .resources import refused

if TYPE_CHECKING:
    from jupyter_mcp_ext.tools.call import Call

    from .execution_tasks import OpenCall
    from .tasks import Context

MAX_VALUES = 100
"""The protocol's limit."""

MAX_NAMES = 1_000
"""Names of a folder that are looked at."""

NOTEBOOK = ".ipynb"

Complete: TypeAlias = Callable[["Call", str], Awaitable[list[str]]]
"""Gives all values that begin as a text does. Raises Forbidden."""


async def _notebooks(call: Call, start: str) -> list[str]:
    return await _paths(call, start, NOTEBOOK)


async def _files(call: Call, start: str) -> list[str]:
    return await _paths(call, start, "")


async def _paths(call: Call, start: str, suffix: str) -> list[str]:
    """Files in the folder that a text names, then folders, whose names end in a slash."""
    await call.require(*notebook_resource.RIGHTS)
    folder, _, name = start.rpartition("/")
    services = call.services
    try:
        page = await services.files.listed(
            folder or ".",
            re.sub(r"([*?[])", r"[\1]", name) + "*",
            folder="",
            hides=call.hides,
            is_apart=services.sessions.paths.is_sessions_folder,
            offset=0,
            limit=MAX_NAMES,
        )
    except (ContentsError, InvalidArgument):  # what is being typed need not make sense yet
        return []
    files = [e.path for e in page.entries if e.kind == "file" and e.path.endswith(suffix)]
    return [*files, *(f"{e.path}/" for e in page.entries if e.kind == "folder")]


async def _executions(call: Call, start: str) -> list[str]:
    await call.require(*execution_resource.RIGHTS)
    owned = call.services.executions.directory.owned(call.caller)
    return [execution.id for execution in owned if execution.id.startswith(start)]


async def _sessions(call: Call, start: str) -> list[str]:
    """By their ids or their names; a value is an id."""
    await call.require(*session_resource.RIGHTS)
    listed = await call.services.sessions.listed(call.caller)
    latest = sorted(listed, key=lambda session: -session.last_used)
    return [each.id for each in latest if each.id.startswith(start) or each.name.startswith(start)]


async def _nothing(call: Call, start: str) -> list[str]:
    return []


TEMPLATES: Mapping[str, Mapping[str, Complete]] = {
    "jupyter://notebooks/{path}": {"path": _notebooks},
    "jupyter://executions/{id}": {"id": _executions},
    "jupyter://sessions/{id}": {"id": _sessions},
}
PROMPTS: Mapping[str, Mapping[str, Complete]] = {
    "analyse_file": {"path": _files, "question": _nothing},
    "continue_notebook": {"path": _notebooks, "goal": _nothing},
}


class Completions:
    """Answers ``completion/complete``."""

    def __init__(self, open_call: OpenCall) -> None:
        self._open_call = open_call

    async def complete(
        self, ctx: Context, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        """Values for an argument, of what the caller may read."""
        complete = _completer(params.ref, params.argument.name)
        call = self._open_call(ctx)

        async def values() -> tuple[list[str], str]:
            return await complete(call, params.argument.value), "ok"

        try:
            found = await recorded(ctx.method, call, values)
        except ToolError as err:
            raise refused(err, types.INVALID_PARAMS) from err
        completion = types.Completion(
            values=found[:MAX_VALUES], total=len(found), has_more=len(found) > MAX_VALUES
        )
        return types.CompleteResult(completion=completion)


def _completer(
    ref: types.ResourceTemplateReference | types.PromptReference, argument: str
) -> Complete:
    if isinstance(ref, types.PromptReference):
        name, known = known_prompt(ref.name).listed.name, PROMPTS[ref.name]
    else:
        name, known = ref.uri, TEMPLATES.get(ref.uri, {})
    if not known:
        raise MCPError(
            code=types.INVALID_PARAMS,
            message=f"There is no template {shown(name)}. There are: {', '.join(TEMPLATES)}.",
        )
    if argument not in known:
        raise MCPError(
            code=types.INVALID_PARAMS,
            message=f"{name} has no argument {shown(argument)}. It has: {', '.join(known)}.",
        )
    return known[argument]
