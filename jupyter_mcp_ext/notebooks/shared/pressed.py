"""How often others than this server's agents have begun to run the cells of a shared document.

JupyterLab and jupyter_server_documents write that a cell runs at the moment at which a person
presses Run, also if the cell says so already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .cells import ORIGIN


class Pressed:
    """Follows the cells of a document; ``cells`` is its array of cells."""

    def __init__(self, cells: Any) -> None:
        self._counts: Counter[str] = Counter()
        # The document keeps what observes it: see `CellIds`.
        cells.observe_deep(self._follow)

    def __getitem__(self, cell_id: str) -> int:
        """How often the cell with an id was begun to be run since it is followed."""
        return self._counts[cell_id]

    def _follow(self, events: Sequence[Any], transaction: Any) -> None:
        if transaction.origin == ORIGIN:
            return
        for event in events:
            change = getattr(event, "keys", {}).get("execution_state")
            # Added with a new cell, as when it is moved, it is no key of its own.
            if len(event.path) == 1 and change and change.get("newValue") == "running":
                self._counts[str(event.target.get("id"))] += 1
