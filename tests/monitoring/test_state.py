from __future__ import annotations

import gc
from typing import Any
from weakref import ref

from prometheus_client import REGISTRY, generate_latest

from tests.engine import ALICE, running


async def test_a_spare_is_shown_as_such_until_an_agent_has_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        sessions, state = engine.services.sessions, engine.services.metrics.health.state
        sessions.spares.want()
        await engine.until(lambda: len(sessions.spares) > 0)
        before = state.kernels_by_owner()

        await sessions.create(ALICE, name="one")

        after = state.kernels_by_owner()
        assert before == {"agent": 0, "person": 0, "spare": 1}
        assert after["agent"] >= 1


async def test_a_kernel_that_dies_every_time_is_dead(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        for _ in range(5):
            await engine.run("import os; os._exit(1)")

        page = generate_latest(REGISTRY).decode()

        assert 'jupyter_mcp_kernels{owner="agent",state="dead"} 1.0' in page


async def test_a_server_that_has_stopped_is_neither_served_nor_kept(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        metrics = ref(engine.services.metrics)
        await engine.run("1")

    del engine
    gc.collect()

    assert metrics() is None
