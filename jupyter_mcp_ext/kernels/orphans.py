"""Kernels that an earlier server has left behind, told by their process."""

from __future__ import annotations

import psutil

SLACK = 1.0
"""Seconds by which two readings of a process's start may differ."""


def started_at(pid: int) -> float | None:
    """When a process was started, in seconds since the epoch; None when it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def end(pid: int, created: float) -> bool:
    """End a process that was started at that time, and what it has started.

    False when there is none: the number may be another's by now. Blocks shortly.
    """
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > SLACK:
            return False
        family = [*process.children(recursive=True), process]
        for member in family:
            member.kill()
    except psutil.Error:
        return False
    return True
