"""Links to kernels, tested without executions."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.links.exchange import Exchange
from jupyter_mcp_ext.kernels.losses import KernelLost, Loss
from jupyter_mcp_ext.kernels.process import Exit, ProcessWatch
from jupyter_mcp_ext.variables.way import Query
from tests.benchmarks.clients import Client
from tests.engine import ALICE, Engine, running, value
from tests.servers import JupyterServer


def exchange(outputs: list[str] | None = None) -> Exchange:
    heard = outputs if outputs is not None else []
    return Exchange("id", lambda msg_type, _: heard.append(msg_type), lambda: None)


async def test_an_exchange_is_over_when_the_kernel_has_replied_and_is_idle() -> None:
    one = exchange()
    over = asyncio.ensure_future(one.finished())

    one.answer({"status": "ok"})
    await asyncio.sleep(0)
    assert not over.done()
    one.feed("status", {"execution_state": "idle"})

    assert (await over)["status"] == "ok"
    assert one.complete


async def test_outputs_that_arrive_after_the_reply_are_not_lost() -> None:
    heard: list[str] = []
    one = exchange(heard)

    one.answer({"status": "ok"})
    one.feed("stream", {})
    one.feed("status", {"execution_state": "idle"})

    await one.finished()
    assert heard == ["stream"]


async def test_a_kernel_that_never_says_idle_is_waited_for_shortly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.kernels.links.exchange.IDLE_GRACE", 0.01)
    one = exchange()

    one.answer({"status": "ok"})

    await asyncio.wait_for(one.finished(), 60)
    assert not one.complete


async def test_a_kernel_that_is_done_and_never_replies_is_waited_for_shortly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.kernels.links.exchange.REPLY_GRACE", 0.01)
    one = exchange()

    one.feed("status", {"execution_state": "idle"})
    one.feed("stream", {})  # a thread of the code

    reply = await asyncio.wait_for(one.finished(), 60)
    assert (reply["status"], reply["ename"]) == ("error", "NoReply")


async def test_a_reply_that_follows_the_idle_counts() -> None:
    one = exchange()

    one.feed("status", {"execution_state": "idle"})
    one.answer({"status": "ok"})

    assert (await asyncio.wait_for(one.finished(), 60))["status"] == "ok"


async def test_an_aborted_request_is_over_at_once() -> None:
    one = exchange()

    one.answer({"status": "aborted"})

    assert (await one.finished())["status"] == "aborted"
    assert not one.begun


async def test_a_loss_reaches_what_waits() -> None:
    one = exchange()
    over = asyncio.ensure_future(one.finished())
    await asyncio.sleep(0)

    one.lose(Loss(kind="died", detail="exit code 1"))

    with pytest.raises(KernelLost, match="exit code 1"):
        await over


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("import sys; sys.exit(7)", "exit code 7"),
        ("import os; os.kill(os.getpid(), 15)", "killed by signal 15 (SIGTERM)"),
    ],
)
async def test_a_watched_process_tells_how_it_ended(end: str, words: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", end])
    told: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    watch = ProcessWatch.start(process.pid, told.set_result)

    assert watch is not None
    assert (await asyncio.wait_for(told, 60)).words.startswith(words)
    process.wait()  # the exit status is still there for the owner of the process


async def named_sessions(engine: Engine, names: str) -> None:
    """Sessions with these one-letter names."""
    for name in names:
        await engine.services.sessions.create(
            ALICE, name=name, kernel_name=None, path=None, cwd=None
        )


async def test_links_of_idle_kernels_are_closed_beyond_a_number(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_idle=1) as engine:
        await named_sessions(engine, "abc")
        for name in "abc":
            await engine.run(f"x = '{name}'", session_id=name)

        assert [value(await engine.run("x", session_id=n)) for n in "abc"] == ["'a'", "'b'", "'c'"]


async def test_a_link_stays_open_from_when_it_is_fetched_for_an_execution(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp, max_idle=1) as engine:
        await named_sessions(engine, "abcd")

        for _ in range(4):
            executions = await asyncio.gather(*(engine.run("1", session_id=n) for n in "abcd"))
            assert [(e.status, e.reason) for e in executions] == [("ok", "")] * 4


async def test_a_link_that_is_used_is_not_closed_for_others(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_idle=1) as engine:
        await named_sessions(engine, "abc")
        kernels = engine.services.kernels
        session = await engine.services.sessions.find(ALICE, "a")

        async with kernels[session.kernel_id].linked() as link:
            for name in "bcb":
                await engine.run("1", session_id=name)
            assert link.is_open
        for name in "bcb":
            await engine.run("1", session_id=name)

        assert not link.is_open


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_link_that_is_being_opened_is_given_to_others_once_the_kernel_has_answered(
    jp_serverapp: Any, goes_on: bool
) -> None:
    async with running(jp_serverapp) as engine:
        kernel_id = await jp_serverapp.kernel_manager.start_kernel()
        kernel = engine.services.kernels[kernel_id]
        first = asyncio.create_task(kernel.link())
        await engine.until(lambda: kernel.connection.current is not None)
        if not goes_on:
            first.cancel()
            await asyncio.wait({first})

        link = await kernel.link()

        assert link.info.implementation == "ipython"
        await asyncio.wait({first})


async def test_a_restart_after_a_look_at_variables_ends_the_cell_as_one(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start(
            "x = 1; import time; print('on', flush=True); time.sleep(600)"
        )
        await engine.until_printed(execution, "on")
        session = await engine.session()
        services = engine.services
        await services.variables.listing(services.kernels[session.kernel_id], Query())

        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        await engine.services.executions.settled(execution, 60)

        assert (execution.status, execution.reason) == (
            "interrupted",
            "the kernel was restarted by test",
        )


async def test_a_dead_kernel_is_noticed_long_before_the_restarter_looks(jp_serverapp: Any) -> None:
    """Jupyter's restarter polls every three seconds; the benchmark measures how fast ours is."""
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; print('on', flush=True); time.sleep(60)")
        await engine.until_printed(execution, "on")
        session = await engine.session()
        jp_serverapp.kernel_manager.get_kernel(session.kernel_id).stop_restarter()

        os.kill(engine.pid(session), signal.SIGKILL)
        await engine.services.executions.settled(execution, 10)

        assert execution.status == "dead"


async def test_a_message_that_cannot_be_read_is_logged_and_the_next_one_is_read(
    jp_serverapp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        link = await engine.services.kernels[session.kernel_id].link()
        with caplog.at_level(logging.ERROR):
            link._order.put("iopub", [])  # type: ignore[attr-defined]  # as a broken kernel would call it

        assert "could not be read" in caplog.text
        assert value(await engine.run("1")) == "1"


def test_a_server_with_a_gateway_answers_one_clear_error(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--GatewayClient.url=http://127.0.0.1:9")
    client = Client(server, "2026-07-28")

    result = client.call("execute_code", code="1")

    assert result["isError"]
    assert "gateway" in result["content"][0]["text"]


def gated_kernelspec(data_dir: Path, gate: Path) -> str:
    """A kernel that starts when the test writes to a pipe."""
    os.mkfifo(gate)
    script = (
        f"import runpy; open({str(gate)!r}).read()\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')\n"
    )
    folder = data_dir / "kernels" / "gated"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", script, "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Gated", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    return "gated"


async def test_a_kernel_that_starts_is_not_taken_for_idle(
    jp_serverapp: Any, jp_data_dir: Path, tmp_path: Path
) -> None:
    """Jupyter culls kernels that are idle for too long and have no connection."""
    name, manager = gated_kernelspec(jp_data_dir, tmp_path / "gate"), jp_serverapp.kernel_manager
    async with running(jp_serverapp) as engine:
        kernels = engine.services.kernels
        starting = asyncio.ensure_future(kernels.start(name, path="", env=os.environ))
        # Its process waits at the gate until Jupyter counts a connection.
        await engine.until(lambda: list(manager._kernel_connections.values()) == [1])
        await asyncio.to_thread((tmp_path / "gate").write_text, "")
        kernel = await starting

        assert manager.kernel_model(kernel.id)["connections"] == 0


async def test_a_status_is_what_the_link_has_heard_where_jupyter_has_not_heard_it_yet(
    jp_serverapp: Any,
) -> None:
    """Jupyter listens on a socket of its own, and may read it later."""
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        session = await engine.session()
        kernels, manager = engine.services.kernels, jp_serverapp.kernel_manager
        manager.stop_watching_activity(session.kernel_id)
        manager.get_kernel(session.kernel_id).execution_state = "busy"

        after = (await kernels[session.kernel_id].status()).state
        execution = await engine.start("import time; print('on', flush=True); time.sleep(60)")
        await engine.until_printed(execution, "on")
        manager.get_kernel(session.kernel_id).execution_state = "idle"
        while_it_runs = (await kernels[session.kernel_id].status()).state

        assert (after, while_it_runs) == ("idle", "busy")


@pytest.mark.parametrize("is_begun", [False, True])
async def test_a_kernel_that_is_ended_while_it_starts_is_refused_in_words(
    jp_serverapp: Any, jp_data_dir: Path, tmp_path: Path, is_begun: bool
) -> None:
    name, manager = gated_kernelspec(jp_data_dir, tmp_path / "gate"), jp_serverapp.kernel_manager
    async with running(jp_serverapp) as engine:
        kernels = engine.services.kernels
        starting = asyncio.ensure_future(kernels.start(name, path="", env=os.environ))
        await engine.until(lambda: manager.list_kernel_ids() != [])
        if is_begun:
            await engine.until(lambda: list(manager._kernel_connections.values()) == [1])

        await manager.shutdown_kernel(manager.list_kernel_ids()[0], now=True)

        with pytest.raises(
            KernelUnavailable, match=r"'gated' did not start: .*(shut down|shut it)"
        ):
            await starting


async def test_a_kernel_that_is_being_restarted_is_ended_when_it_has_been(
    jp_serverapp: Any,
) -> None:
    """Jupyter's manager fails for a kernel whose process is being replaced."""
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        kernel = (await engine.session()).kernel
        restarting = asyncio.ensure_future(kernel.hosted.manager.restart_kernel(now=True))
        await asyncio.sleep(0)

        await kernel.shutdown(by="a test", now=True)

        assert restarting.done()
        assert not kernel.hosted.is_there


async def test_a_kernel_whose_end_is_not_announced_yet_has_lost_its_variables(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        session = await engine.session()
        ended = session.kernel_id
        jp_serverapp.kernel_manager.remove_kernel(ended)  # as in the middle of a cull

        await engine.run("1")

        assert session.kernel_id != ended
        assert "from outside" in engine.services.kernels[session.kernel_id].losses[0].detail


async def test_a_kernel_whose_port_was_taken_is_started_once_more(
    jp_serverapp: Any, jp_data_dir: Path, tmp_path: Path
) -> None:
    """Ports are chosen some time before a kernel binds them; it then fails, and can hang."""
    mark = tmp_path / "tried"
    script = (
        "import os, runpy, sys, time\n"
        f"if not os.path.exists({str(mark)!r}):\n"
        f"    open({str(mark)!r}, 'w').close()\n"
        "    print('zmq.error.ZMQError: Address already in use', file=sys.stderr, flush=True)\n"
        "    time.sleep(600)\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')\n"
    )
    folder = jp_data_dir / "kernels" / "unlucky"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", script, "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Unlucky", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    async with running(jp_serverapp) as engine:
        session, *_ = await engine.services.sessions.create(
            ALICE, name="u", kernel_name="unlucky", path=None, cwd=None
        )

        assert mark.exists()
        assert value(await engine.run("6 * 7", session_id=session.id)) == "42"
        assert jp_serverapp.kernel_manager.list_kernel_ids() == [session.kernel_id]


async def test_a_kernel_that_has_answered_is_not_starting_whatever_jupyter_has_heard(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        kernel_id = (await engine.session()).kernel_id
        kernel = jp_serverapp.kernel_manager.get_kernel(kernel_id)
        await engine.until(lambda: kernel.execution_state != "busy")
        kernel.execution_state = "starting"

        status = await engine.services.kernels[kernel_id].status()

        assert status.state == "idle"
