"""The files and folders that the operator shows to kernels, where they were at the start."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_path

from .confinement import Mode
from .directories import BASE


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

    def fault(self, mode: Mode, sessions: Path) -> str:
        """What a mode cannot hold of them, as a sentence without its full stop; else empty.

        ``sessions`` is the folder with those of all sessions, of which a kernel sees its own only.
        """
        for path in self.all:
            if path != sessions and path.is_relative_to(sessions):
                return f"McpSandbox shows {str(path)!r}, which is among the folders of sessions"
            if BASE.resolve().is_relative_to(path):
                return f"McpSandbox shows {str(path)!r}, in which the sockets of other kernels are"
        if fault := self._of_server():
            return fault
        both = set(self.read_only) & set(self.writable)
        if both:
            return f"McpSandbox names {str(both.pop())!r} as read-only and as writable"
        if mode == "landlock" and sessions in self.writable:
            return _open_to_kernels(mode, sessions, sessions)
        return self.around(mode, (*self.all, sessions))

    def around(self, mode: Mode, closed: Iterable[Path]) -> str:
        """Which writable folder leaves one of these paths open to kernels, as a sentence; or none.

        A kernel can move any folder in one that it can write, and put another, or a link, in its
        place for the next kernel: all but one that is mounted itself, as bubblewrap does. So a path
        has to be the writable folder's own entry, and Landlock can keep none.
        """
        for path in closed:
            for folder in self.writable:
                is_in = path != folder and path.is_relative_to(folder)
                if is_in and (mode == "landlock" or path.parent != folder):
                    return _open_to_kernels(mode, folder, path)
        return ""

    def _of_server(self) -> str:
        """Which writable folder could bring code into this server, as a sentence; or none.

        A folder of modules can be the one that the server was started in: only what is around it
        is refused, not what is in it.
        """
        loaded = {*map(Path, (*jupyter_path(), *jupyter_config_path(), *_installed()))}
        for path in (*loaded, *map(Path, sys.path)):
            for folder in self.writable:
                real = path.resolve()
                if real.is_relative_to(folder) or (path in loaded and folder.is_relative_to(real)):
                    return (
                        f"McpSandbox.writable_paths names {str(folder)!r}, and this server loads "
                        f"modules or settings from {str(real)!r}: kernels could put theirs there. "
                        "Name another folder"
                    )
        return ""

    def check(self) -> None:
        """Raise OSError if a link leads elsewhere now. Reads the disk."""
        for path in self.all:
            if os.path.realpath(path) != str(path):
                msg = f"there is a link now in the path {str(path)!r}, which McpSandbox shows"
                raise OSError(msg)


def _open_to_kernels(mode: Mode, folder: Path, path: Path) -> str:
    why = (
        "Landlock cannot keep kernels from writing there"
        if mode == "landlock"
        else f"kernels could put others in the place of {str(path.parent)!r}"
    )
    return (
        f"McpSandbox.writable_paths names {str(folder)!r}, in which {str(path)!r} is: {why}. Name "
        "what is beside it in its place"
    )


def _installed() -> Iterator[str]:
    """The folders of this server's Python and its packages."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"):
        yield sysconfig.get_path(name)
    if site.ENABLE_USER_SITE:
        yield site.getusersitepackages()


def _resolved(paths: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(os.path.expanduser(path))) for path in paths)  # noqa: PTH111  # these do not raise
