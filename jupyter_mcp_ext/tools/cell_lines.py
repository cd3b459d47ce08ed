"""The lines of a result that say how far each cell of a run is."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.outputs.text import strip
from jupyter_mcp_ext.wording import counted, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mcp_ext.executions.cells import RunCell
    from jupyter_mcp_ext.executions.execution import Execution

MAX_LINES = 30
"""Cells that have a line each; of more, neighbours that ended alike share one."""

MAX_META = 200


def cell_lines(execution: Execution) -> list[str]:
    """A line for each cell of a run; none for code."""
    cells = execution.cells.all
    if len(cells) <= MAX_LINES:
        return [_line(execution, cell) for cell in cells]
    lines = list(_short(execution, cells))
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more lines …", *lines[-half:]]


def cell_meta(execution: Execution) -> list[dict[str, Any]]:
    """What a program would read from those lines."""
    return [
        {
            "handle": cell.handle,
            "cell_id": cell.cell_id,
            "index": cell.index,
            "cell_type": cell.cell_type,
            "state": _state(execution, cell),
            "execution_count": cell.execution_count,
            "duration": None if cell.seconds is None else round(cell.seconds, 3),
        }
        for cell in execution.cells.all[:MAX_META]
    ]


def _state(execution: Execution, cell: RunCell) -> str:
    if cell.status == "waiting":
        return "not run" if execution.is_finished else "waiting"
    return cell.status


def _line(execution: Execution, cell: RunCell) -> str:
    words = [f"cell {cell.index} {cell.handle} [{_state(execution, cell)}]"]
    if cell.execution_count is not None:
        words.append(f"In[{cell.execution_count}]")
    if cell.seconds is not None:
        words.append(seconds(cell.seconds))
    line = " ".join(words)
    return f"{line}: {' '.join(strip(cell.words).split())}" if cell.words else line


def _short(execution: Execution, cells: tuple[RunCell, ...]) -> Iterator[str]:
    for (state, words), group in groupby(cells, lambda c: (_state(execution, c), c.words)):
        same = list(group)
        if state in ("error", "running", "dead") or len(same) == 1:
            yield from (_line(execution, cell) for cell in same)
            continue
        took = sum(cell.seconds or 0.0 for cell in same)
        line = f"cells {same[0].index} to {same[-1].index} [{state}] {counted(len(same), 'cell')}"
        line += f" {seconds(took)}" if took else ""
        yield f"{line}: {words}" if words else line
