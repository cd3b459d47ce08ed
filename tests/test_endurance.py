"""Floods of output, lost clients and restarts, over real HTTP: answers stay short and true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mcp_client import NEW, OLD, OLDEST, McpClient
from tests.servers import JupyterServer, running_server

ANSWER = 40_000
"""Bytes of an answer, whatever was put out; images aside."""

HUGE = {
    "one print": "print('x' * 200_000_000)",
    "an image": (
        "from IPython.display import Image, display\n"
        "display(Image(data=b'\\x89PNG' + bytes(100_000_000), format='png'))"
    ),
    "a JSON": "from IPython.display import JSON, display\ndisplay(JSON(['x' * 1_000] * 50_000))",
}
MANY = {
    "lines": "for n in range(200_000): print(n)",
    "displays": "for n in range(5_000): display(n)",
    "updates": "h = display(0, display_id=True)\nfor n in range(5_000): h.update(n)",
    "a bar": "for n in range(200_000): print(f'\\r{n} of 200000', end='')",
}


@pytest.mark.parametrize("code", HUGE.values(), ids=HUGE)
def test_a_huge_output_is_counted_and_the_kernel_stays_usable(
    server: JupyterServer, code: str
) -> None:
    client = McpClient(server, name="huge")

    result = client.run(code)

    assert result.status == "ok"
    assert result.size < ANSWER
    assert result.execution["truncated"]
    assert any("are gone" in notice for notice in result.notices)
    assert client.run("6 * 7").text.endswith("42")


@pytest.mark.parametrize("code", MANY.values(), ids=MANY)
def test_many_outputs_are_answered_shortly_with_their_end(server: JupyterServer, code: str) -> None:
    result = McpClient(server, name="many").run(code)

    assert result.status == "ok"
    assert result.size < ANSWER
    assert "4999" in result.text or "199999" in result.text


@pytest.mark.parametrize("piece", ["a\\b", "x\\r", "\\x1b[A", "\\x1b[2K"])
def test_millions_of_cursor_movements_in_one_print_are_answered_shortly(
    server: JupyterServer, piece: str
) -> None:
    result = McpClient(server, name="moves").run(f"print('{piece}' * 1_000_000 + '\\nthe end')")

    assert result.status == "ok"
    assert result.size < ANSWER
    assert result.text.endswith("the end")


def test_an_endless_print_leaves_others_alone_and_can_be_interrupted(
    server: JupyterServer,
) -> None:
    flooding, other = McpClient(server, name="endless"), McpClient(server, name="beside it")
    flooding.run("'the kernel has started'")
    running = flooding.run("while True: print('x' * 99)", wait=1)
    assert running.status == "running"

    assert other.run("'here'").text.endswith("'here'")
    assert "[busy]" in flooding.call("get_kernel_status").text
    stopped = flooding.call("interrupt_kernel", execution_id=running.id)

    assert stopped.status == "interrupted"
    assert stopped.size < ANSWER
    assert flooding.run("'next'").text.endswith("'next'")


@pytest.mark.parametrize("later", [NEW, OLD, OLDEST])
def test_a_client_that_comes_back_in_another_era_finds_its_execution(
    server: JupyterServer, later: str
) -> None:
    name = f"comes back as {later}"
    started = McpClient(server, name=name).run("print('kept'); import time; time.sleep(1)", wait=0)

    found = McpClient(server, later, name=name).call("get_output", wait=30)

    assert found.id == started.id
    assert found.status == "ok"
    assert "kept" in found.text


def test_a_wait_beyond_all_bounds_is_capped_and_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path, "--McpExecutions.max_wait=1") as server:
        client = McpClient(server)
        client.call("create_session", name="warm")  # returns when its kernel has started
        result = client.run("import time; time.sleep(60)", session_id="warm", wait=1e9)

    assert result.status == "running"
    assert any("wait is capped at 1 s" in notice for notice in result.notices)


def test_a_page_beyond_the_end_says_so(server: JupyterServer) -> None:
    client = McpClient(server, name="beyond")
    client.run("print('one line')")

    page = client.call("get_output", offset=1_000)

    assert "1 lines, none here" in page.text


def test_an_execution_that_a_restart_of_the_server_ended_says_when(tmp_path: Path) -> None:
    with running_server(tmp_path) as first:
        client = McpClient(first)
        done = client.run("print('done')")
        cut_off = client.run("import time; print('so far', flush=True); time.sleep(600)", wait=1)
        assert cut_off.status == "running"

    with running_server(tmp_path) as second:
        client = McpClient(second)
        latest = client.call("get_output")
        assert latest.id == cut_off.id
        assert latest.status == "interrupted"
        assert "the server restarted at" in latest.text
        assert "so far" in latest.text
        again = client.call("get_output", output_id=done.id)
        assert again.status == "ok"
        assert "done" in again.text
        assert client.run("1").id not in (done.id, cut_off.id)


def test_what_code_wrote_is_told_after_a_restart_of_the_server_too(tmp_path: Path) -> None:
    with running_server(tmp_path) as first:
        done = McpClient(first).run("with open('out.csv', 'w') as file: file.write('x' * 100)")
        assert "files: out.csv" in done.text
    with running_server(tmp_path) as second:
        again = McpClient(second).call("get_output", output_id=done.id)

    assert "files: out.csv" in again.text
    assert again.execution["files"] == done.execution["files"]


def test_the_notebooks_of_sessions_are_not_told_as_what_code_wrote(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = McpClient(server)
        for name in ("one", "two"):
            client.call("create_session", name=name)
            client.run("import time; time.sleep(0)", session_id=name)
        results = [client.run(f"import time; time.sleep({n} / 10)") for n in range(4)]

    assert not any("files:" in result.text for result in results)


def test_each_way_to_die_is_told_and_so_is_what_is_gone(server: JupyterServer) -> None:
    client = McpClient(server, name="dies")
    client.run("x = [1]")

    ends = {
        "import os; os._exit(3)": "exit code 3",
        "import os; os.kill(os.getpid(), 9)": "SIGKILL",
        "import ctypes; ctypes.string_at(0)": "SIGSEGV",
    }
    for code, reason in ends.items():
        died = client.run(f"print('last words', flush=True); import time; time.sleep(0.3); {code}")
        assert died.status == "dead"
        assert reason in died.text.splitlines()[0]
        assert "variables are gone" in died.text
        assert "last words" in died.text
        after = client.run("'x' in dir()")
        assert after.text.endswith("False")
        assert any("gone" in notice for notice in after.notices)


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


@pytest.mark.parametrize("era", [NEW, OLD])
def test_a_persons_restart_ends_what_waits_with_that_reason(
    server: JupyterServer, era: str
) -> None:
    client = McpClient(server, era, name=f"restarted by a person, {era}")
    client.run("'the kernel has started'")
    running = client.run("import time; print('on', flush=True); time.sleep(600)", wait=1)

    kernel = running.execution["kernel_id"]
    path = f"{server.base_url}api/kernels/{kernel}/restart"
    assert server.request("POST", b"", server.auth, path=path).status == 200
    ended = client.call("get_output", output_id=running.id, wait=30)

    assert ended.status == "interrupted"
    assert "restarted" in ended.text.splitlines()[0]
    after = client.run("'after'")
    assert after.text.endswith("'after'")
    assert any("gone" in notice for notice in after.notices)
