from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from jupyter_mcp_ext import __version__
from jupyter_mcp_ext.cli import McpLauncher
from jupyter_mcp_ext.connect import Login, announcement

from . import first_run
from .mcp_client import McpClient
from .ports import free_port
from .servers import Answer, JupyterServer, Process, can_fork, environment, fork

COMMAND = (sys.executable, "-m", "jupyter_mcp_ext")


def begin(
    folder: Path,
    *options: str,
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str] | None = None,
) -> Process:
    """Begin to run the command, forked where that makes no difference."""
    env = environment(folder, env)
    if can_fork(env):
        out, err = stdout.fileno(), stderr.fileno()
        return fork(options, folder, env, stdout=out, stderr=err, module="jupyter_mcp_ext")
    command = [*COMMAND, *options]
    return subprocess.Popen(command, env=env, cwd=folder, stdout=stdout, stderr=stderr)  # type: ignore[return-value]  # whose stderr is None


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        code = begin(folder, *options, stdout=stdout, stderr=stderr).wait(60)
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(options, code, *said)


@contextmanager
def started(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run the command until the block is left, and give what it printed when it listened."""
    printed, stdout = os.pipe()
    with os.fdopen(printed, "rb") as reader:
        with os.fdopen(stdout, "wb") as writer, Path(os.devnull).open("wb") as nothing:
            process = begin(folder, *options, stdout=writer, stderr=nothing, env=env)
        try:
            assert select.select([reader], [], [], 60)[0], "nothing was printed"
            yield os.read(printed, 65536).decode()
        finally:
            process.terminate()
            process.wait(60)


def ping(port: int, headers: Mapping[str, str]) -> Answer:
    with subprocess.Popen(["true"], text=True) as process:
        server = JupyterServer(process=process, port=port, token="", base_url="/", root_dir=Path())
        return server.request("GET", None, headers)


def test_the_version_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--version"],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, __version__)


def test_the_help_names_the_main_options(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")

    assert done.returncode == 0
    for option in ("--port", "--ip", "--root-dir", "--allow-root"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--root-dir", "missing"], "There is no folder"),
        (["--nonsense"], "--nonsense"),
        (["--McpApp.path=/a("], "McpApp.path"),
        (["--port=many"], "port"),
        (["conect", "codex"], "There is no command or file 'conect'; the commands are audit,"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, options: list[str], sentence: str
) -> None:
    done = run(tmp_path, *options)

    assert done.returncode == 1
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--McpPolicy.disabled_tools=no_tool"], "no_tool"),
        (["--McpPolicy.read_only=17x"], "The 'read_only' trait"),
        (["--McpApp.path=/api"], "already answers /api. Set McpApp.path to another path."),
        (["--sandbox", "--McpSandbox.read_only_paths=/no/such/folder"], "'/no/such/folder'"),
        (["--McpAudit.path=/no/such/folder/audit"], "/no/such/folder"),
    ],
)
def test_without_mcp_it_ends_and_says_why(tmp_path: Path, options: list[str], why: str) -> None:
    done = run(tmp_path, *options, f"--port={free_port()}")

    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert done.stdout == ""
    assert last.startswith("jupyter mcp: MCP is not served: ")
    assert why in last
    assert done.stderr.count("not served") == 1


def test_without_a_folder_for_what_runs_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "runtime"
    with tempfile.TemporaryFile() as stderr:
        env = {"JUPYTER_RUNTIME_DIR": str(folder)}
        process = begin(tmp_path, stdout=stderr, stderr=stderr, env=env)
        code = process.wait(60)
        stderr.seek(0)
        said = stderr.read().decode()

    assert code == 1
    assert f"The folder {str(folder)!r} for what runs cannot be made (Not a directory)" in said
    assert "Traceback" not in said


def test_a_taken_port_is_not_moved_away_from(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = run(tmp_path, f"--port={port}", "--ip=127.0.0.1", "--allow-root")

    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is told so")
def test_root_is_kept_to_loopback(tmp_path: Path) -> None:
    done = run(tmp_path, "--ip=0.0.0.0", f"--port={free_port()}")

    assert done.returncode == 1
    assert "--allow-root" in done.stderr


def tokens(printed: str) -> list[str]:
    return re.findall(r"JUPYTER_TOKEN=([0-9a-f]{48})\b", printed)


def test_the_printed_lines_connect(tmp_path: Path) -> None:
    port = free_port()

    with started(tmp_path, f"--port={port}") as printed:
        [token] = tokens(printed)

        assert f"http://localhost:{port}/mcp" in printed
        assert "jupyter mcp connect claude-code" in printed
        # Without Accept the SDK answers 406: a request that gets so far has passed the login.
        assert ping(port, {"Authorization": f"Bearer {token}"}).status == 406
        assert ping(port, {}).status == 401


def test_the_printed_line_connects_where_another_server_runs_and_the_path_is_another_one(
    tmp_path: Path,
) -> None:
    port = free_port()

    with (
        started(tmp_path, f"--port={free_port()}") as alone,
        started(tmp_path, f"--port={port}", "--McpApp.path=/agents") as beside,
    ):
        line = beside.splitlines()[-1].strip()
        done = run(tmp_path, *line.split()[2:], "--print")

    assert alone.endswith("  jupyter mcp connect claude-code\n")
    assert line == f"jupyter mcp connect claude-code --server {port} --path /agents"
    assert (done.returncode, '"--path"' in done.stdout) == (0, True)


def test_the_token_is_printed_once_and_is_that_of_the_last_start(tmp_path: Path) -> None:
    said = []

    for _ in range(2):
        with first_run.started(COMMAND, tmp_path) as server:
            said.append(server.token)
        assert "".join(server.log).count(server.token) == 1

    [file] = tmp_path.rglob("jupyter_mcp_ext.token")
    assert said[0] == said[1] == file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_token_for_one_start_is_not_kept(tmp_path: Path) -> None:
    with started(tmp_path, f"--port={free_port()}", "--new-token") as printed:
        assert len(tokens(printed)) == 1

    assert list(tmp_path.rglob("jupyter_mcp_ext.token")) == []


def test_a_token_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_text("0123456789abcdef" * 3)
    file.chmod(0o644)
    option = f"--McpServer.token_file={file}"

    with started(tmp_path, f"--port={free_port()}", option) as printed:
        [token] = tokens(printed)

    assert token == file.read_text().strip() != "0123456789abcdef" * 3
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_without_a_token_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.touch(mode=0o600)

    done = run(tmp_path, f"--McpServer.token_file={file}", f"--port={free_port()}")

    assert done.returncode == 1
    assert "holds no token" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_is_no_file_keeps_no_token_and_does_not_stop_the_start(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "kept"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)

    with started(tmp_path, f"--port={free_port()}", f"--McpServer.token_file={path}") as printed:
        assert len(tokens(printed)) == 1
        assert "kept in" not in printed


def test_a_token_of_ones_own_is_not_printed(tmp_path: Path) -> None:
    env = {"JUPYTER_TOKEN": "my-own-secret"}

    with started(tmp_path, f"--port={free_port()}", env=env) as printed:
        assert "my-own-secret" not in printed
        assert "jupyter mcp connect claude-code" in printed
    assert list(tmp_path.rglob("jupyter_mcp_ext.token")) == []


def test_it_starts_where_configuration_disables_the_extension(tmp_path: Path) -> None:
    config = tmp_path / ".jupyter"
    config.mkdir()
    disabled = '{"ServerApp": {"jpserver_extensions": {"jupyter_mcp_ext": false}}}'
    (config / "jupyter_server_config.json").write_text(disabled)
    port = free_port()

    with started(tmp_path, f"--port={port}") as printed:
        assert f"http://localhost:{port}/mcp" in printed


@pytest.mark.parametrize("flag", sorted(McpLauncher.flags.keys() - {"generate-config"}))
def test_each_flag_of_the_command_is_understood(tmp_path: Path, flag: str) -> None:
    """The command and the server that it starts both read it."""
    done = run(tmp_path, f"--{flag}", "--root-dir", "missing")

    assert "There is no folder 'missing'" in done.stderr


def test_what_agents_run_is_confined_if_that_is_asked_for(tmp_path: Path) -> None:
    port = free_port()
    with (
        started(tmp_path, "--port", f"{port}", "--sandbox") as printed,
        subprocess.Popen(["true"], text=True) as process,
    ):
        [token] = tokens(printed)
        server = JupyterServer(
            process=process, port=port, token=token, base_url="/", root_dir=tmp_path
        )
        client = McpClient(server)
        client.run("1")
        status = client.call("get_kernel_status").text

    assert re.search(r"^sandbox: (bubblewrap|landlock), no network$", status, re.MULTILINE)


def test_the_notebooks_folder_is_the_one_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "here.txt").write_text("x")
    port = free_port()

    with started(tmp_path, f"--port={port}", f"--root-dir={folder}") as printed:
        [token] = tokens(printed)
        with subprocess.Popen(["true"], text=True) as process:
            server = JupyterServer(
                process=process, port=port, token=token, base_url="/", root_dir=folder
            )
            listing = server.request("GET", None, server.auth, path="/api/contents")

    assert b"here.txt" in listing.body


def test_each_way_to_log_in_has_its_words() -> None:
    url = "http://localhost:8888/mcp"

    token = announcement(url, Login(token="abc", token_file=Path("/home/me/kept")))
    assert "export JUPYTER_TOKEN=abc" in token
    assert "kept in /home/me/kept" in token
    own = announcement(url, Login(own_token=True))
    assert "jupyter mcp connect claude-code" in own
    assert "export" not in own
    assert "A password is set" in announcement(url, Login(password=True))
    assert "identity provider" in announcement(url, Login(custom=True))
    nothing = announcement(url, Login())
    assert "switched off" in nothing
    assert "Authorization" not in nothing
