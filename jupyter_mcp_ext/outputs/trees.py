"""JSON within a budget: cut by depth, by items and by the length of strings."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.outputs.numbered import More, cut_line
from jupyter_mcp_ext.outputs.text import Excerpt, clean

# Depth, items of a level, characters of a string; each shows more than the one before.
_STEPS = (
    (1, 3, 40),
    (2, 5, 80),
    (3, 8, 120),
    (3, 20, 200),
    (4, 30, 300),
    (6, 100, 500),
    (12, 1_000, 2_000),
    (100, 1_000_000, 1_000_000),
)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A JSON value that can be shown in part."""

    value: Json
    text: str
    whole: bool

    @classmethod
    def of(cls, value: Json, budget: int) -> Tree:
        text, whole = _within(value, budget)
        return cls(value=value, text=text, whole=whole)

    @property
    def size(self) -> int:
        return len(self.text) + (0 if self.whole else 100)

    def fit(self, budget: int, more: More) -> Excerpt:
        if self.whole and len(self.text) <= budget:
            return Excerpt(text=self.text, truncated=False)
        note = f"… cut, in full: {more(0)}"
        text, _ = _within(self.value, budget - len(note) - 1)
        text = f"{text}\n{note}" if text else cut_line(note, max(budget, 0))
        return Excerpt(text=text, truncated=True)


def pretty_lines(value: Json) -> list[str]:
    """All of it, with a line for each item."""
    # Far deeper than real data, and within the encoder's recursion limit.
    value = _Pruner(100, sys.maxsize, sys.maxsize).prune(value)
    return clean(json.dumps(value, indent=1, ensure_ascii=False)).split("\n")


def _within(value: Json, budget: int) -> tuple[str, bool]:
    """The longest text within the budget, and whether it is complete."""
    best = ""
    for step in _STEPS:
        pruner = _Pruner(*step)
        text = clean(json.dumps(pruner.prune(value), separators=(",", ":"), ensure_ascii=False))
        if len(text) > budget:
            break
        best = text
        if not pruner.cut:
            return text, True
    return best or cut_line(text, max(budget, 0)), False


class _Pruner:
    def __init__(self, depth: int, items: int, length: int) -> None:
        self._depth = depth
        self._items = items
        self._length = length
        self.cut = False

    def prune(self, value: Json, level: int = 0) -> Json:
        if isinstance(value, str) and len(value) > self._length:
            self.cut = True
            return f"{value[: self._length]}… ({len(value):,} characters)"
        if not isinstance(value, dict | list) or not value:
            return value
        if level >= self._depth:
            self.cut = True
            return f"… {len(value):,} {'keys' if isinstance(value, dict) else 'items'}"
        left_out = len(value) - self._items
        self.cut |= left_out > 0
        if isinstance(value, dict):
            pairs = [*value.items()][: self._items]
            pruned = {key: self.prune(item, level + 1) for key, item in pairs}
            return {**pruned, "…": f"{left_out:,} more"} if left_out > 0 else pruned
        items = [self.prune(item, level + 1) for item in value[: self._items]]
        return [*items, f"… {left_out:,} more"] if left_out > 0 else items
