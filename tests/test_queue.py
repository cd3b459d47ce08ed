"""A kernel's queue over HTTP: who waits for whom, what is stopped, and what never waits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import lab
from tests.kernelspecs import add_kernelspec
from tests.mcp_client import ERAS, NEW, OLD, McpClient, Result, proposed_calls
from tests.servers import JupyterServer

AT_ONCE = 15.0
"""Seconds within which calls that need no kernel are answered, however busy the machine is."""

STATES = ("busy", "stopped", "starting", "dead")


class Gate:
    """Code that reports its start and then runs until it is released."""

    def __init__(self, server: JupyterServer, name: str) -> None:
        self._begun = server.root_dir / f"{name} has begun"
        self._go = server.root_dir / f"{name} may go"
        self.code = (
            f"import os, time; open({str(self._begun)!r}, 'w').close()\n"
            f"while not os.path.exists({str(self._go)!r}): time.sleep(0.01)\n"
        )

    def wait(self) -> None:
        """Return when the code has begun; its file is the only sign."""
        deadline = time.monotonic() + 30
        while not self._begun.exists():
            assert time.monotonic() < deadline, "the code never began"

    def open(self) -> None:
        """Release the code."""
        self._go.touch()


@pytest.fixture
def gate(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[Gate]:
    """The test's own gate, which is opened after the test."""
    gate = Gate(server, request.node.name.replace("/", "-"))
    yield gate
    gate.open()


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client whose default session no other test uses."""
    return McpClient(server, name=request.node.name[:64])


def last(result: Result) -> str:
    """The last line of a result whose status is `ok`."""
    assert result.status == "ok", result.text
    return result.text.splitlines()[-1]


# -- order of turns ----------------------------------------------------------------------------


def test_executions_on_one_kernel_run_in_the_order_in_which_they_came(
    server: JupyterServer, client: McpClient, gate: Gate
) -> None:
    first = client.begin("seen = []\n" + gate.code)
    session = first.execution["session_id"]
    clients = [McpClient(server, era, name=f"one of two, {era}") for era in (OLD, NEW)]

    for number in range(3):
        for each in clients:
            code = f"seen.append('{each.version[:4]} {number}')"
            assert each.run(code, session_id=session, wait=0).status == "queued"
    status = client.call("get_kernel_status").text
    gate.open()
    seen = client.run("seen", wait=50)

    assert last(seen) == str([f"{era[:4]} {n}" for n in range(3) for era in (OLD, NEW)])
    assert f"{first.id} ({client.name}) runs" in status
    assert status.count("waits") == 6


def test_one_that_waits_says_behind_what_and_since_when(client: McpClient, gate: Gate) -> None:
    first = client.begin(gate.code)
    second = client.run("'second'", wait=0)

    third = client.run("'third'", wait=0.1)

    assert f"behind {first.id} ({client.name}, " in third.text.splitlines()[0]
    assert client.call("interrupt_kernel", execution_id=second.id).status == "interrupted"
    assert client.call("get_output", output_id=first.id).status == "running"
    gate.open()
    [call] = proposed_calls(third.text.splitlines()[0])
    assert last(client.make(call)) == "'third'"


def test_a_persons_run_all_is_waited_for(
    server: JupyterServer, client: McpClient, gate: Gate
) -> None:
    kernel = client.run("seen = []").execution["kernel_id"]
    with lab.opened(server, kernel) as person:
        cells = person.run_all(f"seen.append(1)\n{gate.code}", "seen.append(2)", "seen.append(3)")
        gate.wait()
        waiting = client.run("seen", wait=0.5)
        status = client.call("get_kernel_status").text
        gate.open()

        assert [person.status(cell) for cell in cells] == ["ok"] * 3
        assert last(client.call("get_output", output_id=waiting.id, wait=50)) == "[1, 2, 3]"
    assert waiting.status == "queued"
    assert "behind code of a person (" in waiting.text.splitlines()[0]
    assert "a person's code runs for" in status


def test_all_that_wait_behind_a_persons_cell_name_that_at_once(
    server: JupyterServer, client: McpClient, gate: Gate
) -> None:
    kernel = client.run("1").execution["kernel_id"]
    with lab.opened(server, kernel) as person:
        cell = person.run(gate.code)
        until_told(client, "a person's code runs for")
        first, second = (client.run(code, wait=0) for code in ("'first'", "'second'"))
        gate.open()
        assert person.status(cell) == "ok"
        assert last(client.call("get_output", output_id=second.id, wait=50)) == "'second'"

    for waiting in (first, second):
        assert "behind code of a person (" in waiting.text.splitlines()[0]


def test_code_that_waited_while_its_kernel_died_tells_it_once(
    client: McpClient, gate: Gate
) -> None:
    client.run("kept = 42")
    client.run(f"{gate.code}os._exit(3)", wait=0)
    gate.wait()
    waiting = client.run("'after'", wait=0)
    gate.open()

    result = client.call("get_output", output_id=waiting.id, wait=30)

    assert result.status == "ok"
    [told] = [notice for notice in result.notices if "the kernel died" in notice]
    assert "while this code waited" in told
    assert not any("the kernel died" in notice for notice in client.run("1").notices)


def test_a_call_behind_a_long_run_of_its_own_client_is_answered_soon(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpExecutions.long_run=0.1")
    client, gate = McpClient(server, name="long"), Gate(server, "long")
    running = client.begin(gate.code)
    gate.wait()

    second = client.run("'second'", wait=50)

    assert second.status == "queued"
    line = second.text.splitlines()[0]
    assert f'interrupt_kernel(execution_id="{running.id}")' in line
    assert 'create_session(name="...")' in line
    third = McpClient(server, name="another").run(
        "'third'", session_id=running.execution["session_id"], wait=0
    )
    assert "interrupt_kernel" not in third.text.splitlines()[0]
    gate.open()
    assert client.call("get_output", output_id=second.id, wait=50).status == "ok"


def test_what_a_persons_failing_cell_aborted_is_run_again(
    server: JupyterServer, client: McpClient, gate: Gate
) -> None:
    kernel = client.run("1").execution["kernel_id"]
    with lab.opened(server, kernel) as person:
        failing, after = person.run_all(f"{gate.code}1/0", "'never'")
        gate.wait()
        waiting = client.run("'ours'", wait=0.5)
        gate.open()

        assert person.status(failing) == "error"
        assert person.status(after) == "aborted"
        result = client.call("get_output", output_id=waiting.id, wait=50)

    assert waiting.status == "queued"
    assert result.id == waiting.id
    assert last(result) == "'ours'"


def test_our_failing_code_aborts_nothing_of_a_persons(
    server: JupyterServer, client: McpClient, gate: Gate
) -> None:
    kernel = client.run("seen = []").execution["kernel_id"]
    with lab.opened(server, kernel) as person:
        first = person.run(gate.code)
        gate.wait()
        failing = client.run("seen.append('ours'); 1/0", wait=0.5)
        behind = person.run_all("seen.append('theirs')", "seen")
        gate.open()

        assert [person.status(cell) for cell in (first, *behind)] == ["ok"] * 3
        assert client.call("get_output", output_id=failing.id, wait=50).status == "error"

    assert last(client.run("seen")) == "['ours', 'theirs']"


# -- what is stopped ---------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
def test_a_cancelled_call_whose_code_waits_never_runs_it(server: JupyterServer, era: str) -> None:
    client = McpClient(server, era, name=f"cancels what waits, {era}")
    gate = Gate(server, client.name)
    running = client.begin("ran = []\n" + gate.code)

    with client.opened("execute_code", code="ran.append('cancelled')") as request_id:
        queued = until_known(client, but=running)
        if not client.is_new:
            client.cancel(request_id)
    taken = client.call("get_output", output_id=queued.id, wait=30)
    still = client.call("get_output", output_id=running.id)
    gate.open()

    assert taken.status == "interrupted"
    assert still.status == "running"
    assert last(client.run("ran")) == "[]"


@pytest.mark.parametrize("era", ERAS)
def test_a_cancelled_call_whose_kernel_starts_never_runs_its_code(
    start_server: Callable[..., JupyterServer], era: str
) -> None:
    server = start_server("--MultiKernelManager.default_kernel_name=gated")
    gate = add_gated_kernelspec(server, "gated")
    client = McpClient(server, era)

    with client.opened("execute_code", code="ran = True") as request_id:
        starting = until_known(client)
        if not client.is_new:
            client.cancel(request_id)
    ended = client.call("get_output", output_id=starting.id, wait=30)
    gate.touch()

    assert ended.status == "interrupted"
    assert last(client.run("'ran' in globals()")) == "False"


def until_known(client: McpClient, but: Result | None = None) -> Result:
    """The client's latest execution, as soon as the server has it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        latest = client.call("get_output")
        if not latest.is_error and (but is None or latest.id != but.id):
            return latest
    pytest.fail("the call was never taken up")


@pytest.mark.parametrize("way", ["timeout", "interrupt", "cancel"])
def test_nothing_of_code_that_was_stopped_is_in_the_next_output(
    client: McpClient, way: str
) -> None:
    first = client.run("1")
    printing = "import time\nwhile True: print('old'); time.sleep(0.001)"
    if way == "timeout":
        stopped = client.run(printing, timeout=2)
    elif way == "interrupt":
        running = client.begin(printing)
        client.until_printed(running, "old")
        stopped = client.call("interrupt_kernel", execution_id=running.id)
    else:
        with client.opened("execute_code", code=printing):
            printed = until_known(client, but=first)
            client.until_printed(printed, "old")
        stopped = client.call("get_output", output_id=printed.id, wait=30)

    following = client.run("print('new')")

    assert stopped.status == ("timeout" if way == "timeout" else "interrupted")
    assert "old" in stopped.text
    assert following.text.splitlines()[1:] == ["new"]


def test_a_timeout_that_the_operator_sets_holds_for_every_call(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpExecutions.default_timeout=0.5", "--McpExecutions.max_timeout=1")
    client = McpClient(server)
    client.run("import time")

    given_none = client.run("time.sleep(60)")
    given_more = client.run("time.sleep(60)", timeout=1e9)

    assert given_none.status == given_more.status == "timeout"
    assert 0.5 <= given_none.execution["duration"] < 30
    assert 1 <= given_more.execution["duration"] < 30


def test_a_kernel_that_is_on_its_way_is_said_to_start(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--MultiKernelManager.default_kernel_name=gated")
    gate = add_gated_kernelspec(server, "gated")
    client = McpClient(server)

    waiting = client.run("'at last'", wait=0)
    until_state(client, None, "starting")
    status = client.call("get_kernel_status")
    listed = client.call("list_sessions")
    gate.touch()

    assert waiting.status == "queued"
    assert status.status == "starting"
    assert [s["state"] for s in listed.meta["jupyter-mcp-ext/sessions"]] == ["starting"]
    assert last(client.call("get_output", output_id=waiting.id, wait=50)) == "'at last'"


# -- what never waits --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A separate server, since its kernels are made to hang."""
    return start_server()


@pytest.mark.parametrize("state", STATES)
def test_what_only_reads_waits_for_no_kernel(held: JupyterServer, state: str) -> None:
    client = McpClient(held, name=f"reads, {state}")
    client.call("create_notebook", path=f"{state}.ipynb", cells=["1 + 1"])
    done, let_go = make(client, state)
    try:
        begun = time.monotonic()
        answers = [
            client.call("get_output", output_id=done.id),
            client.call("list_sessions"),
            client.call("get_kernel_status", session_id=done.execution["session_id"]),
            client.call("read_notebook", path=f"{state}.ipynb"),
        ]
        seconds = time.monotonic() - begun
    finally:
        let_go()

    assert not any(answer.is_error for answer in answers)
    assert "what was printed" in answers[0].text
    assert seconds < AT_ONCE


def make(client: McpClient, state: str) -> tuple[Result, Callable[[], object]]:
    """Bring a session's kernel into a state; give its earlier output and what ends the state."""
    if state == "starting":
        return make_starting(client)
    done = client.run("import os; print('what was printed', os.getpid())")
    pid = int(done.text.split()[-1])
    match state:
        case "busy":
            client.begin("while True: pass")
        case "stopped":
            os.kill(pid, signal.SIGSTOP)
            client.run("'never answered'", wait=0.5)
            return done, lambda: os.kill(pid, signal.SIGCONT)
        case _:
            for _ in range(5):
                client.run("import os; os._exit(1)")
    return done, lambda: None


def make_starting(client: McpClient) -> tuple[Result, Callable[[], object]]:
    """A kernel that is restarted and whose new process does not start."""
    gate = add_gated_kernelspec(client.server, "slow")
    gate.touch()
    client.call("create_session", name="slow", kernel_name="slow")
    done = client.run("print('what was printed')", session_id="slow")
    gate.unlink()
    restarting = threading.Thread(target=restart, args=(client.server, done))
    restarting.start()
    until_state(client, "slow", "restarting")

    def let_go() -> None:
        gate.touch()
        restarting.join()

    return done, let_go


def add_gated_kernelspec(server: JupyterServer, name: str) -> Path:
    """A kernel that starts when the returned file exists."""
    gate = server.root_dir / f"{name} may start"
    code = (
        "import os, runpy, sys, time\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "sys.argv = ['', '-f', sys.argv[1]]\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')\n"
    )
    add_kernelspec(server, name, code)
    return gate


def until_told(client: McpClient, words: str) -> None:
    """Return when the status of the client's kernel says this: the server has heard of it."""
    deadline = time.monotonic() + 60
    while words not in (found := client.call("get_kernel_status").text):
        assert time.monotonic() < deadline, found


def restart(server: JupyterServer, done: Result) -> None:
    McpClient(server, name="restarts").call(
        "restart_kernel", session_id=done.execution["session_id"], force=True
    )


def until_state(client: McpClient, session_id: str | None, state: str) -> None:
    """Return when the session's kernel is reported in this state."""
    deadline = time.monotonic() + 30
    while (found := client.call("get_kernel_status", session_id=session_id)).status != state:
        assert time.monotonic() < deadline, found.text
