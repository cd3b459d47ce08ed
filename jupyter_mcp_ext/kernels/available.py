"""How much memory is left for further processes, of the machine and of the container."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from jupyter_mcp_ext.sandbox.limits.hierarchies import group_of

OWN = Path("/proc/self")

FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
"""By the version of control groups: the files of limit and usage, and what ``memory.stat`` calls
the part of the usage that Linux takes back when it needs it."""


def available() -> int:
    """Bytes that further processes of this server may use. Reads virtual files, which is quick."""
    left = int(psutil.virtual_memory().available)
    if sys.platform != "linux":
        return left
    try:
        groups, mounts = (OWN / "cgroup").read_text(), (OWN / "mountinfo").read_text()
    except OSError:
        return left
    found = group_of("memory", groups, mounts)
    return left if found is None else min([left, *left_in(*found)])


def left_in(version: int, group: Path) -> Iterator[int]:
    """What the limit of a control group leaves, and that of each group around it."""
    limit, usage, cached = FILES[version]
    for folder in (group, *group.parents):
        try:
            most = (folder / limit).read_text().strip()
            used = int((folder / usage).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except OSError:  # it is the outermost, or no group
            return
        if most.isdigit():  # "max" is no limit
            yield int(most) - used + int(stat.get(cached, 0))
