"""What this machine can do to limit kernels."""

from __future__ import annotations

import os

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.cgroups import Groups
from jupyter_mcp_ext.sandbox.limits.hierarchies import Unavailable

IS_ROOT = not os.geteuid()


def _has_groups() -> bool:
    try:
        Groups.make(Bounds()).close()
    except Unavailable:
        return False
    return True


HAS_GROUPS = _has_groups()
"""Whether control groups can be made."""
