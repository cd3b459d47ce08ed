"""Outputs as things that can be shown within a budget of characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jupyter_mcp_ext.outputs import bundles, tracebacks, trees
from jupyter_mcp_ext.outputs.charts import charts
from jupyter_mcp_ext.outputs.html.documents import Reading
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, MimeBundle, Output, Stream
from jupyter_mcp_ext.outputs.numbered import More, cut_line, number
from jupyter_mcp_ext.outputs.rendering import NotRendered, Render, here
from jupyter_mcp_ext.outputs.text import Excerpt, Passage


class Part(Protocol):
    """Something to show: ``size`` characters as a whole, or ``fit`` into less."""

    @property
    def size(self) -> int: ...

    def fit(self, budget: int, more: More) -> Excerpt: ...


@dataclass(frozen=True, kw_only=True)
class Note:
    """A line about something that is not shown."""

    text: str
    truncated: bool = False

    @property
    def size(self) -> int:
        return len(self.text)

    def fit(self, budget: int, _more: More) -> Excerpt:
        return Excerpt(text=cut_line(self.text, max(budget, 0)), truncated=self.truncated)


@dataclass(frozen=True, kw_only=True)
class _Capped:
    """A part that gets this much and no more, even if there is room."""

    part: Part
    cap: int

    @property
    def size(self) -> int:
        return min(self.part.size, self.cap)

    def fit(self, budget: int, more: More) -> Excerpt:
        return self.part.fit(min(budget, self.cap), more)


def part_of(
    output: Output, limits: Limits, label: str, render: Render = here, *, is_told: bool = False
) -> Part:
    """An output as a part; the caller shows images.

    ``is_told``: the headline of this error has been shown already.
    """
    match output:
        case Stream():
            passage = Passage.of_text(output.rope, collapsed=True)
            is_flood = passage.size > limits.text
            return _Capped(part=passage, cap=limits.flood) if is_flood else passage
        case Error():
            total = len(tracebacks.traceback_lines(output))
            kept = tracebacks.condense(output, is_told=is_told)
            return _Capped(part=Passage.of_lines(kept, total), cap=limits.error)
        case Display():
            kind, mime_type = bundles.choose(output.data)
            try:
                return _display(output.data, kind, mime_type, limits, label, render)
            except NotRendered as err:
                lines = bundles.instead(output.data, mime_type, label, err)
                return Passage.of_lines(number(lines))


def _display(  # noqa: PLR0911 (one for each kind)
    data: MimeBundle, kind: bundles.Kind, mime_type: str, limits: Limits, label: str, render: Render
) -> Part:
    match kind:
        case "text":
            return Passage.of_text(bundles.words_in(data, mime_type))
        case "table" | "html":
            return Reading.of(bundles.document(data, render), limits)
        case "json":
            return trees.Tree.of(data[mime_type], limits.text)
        case "chart":
            return Passage.of_text(charts.describe(data, mime_type))
        case "svg":
            return Passage.of_text(bundles.svg_text(data))
        case "image":
            return Note(text=bundles.image_line(data, mime_type, label, render))
        case _:
            return Passage.of_text(bundles.one_line(data, kind, mime_type, label))
