"""Makes a `Tool` of what another package gives, or says why it cannot be one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

from jupyter_mcp_ext.errors import shown
from jupyter_mcp_ext.governance.policy import Action, Resource
from jupyter_mcp_ext.tools.definition import Tool
from jupyter_mcp_ext.tools.definition import tool as own_tool

MAX_DESCRIPTION = 600
"""Characters of a description."""

MAX_LISTED = 2_000
"""Characters of one tool in ``tools/list``."""

NOT_SENT = ("$ref", "$defs", "x-mcp-header")
"""What a schema may not have: models read it as it stands, and no header repeats an argument."""


class NoTool(Exception):
    """Something cannot be a tool; the message goes on after its name."""


@dataclass(frozen=True, kw_only=True)
class ExtraTool:
    """A function and what is said of it, as `tool` has marked it."""

    function: Callable[..., Any]
    rights: tuple[tuple[str, str], ...]
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


def tool(
    *rights: tuple[str, str],
    read_only: bool = False,
    destructive: bool | None = None,
    idempotent: bool = False,
    open_world: bool = True,
) -> Callable[[Callable[..., Any]], ExtraTool]:
    """Mark a function as a tool; its first parameter is the `Call`, the others are arguments.

    ``rights`` are what Jupyter's ``Authorizer`` is asked at each call, such as
    ``("read", "contents")``. The rest are the annotations of the protocol. Unless it is said
    otherwise, a tool that is not ``read_only`` is destructive, and each reaches the world outside.
    """

    def mark(function: Callable[..., Any]) -> ExtraTool:
        return ExtraTool(
            function=function,
            rights=rights,
            read_only=read_only,
            destructive=not read_only if destructive is None else destructive,
            idempotent=idempotent,
            open_world=open_world,
        )

    return mark


def made(extra: object, name: str) -> Tool:
    """The tool of a name, whose function is still that of its package. Raises NoTool."""
    try:
        return _made(extra, name)
    except NoTool:
        raise
    # Types, defaults and schemas bring code of the package, which can raise anything.
    except Exception as err:
        msg = f"has arguments that cannot be described: {words_of(err)}"
        raise NoTool(msg) from err


def words_of(err: BaseException) -> str:
    """An exception of another package in a line, as the log may repeat it."""
    try:
        said = str(err)
    except Exception:  # noqa: BLE001  # its text is code of the package too
        said = ""
    return f"{type(err).__name__}: {' '.join(said[:300].split())}"


def _made(extra: object, name: str) -> Tool:
    if not isinstance(extra, ExtraTool):
        msg = (
            f"is {_shown(extra)}, and not a function with the decorator "
            "jupyter_mcp_ext.extending.tool"
        )
        raise NoTool(msg)
    found = getattr(extra.function, "__name__", "")
    if found != name:
        msg = f"gives the function {shown(found)}: the function has to have the entry point's name"
        raise NoTool(msg)
    _check_rights(extra)
    _check_parameters(extra.function)
    tool = own_tool(
        *extra.rights,  # type: ignore[arg-type]  # checked above
        read_only=extra.read_only,
        destructive=extra.destructive,
        idempotent=extra.idempotent,
        open_world=extra.open_world,
    )(extra.function)
    _check_size(tool)
    return tool


def with_function(tool: Tool, function: Callable[..., Any]) -> Tool:
    """The same tool with another function behind it."""
    return replace(tool, function=function)


def size_of(tool: Tool) -> int:
    """The characters of a tool in ``tools/list``."""
    listed = {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "annotations": tool.annotations,
    }
    return len(_json(listed))


def _json(value: object) -> str:
    """JSON that can be sent: one tool that could not would take the whole list with it."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError) as err:
        msg = f"has a schema that is no JSON: {words_of(err)}"
        raise NoTool(msg) from err
    return text


def _shown(value: object) -> str:
    try:
        return shown(value)
    except Exception:  # noqa: BLE001  # code of the package
        return type(value).__name__


def _check_rights(extra: ExtraTool) -> None:
    if not extra.rights:
        msg = 'names no right, such as ("read", "contents"): each call needs one'
        raise NoTool(msg)
    actions, resources = get_args(Action), get_args(Resource)
    for right in extra.rights:
        if right not in product(actions, resources):
            msg = (
                f"names the right {_shown(right)}, which does not exist: it is one of "
                f"{', '.join(actions)} and one of {', '.join(resources)}"
            )
            raise NoTool(msg)
    if extra.read_only and extra.destructive:
        msg = "is said to be read_only and destructive"
        raise NoTool(msg)


def _check_parameters(function: Callable[..., Any]) -> None:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        msg = "has no parameters: the first one is the Call"
        raise NoTool(msg)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for parameter in parameters[1:]:
        if parameter.kind not in by_name:
            msg = f"has the parameter {parameter}, and arguments are given by name"
            raise NoTool(msg)
        if parameter.annotation is inspect.Parameter.empty:
            msg = f"has the parameter {parameter.name!r} without a type"
            raise NoTool(msg)


def _check_size(tool: Tool) -> None:
    if not tool.description:
        msg = "has no docstring, which is what models read of it"
        raise NoTool(msg)
    if len(tool.description) > MAX_DESCRIPTION:
        msg = (
            f"has a docstring of {len(tool.description):,} characters; models read at most "
            f"{MAX_DESCRIPTION}"
        )
        raise NoTool(msg)
    text = _json(tool.input_schema)
    if unwanted := next((word for word in NOT_SENT if f'"{word}"' in text), ""):
        msg = f"has arguments with {unwanted} in their schema: use plain types, lists and dicts"
        raise NoTool(msg)
    if (size := size_of(tool)) > MAX_LISTED:
        msg = f"takes {size:,} characters in the list of tools; at most {MAX_LISTED:,} are shown"
        raise NoTool(msg)
