"""One cell as text: its header, its state, its lines. No I/O.

The lines of a cell are numbered from 0: those of its source, then those of its outputs as in
``outputs/pages.py``, so that each can be asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.bundles import choose
from jupyter_mcp_ext.outputs.characters import code_points, escaped, seen
from jupyter_mcp_ext.outputs.lines import Section, SectionedLines, ready
from jupyter_mcp_ext.outputs.model import Display, Error, Output
from jupyter_mcp_ext.outputs.pages import heading, merged_lines
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rendering import Render, here

from .cells import Cell

State: TypeAlias = Literal["no run saved", "ok", "error"]

_OUTPUTS, _IMAGES = "Outputs:", "Images:"

_SECTION = 1_000
_SHORT = 100
_LONGEST_NAME = 60
_MOST_NAMES = 3
_LONGEST_SELECTION = 200
_PLAIN_NAME = re.compile(r"[\w .@'()-]{1,60}")
_HEADING = re.compile(r"#{1,6}\s")
_FENCE = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True)
class CellText:
    """A cell, with the handle that it has in its notebook."""

    cell: Cell
    handle: str
    render: Render = here

    @cached_property
    def state(self) -> State | None:
        """How the last run ended; None for a cell that cannot run."""
        if self.cell.cell_type != "code":
            return None
        if any(isinstance(output, Error) for output in self.cell.outputs):
            return "error"
        has_run = self.cell.execution_count is not None or self.cell.outputs
        return "ok" if has_run else "no run saved"

    @cached_property
    def header(self) -> str:
        """Like ``[12] code ab12cd34@9d1e0f In[7] ok``, with notes on what is odd in the cell."""
        count = self.cell.execution_count
        words = [f"[{self.cell.index}]", self.cell.cell_type, self.handle]
        words += [] if count is None else [f"In[{count}]"]
        words += [self.state] if self.state else []
        odd = list(dict.fromkeys(self.cell.oddities))
        if hidden := code_points([self.cell.source]):
            odd.insert(0, f"invisible characters left out: {hidden}")
        words += [f"(odd: {'; '.join(odd[:3])})"] if odd else []
        words += [f"<- {', '.join(self._whereabouts())}"] if self.people else []
        return " ".join(words)

    @property
    def people(self) -> list[str]:
        """The people in it by name, as a line can show them."""
        return [_name(person.name) for person in self.cell.people[:_MOST_NAMES]]

    @property
    def selected(self) -> list[str]:
        """What each of them has selected, as a line can show it."""
        return [shortened(person.selected) for person in self.cell.people[:_MOST_NAMES]]

    def _whereabouts(self) -> Iterator[str]:
        """Like ``Alice (selected in line 3: "df.head()")``."""
        for person, name, selected in zip(
            self.cell.people, self.people, self.selected, strict=False
        ):
            first, last = person.lines
            where = f"line {first}" if first == last else f"lines {first}-{last}"
            yield f'{name} (selected in {where}: "{selected}")' if selected else name

    @property
    def outputs_begin(self) -> str:
        """The line before its outputs; markdown cells have images."""
        return _OUTPUTS if self.cell.cell_type == "code" else _IMAGES

    @property
    def outline(self) -> str:
        """The header with the first line of the source, or the first heading of markdown."""
        lines = [line for line in self.source_lines if line.strip()]
        if self.cell.cell_type == "markdown":
            lines = [*_headings(lines), *lines]
        if not lines:
            return self.header
        line = lines[0].strip()
        return f"{self.header}: {line[:_SHORT]}{'…' if len(line) > _SHORT else ''}"

    @cached_property
    def source_lines(self) -> list[str]:
        """The lines of the source; joined with line ends they give its visible text."""
        return seen(self.cell.source).split("\n") if self.cell.source else []

    def lines(self, *, outputs: bool) -> Sequence[str]:
        """Every line, with nothing folded or left out; an image is a line that names it."""
        sections = list(_remarks(self.source_lines))
        if outputs and self.cell.outputs:
            sections.append(ready([Remark(self.outputs_begin)]))
            sections.append(ready(merged_lines(self.cell.outputs, self.label, self.render)))
        return SectionedLines(sections)

    def line_of(self, output: int) -> int:
        """The number of the first line of an output."""
        return self._lines_of_outputs[output]

    @property
    def images(self) -> dict[int, int]:
        """The outputs that are images, by the number of the line that names each."""
        return {
            self.line_of(n): n
            for n, output in enumerate(self.cell.outputs)
            if isinstance(output, Display) and choose(output.data)[0] == "image"
        }

    def label(self, output: int) -> str:
        """The name of an output, like ``ab12cd34/1``."""
        return f"{self.handle.partition('@')[0]}/{output + 1}"

    @cached_property
    def _lines_of_outputs(self) -> list[int]:
        starts: list[int] = []
        line = len(self.source_lines) + 1
        before: Output | None = None
        for output in self.cell.outputs:
            line += heading(output, before) is not None
            starts.append(line)
            lines = merged_lines([output], self.label, self.render)
            line += len(lines) - (heading(output, None) is not None)
            before = output
        return starts


def _remarks(lines: Sequence[str]) -> Iterator[Section]:
    """Lines of a source, made when they are read: so many objects would be garbage to collect."""
    for start in range(0, len(lines), _SECTION):
        part = lines[start : start + _SECTION]
        yield Section(count=len(part), make=partial(_marked, part))


def _marked(lines: Sequence[str]) -> Sequence[str]:
    return [Remark(line) for line in lines]


def shortened(selected: str) -> str:
    """The beginning of a text, and its end if it is long, in one line."""
    if len(selected) > _LONGEST_SELECTION:
        half = _LONGEST_SELECTION // 2
        selected = f"{selected[:half]} … {selected[-half:]}"
    return escaped(selected)


def _name(name: str) -> str:
    """A name; quoted if it could be read as something else."""
    shown = escaped(name)[:_LONGEST_NAME]
    return shown if _PLAIN_NAME.fullmatch(name) else json.dumps(shown, ensure_ascii=False)


def _headings(lines: list[str]) -> Iterator[str]:
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and _HEADING.match(line):
            yield line
