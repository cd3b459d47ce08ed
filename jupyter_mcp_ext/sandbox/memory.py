"""Files in memory, which a program is given open and which no path leads to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def memory_files(*contents: bytes) -> Iterator[Sequence[int]]:
    """Open files with these contents, closed at the end. Linux only."""
    with contextlib.ExitStack() as stack:
        fds = []
        for content in contents:
            fd = os.memfd_create("mcp")
            stack.callback(os.close, fd)
            os.write(fd, content)
            os.lseek(fd, 0, os.SEEK_SET)
            fds.append(fd)
        yield fds
