"""Arguments as clients send them: understood where that is safe, else refused with a reason."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from jupyter_mcp_ext import measured
from jupyter_mcp_ext.errors import InvalidArgument, did_you_mean, shown

from .definition import ALIASES, Tool

MAX_ARGUMENTS = 100
MAX_ITEMS = 50_000
MAX_NUMBER = 10**12
"""Larger than any sensible offset, limit or time."""

_EXPECTED: Mapping[str, str] = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def parse(tool: Tool, given: Mapping[str, Any] | None) -> BaseModel:
    """The tool's arguments as its model. Raises InvalidArgument for the first that is wrong."""
    understood = _understood(tool, given or {})
    try:
        json.dumps(understood, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        msg = "An argument has a lone surrogate, which is not a character. Send valid Unicode."
        raise InvalidArgument(msg) from None
    except RecursionError:
        msg = "An argument is nested too deeply. Send a flatter one."
        raise InvalidArgument(msg) from None
    try:
        parsed = tool.model.model_validate(understood)
    except ValidationError as err:
        raise InvalidArgument(_in_words(tool, err.errors(include_url=False)[0])) from None
    given_values = {name: getattr(parsed, name) for name in tool.arguments}
    bounded = {name: _bounded(name, value) for name, value in given_values.items()}
    return parsed if bounded == given_values else parsed.model_copy(update=bounded)


def _bounded(name: str, value: Any) -> Any:
    """A value, limited to `MAX_NUMBER` if it is a number."""
    match value:
        case bool():
            return value
        case int() | float():
            if isinstance(value, float) and not math.isfinite(value):
                msg = f"{name!r} must be a finite number. Give a smaller one."
                raise InvalidArgument(msg)
            return min(max(value, -MAX_NUMBER), MAX_NUMBER)
        case _:
            return value


def _understood(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    names = tool.arguments
    if len(given) > MAX_ARGUMENTS:  # to name one that is wrong, all would be looked at
        msg = f"{tool.name} was given {len(given):,} arguments. {_known(tool)}"
        raise InvalidArgument(msg)
    understood: dict[str, Any] = {}
    needed = tool.input_schema.get("required", ())
    for name, value in given.items():
        if value is None and name in names and name not in needed:
            continue  # some clients send null for all that is left out
        others = ALIASES.get(name, "").split() if name not in names else ()
        other = next((o for o in others if o in names and o not in given), name)
        understood[other] = value
    for name, value in understood.items():
        if name not in names:
            continue
        schema = tool.input_schema["properties"][name]
        if isinstance(value, bool) and _types(schema) & {"number", "integer"}:
            raise InvalidArgument(_wrong(tool, name, _kinds(schema), value))
        if not isinstance(value, list):
            understood[name] = _listed(schema, value)
    return understood


def _listed(schema: Mapping[str, Any], value: Any) -> Any:
    """A value, as a list if one is expected: a single cell for a list of cells."""
    if isinstance(value, str):
        value = _unpacked(schema, value)
    is_one = isinstance(value, int | float | dict) and not isinstance(value, bool)
    is_one = is_one or (isinstance(value, str) and not value.lstrip().startswith("["))
    return [value] if is_one and schema.get("type") == "array" else value


def _unpacked(schema: Mapping[str, Any], value: str) -> Any:
    """A list or object that arrived as JSON in a string, where no text is expected."""
    types = _types(schema)
    if "string" in types or not types & {"array", "object"} or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return measured.loads(value.encode(), max_items=MAX_ITEMS)
    except (ValueError, RecursionError):
        return value


def _known(tool: Tool) -> str:
    return f"Its arguments are: {', '.join(tool.arguments)}."


def _in_words(tool: Tool, error: Any) -> str:
    kind, where = error["type"], [str(part) for part in error["loc"]]
    name = where[0] if where else ""
    known = _known(tool)
    schema = tool.input_schema["properties"].get(name, {})
    if kind == "extra_forbidden":
        near = did_you_mean(name, tool.arguments)
        return f"{tool.name} has no argument {shown(name)}.{near} {known}"
    if kind == "missing":
        return f"{tool.name} needs the argument {name!r}. {known}"
    if len(where) > 1 and where[1].isdecimal():
        name = f"{name}[{where[1]}]"
        schema = next((o["items"] for o in _options(schema) if "items" in o), {})
    return _wrong(tool, name, _wanted(error, schema), error["input"])


def _wrong(tool: Tool, name: str, wanted: str, value: object) -> str:
    return f"{name!r} must be {wanted}, but was {shown(value)}. {_known(tool)}"


def _wanted(error: Any, schema: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "greater_than":
            return f"a number over {context['gt']:g}"
        case "greater_than_equal":
            return f"a number of at least {context['ge']:g}"
        case "less_than_equal":
            return f"a number of at most {context['le']:g}"
        case "literal_error" | "enum":
            return f"one of {context['expected']}"
        case _:
            return _kinds(schema)


def _kinds(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    kinds = [o.get("type", "") for o in _options(schema)]
    return " or ".join(_EXPECTED.get(kind, "something else") for kind in kinds if kind != "null")


def _types(schema: Mapping[str, Any]) -> set[str | None]:
    return {o.get("type") for o in _options(schema)}


def _options(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = schema.get("anyOf", (schema,))
    return found
