"""What happens to sessions and kernels is told once, where it happens."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.governance.audit import LIFE_ID
from jupyter_mcp_ext.governance.life import LifeEvent
from tests.engine import ALICE, Engine, running


def listened(engine: Engine) -> list[LifeEvent]:
    """The events from now on."""
    events: list[LifeEvent] = []
    engine.services.life.add(events.append)
    return events


async def test_a_session_is_made_and_its_kernel_started_with_the_owner(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        events = listened(engine)

        session = await engine.session()
        await engine.session()

        assert [event.kind for event in events] == ["session_made", "kernel_started"]
        assert {(event.session_id, event.owner) for event in events} == {(session.id, "alice")}
        assert events[1].kernel_id == session.kernel_id


async def test_an_operator_receives_them_as_events(jp_serverapp: Any) -> None:
    events: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        events.append(data)

    async with running(jp_serverapp) as engine:
        jp_serverapp.event_logger.add_listener(schema_id=LIFE_ID, listener=listen)
        session = await engine.session()
        await engine.services.sessions.shutdown(session, by="test", now=True)
        await asyncio.sleep(0)

    assert [event["event"] for event in events] == [
        "session_made",
        "kernel_started",
        "kernel_ended",
    ]
    assert {(event["session_id"], event["owner"]) for event in events} == {(session.id, "alice")}


async def test_a_death_and_what_follows_are_told_in_their_order(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        await engine.run("x = 1")
        events = listened(engine)

        os.kill(engine.pid(session), signal.SIGKILL)
        await session.kernel.death.losses.gone()
        await engine.run("x")

        kinds = [event.kind for event in events]
        assert kinds[:2] == ["kernel_died", "kernel_restarted"]
        assert kinds[2:] == ["session_restored"]
        assert {event.kernel_id for event in events} == {session.kernel_id}
        assert "signal 9" in events[0].detail


async def test_a_kernel_that_was_not_used_is_culled_and_one_that_is_shut_down_is_ended(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        sessions = engine.services.sessions
        session = await engine.session()
        events = listened(engine)

        await sessions.readiness.end_idle(session)
        await engine.session()
        await sessions.shutdown(session, by="test", now=True)
        await sessions.shutdown(session, by="test", now=True)

        kinds = [event.kind for event in events]
        assert kinds == ["kernel_culled", "kernel_started", "kernel_ended"]


async def test_a_snapshot_that_this_server_has_not_made_is_told_as_refused(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = (await engine.services.sessions.create(ALICE, name="one")).session
        await engine.run("x = 1", session_id=session.id)
        await engine.services.sessions.shutdown(session, by="test", now=False)
        [index] = Path(jp_serverapp.root_dir, session.folder).rglob("snapshot.json")
        index.write_text(index.read_text().replace('"x"', '"y"'))
        events = listened(engine)

        await engine.run("1", session_id=session.id)

        [refused] = [event for event in events if event.kind == "snapshot_refused"]
        assert refused.session_id == session.id
        assert refused.detail.startswith("the saved variables were not loaded: ")
