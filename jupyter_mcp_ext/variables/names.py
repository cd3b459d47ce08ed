"""Names in arguments: a variable, or an attribute or item of one; nothing that runs code."""

from __future__ import annotations

import ast
from typing import TypeAlias

from jupyter_mcp_ext.errors import InvalidArgument, shown

Step: TypeAlias = tuple[str, str | int]
"""``("name", "df")``, ``("attribute", "layers")``, ``("item", 0)``."""

MAX_NAME = 500
MAX_STEPS = 30

EXAMPLES = 'a variable, an attribute or an item: df, model.layers[0], cfg["a"]'


def parse(name: str) -> tuple[Step, ...]:
    """The steps of a name, the variable first. Raises InvalidArgument for anything else."""
    text = name.strip()
    if not text:
        msg = f"name is empty. It names {EXAMPLES}; get_variables lists the variables."
        raise InvalidArgument(msg)
    if len(text) > MAX_NAME:
        msg = f"name has {len(text):,} characters, more than {MAX_NAME}. It names {EXAMPLES}."
        raise InvalidArgument(msg)
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        raise _refused(text) from err
    steps: list[Step] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute():
                steps.append(("attribute", node.attr))
                node = node.value
            case ast.Subscript():
                steps.append(("item", _key(node.slice, text)))
                node = node.value
            case _:
                raise _refused(text)
    if len(steps) >= MAX_STEPS:
        msg = f"name goes {len(steps)} steps deep, more than {MAX_STEPS}. It names {EXAMPLES}."
        raise InvalidArgument(msg)
    return (("name", node.id), *reversed(steps))


def _key(node: ast.expr, text: str) -> str | int:
    match node:
        case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if not (
            isinstance(value, bool)
        ):
            return -value
    raise _refused(text)


def _refused(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"{shown(text)} is code, not a name: nothing was run. inspect_variable takes {EXAMPLES}; "
        "execute_code runs code."
    )
