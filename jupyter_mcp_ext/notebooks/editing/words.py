"""What the answer to an edit of a notebook says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from jupyter_mcp_ext.files.edits import MAX_DIFF, compared
from jupyter_mcp_ext.notebooks.draft import Changed, HomeKind
from jupyter_mcp_ext.outputs.characters import argument, escaped, visible
from jupyter_mcp_ext.wording import ago, counted

from .edits import Edited, EditedCell
from .journal import Entry
from .steps import Cleared, Inserted, Moved, Removed, Rewritten, Step

NO_UNDO = (
    "undo_edit cannot take this edit back: what it needs is too large, or could not be written"
)

MAX_CELLS = 40
"""Cells that an answer lists."""
MAX_REMOVED = 500
"""Characters of the source of a removed cell that are shown."""

RELOAD = (
    "a person has this notebook open without collaboration: they see the change after "
    "File > Reload Notebook from Disk"
)


def edited(path: str, changed: Changed[Edited], notes: Sequence[str] = ()) -> str:
    """The answer to an edit."""
    edit = changed.value
    first, *others = notices(path, changed, notes)
    lines = [first, *(f"! {note}" for note in others)]
    lines += [_cell(cell) for cell in edit.cells[:MAX_CELLS]]
    if len(edit.cells) > MAX_CELLS:
        lines.append(f"… {counted(len(edit.cells) - MAX_CELLS, 'more cell')}")
    lines += [edit.diff] if edit.diff else []
    lines += _removed(edit.steps, path)
    return "\n".join(lines)


def notices(path: str, changed: Changed[Edited], notes: Sequence[str] = ()) -> list[str]:
    """What was edited and whether it is saved, and what else there is to say about it."""
    edit = changed.value
    if not edit.steps:
        return [f"{edit.done} {escaped(path)}", *edit.passed, *changed.notes]
    lines = [f"{edit.done} {escaped(path)}: {where(changed.home, changed.saved)}"]
    lines += [*edit.passed, *changed.notes, *notes]
    if edit.how:
        lines.append(f"old_string did not fit exactly; {edit.how} was passed over")
    return lines


def undone(
    path: str,
    taken: Sequence[Entry],
    why: str,
    changed: Changed[None] | None,
    notes: Sequence[str] = (),
) -> str:
    """The answer to ``undo_edit``."""
    place = "" if changed is None else f": {where(changed.home, changed.saved)}"
    lines = [f"Took back {counted(len(taken), 'edit')} in {escaped(path)}{place}"]
    lines += [f"! {note}" for note in notes]
    lines += [f"! the edit before was not taken back. {why}"] if why else []
    room = MAX_DIFF
    for entry in taken:
        for words in map(_reverse, reversed(entry.steps)):
            room -= len(words)
            if room < 0:
                return "\n".join([*lines, "… the rest is left out"])
            lines.append(words)
    return "\n".join(lines)


def overwritten(entry: Entry) -> str:
    """The notice about an earlier edit that is gone from a file that a person has open."""
    names = ", ".join(dict.fromkeys(step.cell_id[:8] for step in entry.steps[:5]))
    return (
        f"your edit of {ago(time.time() - entry.at)} is no longer in the file ({names}): the "
        "person's tab has overwritten it, or they have changed the cell since. Read the notebook."
    )


def where(home: HomeKind, saved: str) -> str:
    """Whether a change is saved, and where it shows."""
    return f"shown in the open document, {saved}" if home == "room" and saved == "saved" else saved


def _cell(cell: EditedCell) -> str:
    return f"[{cell.index}] {cell.cell_type} {cell.handle}"


def _removed(steps: Sequence[Step], path: str) -> Iterator[str]:
    removed = [step for step in steps if isinstance(step, Removed)]
    for step in reversed(removed):
        text = _source(step)
        shown = visible(text[:MAX_REMOVED])
        yield f"deleted [{step.index}] {step.cell_id[:8]}:\n{shown}" + (
            "…" if len(text) > MAX_REMOVED else ""
        )
    if removed:
        yield f"undo_edit({argument(path)}) takes this back."


def _source(step: Removed) -> str:
    source = step.node.get("source")
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _reverse(step: Step) -> str:
    """What taking a step back has done."""
    name = step.cell_id[:8]
    match step:
        case Inserted():
            return f"removed {name} again:\n{compared(step.source, '')}"
        case Removed():
            return f"put {name} back:\n{compared('', _source(step))}"
        case Rewritten() if step.source == step.before:
            return f"{name} is a {step.type_before} cell again"
        case Rewritten():
            return f"{name} as before:\n{compared(step.source, step.before)}"
        case Moved():
            return f"moved {name} back"
        case Cleared():
            return f"outputs of {name} are there again"
