"""Kernels that die or are ended, over HTTP: results give the reason and the losses at once."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cgroups import joining, limited_group
from tests.kernelspecs import add_kernelspec
from tests.mcp_client import NEW, OLD, McpClient, Result
from tests.servers import JupyterServer, running_server


def test_each_way_to_die_is_told_and_so_is_what_is_gone(server: JupyterServer) -> None:
    client = McpClient(server, name="dies")
    client.run("x = [1]")

    ends = {
        "import os; os._exit(3)": "exit code 3",
        "import os; os.kill(os.getpid(), 9)": "SIGKILL",
        "import ctypes; ctypes.string_at(0)": "SIGSEGV",
    }
    for code, reason in ends.items():
        died = dead_after(client, "last words", code)
        assert died.status == "dead"
        assert reason in died.text.splitlines()[0]
        assert "variables are lost" in died.text
        assert "last words" in died.text
        after = client.run("'x' in dir()")
        assert after.text.endswith("False")
        assert any("lost" in notice for notice in after.notices)


def dead_after(client: McpClient, words: str, code: str, **arguments: Any) -> Result:
    """What is told of code that goes on, and dies, once the server has heard its words."""
    go = client.server.root_dir / f"go-{os.urandom(4).hex()}"
    os.mkfifo(go)
    before = f"print({words!r}, flush=True); open({str(go)!r}).read()\n"
    running = client.begin(before + code, **arguments)
    client.until_printed(running, words)
    go.write_text("on")  # once the code has opened it too
    return client.call("get_output", output_id=running.id, wait=50)


def test_a_death_tells_how_much_memory_the_kernel_had(server: JupyterServer) -> None:
    client = McpClient(server, name="dies fat")

    died = client.run("x = bytearray(b'x') * 400_000_000; import os; os.kill(os.getpid(), 9)")

    # A process inherits the peak of its parent: its own peak is at most that.
    [(under, megabytes)] = re.findall(r"peak (under )?(\d+) MB", died.text.splitlines()[0])
    assert int(megabytes) >= 400
    assert under or int(megabytes) < 600


def test_a_kernel_that_could_not_be_started_does_not_keep_the_server_from_ending(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as server:
        add_kernelspec(server, "nowhere", "", argv=["/no/such/program"])
        client = McpClient(server)
        words = client.refused("create_session", name="never", kernel_name="nowhere")
        client.run("1")
        server.process.terminate()
        server.process.wait(60)

    assert "did not start" in words


@pytest.mark.parametrize(
    ("name", "value"), [("number", 3), ("nothing", None), ("nul", "a\0b"), ("list", ["x"])]
)
def test_a_kernelspec_that_no_process_can_be_given_says_what_to_mend(
    server: JupyterServer, name: str, value: object
) -> None:
    add_kernelspec(server, name, "", env={"DEPTH": value})
    client = McpClient(server)

    words = client.refused("create_session", name="odd", kernel_name=name)

    assert "the value of 'DEPTH' in its env is not a string" in words


def test_a_session_that_dies_five_times_in_a_row_says_so_and_stops(server: JupyterServer) -> None:
    client = McpClient(server, name="dies five times")
    for _ in range(5):
        last = client.run("import os; os._exit(1)")
        assert last.status == "dead"

    assert "the 5th death in a row" in last.text
    refused = client.refused("execute_code", code="1")
    assert "died 5 times in a row" in refused
    assert "restart_kernel" in refused
    client.call("restart_kernel")
    assert client.run("6 * 7").text.endswith("42")


def test_a_death_is_told_at_once(server: JupyterServer) -> None:
    """Jupyter polls every three seconds; the benchmark measures how fast we are."""
    client = McpClient(server, name="dies at once")
    took = []
    for _ in range(3):
        pid = int(client.run("import os; print(os.getpid())").text.split()[-1])
        running = client.begin("import time; time.sleep(600)")
        told: list[float] = []
        waiting = threading.Thread(target=wait_for_end, args=(server, running, told))
        waiting.start()
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        waiting.join()
        took.append(told[0] - killed)

    assert min(took) < 1


def wait_for_end(server: JupyterServer, running: Result, told: list[float]) -> None:
    """Wait for an execution with a separate client, and note when its death is reported."""
    ended = McpClient(server, name="waits").call("get_output", output_id=running.id, wait=50)
    assert ended.status == "dead"
    told.append(time.monotonic())


def test_a_kernel_that_its_cgroup_kills_is_said_to_be_out_of_memory(server: JupyterServer) -> None:
    with limited_group() as group:
        add_kernelspec(server, "limited", "", argv=joining(group))
        client = McpClient(server, name="eats memory")
        client.call("create_session", name="limited", kernel_name="limited")
        dead = dead_after(client, "begun", "x = b'x' * 500_000_000", session_id="limited")
        again = client.run("'lives'", session_id="limited")
        client.call("shutdown_kernel", session_id="limited", force=True)

    assert dead.status == "dead"
    first, *more = dead.text.splitlines()
    assert ": out of memory (" in first
    assert first.endswith("240 MB); unsaved variables are lost")
    assert more[-1] == "begun"
    assert again.text.endswith("'lives'")
    assert any("lost" in notice for notice in again.notices)


@pytest.fixture(scope="module")
def culling(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server that ends kernels after two seconds without use, also busy ones."""
    return start_server(
        "--MappingKernelManager.cull_idle_timeout=2",
        "--MappingKernelManager.cull_interval=1",
        "--MappingKernelManager.cull_busy=True",
    )


def test_the_first_result_after_a_cull_tells_of_it(
    culling: JupyterServer,
) -> None:
    client = McpClient(culling, name="culled")
    client.run("x = [1]")
    while json.loads(culling.request("GET", path="/api/kernels", headers=culling.auth).body):
        pass

    after = client.run("'x' in globals()")

    assert after.text.endswith("False")
    assert any(
        "without use (this server culls idle kernels)" in notice and "lost" in notice
        for notice in after.notices
    )


def test_code_that_runs_is_not_culled(culling: JupyterServer) -> None:
    result = McpClient(culling, name="not culled").run("import time; time.sleep(5); 'whole'")

    assert result.status == "ok"
    assert result.text.endswith("'whole'")


@pytest.mark.parametrize("era", [NEW, OLD])
def test_a_persons_restart_ends_what_waits_with_that_reason(
    server: JupyterServer, era: str
) -> None:
    client = McpClient(server, era, name=f"restarted by a person, {era}")
    running = client.begin("import time; time.sleep(600)")

    kernel = running.execution["kernel_id"]
    path = f"{server.base_url}api/kernels/{kernel}/restart"
    assert server.request("POST", b"", server.auth, path=path).status == 200
    ended = client.call("get_output", output_id=running.id, wait=30)

    assert ended.status == "interrupted"
    assert "restarted" in ended.text.splitlines()[0]
    after = client.run("'after'")
    assert after.text.endswith("'after'")
    assert any("lost" in notice for notice in after.notices)
