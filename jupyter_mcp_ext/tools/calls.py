"""Tool calls that results suggest, as a model would write them."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.outputs.characters import argument
from jupyter_mcp_ext.outputs.pages import as_offset

DEFAULT_LIMIT = 200
"""Lines of a page when the call gives no limit."""


def call_words(call: dict[str, Any]) -> str:
    """A tool call as a model would write it."""
    first, *rest = call["arguments"].items()
    words = [argument(first[1]), *(f"{key}={argument(value)}" for key, value in rest)]
    return f"{call['name']}({', '.join(words)})"


def output_call(name: str, *, offset: int, **arguments: Any) -> dict[str, Any]:
    """The call of ``get_output`` that reads from a line on, counted from 0."""
    if arguments.get("limit") == DEFAULT_LIMIT:
        del arguments["limit"]
    given = {key: value for key, value in arguments.items() if value}
    return {
        "name": "get_output",
        "arguments": {"output_id": name, "offset": as_offset(offset), **given},
    }


def place(name: str, line: int, column: int = 0, mime_type: str | None = None) -> str:
    """The call that continues at a character of a line."""
    return call_words(output_call(name, offset=line, column=column, mime_type=mime_type))
