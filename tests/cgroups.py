"""A cgroup with a memory limit, for tests of kernels that the system kills when memory runs out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mcp_ext.kernels.memory import counter_file

LIMIT = 240 * 1024**2


@contextmanager
def limited_group() -> Iterator[Path]:
    """A cgroup of a version that this machine allows; otherwise the test is skipped."""
    own = counter_file(
        Path("/proc/self/cgroup").read_text() if sys.platform == "linux" else "",
        Path("/proc/self/mountinfo").read_text() if sys.platform == "linux" else "",
    )
    limits = {"memory.oom_control": "memory.limit_in_bytes", "memory.events": "memory.max"}
    group = own and own.parent / f"jupyter-mcp-test-{os.getpid()}"
    try:
        assert own is not None
        assert group is not None
        group.mkdir()
        (group / limits[own.name]).write_text(str(LIMIT))
    except (AssertionError, OSError) as err:
        if group is not None and group.is_dir():
            group.rmdir()
        pytest.skip(f"Untested here: the out-of-memory kill, since no cgroup can be made ({err}).")
    try:
        yield group
    finally:
        group.rmdir()


def joining(group: Path) -> list[str]:
    """The program of a kernelspec whose kernel is in the group."""
    start = f"echo $$ > {group}/cgroup.procs; exec {sys.executable} -m ipykernel_launcher -f $0"
    return ["/bin/sh", "-c", start, "{connection_file}"]
