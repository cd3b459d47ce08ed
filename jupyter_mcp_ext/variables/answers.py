"""Parses the answers of the functions that run in kernels.

The answer comes from a process that runs users' code: it is parsed, not trusted.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import TypeVar

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.evaluation import EvaluationError
from jupyter_mcp_ext.kernels.shapes import Fields, Malformed, items, number, text
from jupyter_mcp_ext.outputs.text import strip

from .model import FactTable, Inspection, Listing, Names, Text, Variable
from .way import Unresolved

Answer = TypeVar("Answer")

MARKS = {"over": "over ", "~": "~"}
"""The marks before sizes that are not exact."""


def cannot(err: EvaluationError) -> KernelUnavailable:
    """The error for a kernel whose answer is malformed."""
    return KernelUnavailable(
        f"The kernel's variables could not be looked at ({line(str(err))[:200]}). execute_code "
        "can print them."
    )


def read(reader: Callable[[object], Answer], answer: object) -> Answer:
    """An answer as ``reader`` understands it. Raises KernelUnavailable, and what it raises."""
    try:
        return reader(answer)
    except EvaluationError as err:
        raise cannot(err) from err


def listing(answer: object) -> Listing:
    """The answer of ``listing``. Raises Malformed."""
    found = Fields(answer)
    return Listing(
        total=number(found["total"]),
        data=number(found["data"]),
        variables=tuple(map(_variable, items(found["variables"]))),
        functions=_names(found["functions"]),
        classes=_names(found["classes"]),
        modules=_names(found["modules"]),
    )


def _variable(answer: object) -> Variable:
    found = Fields(answer)
    size = found["bytes"]
    return Variable(
        name=line(found["name"]),
        type=line(found["type"]),
        shape=line(found["shape"] or ""),
        dtype=line(found["dtype"] or ""),
        bytes=number(size) if size is not None else None,
        bytes_mark=MARKS.get(line(found["bytes_mark"] or ""), ""),
        preview=line(found["preview"] or ""),
    )


def _names(answer: object) -> Names:
    found = Fields(answer)
    return Names(total=number(found["total"]), names=_lines(found["names"]))


def inspection(answer: object) -> Inspection:
    """The answer of ``inspection``. Raises Unresolved, Malformed."""
    found = Fields(answer)
    if "unresolved" in found:
        raise Unresolved(strip(text(found["unresolved"])))
    return Inspection(
        type=line(found["type"]),
        facts=tuple(map(_fact, items(found["facts"]))),
        sections=tuple(map(_section, items(found["sections"]))),
        notes=_lines(found["notes"]),
        picture=_picture(text(found["picture"] or "")),
        is_cut=found["cut"] is True,
    )


def _picture(base64: str) -> bytes:
    try:
        return b64decode(base64, validate=True)
    except ValueError as err:
        raise Malformed("base64") from err  # noqa: EM101


def _fact(answer: object) -> tuple[str, str]:
    match _lines(answer):
        case (name, value):
            return name, value
    raise Malformed("a name and a value")  # noqa: EM101


def _section(answer: object) -> FactTable | Text:
    found = Fields(answer)
    if "text" in found:
        return Text(title=line(found["title"]), text=strip(text(found["text"])))
    return FactTable(
        title=line(found["title"]),
        columns=_lines(found["columns"]),
        rows=tuple(map(_lines, items(found["rows"]))),
    )


def _lines(answer: object) -> tuple[str, ...]:
    return tuple(map(line, items(answer)))


def line(value: object) -> str:
    """A text of the kernel on one line, without control characters and lone surrogates."""
    return " ".join(strip(text(value)).split())
