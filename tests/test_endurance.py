"""Floods of output, lost clients and stopped servers, over HTTP: answers stay short and true."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mcp_client import ERAS, NEW, OLD, OLDEST, McpClient
from tests.servers import JupyterServer, running_server

ANSWER = 40_000
"""Bytes of an answer, whatever the output; without images."""

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
    assert any("were dropped" in notice for notice in result.notices)
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
    running = flooding.begin("while True: print('x' * 99)")
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
        client.begin("import time; time.sleep(60)")
        result = client.run("'behind it'", wait=1e9)

    assert result.status == "queued"  # within a second, code of its own might not have begun
    assert any("wait is capped at 1 s" in notice for notice in result.notices)


def test_a_page_beyond_the_end_says_so(server: JupyterServer) -> None:
    client = McpClient(server, name="beyond")
    client.run("print('one line')")

    page = client.call("get_output", offset=1_000)

    assert "1 lines, none here" in page.text


def test_what_is_beyond_the_quotas_is_counted_or_has_expired(tmp_path: Path) -> None:
    options = ("--McpExecutions.max_kept=2", "--McpExecutions.max_output_bytes=20_000")
    with running_server(tmp_path, *options) as server:
        client = McpClient(server)
        first, *_, kept = [client.run(f"'run {n}'") for n in range(4)]
        expired = client.refused("get_output", output_id=first.id)
        unknown = client.refused("get_output", output_id="k7m2q9xw-1")
        found = client.call("get_output", output_id=kept.id)
        much = client.run("for n in range(10_000): print('line', n)")

    assert "has expired" in expired
    assert "There is no execution" in unknown
    assert "'run 3'" in found.text
    assert much.execution["truncated"]
    assert re.search(r"! \d{2,3},\d{3} bytes of output were dropped", much.text)


def test_what_is_too_old_has_expired_in_both_eras(tmp_path: Path) -> None:
    with running_server(tmp_path, "--McpExecutions.max_age=0.001") as server:
        for era in ERAS:
            client = McpClient(server, era)
            old = client.run("'old'")
            client.run("'new'")

            assert "has expired" in client.refused("get_output", output_id=old.id)
            assert "has expired" in client.refused("get_output", output_id=f"{old.id}/1")


def test_what_is_kept_on_disk_is_for_the_servers_account_only(server: JupyterServer) -> None:
    McpClient(server, name="secretive").run("print('s3cret' * 100_000)")

    kept = server.root_dir.parent / "runtime" / "jupyter_mcp_ext"
    [folder] = kept.iterdir()
    files = list(folder.glob("*.jsonl"))

    assert files
    assert not any(path.stat().st_mode & 0o077 for path in (folder, *files))


def test_messages_that_were_lost_while_the_server_stood_still_are_told(
    server: JupyterServer,
) -> None:
    """A kernel drops messages that are not read: here some of 50 MB, as buffers hold the rest."""
    client = McpClient(server, name="stood still")
    begun, go, over = (server.root_dir / name for name in ("begun", "go", "over"))
    running = client.run(
        f"import os, time; open({str(begun)!r}, 'w').close()\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        "for n in range(5_000): display('x' * 10_000)\n"
        f"open({str(over)!r}, 'w').close()",
        wait=0,
    )
    until(begun.exists)
    server.process.send_signal(signal.SIGSTOP)
    try:
        go.touch()
        until(over.exists)
    finally:
        server.process.send_signal(signal.SIGCONT)

    result = client.call("get_output", output_id=running.id, wait=50)

    assert result.status == "ok"
    assert any("messages of the kernel were lost" in notice for notice in result.notices)
    assert not any("lost" in notice for notice in client.run("'whole again'").notices)


def until(happened: Callable[[], bool]) -> None:
    """Return when a kernel has done something."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # leaves the processor to the kernel


def test_an_execution_that_a_restart_of_the_server_ended_says_when(tmp_path: Path) -> None:
    with running_server(tmp_path) as first:
        client = McpClient(first)
        done = client.run("print('done')")
        cut_off = client.begin("import time; print('so far', flush=True); time.sleep(600)")
        assert cut_off.status == "running"
        client.until_printed(cut_off, "so far")

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
