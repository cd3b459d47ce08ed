"""Completes the paths and ids in URIs of resources and in arguments of prompts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument, ToolError, shown
from jupyter_mcp_ext.resources.uris import TEMPLATES
from jupyter_mcp_ext.tools.road import recorded

from . import execution_resource, notebook_resource, session_resource
from .prompts import known_prompt
from .resources import refused

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.listing import FolderPage
    from jupyter_mcp_ext.tools.call import Call

    from .execution_tasks import OpenCall
    from .tasks import Context

MAX_VALUES = 100
"""The protocol's limit."""

MAX_NAMES = 1_000
"""Names of a folder that are looked at."""

NOTEBOOK = ".ipynb"


@dataclass(frozen=True, kw_only=True)
class Values:
    """The first values that begin as a text does, and how many there are."""

    first: list[str]
    total: int


Complete: TypeAlias = Callable[["Call", str], Awaitable[Values]]
"""Raises Forbidden."""


async def _notebooks(call: Call, start: str) -> Values:
    return await _paths(call, start, NOTEBOOK)


async def _files(call: Call, start: str) -> Values:
    return await _paths(call, start, "")


async def _paths(call: Call, start: str, suffix: str) -> Values:
    """Files in the folder that a text names, then folders, whose names end in a slash."""
    await call.require(*notebook_resource.RIGHTS, tool=notebook_resource.TOOL)
    folder, _, name = start.rpartition("/")
    glob = re.sub(r"([*?[{])", r"[\1]", name) + "*"
    try:
        every = await _page(call, folder, glob)  # folders first
        page = await _page(call, folder, glob + suffix) if suffix else every
    except (ContentsError, InvalidArgument):  # what is being typed need not make sense yet
        return _all([])
    files = [e.path for e in page.entries if e.kind == "file"]
    folders = [f"{e.path}/" for e in every.entries if e.kind == "folder"]
    named_alike = sum(e.kind == "folder" for e in page.entries)
    return Values(first=[*files, *folders], total=page.total - named_alike + len(folders))


async def _page(call: Call, folder: str, glob: str) -> FolderPage:
    services = call.services
    return await services.files.listed(
        folder or ".",
        glob,
        folder="",
        hides=call.hides,
        is_apart=services.sessions.paths.is_sessions_folder,
        offset=0,
        limit=MAX_NAMES,
    )


def _all(values: list[str]) -> Values:
    return Values(first=values, total=len(values))


async def _executions(call: Call, start: str) -> Values:
    await call.require(*execution_resource.RIGHTS, tool=execution_resource.TOOL)
    owned = call.services.executions.directory.owned(call.caller)
    return _all([execution.id for execution in owned if execution.id.startswith(start)])


async def _sessions(call: Call, start: str) -> Values:
    """By their ids or their names; a value is an id."""
    await call.require(*session_resource.RIGHTS, tool=session_resource.TOOL)
    listed = await call.services.sessions.listed(call.caller)
    latest = sorted(listed, key=lambda session: -session.last_used)
    return _all([s.id for s in latest if s.id.startswith(start) or s.name.startswith(start)])


async def _continued(call: Call, start: str) -> Values:
    """Sessions and notebooks: what a person may want to go on with."""
    sessions, notebooks = await _sessions(call, start), await _notebooks(call, start)
    return Values(first=[*sessions.first, *notebooks.first], total=sessions.total + notebooks.total)


async def _nothing(call: Call, start: str) -> Values:
    return _all([])


URIS: Mapping[str, Mapping[str, Complete]] = {
    TEMPLATES["notebooks"]: {"path": _notebooks},
    TEMPLATES["executions"]: {"id": _executions},
    TEMPLATES["sessions"]: {"id": _sessions},
}
PROMPTS: Mapping[str, Mapping[str, Complete]] = {
    "analyse_file": {"path": _files, "question": _nothing},
    "continue_session": {"session": _continued, "goal": _nothing},
    "explain_notebook": {"path": _notebooks, "question": _nothing},
    "clean_up_notebook": {"path": _notebooks, "wish": _nothing},
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

        async def values() -> tuple[Values, str]:
            return await complete(call, params.argument.value), "ok"

        try:
            found = await recorded(ctx.method, call, values)
        except ToolError as err:
            raise refused(err, types.INVALID_PARAMS) from err
        first = found.first[:MAX_VALUES]
        completion = types.Completion(
            values=first, total=found.total, has_more=found.total > len(first)
        )
        return types.CompleteResult(completion=completion)


def _completer(
    ref: types.ResourceTemplateReference | types.PromptReference, argument: str
) -> Complete:
    if isinstance(ref, types.PromptReference):
        name, known = known_prompt(ref.name).listed.name, PROMPTS[ref.name]
    else:
        name, known = ref.uri, URIS.get(ref.uri, {})
    if not known:
        raise MCPError(
            code=types.INVALID_PARAMS,
            message=f"There is no template {shown(name)}. There are: {', '.join(URIS)}.",
        )
    if argument not in known:
        raise MCPError(
            code=types.INVALID_PARAMS,
            message=f"{name} has no argument {shown(argument)}. It has: {', '.join(known)}.",
        )
    return known[argument]
