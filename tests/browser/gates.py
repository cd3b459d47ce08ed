"""Code in a kernel that waits for the test."""

from __future__ import annotations

import os
from pathlib import Path


class Gate:
    """Two named pipes: who opens one for reading waits until it is opened for writing, and back."""

    def __init__(self, folder: Path) -> None:
        self._go, self._gone = folder / "go", folder / "gone"
        os.mkfifo(self._go)
        os.mkfifo(self._gone)

    @property
    def code(self) -> str:
        """What waits in a kernel."""
        return f"_ = open({str(self._go)!r}).read(), open({str(self._gone)!r}, 'w').close()"

    def let_through(self) -> None:
        """Wait until the code waits, and let it go on, once."""
        self._go.write_text("")
        self._gone.read_text()
