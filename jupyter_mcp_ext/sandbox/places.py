"""The files and folders that the operator shows to kernels, where they were at the start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Places:
    """Absolute paths without links."""

    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()

    @classmethod
    def of(cls, read_only: Sequence[str], writable: Sequence[str]) -> Places:
        """Those that these paths of the configuration lead to now. Reads the disk."""
        return cls(read_only=_resolved(read_only), writable=_resolved(writable))

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.read_only, *self.writable)

    def check_around(self, sessions: Path) -> None:
        """Raise OSError if what can be written has the sessions' folders in it."""
        for path in self.writable:
            if sessions.is_relative_to(path):
                msg = (
                    f"McpSandbox.writable_paths names {str(path)!r}, in which the folders of "
                    "sessions are, and Landlock cannot keep a kernel out of those of others"
                )
                raise OSError(msg)

    def check(self) -> None:
        """Raise OSError if a link leads elsewhere now. Reads the disk.

        A kernel that can write a folder around one could have put it there for the next kernel.
        """
        for path in self.all:
            if os.path.realpath(path) != str(path):
                msg = f"there is a link now in the path {str(path)!r}, which McpSandbox shows"
                raise OSError(msg)


def _resolved(paths: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(os.path.expanduser(path))) for path in paths)  # noqa: PTH111  # these do not raise
