"""What happens to sessions and kernels is counted, by words that this server chooses."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import pytest
from prometheus_client.registry import Collector

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.governance.life import LifeEvent
from jupyter_mcp_ext.monitoring.events import LifeCounts
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.registry import BY_NAME
from jupyter_mcp_ext.tools.road import run
from tests.engine import ALICE, PRINCIPAL, running


def value(collector: Collector, name: str, **labels: str) -> float:
    """One sample of a collector; 0 if it is not there."""
    found = (
        sample.value
        for family in collector.collect()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )
    return next(found, 0.0)


async def test_deaths_are_counted_by_cause_and_what_followed_as_an_event(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        life = engine.services.metrics.life
        session = await engine.session()
        await engine.run("x = 1")

        os.kill(engine.pid(session), signal.SIGKILL)
        await session.kernel.death.losses.gone()
        await engine.run("import os; os._exit(7)")
        await engine.run("1")

        causes = ("signal", "exit", "memory", "limit", "unknown")
        deaths = [value(life, "jupyter_mcp_kernel_deaths_total", cause=cause) for cause in causes]
        assert deaths == [1, 1, 0, 0, 0]
        for event, number in (("kernel_died", 2), ("kernel_restarted", 2), ("session_made", 1)):
            assert value(life, "jupyter_mcp_life_events_total", event=event) == number, event


async def test_the_bytes_of_snapshots_are_counted(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        life = engine.services.metrics.life
        await engine.run("x = bytes(100_000)")

        await engine.services.sessions.shutdown(await engine.session(), by="test", now=False)

        assert value(life, "jupyter_mcp_snapshot_bytes_count") == 1
        assert value(life, "jupyter_mcp_snapshot_bytes_sum") >= 100_000


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        ("at a limit: CPU time 11 s of 10 s (McpLimits.cpu_seconds)", "McpLimits.cpu_seconds"),
        ("memory 2 GB of 2 GB (McpLimits.memory_per_user)", "McpLimits.memory_per_user"),
        ("a limit that no setting has (McpNone.such)", "other"),
        ("", "other"),
    ],
)
def test_a_limit_is_counted_by_its_setting(words: str, setting: str) -> None:
    counts = LifeCounts()

    counts.happened(LifeEvent(kind="limit_hit", detail=words))

    assert value(counts, "jupyter_mcp_limits_hit_total", setting=setting) == 1


async def test_kernels_beyond_a_limit_are_counted_by_its_setting(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_kernels_per_user=1) as engine:
        await engine.session()

        with pytest.raises(KernelUnavailable):
            await engine.services.sessions.create(ALICE, name="my own words")

        life, faults = engine.services.metrics.life, engine.services.metrics.faults
        setting = "McpSessions.max_kernels_per_user"
        assert value(life, "jupyter_mcp_limits_hit_total", setting=setting) == 1
        [fault] = faults.latest
        assert (fault.kind, fault.detail) == ("limit_hit", f"no kernel was started ({setting})")


async def test_calls_beyond_a_limit_are_counted_by_its_setting(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_calls_per_user=1) as engine:
        metrics = engine.services.metrics
        call = partial(Call, services=engine.services, caller=ALICE, principal=PRINCIPAL)

        for _ in range(3):
            await run(BY_NAME["list_sessions"], {}, call())

        setting = "McpCalls.max_calls_per_user"
        assert value(metrics.life, "jupyter_mcp_limits_hit_total", setting=setting) == 2
        labels = {"tool": "list_sessions", "status": "limited"}
        assert value(metrics.counts, "jupyter_mcp_calls_total", **labels) == 2
