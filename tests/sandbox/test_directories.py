"""The directories of kernels' sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


CLEARS = """
import os, sys
from pathlib import Path
from jupyter_mcp_ext.sandbox import directories
if not os.geteuid():
    os.setuid(61_234)
made = directories.make()
(made / "home").mkdir()
(made / "home/file").touch()
(made / "file").touch()
(made / "home").chmod(0)
made.chmod(int(sys.argv[1], 8))
directories.clear(made)
print(len(list(made.iterdir())))
directories.remove(made)
print(made.exists())
"""


@pytest.mark.parametrize("mode", ["0", "500", "200"])
def test_a_directory_that_a_kernel_has_closed_is_cleared_and_removed(mode: str) -> None:
    """By an ordinary user: root may open it as it is."""
    done = subprocess.run(
        [sys.executable, "-c", CLEARS, mode], capture_output=True, text=True, check=False
    )

    assert (done.stdout.split(), done.stderr) == (["0", "False"], "")


HOLDS = """
import sys
from jupyter_mcp_ext.sandbox import directories
print(directories.make(), flush=True)
sys.stdin.read()
"""

SWEEP = "from jupyter_mcp_ext.sandbox import directories; directories.sweep()"

ELSEWHERE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
"""Runs a program where no other process has a number, as in a container."""


def test_a_directory_is_there_as_long_as_its_server_is() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        made = Path(server.stdout.readline().strip())
        made.chmod(0)

        subprocess.run([*ELSEWHERE, sys.executable, "-c", SWEEP], check=True)
        directories.sweep()
        assert made.is_dir()

        server.send_signal(signal.SIGKILL)

    directories.sweep()
    assert not made.exists()


def test_a_link_of_that_name_is_left_alone(tmp_path: Path) -> None:
    link = directories.BASE / f"jmcp-1-{os.getpid()}"
    link.symlink_to(tmp_path)
    tmp_path.chmod(0o755)
    try:
        directories.sweep()
        assert link.is_symlink()
        assert tmp_path.stat().st_mode & 0o777 == 0o755
    finally:
        link.unlink()
