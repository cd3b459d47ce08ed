"""Tools are typed functions, from which their schemas and descriptions come.

The signature gives the schema, the docstring the description; neither is written twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model

from jupyter_mcp_ext.governance.policy import Right

if TYPE_CHECKING:
    from .answer import Answer

ALIASES: Mapping[str, str] = {
    "filename": "path",
    "file_path": "path",
    "kernel_id": "session_id",
    "new_source": "source",
    "content": "source cells",
    "source": "cells",
    "sources": "cells",
    "type": "cell_type",
    "packages": "package",
    "package_name": "package",
    "execution_id": "output_id",
    "output_id": "execution_id",
    "id": "output_id",
    "session": "session_id",
    "session_name": "session_id",
    "notebook": "path",
    "notebook_path": "path",
    "file": "path",
    "variable": "name",
    "variable_name": "name",
    "old_text": "old_string",
    "new_text": "new_string",
    "cell_id": "cell",
    "handle": "cell cells",
    "handles": "cells",
    "cell_ids": "cells",
    "old_str": "old_string",
    "new_str": "new_string",
    "text": "content",
    "script": "code",
    "pattern": "query glob",
    "include": "glob",
    "directory": "path",
    "folder": "path",
    "context_lines": "context",
    "max_results": "limit",
    "is_regex": "regex",
}
"""Names that models use for arguments, and the names that the tools have for them.

Of several, the first that the tool has and that was not given itself.
"""

ToolFunction = Callable[..., Awaitable["Answer"]]


@dataclass(frozen=True)
class Resolved:
    """Marks a parameter that gets the object that an argument names, such as its session."""

    by: Callable[[Any, Any], Awaitable[object]]
    """Finds it, given the `Call` and the argument. Raises ToolError."""
    argument: str
    annotation: Any
    """The argument's type."""
    default: Any = None
    """The argument's default; ``...`` when it must be given."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool as clients see it, and the function behind it."""

    name: str
    same_as: str
    """The tool that does the same, by whose name settings allow it: itself, if clients see it."""
    description: str
    rights: tuple[Right, ...]
    """The rights that every call needs."""
    annotations: Mapping[str, bool]
    is_main: bool
    function: ToolFunction
    model: type[BaseModel]
    resolved: Mapping[str, Resolved]
    """The marked parameters, by name."""
    input_schema: Mapping[str, Any]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its arguments, in their order."""
        return tuple(self.model.model_fields)


def tool(
    *rights: Right,
    read_only: bool = False,
    destructive: bool = False,
    idempotent: bool = False,
    open_world: bool = False,
    is_main: bool = False,
    same_as: str = "",
) -> Callable[[ToolFunction], Tool]:
    """Make a tool of an async function whose first parameter is the `Call`.

    ``rights`` are what Jupyter's ``Authorizer`` is asked at each call, for all that it does; what
    only some calls do, the function asks for by `Call.require`. The rest are MCP's annotations.
    ``is_main`` asks clients that hide tools to show this one at once. ``same_as`` is for functions
    that are no tools for clients.
    """

    def make(function: ToolFunction) -> Tool:
        name = function.__name__
        model = _model(function)
        return Tool(
            name=name,
            same_as=same_as or name,
            description=" ".join(inspect.cleandoc(function.__doc__ or "").split()),
            rights=rights,
            annotations={
                "readOnlyHint": read_only,
                "destructiveHint": destructive,
                "idempotentHint": idempotent,
                "openWorldHint": open_world,
            },
            is_main=is_main,
            function=function,
            model=model,
            resolved=_resolved(function),
            input_schema=_slim(model.model_json_schema()),
        )

    return make


def _parameters(function: ToolFunction) -> list[inspect.Parameter]:
    """The function's parameters after the `Call`."""
    # Not get_type_hints: before Python 3.11 it wraps a type whose default is None once more.
    return list(inspect.signature(function, eval_str=True).parameters.values())[1:]


def _resolved(function: ToolFunction) -> dict[str, Resolved]:
    return {
        p.name: mark
        for p in _parameters(function)
        for mark in getattr(p.annotation, "__metadata__", ())
        if isinstance(mark, Resolved)
    }


def _model(function: ToolFunction) -> type[BaseModel]:
    resolved = _resolved(function)
    fields: dict[str, Any] = {}
    for p in _parameters(function):
        if (mark := resolved.get(p.name)) is not None:
            fields[mark.argument] = (mark.annotation, mark.default)
        else:
            fields[p.name] = (
                p.annotation,
                ... if p.default is inspect.Parameter.empty else p.default,
            )
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)
    return create_model(function.__name__, __config__=config, **fields)


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what a model does not need: it reads every character."""
    properties = {name: _slim_property(p) for name, p in schema.get("properties", {}).items()}
    slim: dict[str, Any] = {"type": "object", "properties": properties}
    if "required" in schema:
        slim["required"] = schema["required"]
    return slim


def _slim_property(schema: dict[str, Any]) -> dict[str, Any]:
    # Bounds, and that objects have members, are said in errors, not here.
    bounds = ("minimum", "exclusiveMinimum", "maximum", "maxLength")
    kept = {
        k: v
        for k, v in schema.items()
        if k not in ("title", "additionalProperties", *bounds) and not (k == "default" and not v)
    }
    if isinstance(kept.get("items"), dict):
        kept["items"] = _slim_property(kept["items"])
    given = (option for option in kept.get("anyOf", ()) if option != {"type": "null"})
    options = [_slim_property(option) for option in given]
    if len(options) == 1:
        del kept["anyOf"]
        kept = {**options[0], **kept}
    elif options:
        kept["anyOf"] = options
    return kept
