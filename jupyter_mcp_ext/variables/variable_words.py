"""The text of the variable tools' results. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jupyter_mcp_ext.wording import counted, size

from .model import FactTable, Inspection, Listing, Names, Text, Variable

MAX_LIMIT = 1_000
"""Variables of one call."""

RESERVE = 400
"""Characters kept for what follows a table."""

COLUMNS = ("name", "type", "shape", "dtype", "size", "preview")

MAX_NAMES = 600
"""Characters of the names of functions, of classes, of modules."""


def listing(
    found: Listing, *, filter: str, room: int, where: str, session_id: str = ""
) -> tuple[str, int]:
    """A table of variables, then the names of the rest; and how many variables are shown.

    ``session_id`` is what a call that shows more has to name.
    """
    fits = f" that fit {json.dumps(filter, ensure_ascii=False)}" if filter else ""
    others = [
        _others("functions", found.functions),
        _others("classes", found.classes),
        _others("modules", found.modules),
    ]
    tail = [line for line in others if line] + [f"! {note}" for note in found.notes]
    if filter and not found.data and not tail:
        return f"{where}: none of {counted(found.total, 'variable')}{fits}", 0
    head = f"{where}: {counted(found.data, 'variable')}{fits}"
    room -= len(head) + sum(map(len, tail)) + RESERVE
    lines, shown = _table(found.variables, room)
    is_by_age = found.order == "age"
    if shown < found.data:
        enough = min(found.data, MAX_LIMIT)
        call = _call("get_variables", session_id=session_id, filter=filter, limit=enough)
        lines.append(
            f"{found.data - shown:,} {'older ' if is_by_age else ''}left out: {call} or narrow "
            'them, as filter="df*" or filter="DataFrame"'
        )
        head += f", the {'newest' if is_by_age else 'first'} {shown:,} shown"
    elif shown > 1:
        head += ", newest first" if is_by_age else ", by name"
    return "\n".join([head, *lines, *tail]), shown


def _table(variables: Sequence[Variable], room: int) -> tuple[list[str], int]:
    """Empty columns are left out."""
    cells = [
        (
            v.name,
            v.type,
            v.shape,
            v.dtype,
            v.bytes_mark + _size(v.bytes),
            v.preview.replace("|", "\\|"),
        )
        for v in variables
    ]
    kept = [n for n in range(len(COLUMNS)) if any(row[n] for row in cells)]
    lines = [_row([COLUMNS[n] for n in kept]), "|" + "---|" * len(kept)] if cells else []
    shown = 0
    for row in cells:
        line = _row([row[n] for n in kept])
        room -= len(line) + 1
        if shown and room < 0:
            break
        lines.append(line)
        shown += 1
    return lines, shown


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _others(what: str, found: Names) -> str:
    if not found.total:
        return ""
    words: list[str] = []
    room = MAX_NAMES
    for name in found.names:
        room -= len(name) + 2
        if room < 0:
            break
        words.append(name)
    left = found.total - len(words)
    return f"{what} ({found.total:,}): {', '.join(words)}{f' and {left:,} more' if left else ''}"


def _call(tool: str, **arguments: str | int) -> str:
    """A tool call as a model would write it, without what is empty."""
    words = [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in arguments.items() if v]
    return f"{tool}({', '.join(words)})"


def _used(variable: Variable) -> str:
    return variable.bytes_mark + _size(variable.bytes)


def _size(count: int | None) -> str:
    return "" if count is None else size(count, digits=3)


def inspection(
    found: Inspection, *, name: str, room: int, detail: str = "full", session_id: str = ""
) -> str:
    """What is known of a variable, within ``room`` characters."""
    lines = [f"{name}: {found.type}"]
    lines += [f"{fact}: {value}" for fact, value in found.facts]
    lines += [f"! {note}" for note in found.notes]
    room -= sum(map(len, lines)) + len(lines) + RESERVE
    for section in found.sections:
        body, is_whole = _section(section, room)
        room -= sum(map(len, body)) + len(body)
        lines += body
        if not is_whole:
            lines.append("… more than fits one answer is left out")
            break
    if found.is_cut and detail == "summary":
        call = _call("inspect_variable", name=name, session_id=session_id, detail="full")
        lines.append(f"more: {call}")
    return "\n".join(lines)


def _section(section: FactTable | Text, room: int) -> tuple[list[str], bool]:
    if isinstance(section, Text):
        body = section.text.split("\n")
    else:
        width = len(section.columns)
        rows = [[cell.replace("|", "\\|") for cell in row] for row in section.rows]
        body = [_row(section.columns), "|" + "---|" * width, *map(_row, rows)]
    lines = [f"{section.title}:"]
    for line in body:
        room -= len(line) + 1
        if room < 0:
            return [*lines, line[: max(0, room + len(line))]] if len(lines) == 1 else lines, False
        lines.append(line)
    return lines, True
