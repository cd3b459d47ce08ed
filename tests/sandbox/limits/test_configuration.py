"""Limits that contradict each other or are too low are refused when the server starts."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.sandbox.limits.limits import LimitsUnusable, McpLimits

GB = 1 << 30


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"memory": 100 << 20}, "McpLimits.memory is 100 MB, and a kernel needs 256 MB"),
        ({"memory_in_all": 1}, "McpLimits.memory_in_all is 1 B, and a kernel needs 256 MB"),
        ({"memory": -1}, "McpLimits.memory is -1 B, and a kernel needs 256 MB"),
        ({"cpu_seconds": -0.5}, "McpLimits.cpu_seconds is -0.50 s, and a kernel needs 1.00 s"),
        ({"processes": 4}, "McpLimits.processes is 4, and a kernel needs 32"),
        ({"cpu": 0.01}, "McpLimits.cpu is 0.01 cores, and a kernel needs 0.1 cores"),
        ({"file_bytes": 512}, "McpLimits.file_bytes is 512 B, and a kernel needs 1 MB"),
        (
            {"memory": 2 * GB, "memory_per_user": GB},
            "McpLimits.memory_per_user (1 GB) is below McpLimits.memory (2 GB)",
        ),
        (
            {"processes": 100, "processes_in_all": 50},
            "McpLimits.processes_in_all (50) is below McpLimits.processes (100)",
        ),
        (
            {"disk_per_user": 2 * GB, "disk_in_all": GB},
            "McpLimits.disk_in_all (1 GB) is below McpLimits.disk_per_user (2 GB)",
        ),
    ],
)
def test_what_cannot_hold_is_refused_in_a_sentence(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(LimitsUnusable) as refused:
        McpLimits(root=None, **settings).open()

    assert str(refused.value) == why


def test_nothing_is_limited_by_default() -> None:
    limits = McpLimits(root=None)

    limits.open()

    assert not limits.is_on
    assert limits.words == ""
    assert limits.arguments("session", {}) == {}
