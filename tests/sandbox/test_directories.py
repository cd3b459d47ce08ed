"""The directories of kernels' sockets."""

from __future__ import annotations

import os

from jupyter_mcp_ext.sandbox import directories

DEPTH = 3_000
"""More than Python's recursion limit."""


def test_a_directory_is_removed_however_deep_a_kernel_has_made_it() -> None:
    made = directories.make()
    fd = os.open(made, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)

    directories.remove(made)

    assert not made.exists()
