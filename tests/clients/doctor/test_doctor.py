"""The command: what it prints, what it ends with, and that it leaves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.doctor.examined import examined, looked, run
from tests.mcp_client import McpClient
from tests.servers import JupyterServer, environment, running_server


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(base_url="/a%40b/")


def test_a_good_server_is_found_good_with_kernel_image_progress_and_cancel(
    server: JupyterServer,
) -> None:
    found = examined(server.root_dir.parent)

    assert found.troubles == set()
    assert found.is_good
    assert found.whole["endpoint"] == server.url
    assert found.whole["not_looked_at"] == []
    assert [each["what"].split(",")[0] for each in found.of("kernel")] == [
        "A kernel starts and runs code",
        "Images arrive.",
        "Progress arrives while code runs.",
        "A call that is cancelled is interrupted.",
    ]
    assert "2026-07-28 and 2025-11-25, with 27 tools" in found.one("protocol")["what"]


def test_nothing_is_left_on_the_server(server: JupyterServer) -> None:
    client = McpClient(server)
    before = client.call("list_sessions").text

    assert examined(server.root_dir.parent).is_good

    health = server.request("GET", None, server.auth, path="/a%40b/mcp/health").json()
    kernels = server.request("GET", None, server.auth, path="/a%40b/api/kernels")
    assert client.call("list_sessions").text == before
    assert json.loads(kernels.body) == []
    assert health["kernels"] == {"agent": 0, "person": 0, "spare": 0}
    assert health["sessions"] == {"running": 0, "none": 0}
    assert not list(server.root_dir.rglob("doctor-*"))
    assert not list(server.root_dir.glob("mcp-sessions/*"))


def test_nothing_is_started_if_it_is_not_wanted(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        found = looked(tmp_path)

        health = server.request("GET", None, server.auth, path="/mcp/health").json()
    assert found.is_good
    assert found.of("kernel") == []
    assert found.whole["not_looked_at"] == ["kernel"]
    assert not (server.root_dir / "mcp-sessions").exists()
    assert health["executions"] == {"input": 0, "queued": 0, "running": 0}


def test_people_get_a_line_for_each_thing_and_what_to_do(
    server: JupyterServer, tmp_path: Path
) -> None:
    there = ("--no-kernel", f"http://127.0.0.1:{server.port}/a%40b/mcp")
    good = run(server.root_dir.parent, *there)
    wrong = run(tmp_path, *there)  # where the server has no file

    assert (good.returncode, wrong.returncode) == (0, 1)
    assert all(line.startswith("ok ") for line in good.stdout.splitlines()[:-1])
    assert good.stdout.splitlines()[-1].startswith("12 ok. Not looked at")
    [fault] = [line for line in wrong.stdout.splitlines() if line.startswith("fault")]
    assert fault.startswith("fault    token       No token is known: JUPYTER_TOKEN is not set.")
    assert " -> export JUPYTER_TOKEN=" in wrong.stdout
    assert server.token not in good.stdout + wrong.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["ftp://localhost/"], "is not a URL of a Jupyter server"),
        (["http://me:secret@localhost/"], "must have no login"),
        (["--cafile=missing.pem", "http://localhost:1/"], "No such file"),
        (["/no/such/folder"], "No Jupyter server of this account runs here"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2_and_a_sentence(
    tmp_path: Path, options: list[str], words: str
) -> None:
    done = run(tmp_path, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize("seconds", ["nan", "-5", "inf", "long"])
def test_a_stream_is_held_for_a_number_of_seconds(tmp_path: Path, seconds: str) -> None:
    done = run(tmp_path, "--hold", seconds)

    assert done.returncode == 2
    assert f"--hold: '{seconds}' is not a number of seconds, like 20" in done.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_cannot_be_written_down_is_said_in_a_sentence(
    tmp_path: Path, options: list[str]
) -> None:
    command = [sys.executable, "-m", "jupyter_mcp_ext", "doctor", "--server", "1", *options]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert done.stderr == "jupyter mcp doctor: [Errno 28] No space left on device.\n"


def test_of_two_servers_one_has_to_be_named(tmp_path: Path) -> None:
    with running_server(tmp_path) as first, running_server(tmp_path) as second:
        either = run(tmp_path, "--no-kernel")
        one = looked(tmp_path, str(second.port))

    assert either.returncode == 2
    assert f":{first.port}/" in either.stderr
    assert f":{second.port}/" in either.stderr
    assert one.is_good
    assert one.whole["endpoint"] == second.url
