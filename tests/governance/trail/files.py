"""An audit file in a folder, written and checked without a server."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.governance.trail import head as heads
from jupyter_mcp_ext.governance.trail.chain import Signer
from jupyter_mcp_ext.governance.trail.check import Check, Checked
from jupyter_mcp_ext.governance.trail.log_file import Bounds, Entry, LogFile
from jupyter_mcp_ext.governance.trail.reading import files_of

KEY = b"k" * 32
NO_BOUNDS = Bounds(max_bytes=0, max_age=0.0, keep=0)


OPENED: list[LogFile] = []
"""Those that a test has opened, as servers do that may be killed; closed after it."""


@dataclass
class Trail:
    """An audit file with its head."""

    folder: Path
    bounds: Bounds = NO_BOUNDS
    key: bytes = KEY

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "audit.jsonl"
        self.head = self.folder.parent / f"{self.folder.name}.head"

    def open(self) -> LogFile:
        """Begin to write, as a server does."""
        log = logging.getLogger("audit")
        file = LogFile(self.path, self.head, Signer(self.key), self.bounds, log)
        OPENED.append(file)
        file.open({"version": "1"})
        return file

    def write(self, *names: str, close: bool = True) -> None:
        """Write a record for each name, in a server of its own."""
        file = self.open()
        for name in names:
            add(file, name)
        if close:
            file.close()

    def check(self, key: bytes = b"") -> Checked:
        """What `verify` finds."""
        signer = Signer(key or self.key)
        return Check(self.path, signer, heads.read(self.head, signer)).run()

    @property
    def broken(self) -> str:
        """The first broken record; empty if there is none."""
        found = self.check().broken
        return "" if found is None else f"{found.line} {found.number} {found.why}"

    @property
    def lines(self) -> list[str]:
        """The lines of the current file."""
        return self.path.read_text().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of all files."""
        texts = [file.read_text() for file in files_of(self.path)]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def replace(self, lines: list[str]) -> None:
        """Have other lines in the file."""
        self.path.write_text("".join(f"{line}\n" for line in lines))


def add(file: LogFile, name: str, **more: Any) -> None:
    """Write a record."""
    file.append([Entry(at=time.time(), data={"kind": "call", "user": name, **more})])
