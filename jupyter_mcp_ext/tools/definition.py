"""What a tool is: a typed function, from which its schema and description come.

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
    from .content import Answer

ALIASES: Mapping[str, str] = {
    "filename": "path",
    "file_path": "path",
    "kernel_id": "session_id",
    "new_source": "source",
    "content": "source",
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
    "old_str": "old_string",
    "new_str": "new_string",
    "text": "content",
    "script": "code",
    "pattern": "glob",
}
"""What models write for an argument that a tool has under another name."""

ToolFunction = Callable[..., Awaitable["Answer"]]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool as clients see it, and the function behind it."""

    name: str
    description: str
    rights: tuple[Right, ...]
    """What every call of it needs."""
    annotations: Mapping[str, bool]
    is_main: bool
    function: ToolFunction
    model: type[BaseModel]
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
) -> Callable[[ToolFunction], Tool]:
    """Make a tool of an async function whose first parameter is the `Call`.

    ``rights`` are what Jupyter's ``Authorizer`` is asked at each call, for all that it does; what
    only some calls do, the function asks for by `Call.require`. The rest are MCP's annotations.
    ``is_main`` asks clients that hide tools to show this one at once.
    """

    def make(function: ToolFunction) -> Tool:
        name = function.__name__
        model = _model(function)
        return Tool(
            name=name,
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
            input_schema=_slim(model.model_json_schema()),
        )

    return make


def _model(function: ToolFunction) -> type[BaseModel]:
    # Not get_type_hints: before Python 3.11 it wraps a type whose default is None once more.
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is inspect.Parameter.empty else p.default)
        for p in parameters
    }
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)
    return create_model(function.__name__, __config__=config, **fields)


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a model does not need: every character of a schema is read by it."""
    properties = {name: _slim_property(p) for name, p in schema.get("properties", {}).items()}
    slim: dict[str, Any] = {"type": "object", "properties": properties}
    if "required" in schema:
        slim["required"] = schema["required"]
    return slim


def _slim_property(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in schema.items() if k != "title" and not (k == "default" and not v)}
    options = [option for option in kept.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        del kept["anyOf"]
        kept = {**options[0], **kept}
    elif options:
        kept["anyOf"] = options
    kept.pop("title", None)
    return kept
