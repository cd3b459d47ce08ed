"""What a kernel in the sandbox shares with its server cannot be turned against it.

Its sockets, the folder through which it hands over its variables, its standard output, and its
session's folder.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

from .test_sandbox import run

OWN_SOCKETS = """
import glob, json, os
from ipykernel.connect import get_connection_file
shared = os.path.dirname(json.load(open(get_connection_file()))['ip'])
"""
"""The directory of a kernel's own sockets, as it sees it."""


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], mode: str) -> JupyterServer:
    return start_server(f"--McpSandbox.mode={mode}", STARTED_KERNELS)


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[McpClient]:
    client = McpClient(server, name=request.node.name)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


# -- sockets -----------------------------------------------------------------------------------

LINKS = """
import json, os, sys, time
found = json.load(open(sys.argv[1]))
for name in ('shell', 'control', 'iopub', 'stdin', 'hb'):
    os.symlink({target!r}, '%s-%d' % (found['ip'], found[name + '_port']))
time.sleep(1)  # ZeroMQ tries again every 0.1 s
"""


def test_a_link_in_the_place_of_a_kernels_socket_is_not_followed(
    server: JupyterServer, client: McpClient, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(str(tmp_path / "socket"))
        host.listen()
        host.setblocking(False)
        add_kernelspec(server, "links", LINKS.format(target=str(tmp_path / "socket")))

        client.run("1")
        refused = client.call("create_session", kernel_name="links")

        assert "did not start" in refused.text
        with pytest.raises(BlockingIOError):
            host.accept()


SPOILED = f"""{OWN_SOCKETS}
for n in range(1, 6):
    try:
        os.unlink(shared + '/k-%d' % n)
    except OSError:
        pass
for n in range(1, 6):
    try:
        os.mkfifo(shared + '/k-%d' % n)
    except OSError as err:
        print(err.strerror)
"""


def test_a_kernel_that_has_its_sockets_cannot_make_files_beside_them(
    client: McpClient, mode: str
) -> None:
    said = run(client, SPOILED)

    refused = {"bubblewrap": "No such file or directory", "landlock": "File exists"}
    assert said == f"{refused[mode]} (x 5)"
    assert run(client, "6 * 7") == "42"


def test_people_can_connect_to_a_kernel_that_has_removed_its_sockets(
    server: JupyterServer, client: McpClient
) -> None:
    run(client, SPOILED)
    kernel = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["kernel_id"]
    theirs = BlockingKernelClient()
    theirs.load_connection_file(str(server.root_dir.parent / f"runtime/kernel-{kernel}.json"))

    theirs.start_channels()
    try:
        theirs.wait_for_ready(timeout=30)
    finally:
        theirs.stop_channels()


# -- descriptors -------------------------------------------------------------------------------

DESCRIPTORS = """
import os
for name in os.listdir('/proc/self/fd'):
    path = '/proc/self/fd/' + name
    try:
        if 'log-of-the-server' in os.readlink(path):
            print(open(path).read())
    except OSError:
        pass
"""


def test_a_kernel_cannot_read_the_log_of_its_server_through_its_standard_output(
    tmp_path: Path, mode: str
) -> None:
    log = tmp_path / "log-of-the-server.txt"
    code = (
        f"import os; os.dup2(os.open({str(log)!r}, os.O_CREAT | os.O_WRONLY, 0o600), 1)\n"
        "from jupyter_server.serverapp import main; main()"
    )
    options = (f"--McpSandbox.mode={mode}", STARTED_KERNELS)
    with running_server(tmp_path, *options, command=("-c", code)) as server:
        client = McpClient(server)
        client.run("1")
        log.write_text("the log")

        assert run(client, DESCRIPTORS) == ""


# -- files -------------------------------------------------------------------------------------

LEFT = """
import os
started_in = os.getcwd()
os.chdir('.mcp/handed' if os.path.exists('.mcp') else '../.mcp/handed')
names = ['snapshot-%016x.pickle' % n for n in range(5)]
open(names[0], 'w').write('x' * 100_000)
with open(names[1], 'w') as sparse:
    sparse.truncate(1 << 40)
os.symlink('/etc/passwd', names[2])
os.mkfifo(names[3])
os.makedirs(names[4] + '/more')
os.chdir(started_in)
"""


def test_what_is_planted_among_handed_variables_is_removed_and_these_are_saved(
    server: JupyterServer, client: McpClient
) -> None:
    client.run(f"{LEFT}\nkept = 41")
    session = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["session_id"]
    client.call("shutdown_kernel", session_id="default")

    handed = server.root_dir / "mcp-sessions" / session / ".mcp/handed"
    assert [path.name for path in handed.iterdir()] == [f"snapshot-{4:016x}.pickle"]  # a folder
    assert run(client, "kept + 1") == "42"


def test_links_that_a_kernel_makes_lead_the_file_tools_nowhere(
    server: JupyterServer, client: McpClient, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("a secret of the host")
    client.run(
        f"import os\nos.symlink({str(tmp_path)!r}, 'folder'); os.mkfifo('pipe')\n"
        f"os.symlink({str(tmp_path / 'secret.txt')!r}, 'file')\n"
        "os.symlink('/proc/self/environ', 'environ'); os.symlink('/dev/zero', 'endless')\n"
        "os.symlink('loop', 'loop'); os.makedirs('deep/' + 'd/' * 200)\n"
        "with open('sparse', 'w') as file: file.truncate(1 << 40)"
    )
    folder = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["cwd"]

    names = ("file", "folder/secret.txt", "environ", "endless", "loop", "pipe", "sparse")
    for name in names:
        read = client.call("read_file", path=f"{folder}/{name}")
        assert read.is_error or name == "sparse", name
        assert "Internal error" not in read.text
        assert "a secret" not in read.text
    for name in ("file", "folder/secret.txt", "folder/new.txt", "pipe", "endless"):
        wrote = client.call("write_file", path=f"{folder}/{name}", content="x", overwrite=True)
        assert "Internal error" not in wrote.text
    listed = client.call("list_files", path=folder)
    found = client.call("search_files", query="secret of the host", path=folder)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.txt"]
    assert (tmp_path / "secret.txt").read_text() == "a secret of the host"
    for answer in (listed, found):
        assert "Internal error" not in answer.text
        assert "a secret" not in answer.text


def test_a_session_notebook_that_is_a_link_is_written_in_its_place(
    client: McpClient, server: JupyterServer
) -> None:
    theirs = server.root_dir / "theirs.ipynb"
    theirs.write_text("{}")
    client.run("1")
    session = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]
    name = session["path"].rpartition("/")[2]

    client.run(
        "import contextlib, os\n"
        f"path = os.path.join('.' if os.path.exists('.mcp') else '..', {name!r})\n"
        "with contextlib.suppress(OSError): os.unlink(path)\n"
        "with contextlib.suppress(OSError): os.symlink('../../theirs.ipynb', path)"
    )
    client.run("'written'")
    client.call("shutdown_kernel", session_id="default")

    assert theirs.read_text() == "{}"


DESCRIPTORS_OF = """
import os
for process in ('1', 'self'):
    try:
        names = os.listdir('/proc/%s/fd' % process)
    except PermissionError:  # the host's
        continue
    for name in names:
        try:
            target = os.readlink('/proc/%s/fd/%s' % (process, name))
        except FileNotFoundError:
            continue
        if not target.startswith(('pipe:', 'socket:', 'anon_inode:', '/dev/null', '/home/')):
            print(target)
"""


def test_a_kernel_gets_no_descriptor_of_a_file_of_the_host(client: McpClient) -> None:
    assert run(client, DESCRIPTORS_OF) == ""


def test_the_devices_are_no_place_for_files(client: McpClient, mode: str) -> None:
    said = run(
        client,
        "for path in ('/dev/file', '/dev/null', '/dev/shm/x'):\n"
        "  try:\n    print(open(path, 'w').write('x'))\n"
        "  except OSError as err:\n    print(err.strerror)",
    )

    written = {"bubblewrap": ["Read-only file system", "1", "1"]}
    assert said.splitlines() == written.get(mode, ["Permission denied", "1", "Permission denied"])


REQUESTS = """
import fcntl, os
folder = os.open('.', os.O_RDONLY)
for request in (0x50009401, 0x5000940e, 0x50009417, 0x50009418, 0x401c5820):
    try:
        fcntl.ioctl(folder, request, bytearray(4096))
        print('done', end=' ')
    except OSError as err:
        print(err.strerror == 'Operation not permitted', end=' ')
"""
"""To make snapshots and subvolumes on btrfs, and to have a file count for another project."""


def test_what_file_systems_offer_their_users_is_refused(client: McpClient, mode: str) -> None:
    said = run(client, REQUESTS).split()

    assert said[:4] == ["True"] * 4
    assert said[4] == "True" or mode == "bubblewrap"  # where a user namespace forbids it
