"""The outputs of a cell while it runs, as nbformat has them. No I/O.

As in JupyterLab, consecutive writes to a stream are one output, and text is as a terminal shows it
after its carriage returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp_ext.outputs.folding.area import Area
from jupyter_mcp_ext.outputs.folding.writing import Writing
from jupyter_mcp_ext.outputs.model import Display, Json, Output, to_nbformat

if TYPE_CHECKING:
    from jupyter_mcp_ext.outputs.folding.area import AreaItem

_JSON = re.compile(r"application/(.*\+)?json")
"""The MIME types whose values are JSON in a notebook; all others are text."""


@dataclass(frozen=True)
class News:
    """Outputs that are to be written from a number on: those before are written."""

    start: int
    nodes: Sequence[Mapping[str, Json]]
    items: Sequence[AreaItem]


class CellOutputs:
    """The outputs of one cell, from the messages of its code and of later cells."""

    def __init__(self, max_bytes: int = 0) -> None:
        self._area = Area(max_bytes, keeps_ends=True)
        self._written: Sequence[AreaItem] = ()

    @property
    def all(self) -> tuple[Output, ...]:
        """What there is so far."""
        return tuple(map(_output, self._area.items))

    @property
    def has_displays(self) -> bool:
        """Whether later code can change one of them."""
        return self._area.has_display_ids

    def take(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Apply a message of the cell's own code; true if it changed them."""
        return self._area.feed(msg_type, content)

    def update(self, content: Mapping[str, Json]) -> bool:
        """Apply an ``update_display_data`` of any code; true if it changed them."""
        return self._area.update(content)

    def news(self, *, whole: bool = False) -> News:
        """What is not written yet, or all."""
        items = self._area.items
        start = 0
        for old, new in zip(() if whole else self._written, items, strict=False):
            if old is not new:
                break
            start += 1
        # The last stream that was written may have grown.
        if start and start == len(self._written) and isinstance(items[start - 1], Writing):
            start -= 1
        return News(start, tuple(map(_node, items[start:])), tuple(items))

    def wrote(self, news: News) -> None:
        """These are written."""
        self._written = news.items


def _output(item: AreaItem) -> Output:
    return item.stream if isinstance(item, Writing) else item


def _node(item: AreaItem) -> dict[str, Json]:
    node = to_nbformat(_output(item))
    if isinstance(item, Display):
        node["data"] = {name: _value(name, value) for name, value in item.data.items()}
    return node


def _value(mime_type: str, value: Json) -> Json:
    """A value of a MIME bundle as nbformat allows it: JSON as text unless the type is JSON."""
    is_kept = isinstance(value, str) or _JSON.fullmatch(mime_type)
    return value if is_kept else json.dumps(value)
