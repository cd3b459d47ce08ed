"""What this machine can do to limit kernels."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.cgroups import Group, Groups
from jupyter_mcp_ext.sandbox.limits.hierarchies import CONTROLLERS, Unavailable, group_of

IS_ROOT = not os.geteuid()


def _has_groups() -> bool:
    try:
        Groups.make(Bounds()).close()
    except Unavailable:
        return False
    return True


HAS_GROUPS = _has_groups()
"""Whether control groups can be made."""


def unified_group() -> Group | None:
    """A group of version 2 below the one of this process, without controllers, if it can be made.

    Where those are in version 1, joining a group and ending its processes can be tried anyway.
    """
    groups, mounts = (Path("/proc/self", name).read_text() for name in ("cgroup", "mountinfo"))
    found = group_of("any", groups, mounts)
    if found is None:
        return None
    folder = found[1] / f"jmcp-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        return None
    return Group(2, dict.fromkeys(CONTROLLERS[2], folder))


def _has_unified() -> bool:
    made = unified_group()
    if made is not None:
        made.remove()
    return made is not None


HAS_UNIFIED = HAS_GROUPS and _has_unified()
