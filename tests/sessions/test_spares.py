"""Spare sessions: kernels that are started ahead, and who gets them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.sessions.disk.record import SessionRecord
from jupyter_mcp_ext.sessions.session import Session, new_session_id
from jupyter_mcp_ext.sessions.spares import MOST, Spares
from tests import forked_kernels
from tests.engine import ALICE, BOB, Engine, running, value
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

FILLING = "mcp-spare"


def tasks(name: str) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task.get_name() == name}


async def filled(engine: Engine) -> list[str]:
    """Start spares as a request does, and give their kernels' ids."""
    before = set(engine.serverapp.kernel_manager.list_kernel_ids())
    engine.services.sessions.spares.want()
    await engine.until(lambda: not engine.services.sessions.spares.is_filling)
    return [k for k in engine.serverapp.kernel_manager.list_kernel_ids() if k not in before]


async def made(engine: Engine, caller: Any = ALICE, **arguments: Any) -> Session:
    session, *_ = await engine.services.sessions.create(caller, **{"name": None, **arguments})
    return session


async def listed(jp_fetch: Any, what: str) -> Any:
    return json.loads((await jp_fetch("api", what)).body)


def folders(serverapp: Any) -> list[str]:
    return sorted(f.name for f in Path(serverapp.root_dir, "mcp-sessions").glob("*"))


async def test_a_new_session_gets_the_kernel_that_is_ready(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)
        [folder] = folders(jp_serverapp)
        pid = jp_serverapp.kernel_manager.get_kernel(spare).provisioner.pid

        session = await made(engine, name="churn")

        assert session.kernel_id == spare
        assert session.id == folder
        assert session.name == "churn"
        assert session.owner == "alice"
        assert value(await engine.run("import os; os.getpid()", session_id="churn")) == str(pid)


async def test_each_spare_is_handed_out_once_and_another_is_started(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=2) as engine:
        spares = await filled(engine)

        sessions = await asyncio.gather(made(engine), made(engine, BOB), made(engine))

        assert len(spares) == 2
        assert len({session.kernel_id for session in sessions}) == 3
        assert set(spares) < {session.kernel_id for session in sessions}
        await filled(engine)
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 3 + MOST


async def test_the_folder_of_a_spare_is_its_kernels_through_every_restart(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    (jp_root_dir / "work").mkdir()
    async with running(jp_serverapp, spare_kernels=1, default_folder="work/") as engine:
        [spare] = await filled(engine)
        session = await made(engine, name="here", cwd="work")
        where = "import os; os.getcwd()"

        first = value(await engine.run(where, session_id="here"))
        await jp_serverapp.kernel_manager.restart_kernel(session.kernel_id)
        restarted = value(await engine.run(where, session_id="here"))
        await engine.services.sessions.readiness.restart(session, by="alice", now=True)
        again = value(await engine.run(where, session_id="here"))
        os.kill(engine.pid(session), signal.SIGKILL)
        execution = await engine.run(where, session_id="here")
        if execution.status == "dead":
            execution = await engine.run(where, session_id="here")

        assert session.kernel_id == spare
        folder = os.path.realpath(jp_root_dir / "work")
        assert [first, restarted, again, value(execution)] == [repr(folder)] * 4


async def test_a_spare_is_in_jupyters_list_of_sessions_once_a_caller_has_it(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)
        before = await listed(jp_fetch, "sessions")

        session = await made(engine, name="mine")

        [model] = await listed(jp_fetch, "sessions")
        assert before == []
        assert model["id"][:8] == session.id
        assert model["kernel"]["id"] == spare
        assert model["kernel"]["execution_state"] == "idle"
        assert model["path"] == f"mcp-sessions/{session.id}/mine.ipynb"


async def test_no_caller_sees_a_spare_among_the_sessions(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)

        assert await engine.services.sessions.listed(ALICE) == ()
        with pytest.raises(Exception, match="no session"):
            await engine.services.sessions.find(ALICE, spare)
        with pytest.raises(Exception, match="no session"):
            await engine.services.sessions.find(ALICE, folders(jp_serverapp)[0])


async def test_no_spare_is_started_before_the_first_request(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        assert tasks(FILLING) == set()
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []

        engine.services.sessions.spares.want()

        assert len(tasks(FILLING)) == 1


@pytest.mark.parametrize("case", ["culling", "ends itself", "hub", "none", "no folder"])
async def test_no_spare_is_kept_where_it_would_be_in_the_way(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    count = {"hub": None, "none": 0}.get(case, 1)
    match case:
        case "culling":
            monkeypatch.setattr(jp_serverapp.kernel_manager, "cull_idle_timeout", 600)
        case "ends itself":
            monkeypatch.setattr(jp_serverapp, "shutdown_no_activity_timeout", 600)
        case "hub":
            monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/alice/")
        case "no folder":
            Path(jp_serverapp.root_dir, "mcp-sessions").write_text("in the way")
    async with running(jp_serverapp, spare_kernels=count) as engine:
        assert await filled(engine) == []

        engine.services.sessions.spares.want()

        assert tasks(FILLING) == set()


async def test_one_spare_is_kept_unless_the_operator_says_otherwise(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    async with running(jp_serverapp, spare_kernels=None) as engine:
        assert len(await filled(engine)) == 1


async def test_sessions_of_another_kind_leave_the_spare_alone(jp_serverapp: Any) -> None:
    Path(jp_serverapp.root_dir, "work").mkdir()
    specs = jp_serverapp.kernel_spec_manager
    other = Path(specs.kernel_dirs[0], "other")
    other.mkdir(parents=True)
    spec = specs.get_kernel_spec("python3").to_dict()
    (other / "kernel.json").write_text(json.dumps(spec))
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)
        engine.notebook("work/a.ipynb")

        cold = [
            await made(engine, name="elsewhere", cwd="work"),
            await made(engine, name="notebook", path="work/a.ipynb"),
            await made(engine, name="kernel", kernel_name="other"),
            await engine.session(),
        ]
        warm = await made(engine, name="named", kernel_name="python3")

        assert spare not in {session.kernel_id for session in cold}
        assert warm.kernel_id == spare


async def test_a_spare_that_died_is_not_handed_out(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)
        [folder] = folders(jp_serverapp)
        process = jp_serverapp.kernel_manager.get_kernel(spare).provisioner.process
        process.kill()
        await engine.until(lambda: process.poll() is not None)

        session = await made(engine, name="well")
        ending = tasks("mcp-spare-end")
        await asyncio.gather(*ending)

        assert session.kernel_id != spare
        assert spare not in jp_serverapp.kernel_manager
        assert folder not in folders(jp_serverapp)
        assert value(await engine.run("1 + 1", session_id="well")) == "2"


@pytest.mark.parametrize("moment", ["asked for", "folder", "process", "up"])
async def test_nothing_of_a_spare_is_left_after_the_end(jp_serverapp: Any, moment: str) -> None:
    manager = jp_serverapp.kernel_manager
    forked_kernels.prepare()
    before = set(psutil.Process().children(recursive=True))
    async with running(jp_serverapp, spare_kernels=1) as engine:
        engine.services.sessions.spares.want()
        [filling] = tasks(FILLING)
        match moment:
            case "folder":
                await engine.until(lambda: bool(folders(jp_serverapp)))
            case "process":
                await engine.until(lambda: bool(set(psutil.Process().children()) - before))
            case "up":
                await asyncio.wait({filling})
                assert len(manager.list_kernel_ids()) == 1

        await engine.services.sessions.close()

        assert filling.done()
        assert manager.list_kernel_ids() == []
        assert folders(jp_serverapp) == []
        assert set(psutil.Process().children(recursive=True)) <= before


async def test_a_spare_does_not_count_as_activity_until_a_caller_has_it(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    manager = jp_serverapp.kernel_manager
    async with running(jp_serverapp, spare_kernels=1) as engine:
        [spare] = await filled(engine)
        link = await engine.services.kernels[spare].link()
        before = manager.last_kernel_activity, (await listed(jp_fetch, "status"))["last_activity"]

        exchange = link.execute(
            "print(1)",
            on_message=lambda *_: None,
            on_begin=lambda: None,
            on_dropped=lambda _: None,
        )
        await exchange.finished()
        after = manager.last_kernel_activity, (await listed(jp_fetch, "status"))["last_activity"]
        session = await made(engine, name="used")
        await engine.run("1", session_id="used")
        await engine.until(lambda: manager.last_kernel_activity > before[0])

        assert session.kernel_id == spare
        assert after == before


async def test_a_spare_is_not_handed_out_to_who_has_enough_kernels(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1, max_kernels_per_user=1) as engine:
        await filled(engine)
        await made(engine, name="one")
        spares = await filled(engine)

        with pytest.raises(KernelUnavailable, match="as many as"):
            await made(engine, name="two")

        assert (await made(engine, BOB, name="one")).kernel_id in spares


async def test_how_a_session_comes_back_is_kept_of_one_from_a_spare(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, spare_kernels=1) as engine:
        await filled(engine)

        session = await made(engine, name="again", restore="replay")

        record = Path(jp_serverapp.root_dir, session.folder, ".mcp", "session.json")
        assert '"replay"' in record.read_text()


def unused() -> Session:
    return Session(
        record=SessionRecord(
            id=new_session_id(),
            jupyter_id="",
            name="",
            path="",
            cwd="",
            kernel_name="python3",
            owner="",
            client="",
            restore="snapshot",
            created=1.0,
            last_used=1.0,
        )
    )


class Started:
    """The kernels that have been started and ended."""

    def __init__(self) -> None:
        self.living: list[Session] = []
        self.has_memory = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def make_spare(self) -> Session:
        self.living.append(session := unused())
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.living.remove(session)
            raise
        return session

    async def end_spare(self, session: Session) -> None:
        self.living.remove(session)

    async def is_sound(self, session: Session) -> bool:
        return session in self.living

    def spares(self, count: int, idle: float) -> Spares:
        return Spares(
            count,
            self,
            logging.getLogger(__name__),
            idle=idle,
            patience=0.0,
            has_memory=lambda: self.has_memory,
        )


async def until_idle(started: Started) -> None:
    while started.living:  # noqa: ASYNC110  # lets the timer run
        await asyncio.sleep(0)


@pytest.mark.parametrize("is_up", [True, False])
async def test_spares_end_when_the_server_gets_no_requests(is_up: bool) -> None:
    started = Started()
    if not is_up:
        started.gate.clear()
    spares = started.spares(2, idle=0.05)

    spares.want()
    await asyncio.sleep(0)
    begun = len(started.living)
    await until_idle(started)

    assert begun >= 1
    assert await spares.take() is None
    spares.want()
    assert len(tasks(FILLING)) == 1
    await spares.close()
    assert started.living == []


async def test_requests_keep_the_spares() -> None:
    started = Started()
    spares = started.spares(1, idle=60)

    for _ in range(3):
        spares.want()
        await asyncio.gather(*tasks(FILLING))

    assert len(started.living) == 1
    assert await spares.take() is not None
    await spares.close()


async def test_while_sessions_are_made_more_spares_are_kept() -> None:
    started = Started()
    spares = started.spares(1, idle=60)
    counts = []

    spares.want()
    for _ in range(5):
        await asyncio.gather(*tasks(FILLING))
        counts.append(len(spares))
        assert await spares.take() is not None
    await asyncio.gather(*tasks(FILLING))

    assert counts == [1, 2, 3, 3, 3]
    assert len(spares) == MOST
    await spares.close()


async def test_where_none_are_wanted_none_are_kept_for_whom_makes_sessions() -> None:
    started = Started()
    spares = started.spares(0, idle=60)

    assert await spares.take() is None
    spares.want()

    assert tasks(FILLING) == set()


async def test_spares_end_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.spares.LOOK", 0.0)
    started = Started()
    spares = started.spares(2, idle=60)
    spares.want()
    await asyncio.gather(*tasks(FILLING))
    begun = len(started.living)

    started.has_memory = False
    spares.want()
    await until_idle(started)

    assert begun == 2
    assert tasks(FILLING) == set()
    assert await spares.take() is None
    await asyncio.gather(*tasks(FILLING))
    assert started.living == []
    await spares.close()


def kernels(server: JupyterServer) -> list[str]:
    """The kernels that Jupyter lists; it fails at the moment when one is added."""
    while (answer := server.request("GET", path="/api/kernels", headers=server.auth)).status == 500:
        pass
    return [model["id"] for model in json.loads(answer.body)]


def test_over_http_a_new_session_is_the_spare_and_a_stopped_server_leaves_no_other(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path, "--McpSessions.spare_kernels=1") as server:
        client = McpClient(server)
        before = kernels(server)
        client.call("list_sessions")
        folder = server.root_dir / "mcp-sessions"
        while not kernels(server):
            pass
        [spare] = kernels(server)
        made = client.call("create_session", name="first").meta["jupyter-mcp-ext/session"]
        result = client.run("import os; os.getcwd()", session_id="first")
        children = psutil.Process(server.process.pid).children(recursive=True)
        own = [path.name for path in folder.iterdir() if path.name == made["session_id"]]

    assert before == []
    assert made["session_id"] in result.text
    assert own == [made["session_id"]]
    assert [path.name for path in folder.iterdir()] == own
    assert not any(child.is_running() for child in children)
    assert spare


def test_a_server_that_was_killed_leaves_no_spare_to_the_next(tmp_path: Path) -> None:
    options = ("--McpSessions.spare_kernels=1", STARTED_KERNELS)
    with running_server(tmp_path, *options) as server:
        McpClient(server).call("list_sessions")
        while not kernels(server):
            pass
        [kernel] = psutil.Process(server.process.pid).children()
        left = [path.name for path in (server.root_dir / "mcp-sessions").iterdir()]
        server.process.kill()
        server.process.wait()
    with running_server(tmp_path, *options) as server:
        listed = McpClient(server).call("list_sessions").text
        gone = not (server.root_dir / "mcp-sessions" / left[0]).exists()
        psutil.wait_procs([kernel], timeout=60)

    assert len(left) == 1
    assert left[0] not in listed
    assert gone
    assert not kernel.is_running()
