"""When sessions are saved: at the server's stop, those used last first."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.governance.life import Life
from jupyter_mcp_ext.sessions.saving.saves import SaveLimits, Saves
from jupyter_mcp_ext.sessions.session import Session
from tests.engine import ALICE, Engine, running, value
from tests.executions.passing import LIMIT, pass_time


async def used(engine: Engine, name: str, code: str) -> Session:
    made = await engine.services.sessions.create(ALICE, name=name)
    await engine.run(code, session_id=made.session.id)
    return made.session


def saves_of(*, at_once: int, delay: float = 600) -> Saves:
    return Saves(
        key=lambda _: b"k" * 32,
        limits=SaveLimits(delay=delay, max_bytes=1_000_000_000, max_seconds=30, at_once=at_once),
        life=Life(),
        log=logging.getLogger("saves"),
    )


def saved_at(session: Session) -> float | None:
    assert session.story is not None
    data = session.story.folder.read("snapshot.json", 1_000_000)
    return None if data is None else float(json.loads(data)["created"])


def saved_after(session: Session) -> int:
    assert session.story is not None
    data = session.story.folder.read("snapshot.json", 1_000_000)
    return 0 if data is None else int(json.loads(data)["after"])


def saving(session: Session) -> list[asyncio.Task[None]]:
    """What saves a session at this time."""
    name = f"mcp-snapshot-{session.id}"
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_the_sessions_used_last_are_saved_first_when_the_server_stops(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        sessions = [await used(engine, name, "x = [1]") for name in ("one", "two", "three")]
        saves = saves_of(at_once=1)
        for session in sessions:
            saves.note(session)
        sessions[0].use("test", now=time.time() + 60)

        await saves.close(sessions, seconds=30)

        times = [saved_at(session) or 0.0 for session in sessions]
        assert 0 < times[0] < times[2] < times[1]
        assert {session.record.not_saved for session in sessions} == {""}


async def test_a_session_that_could_not_be_saved_is_reported_and_affects_no_other(
    jp_serverapp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(jp_serverapp, interrupt_grace=0.1) as engine:
        quick = await used(engine, "quick", "x = [1]")
        busy = await used(engine, "busy secret", "x = [1]")
        running_on = await engine.start("import time; time.sleep(60)", session_id=busy.id)
        await engine.until(lambda: running_on.began is not None)
        saves = saves_of(at_once=1)
        saves.note(busy)
        saves.note(quick)
        busy.use("test", now=time.time() + 60)

        closing = asyncio.create_task(saves.close([quick, busy], seconds=LIMIT))
        await engine.until(lambda: saved_at(quick) is not None)
        await asyncio.gather(*saving(quick))
        pass_time()
        await closing

        assert saved_at(quick) is not None
        assert saved_at(busy) is None
        assert (quick.record.not_saved, busy.record.not_saved) == ("", "busy")
        assert f"{busy.id} since its code was still running" in caplog.text
        said = [record.getMessage() for record in caplog.records if record.name == "saves"]
        assert "secret" not in "".join(said)


async def test_what_ran_while_a_session_was_saved_is_saved_afterwards(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, snapshot_delay=0.001) as engine:
        for number in range(5):
            await engine.run(f"x = {number}")
        session = await engine.session()

        await engine.until(lambda: saved_after(session) == 5)


WITHIN = """
import glob, sys, time, types
sys.modules["cupy"] = types.ModuleType("cupy")  # its values are where no copy can read them
class Slow:
    def __reduce__(self):
        open("saving", "w").close()
        while glob.glob({hidden!r} + "/*.pickle"):
            time.sleep(0.01)
        return Slow, ()
slow = Slow()
"""


async def test_a_save_in_the_kernel_itself_is_given_up_without_an_interrupt(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp, snapshot_delay=0.01) as engine:
        session = await engine.session()
        assert session.story is not None
        await engine.run(WITHIN.format(hidden=str(session.story.folder.path)))
        await engine.until(Path(jp_serverapp.root_dir, session.cwd, "saving").exists)

        execution = await engine.run("slow = None; 1 + 1")

        assert value(execution) == "2"
        await engine.until(lambda: saved_after(session) == 2)
        assert engine.services.kernels[session.kernel_id].last_interrupt == 0
