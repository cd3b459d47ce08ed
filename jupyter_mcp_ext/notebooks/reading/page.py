"""Pages of a notebook: one that is being filled, and the result. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from jupyter_mcp_ext.outputs.characters import escaped, visible
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock
from jupyter_mcp_ext.wording import counted

from .cell_text import CellText, State
from .document import Notebook
from .selection import Selection

Block: TypeAlias = str | ImageBlock
"""A piece of a page: text without the end of its last line, or an image."""

_LONGEST_NAME = 60

NOTE = 60
"""Characters of a note, without the call that it names."""


@dataclass(frozen=True, kw_only=True)
class CellInfo:
    """A shown cell, for programs."""

    handle: str
    cell_id: str | None
    index: int
    cell_type: str
    state: State | None
    """None for cells that do not run."""
    people: tuple[str, ...] = ()
    """The people whose cursor is in it."""
    selected: tuple[str, ...] = ()
    """What each of them has selected there; empty if nothing is."""


@dataclass(frozen=True, kw_only=True)
class NotebookPage:
    """One page of a notebook."""

    blocks: tuple[TextBlock | ImageBlock, ...]
    shown: tuple[CellInfo, ...]
    next_call: str | None
    """The call that shows what comes after this page; None on the last one."""


class Filling:
    """The blocks of one page, and the room that is left in its text."""

    def __init__(self, notebook: Notebook, selection: Selection, limits: Limits) -> None:
        self.selection = selection
        self.limits = limits
        title = _title(notebook)
        self.room = limits.text - len(title) - 1 - len(selection.at(10**9)) - NOTE
        self._images = limits.images
        self._parts: list[Block] = [title]
        self._shown: list[CellInfo] = []

    @property
    def count(self) -> int:
        return len(self._shown)

    def fits(self, parts: Sequence[Block]) -> bool:
        return length(parts) <= self.room and _images(parts) <= self._images

    def add(self, cell: CellText, parts: Sequence[Block]) -> None:
        self._parts.extend(parts)
        self.room -= length(parts)
        self._images -= _images(parts)
        self._shown.append(info_of(cell))

    def ended(self, next_call: str | None = None, note: str = "more cells") -> NotebookPage:
        if not self._shown:
            self._parts.append("(no cell matches)" if self.selection.grep else "(no cells)")
        if next_call:
            self._parts.append(f"({note}: {next_call})")
        return NotebookPage(
            blocks=tuple(_blocks(self._parts)), shown=tuple(self._shown), next_call=next_call
        )


def info_of(cell: CellText) -> CellInfo:
    """The cell for programs."""
    return CellInfo(
        handle=cell.handle,
        cell_id=cell.cell.cell_id,
        index=cell.cell.index,
        cell_type=cell.cell.cell_type,
        state=cell.state,
        people=tuple(cell.people),
        selected=tuple(cell.selected),
    )


def parts_of(blocks: Iterable[TextBlock | ImageBlock]) -> Iterator[Block]:
    for block in blocks:
        yield block.text if isinstance(block, TextBlock) else block


def length(parts: Iterable[Block]) -> int:
    return sum(len(part) + 1 for part in parts if isinstance(part, str))


def _images(parts: Iterable[Block]) -> int:
    return sum(isinstance(part, ImageBlock) for part in parts)


def _title(notebook: Notebook) -> str:
    kernel = " ".join(notebook.kernel_name.split())[:_LONGEST_NAME] or "unknown"
    words = f"{counted(len(notebook.cells), 'cell')}, kernel {kernel}"
    where = ", as people have it open" if notebook.is_open else ""
    return f"{escaped(notebook.path)}: {visible(words)}, nbformat {notebook.nbformat}{where}"


def _blocks(parts: Iterable[Block]) -> Iterator[TextBlock | ImageBlock]:
    """Join the texts between images."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield TextBlock(text="\n".join(texts))
            texts = []
        yield part
    if texts:
        yield TextBlock(text="\n".join(texts))
