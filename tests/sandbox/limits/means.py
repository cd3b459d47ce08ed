"""What this machine can do to limit kernels."""

from __future__ import annotations

import os

import pytest

from jupyter_mcp_ext.sandbox.limits.bounds import Bounds
from jupyter_mcp_ext.sandbox.limits.cgroups import Groups, Unavailable

IS_ROOT = not os.geteuid()


def _has_groups() -> bool:
    try:
        Groups.make(Bounds()).close()
    except Unavailable:
        return False
    return True


HAS_GROUPS = _has_groups()
"""Whether control groups can be made."""

IN_GROUPS = pytest.mark.skipif(not HAS_GROUPS, reason="No control groups can be made here.")
