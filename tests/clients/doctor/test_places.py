"""Servers of other accounts, files that lead nowhere, clocks: what is so and what to do."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.doctor.sdk import other_version
from jupyter_mcp_ext.version import __version__
from tests.certificates import write_certificate
from tests.clients.doctor.examined import looked, run
from tests.clients.doctor.hostile import http, like_jupyter, serving
from tests.ports import free_port
from tests.sandbox.test_attacks import USER
from tests.servers import FRESH, JupyterServer, environment, running_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers of others")


@contextmanager
def others_server(folder: Path) -> Iterator[JupyterServer]:
    """A server of another account."""
    command = ("-m", "tests.sandbox.as_user", str(USER), str(folder), *FRESH)
    with running_server(folder, command=command) as server:
        yield server


def described(folder: Path, pid: int, port: int) -> Path:
    """A file of Jupyter's about a server."""
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    info = {
        "base_url": "/",
        "hostname": "localhost",
        "password": False,
        "pid": pid,
        "port": port,
        "root_dir": str(folder),
        "secure": False,
        "sock": "",
        "token": "a-token-in-a-file",
        "url": f"http://localhost:{port}/",
        "version": "2.21.1",
    }
    file = runtime / f"jpserver-{pid}.json"
    file.write_text(json.dumps(info))
    return file


@as_root
def test_a_server_of_another_account_is_named_with_whom_to_ask(tmp_path: Path) -> None:
    with others_server(tmp_path) as server:
        found = looked(tmp_path, str(server.port))
        asked = looked(tmp_path, f"http://127.0.0.1:{server.port}/", token=server.token)

    line = found.one("token")
    assert line["level"] == "fault"
    assert f"is of the account {USER}, whose token cannot be found here" in line["what"]
    assert "`jupyter server list`" in line["do"]
    assert "jupyter mcp" in line["do"]
    assert asked.is_good


@as_root
def test_an_ordinary_user_is_told_of_the_server_of_root(tmp_path: Path) -> None:
    (tmp_path / "root's").mkdir()
    home = tmp_path / "user"
    home.mkdir()
    with running_server(tmp_path / "root's") as server:
        command = [sys.executable, "-m", "tests.sandbox.as_user", str(USER), str(home)]
        doctor = ["-m", "jupyter_mcp_ext", "doctor", "--no-kernel", str(server.port)]
        done = subprocess.run(
            [*command, *doctor],
            env=environment(home),
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert "The server is of the account root, whose token cannot be found here." in done.stdout
    assert server.token not in done.stdout


def test_files_that_lead_nowhere_are_named_each_with_its_reason(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    described(tmp_path, ended.pid, 1)
    runtime = tmp_path / "runtime"
    (runtime / "jpserver-2.json").write_text("{" * 100_000)
    (runtime / "jpserver-3.json").write_text('{"pid": "\x1b[2J"}')
    os.mkfifo(runtime / "jpserver-4.json")
    (runtime / "jpserver-5.json").symlink_to("/dev/zero")

    done = run(tmp_path, "--no-kernel", "--hold=0")

    [line] = [line for line in done.stdout.splitlines() if line.startswith("warning  files")]
    assert f"In {runtime} no file leads to a server that runs" in line
    assert f"jpserver-{ended.pid}.json names the process {ended.pid}, which has ended" in line
    assert "jpserver-2.json is not what Jupyter writes" in line
    assert "jpserver-3.json is not what Jupyter writes" in line
    assert "jpserver-4.json is not a file" in line
    assert "jpserver-5.json cannot be read" in line
    assert "a-token-in-a-file" not in done.stdout
    assert "\x1b" not in done.stdout


@as_root
def test_files_of_another_account_are_passed_over_and_named(tmp_path: Path) -> None:
    file = described(tmp_path, os.getpid(), 1)
    os.chown(file, USER, USER)

    done = run(tmp_path, "--no-kernel", "--hold=0")

    assert f"{file.name} is of another account" in done.stdout


def test_a_process_that_has_the_number_of_a_server_is_told(tmp_path: Path) -> None:
    port = free_port()
    file = described(tmp_path, os.getpid(), port)

    line = looked(tmp_path).one("server")

    assert f"Nothing listens at http://localhost:{port}/" in line["what"]
    assert f"names the process {os.getpid()}, which is now `" in line["what"]
    assert f"delete {file.name} in " in line["do"]


def test_of_two_that_fit_the_one_that_listens_is_meant(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        described(tmp_path, os.getpid(), free_port())
        found = looked(tmp_path)

    assert found.is_good
    assert found.whole["endpoint"] == server.url


@pytest.mark.parametrize(("seconds", "words"), [(-7200, "2 h behind"), (600, "10 min ahead of")])
def test_a_clock_that_differs_is_named(tmp_path: Path, seconds: int, words: str) -> None:
    health = http("200 OK", b"{}")
    date = formatdate(time.time() + seconds + 5, usegmt=True)
    refusal = http("401 Unauthorized", b"{}", {"Date": date})
    with serving(like_jupyter({"health": health}, refusal)) as url:
        found = looked(tmp_path, url)

    line = found.of("login")[0]
    assert line["level"] == "warning"
    assert line["what"] == f"The clock of the server is {words} this one."
    assert "certificates" in line["do"]


def test_a_certificate_that_is_not_valid_yet_is_named_with_the_clock_here(tmp_path: Path) -> None:
    begins = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    ends = begins + datetime.timedelta(days=2)
    options = write_certificate(tmp_path, not_before=begins, not_after=ends)
    with running_server(tmp_path, *options) as server:
        url = f"https://localhost:{server.port}/"
        found = looked(tmp_path, url, cafile=str(tmp_path / "ca.pem"))

    line = found.one("server")
    assert "is not valid yet, by the clock here (20" in line["what"]
    assert line["do"].startswith("Set this clock right if it is wrong")


def test_a_server_found_by_its_file_is_reached_by_tls_and_below_a_base_url(
    tmp_path: Path,
) -> None:
    options = write_certificate(tmp_path, "localhost", "127.0.0.1")
    with running_server(tmp_path, *options, base_url="/deep/a%40b/"):
        found = looked(tmp_path, cafile=str(tmp_path / "ca.pem"))
        without = looked(tmp_path)

    assert found.troubles == set()
    assert found.whole["endpoint"].startswith("https://127.0.0.1:")
    assert found.whole["endpoint"].endswith("/deep/a%40b/mcp")
    assert "is not trusted here" in without.one("server")["what"]


def test_another_version_of_the_server_is_named() -> None:
    [line] = other_version("0.0.1")

    assert line.level == "warning"
    assert line.what.startswith("The server runs jupyter-mcp-ext 0.0.1")
    assert "restart the server" in line.do
    assert other_version(__version__) == []


def test_json_has_the_same_shape_if_no_server_can_be_chosen(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", "/no/such/folder")
    whole = json.loads(done.stdout)

    assert done.returncode == 2
    assert set(whole) == {"version", "server", "endpoint", "level", "findings", "not_looked_at"}
    assert (whole["version"], whole["level"]) == (1, "fault")
    assert [each["check"] for each in whole["findings"]] == ["server"]
    assert whole["findings"][0]["what"] in done.stderr


def test_a_folder_that_the_terminal_cannot_show_does_not_stop_it(tmp_path: Path) -> None:
    work = tmp_path / "Wörk"
    work.mkdir()
    with running_server(work):
        done = run(work, "--no-kernel", env={"PYTHONIOENCODING": "ascii"})

    assert (done.returncode, done.stderr) == (0, "")
    assert "/W\\xf6rk/root)" in done.stdout
