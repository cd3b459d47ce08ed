"""Faults of other servers of this kind, which must not happen here: real kernels, real HTTP.

Those in notebooks that people have open are in `tests/notebooks/shared/test_peers.py`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.mcp_client import ERAS, NEW, OLD, OLDEST, McpClient, Result, proposed_calls
from tests.servers import JupyterServer

FOREVER = "import time\nwhile True: time.sleep(0.05)"


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    """A client whose default session no other test uses."""
    return McpClient(server, name=request.node.name[:64])


def settled(client: McpClient, execution_id: str) -> Result:
    """The execution when it has ended."""
    return client.call("get_output", output_id=execution_id, wait=30)


def touching(name: str) -> str:
    """Code that makes a file in the root when it has begun."""
    return f"open({name!r}, 'w').close()\n"


def wait_for(path: Path) -> None:
    """Return when a kernel has made a file, which is the only sign that it gives."""
    made = threading.Event()

    def look() -> None:
        while not path.exists() and not made.wait(0.01):
            pass
        made.set()

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(30)
    made.set()
    assert path.exists(), "the code never began"


# -- timeouts, cancelled requests, lost connections --------------------------------------------


def test_a_timeout_interrupts_the_kernel(client: McpClient) -> None:
    result = client.run(FOREVER, timeout=0.5)

    assert result.status == "timeout"
    assert client.run("'free again'").status == "ok"


def test_after_a_timeout_later_calls_return_their_own_output(client: McpClient) -> None:
    client.run(f"print('before')\n{FOREVER}", timeout=0.5)

    for number in range(5):
        result = client.run(f"print('mine', {number})")
        assert result.text.splitlines()[-1] == f"mine {number}"
        assert "before" not in result.text


def test_nothing_of_the_tools_own_error_is_in_the_output(client: McpClient) -> None:
    result = client.run(f"print('said')\n{FOREVER}", timeout=3)  # enough to get to the loop

    outputs = result.execution["outputs"]
    assert [o["output_type"] for o in outputs] == ["stream", "error"]
    assert outputs[0]["bytes"] == len("said\n")


def test_a_closed_stream_cancels_in_the_newer_era(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="closing")
    code = touching("closing") + FOREVER

    with client.opened("execute_code", code=code):
        wait_for(server.root_dir / "closing")

    result = client.call("get_output", wait=30)
    assert result.status == "interrupted"
    assert "because the client closed the connection; wait=0 keeps" in result.text


def test_a_closed_stream_leaves_code_alone_where_the_operator_says_so(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpExecutions.interrupt_on_disconnect=False")
    client = McpClient(server, NEW, name="closing")
    os.mkfifo(server.root_dir / "gate")
    code = touching("closing") + "open('gate').read(); 'it went on'"

    with client.opened("execute_code", code=code):
        wait_for(server.root_dir / "closing")
        # The code may have made the file before the server hears that it runs.
        while client.call("get_output", wait=0.1).status == "queued":
            pass
    assert client.call("get_output").status == "running"
    (server.root_dir / "gate").write_text("go on")

    result = client.call("get_output", wait=30)
    assert result.status == "ok"
    assert "'it went on'" in result.text


def test_a_cancelled_request_interrupts_in_the_older_era(server: JupyterServer) -> None:
    client = McpClient(server, OLD, name="cancelling")

    with client.opened("execute_code", code=touching("cancelling") + FOREVER) as request_id:
        wait_for(server.root_dir / "cancelling")
        client.cancel(request_id)
        result = client.call("get_output", wait=30)

    assert result.status == "interrupted"
    assert "because its request was cancelled; wait=0 keeps" in result.text


def test_a_lost_connection_of_the_older_era_leaves_the_code_running(server: JupyterServer) -> None:
    client = McpClient(server, OLD, name="losing")
    code = touching("losing") + "import time; time.sleep(1); 'it went on'"

    with client.opened("execute_code", code=code):
        wait_for(server.root_dir / "losing")

    again = McpClient(server, OLD, name="losing")
    result = again.call("get_output", wait=30)
    assert result.status == "ok"
    assert "'it went on'" in result.text


@pytest.mark.parametrize("version", ERAS)
def test_code_that_began_with_no_wait_outlives_its_client(
    server: JupyterServer, version: str
) -> None:
    name = f"leaving {version}"
    first = McpClient(server, version, name=name)
    execution_id = first.run("import time; time.sleep(0.5); 'still here'", wait=0).id

    with first.opened("get_output", output_id=execution_id, wait=30):
        pass  # and gone: a client that only watches stops nothing

    assert "'still here'" in settled(McpClient(server, version, name=name), execution_id).text


# -- code that does not end, asks, or floods ---------------------------------------------------


def test_an_infinite_print_does_not_block_later_calls(server: JupyterServer) -> None:
    client, other = McpClient(server, name="flooding"), McpClient(server, OLD, name="dry")
    client.run("1")

    first = client.begin("while True: print('flood')")

    assert first.status == "running"
    assert other.run("'dry'").status == "ok"
    assert "[busy]" in client.call("get_kernel_status").text
    stopped = client.call("interrupt_kernel")
    assert stopped.status == "interrupted"
    assert client.run("'afterwards'").text.splitlines()[-1] == "'afterwards'"


def test_input_does_not_wedge_the_kernel(client: McpClient) -> None:
    asked = client.run("input('your name? ')", timeout=20)

    assert asked.status in ("error", "input")
    if asked.status == "input":
        client.call("interrupt_kernel", execution_id=asked.id)
    assert "'free'" in client.run("'free'").text


def test_ten_megabytes_of_prints_are_answered_in_under_40_kb(client: McpClient) -> None:
    result = client.run("for n in range(100_000): print(n, 'x' * 94)")

    assert result.size < 40_000
    assert len(result.text) <= 10_000
    assert result.execution["truncated"]
    assert "99999 xxx" in result.text


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('x' * 10_000_000)",
        "print('x' * 10_000_000)",
        "'x' * 10_000_000",
        "from IPython.display import HTML; HTML('<p>x</p>' * 1_000_000)",
        "from IPython.display import JSON; JSON({'a': list(range(1_000_000))})",
        "from IPython.display import display\nfor n in range(3_000): display(n)",
        "import sys\nfor n in range(9_999): print(n, file=[sys.stdout, sys.stderr][n % 2])",
        "def f(n): return f(n + 1)\nf(0)",
    ],
)
def test_no_output_is_answered_in_over_40_kb(server: JupyterServer, code: str) -> None:
    result = McpClient(server, name="large answers").run(code)

    assert result.size < 40_000
    assert len(result.text) <= 10_000


def test_more_than_a_mebibyte_in_one_message_arrives(client: McpClient) -> None:
    result = client.run("from IPython.display import HTML\nHTML('<b>bold</b>' + ' ' * 3_000_000)")

    assert result.status == "ok"
    assert result.execution["outputs"][0]["bytes"] > 3_000_000
    assert "bold" in result.text


# -- kernels that die --------------------------------------------------------------------------


def pid(client: McpClient, session_id: str | None = None) -> int:
    """The process of a session's kernel."""
    result = client.run("import os; print(os.getpid())", session_id=session_id)
    return int(result.text.splitlines()[-1])


def test_a_killed_kernel_is_noticed_long_before_the_wait_is_over(client: McpClient) -> None:
    result = client.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", wait=50)

    assert result.status == "dead"
    assert "variables are lost" in result.text
    assert "9" in result.text.splitlines()[0]
    assert result.execution["duration"] < 10


def test_the_call_after_a_death_says_that_variables_are_gone(client: McpClient) -> None:
    client.run("precious = list('x')")
    os.kill(pid(client), signal.SIGKILL)

    result = client.run("print('next'); precious")

    if result.status == "dead":  # it was sent before the death was noticed
        assert "variables are lost" in result.text
        result = client.run("print('next'); precious")
    assert "NameError" in result.text
    assert any("lost" in notice for notice in result.notices)


def test_a_restart_keeps_the_folder(server: JupyterServer, client: McpClient) -> None:
    (server.root_dir / "place").mkdir()
    client.call("create_session", name="placed", cwd="place")
    where = "import os; os.getcwd().endswith('root/place')"
    assert "True" in client.run(where, session_id="placed").text

    os.kill(pid(client, "placed"), signal.SIGKILL)
    client.call("get_kernel_status", session_id="placed")
    results = [client.run(where, session_id="placed") for _ in range(2)]

    assert "True" in results[-1].text


def test_a_kernel_that_was_culled_is_replaced_and_the_loss_told(
    server: JupyterServer, client: McpClient
) -> None:
    kernel = client.run("x = [1]").execution["kernel_id"]
    gone = server.request("DELETE", None, server.auth, path=f"/api/kernels/{kernel}")
    assert gone.status == 204

    result = client.run("x")

    assert "NameError" in result.text
    assert any("lost" in notice for notice in result.notices)
    assert result.execution["kernel_id"] != kernel


def test_code_that_ignores_the_interrupt_is_left_and_the_call_named_that_ends_it(
    client: McpClient,
) -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + FOREVER

    result = client.run(ignoring, timeout=3)  # enough until it is ignored

    assert result.status == "timeout"
    queued = client.run("'not yet'", wait=0.2)
    assert queued.status == "queued"
    [call] = proposed_calls(result.text, "restart_kernel")
    assert not client.make(call).is_error
    assert settled(client, queued.id).status in ("dead", "interrupted", "ok")
    assert client.run("'free'").status == "ok"


def test_a_kernel_that_is_stopped_can_be_restarted(client: McpClient) -> None:
    os.kill(pid(client), signal.SIGSTOP)

    result = client.run("1", timeout=0.3, wait=1)

    assert result.status in ("queued", "running", "timeout")
    assert client.call("get_kernel_status").status
    assert not client.call("restart_kernel", force=True).is_error
    assert "'free'" in client.run("'free'").text


def test_an_interrupt_by_a_person_is_told(server: JupyterServer, client: McpClient) -> None:
    running = client.run(touching("by a person") + FOREVER, wait=0)
    wait_for(server.root_dir / "by a person")
    kernel = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["kernel_id"]

    path = f"/api/kernels/{kernel}/interrupt"
    assert server.request("POST", b"", server.auth, path=path).status == 204

    result = settled(client, running.id)
    assert result.status == "interrupted"
    assert "from outside" in result.text


@pytest.mark.parametrize("way", ["restart", "shutdown"])
def test_a_kernel_that_a_person_ends_under_running_code_is_told(
    server: JupyterServer, client: McpClient, way: str
) -> None:
    running = client.run(touching(f"ended by {way}") + "x = [1]\n" + FOREVER, wait=0)
    wait_for(server.root_dir / f"ended by {way}")
    meta = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]
    method, path = {
        "restart": ("POST", f"/api/kernels/{meta['kernel_id']}/restart"),
        "shutdown": ("DELETE", f"/api/kernels/{meta['kernel_id']}"),
    }[way]

    assert server.request(method, b"", server.auth, path=path).status in (200, 204)

    assert settled(client, running.id).status in ("interrupted", "dead")
    after = client.run("x")
    assert "NameError" in after.text
    assert any("lost" in notice for notice in after.notices)


@pytest.mark.parametrize("tool", ["restart_kernel", "shutdown_kernel"])
def test_a_tool_that_ends_a_kernel_ends_the_calls_that_wait(
    server: JupyterServer, client: McpClient, tool: str
) -> None:
    client.call("create_session", name=tool, cwd=".")
    gate = f"ended by {tool}"
    with ThreadPoolExecutor(2) as pool:
        code = touching(gate) + FOREVER
        waiting = pool.submit(client.run, code, session_id=tool)
        wait_for(server.root_dir / gate)
        queued = pool.submit(client.run, touching(f"queued at {tool}"), session_id=tool)
        # One that comes after the end of the kernel starts another one.
        while "waits" not in client.call("get_kernel_status", session_id=tool).text:
            pass

        client.call(tool, session_id=tool, force=True)

        assert waiting.result(60).status in ("interrupted", "dead")
        assert queued.result(60).status in ("interrupted", "dead", "ok", "")
    if tool == "shutdown_kernel":
        assert not (server.root_dir / f"queued at {tool}").exists()


def test_restarts_at_the_same_time_leave_a_kernel_that_works(client: McpClient) -> None:
    client.run("1")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.call("restart_kernel", force=True), range(3)))

    assert client.run("'works'").status == "ok"


def test_a_persons_failing_cell_does_not_lose_an_agents_execution(
    server: JupyterServer, client: McpClient
) -> None:
    """The kernel aborts what is queued behind it; our code is sent again."""
    kernel = client.run("1").execution["kernel_id"]
    files = list((server.root_dir.parent / "runtime").glob(f"kernel-{kernel}.json"))
    person = BlockingKernelClient(connection_file=str(files[0]))
    person.load_connection_file()
    person.start_channels()
    try:
        person.wait_for_ready(30)
        person.execute(touching("person is at it") + "import time; time.sleep(1); 1/0")
        wait_for(server.root_dir / "person is at it")

        result = client.run("'ours'")

        assert result.status == "ok"
        assert "'ours'" in result.text
    finally:
        person.stop_channels()


def test_a_flood_that_is_hard_to_fold_does_not_stop_the_server(server: JupyterServer) -> None:
    flooding, other = McpClient(server, name="hard flood"), McpClient(server, OLD, name="other")
    other.run("1")
    flooding.run("1")

    running = flooding.run("while True: print('a\\b' * 50_000)", wait=1)

    assert other.run("'answered'").status == "ok"
    assert flooding.call("interrupt_kernel", execution_id=running.id).status == "interrupted"


def test_a_shut_down_session_leaves_no_kernel(server: JupyterServer, client: McpClient) -> None:
    client.call("create_session", name="short-lived")
    process = pid(client, "short-lived")

    client.call("shutdown_kernel", session_id="short-lived")

    assert not Path(f"/proc/{process}").exists()
    assert "restorable" in client.call("get_kernel_status", session_id="short-lived").text


# -- outputs are kept, and are private ---------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "mime_type", "seen"),
    [
        ("HTML('<table><tr><td>cell of a table</td></tr></table>')", "text/html", "cell of"),
        (
            "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><text>drawn</text></svg>')",
            "image/svg+xml",
            "",
        ),
        ("Markdown('# heading')", "text/markdown", "# heading"),
        ("Latex('$x^2$')", "text/latex", "x^2"),
        ("JSON({'key': 'value'})", "application/json", "value"),
    ],
)
def test_what_is_displayed_is_kept_whole(
    server: JupyterServer, code: str, mime_type: str, seen: str
) -> None:
    client = McpClient(server, name="displays")

    result = client.run(f"from IPython.display import *\n{code}")

    assert mime_type in result.execution["outputs"][0]["mime_types"]
    assert seen in result.text
    whole = client.call("get_output", output_id=f"{result.id}/1", mime_type=mime_type)
    assert not whole.is_error
    assert (seen or "drawn") in whole.text


def test_a_jpeg_is_shown_and_kept(client: McpClient) -> None:
    code = """
import io
from PIL import Image as Picture
from IPython.display import Image
buffer = io.BytesIO()
Picture.new("RGB", (30, 20), "red").save(buffer, "JPEG")
Image(data=buffer.getvalue(), format="jpeg")
"""
    result = client.run(code)

    assert len(result.images) == 1
    [original] = client.call("get_output", output_id=f"{result.id}/1").images
    assert original.startswith(b"\xff\xd8")


def test_a_display_that_is_updated_shows_its_last_state(client: McpClient) -> None:
    result = client.run(
        "h = display('first state', display_id=True)\nh.update('second state')\nprint('end')"
    )

    assert "second state" in result.text
    assert "first state" not in result.text


def test_a_cleared_output_is_not_shown(client: McpClient) -> None:
    result = client.run(
        "from IPython.display import clear_output\n"
        "print('gone')\nclear_output(wait=True)\nprint('kept')"
    )

    assert "kept" in result.text
    assert "lost" not in result.text


def test_a_traceback_is_shown(client: McpClient) -> None:
    result = client.run("def broken():\n    return {}['absent']\nbroken()")

    assert result.status == "error"
    assert not result.is_error
    assert "KeyError: 'absent'" in result.text
    assert "return {}['absent']" in result.text


def test_an_error_after_an_image_keeps_both(client: McpClient) -> None:
    result = client.run(
        "from PIL import Image\ndisplay(Image.new('RGB', (8, 8)))\nraise KeyError('late')"
    )

    assert not result.is_error
    assert len(result.images) == 1
    assert "KeyError: 'late'" in result.text


def test_parallel_calls_never_swap_outputs(server: JupyterServer) -> None:
    clients = [McpClient(server, version, name="in parallel") for version in ERAS]

    def ask(number: int) -> Result:
        return clients[number % 2].run(f"print('number', {number})")

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(ask, range(40)))

    assert [r.text.splitlines()[-1] for r in results] == [f"number {n}" for n in range(40)]
    assert len({result.id for result in results}) == 40


def test_parallel_kernels_never_swap_outputs(server: JupyterServer) -> None:
    client = McpClient(server, name="many kernels")
    names = ["one", "two", "three"]
    for name in names:
        client.call("create_session", name=name)

    def ask(number: int) -> Result:
        name = names[number % 3]
        return client.run(f"me = {name!r}; print(me, {number})", session_id=name)

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(ask, range(30)))

    expected = [f"{names[n % 3]} {n}" for n in range(30)]
    assert [r.text.splitlines()[-1] for r in results] == expected


# -- clients and sessions ----------------------------------------------------------------------


def test_two_clients_share_no_state_silently(server: JupyterServer) -> None:
    one, two = McpClient(server, name="one"), McpClient(server, OLD, name="two")

    one.run("mine = 1")

    assert "NameError" in two.run("mine").text


def test_two_conversations_of_one_client_share_no_state(server: JupyterServer) -> None:
    one = McpClient(server, name="agent", headers={"Jupyter-Session": "a"})
    two = McpClient(server, name="agent", headers={"Jupyter-Session": "b"})

    one.run("mine = 1")

    assert "NameError" in two.run("mine").text
    assert "1" in McpClient(server, name="agent", headers={"Jupyter-Session": "a"}).run("mine").text


def test_a_client_that_comes_back_finds_its_variables(server: JupyterServer) -> None:
    McpClient(server, OLD, name="returning").run("kept = 'still mine'")

    assert "'still mine'" in McpClient(server, NEW, name="returning").run("kept").text


def test_no_two_ids_of_sessions_are_the_same(server: JupyterServer) -> None:
    client = McpClient(server, name="many sessions")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: client.call("create_session"), range(4)))

    metas = [result.meta["jupyter-mcp-ext/session"] for result in made]
    assert len({meta["session_id"] for meta in metas}) == 4
    assert len({meta["kernel_id"] for meta in metas}) == 4
    assert all(re.fullmatch("[a-z2-7]{8}", meta["session_id"]) for meta in metas)
    for meta in metas:
        client.call("shutdown_kernel", session_id=meta["session_id"])


def test_the_status_of_a_kernel_is_told_before_while_and_after_it_works(
    client: McpClient,
) -> None:
    client.run("1")
    assert client.call("get_kernel_status").status == "idle"

    running = client.begin(FOREVER)
    busy = client.call("get_kernel_status")
    assert busy.status == "busy"
    assert running.id in busy.text

    client.call("interrupt_kernel", execution_id=running.id)
    assert client.call("get_kernel_status").status == "idle"


def test_a_queued_call_says_what_it_waits_for(server: JupyterServer, client: McpClient) -> None:
    first = client.run(touching("first in line") + FOREVER, wait=0)
    wait_for(server.root_dir / "first in line")

    second = client.run("'my turn'", wait=0.1)

    assert second.status == "queued"
    assert first.id in second.text
    client.call("interrupt_kernel", execution_id=first.id)
    [call] = proposed_calls(second.text.splitlines()[0])
    assert "'my turn'" in client.make(call).text


def test_what_is_queued_can_be_taken_back_and_never_runs(
    server: JupyterServer, client: McpClient
) -> None:
    first = client.run(touching("in front") + FOREVER, wait=0)
    wait_for(server.root_dir / "in front")
    second = client.run(touching("never"), wait=0)

    taken = client.call("interrupt_kernel", execution_id=second.id)

    assert taken.status == "interrupted"
    client.call("interrupt_kernel", execution_id=first.id)
    assert client.run("1").status == "ok"
    assert not (server.root_dir / "never").exists()


# -- the protocol ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLD, OLDEST, "2025-03-26"])
def test_the_version_that_was_asked_for_is_answered(server: JupyterServer, version: str) -> None:
    params = {
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "versions", "version": "1"},
    }

    answer = server.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})

    assert answer.json()["result"]["protocolVersion"] == version  # type: ignore[index]  # JSON


def test_the_newest_version_needs_no_opening(server: JupyterServer) -> None:
    discovered = McpClient(server, NEW).request("server/discover")

    assert NEW in discovered["supportedVersions"]


@pytest.mark.parametrize("base_url", ["/user/someone@example.org/", "/a b/"])
def test_the_base_url_is_kept(start_server: Callable[..., JupyterServer], base_url: str) -> None:
    server = start_server(base_url=base_url.replace(" ", "%20").replace("@", "%40"))

    for version in ERAS:
        assert "42" in McpClient(server, version).run("6 * 7").text
    elsewhere = server.request("POST", b"{}", server.auth, path="/mcp")
    assert elsewhere.status == 404


def test_variables_of_the_server_that_hold_its_token_are_not_the_kernels(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(token="", env={"JUPYTER_TOKEN": "t0ken-of-the-environment"})
    object.__setattr__(server, "token", "t0ken-of-the-environment")

    result = McpClient(server).run("import os; [k for k in os.environ if 'TOKEN' in k]")

    assert "JUPYTER_TOKEN" not in result.text


# -- the events and the log --------------------------------------------------------------------

LOGGED = """
import logging
from jupyter_events import EventLogger
c = get_config()
c.EventLogger.handlers = [logging.FileHandler({file!r})]
"""


def test_every_call_of_a_person_is_recorded_under_one_name(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    record = tmp_path / "events.jsonl"
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(LOGGED.format(file=str(record)))
    server = start_server(f"--config={config}")

    for version in (*ERAS, *ERAS):
        McpClient(server, version, name=f"client {version}").run("print('s3cret ' + 'output')")

    lines = [json.loads(line) for line in record.read_text().splitlines()]
    calls = [line for line in lines if line.get("tool") == "execute_code"]
    assert len(calls) == 4
    assert len({call["user"] for call in calls}) == 1
    assert {call["client"] for call in calls} == {f"client {version}" for version in ERAS}
    assert "s3cret" not in record.read_text()
    assert server.token not in record.read_text()


def test_the_log_holds_no_code_no_output_and_no_token(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--debug", token="zebra-token-zebra")
    for version in ERAS:
        client = McpClient(server, version, name="discreet")
        client.run("walrus_in_code = 1; print('otter' + '-in-output')")
        client.run("raise ValueError('badger' + '-in-error')")
        client.run("import sys; print('lynx' + '-in-stderr', file=sys.stderr)")
        client.call("execute_code", code="ferret_unknown", unknown="stoat-argument")
        client.call("create_notebook", path="n", cells=["marmot_in_a_cell"])
        client.call("read_notebook", path="n")
        client.call("get_output", grep="heron(")
        client.send("tools/call", name="execute_code", arguments='{"code": "ibex')
        client.run("import os; os.kill(os.getpid(), 9)  # gecko_in_code")
    server.request("POST", b'{"not json lemur', {**server.auth, "Content-Type": "application/json"})
    server.request("GET", None, {"Authorization": "Bearer puma-guess"})
    server.request("POST", b"{}", {}, path="/mcp?token=zebra-token-zebra")

    server.process.terminate()
    server.process.wait(60)

    log = "".join(server.log)
    words = [
        "zebra",
        "walrus",
        "otter",
        "badger",
        "ferret",
        "stoat",
        "marmot",
        "heron",
        "ibex",
        "gecko",
        "lemur",
        "puma",
    ]
    assert [word for word in words if word in log] == []
    assert "lynx-in-stderr" not in log


def test_a_thousand_calls_leave_a_short_log(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server()
    client = McpClient(server)
    before = sum(map(len, server.log))

    for _ in range(300):
        client.run("1")

    assert sum(map(len, server.log)) - before < 10_000


# -- packages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "package", ["six; touch pwned", "six && touch pwned", "$(touch pwned)", "six\ntouch pwned"]
)
def test_the_name_of_a_package_reaches_no_shell(
    server: JupyterServer, client: McpClient, package: str
) -> None:
    client.refused("install_package", package=package)

    places = (server.root_dir, server.root_dir.parent, Path("/"), Path.cwd())
    assert [place for place in places if (place / "pwned").exists()] == []


# -- notebooks ---------------------------------------------------------------------------------


def test_a_notebook_that_is_made_is_where_it_was_asked_for(
    server: JupyterServer, client: McpClient
) -> None:
    client.call("create_notebook", path="deep/er/made.ipynb", cells=["1", "2"])

    node = json.loads((server.root_dir / "deep/er/made.ipynb").read_text())
    assert node["nbformat"] == 4
    assert ["".join(cell["source"]) for cell in node["cells"]] == ["1", "2"]
    assert len({cell["id"] for cell in node["cells"]}) == 2


def test_running_code_changes_no_notebook(server: JupyterServer, client: McpClient) -> None:
    client.call("create_notebook", path="untouched", cells=["x = 1"])
    before = (server.root_dir / "untouched.ipynb").read_bytes()
    client.call("create_session", path="untouched.ipynb")

    client.run(FOREVER, session_id="untouched.ipynb", timeout=0.3)

    assert (server.root_dir / "untouched.ipynb").read_bytes() == before


def test_only_what_a_cell_puts_out_is_saved_as_its_output(
    server: JupyterServer, client: McpClient
) -> None:
    cells = ["quiet = 1", "print('said')", FOREVER]
    client.call("create_notebook", path="outputs", cells=cells)

    client.call("run_cells", path="outputs", timeout=15, wait=45)

    found = json.loads((server.root_dir / "outputs.ipynb").read_text())["cells"]
    quiet, said, stopped = (cell["outputs"] for cell in found)
    assert quiet == []
    assert ["".join(output["text"]) for output in said] == ["said\n"]
    assert [output["ename"] for output in stopped] == ["KeyboardInterrupt"]


def test_listing_the_tools_and_sessions_starts_no_kernel(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server()
    client = McpClient(server)
    client.request("tools/list")
    client.call("list_sessions")

    kernels: Any = server.request("GET", None, server.auth, path="/api/kernels").body

    assert json.loads(kernels) == []
