"""What is different under Landlock: folders, sockets, terminals and what processes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

from .test_sandbox import run

LANDLOCK = ("--McpSandbox.mode=landlock", STARTED_KERNELS)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(
        *LANDLOCK, "--McpSandbox.writable_paths=/dev/shm", "--McpLimits.memory=800000000"
    )


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[McpClient]:
    client = McpClient(server, name=request.node.name)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


def own_folder(client: McpClient) -> Path:
    """The folder of the client's session."""
    client.run("1")
    session = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["session_id"]
    return client.server.root_dir / "mcp-sessions" / str(session)


def test_the_sockets_of_a_kernel_cannot_be_replaced(client: McpClient) -> None:
    said = run(
        client,
        """
import os
folder = os.path.dirname(os.environ['HOME'])
path = os.path.join(folder, 'k-1')
for attempt in (lambda: os.unlink(path), lambda: os.rename(path, path + 'x'),
                lambda: os.symlink('/run/host', folder + '/k-9'),
                lambda: os.rename(os.environ['TMPDIR'], folder + '/k-8')):
    try:
        attempt()
        print('done', end=' ')
    except PermissionError:
        print('refused', end=' ')
""",
    )

    assert said.split() == ["refused"] * 4


def test_terminals_work_without_names(client: McpClient) -> None:
    said = run(
        client,
        """
import os, pty
pid, leader = pty.fork()
if not pid:
    os.execvp('sh', ['sh', '-c', 'test -t 0 && echo terminal > /dev/tty'])
print(os.read(leader, 100).decode().strip())
print(os.waitpid(pid, 0)[1])
leader, follower = os.openpty()
for path in (os.ttyname(follower), '/dev/pts'):
    try:
        print(os.listdir(path) if path == '/dev/pts' else os.open(path, os.O_RDWR))
    except OSError:
        print('no')
""",
    )

    assert said.split() == ["terminal", "0", "no", "no"]


PROGRAMS = """
import subprocess
open('file', 'w').close()
for command in ('install -m 640 file installed', 'cp -a file copied', 'git init --quiet new'):
    done = subprocess.run(command.split(), capture_output=True, text=True)
    print(done.returncode, done.stderr)
"""


def test_programs_that_copy_files_and_git_work(client: McpClient) -> None:
    assert run(client, PROGRAMS).split() == ["0", "0", "0"]


def test_an_operator_can_give_what_processes_share(client: McpClient) -> None:
    pool = "import multiprocessing\nwith multiprocessing.Pool(2) as p: print(p.map(abs, [-1, 2]))"

    assert run(client, pool) == "[1, 2]"


def test_the_log_has_of_a_kernel_what_it_writes_and_nothing_else(tmp_path: Path) -> None:
    with running_server(tmp_path, *LANDLOCK) as server:
        client = McpClient(server)
        run(client, "import os, sys; print('heard', file=sys.__stderr__, flush=True)")
        server.until_logged("heard")  # the answer does not wait for that
        client.call("restart_kernel")
        run(client, "import subprocess; left = subprocess.Popen(['sleep', '1000'])")
        client.call("shutdown_kernel", session_id="default")

    written = [line.split() for line in server.log if line.startswith("[kernel]")]
    assert [words for words in written if words != ["[kernel]"]] == [["[kernel]", "heard"]]


def test_limits_hold_too(client: McpClient) -> None:
    result = client.run("x = bytearray(2_000_000_000)")

    assert "MemoryError" in result.text
    assert "McpLimits.memory" in result.text


def test_a_session_that_began_without_a_sandbox_goes_on_in_its_folder_for_work(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as free:
        folder = own_folder(McpClient(free))
        (folder / "before.txt").write_text("seen")

    with running_server(tmp_path, *LANDLOCK) as confined:
        client = McpClient(confined)
        said = run(client, "print(open('../before.txt').read(), open('after.txt', 'w').write('x'))")
        session = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]

    assert said == "seen 1"
    assert session["cwd"] == f"mcp-sessions/{session['session_id']}/work"


def test_a_link_in_the_place_of_the_folder_for_work_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with running_server(tmp_path) as free:
        (own_folder(McpClient(free)) / "work").symlink_to(outside)

    with running_server(tmp_path, *LANDLOCK) as confined:
        refused = McpClient(confined).run("open('planted', 'w')")

    assert refused.is_error
    assert "is not the folder that this server has made" in refused.text
    assert not list(outside.iterdir())
