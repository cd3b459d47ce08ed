"""One cell as text: its header, its state, its lines. No I/O.

The lines of a cell are numbered from 0: those of its source, then those of its outputs, so that
any of them can be asked for. An image counts as a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from jupyter_mcp_ext.notebooks.document import Cell
from jupyter_mcp_ext.outputs.model import Error, Output, Stream
from jupyter_mcp_ext.outputs.presentation import ImageBlock, Limits, TextBlock, present
from jupyter_mcp_ext.outputs.text import clean, split

Part: TypeAlias = str | ImageBlock
"""A piece of a page: text without the end of its last line, or an image."""

Line: TypeAlias = tuple[int, Part]
"""A line, or an image, after its number."""

State: TypeAlias = Literal["never run", "ok", "error"]

OUTPUTS = "Outputs:"

_SHORT = 100
_WHOLE_OUTPUT = 1_000_000
_SURROGATES = re.compile("[\ud800-\udfff]")
_HEADING = re.compile(r"#{1,6}\s")
_FENCE = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True, kw_only=True)
class NamedCell:
    """A cell with the handle that it has in its notebook."""

    cell: Cell
    handle: str

    @property
    def header(self) -> str:
        """Like ``[12] code ab12cd34@9d1e0f In[7] ok``."""
        cell = self.cell
        words = [f"[{cell.index}]", cell.cell_type, self.handle]
        if cell.execution_count is not None:
            words.append(f"In[{cell.execution_count}]")
        if cell_state := state(cell):
            words.append(cell_state)
        return " ".join(words)

    @property
    def outline(self) -> str:
        """The header with the first line of the source, or the first heading of markdown."""
        line = _first_line(self.cell)
        return (
            f"{self.header}: {line[:_SHORT]}{'…' * (len(line) > _SHORT)}" if line else self.header
        )

    def label(self, output: int) -> str:
        """The name of an output, like ``ab12cd34/1``."""
        return f"{self.handle.partition('@')[0]}/{output + 1}"

    def source_lines(self) -> list[str]:
        """The source by lines, so that joining them with line ends gives it back."""
        return printable(self.cell.source).split("\n") if self.cell.source else []

    def lines(self, limits: Limits, *, outputs: bool) -> Iterator[Line]:
        """Every line, nothing folded and nothing left out."""
        yield from enumerate(self._parts(limits, outputs=outputs))

    def start_of(self, output: int, limits: Limits) -> int:
        """The number of the first line of an output."""
        before = enumerate(self.cell.outputs[:output])
        counts = (sum(1 for _ in self._whole(n, earlier, limits)) for n, earlier in before)
        return len(self.source_lines()) + 1 + sum(counts)

    def _parts(self, limits: Limits, *, outputs: bool) -> Iterator[Part]:
        yield from self.source_lines()
        if outputs and self.cell.outputs:
            yield OUTPUTS
            for position, output in enumerate(self.cell.outputs):
                yield from self._whole(position, output, limits)

    def _whole(self, position: int, output: Output, limits: Limits) -> Iterator[Part]:
        """One output by lines, numbered as ``present`` numbers those that it leaves out."""
        match output:
            case Stream():
                yield from split(clean(output.text))
            case Error(traceback=traceback) if traceback:
                yield from split(clean("\n".join(traceback)))
            case _:
                shown = present(
                    [output],
                    limits=replace(limits, text=_WHOLE_OUTPUT),
                    label=lambda _: self.label(position),
                    more=lambda _output, _line: "",
                )
                for part in parts_of(shown.blocks):
                    yield from split(part) if isinstance(part, str) else [part]


def state(cell: Cell) -> State | None:
    """How the last run ended; None for cells that do not run."""
    if cell.cell_type != "code":
        return None
    if any(isinstance(output, Error) for output in cell.outputs):
        return "error"
    return "never run" if cell.execution_count is None and not cell.outputs else "ok"


def printable(text: str) -> str:
    """The text without lone surrogates, which a client could not be sent."""
    return _SURROGATES.sub("\ufffd", text)


def parts_of(blocks: tuple[TextBlock | ImageBlock, ...]) -> Iterator[Part]:
    for block in blocks:
        yield block.text if isinstance(block, TextBlock) else block


def _first_line(cell: Cell) -> str:
    lines = [line for line in printable(cell.source).split("\n") if line.strip()]
    if cell.cell_type == "markdown":
        lines = [*_headings(lines), *lines]
    return lines[0].strip() if lines else ""


def _headings(lines: list[str]) -> Iterator[str]:
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and _HEADING.match(line):
            yield line
