"""Kernels of agents in a sandbox: all of the product works inside, and people's are as before."""

from __future__ import annotations

import builtins
import json
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mcp_ext.sandbox.overlay import Overlay
from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

CONFINED = ("--McpSandbox.mode=bubblewrap", STARTED_KERNELS)

Start = Callable[..., JupyterServer]


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(start_server: Start, mode: str) -> JupyterServer:
    return start_server(f"--McpSandbox.mode={mode}", STARTED_KERNELS)


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[McpClient]:
    client = McpClient(server, name=request.node.name)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


def run(client: McpClient, code: str, **more: Any) -> str:
    """What code puts out in the client's session."""
    result = client.run(code, **more)
    return "\n".join(line for line in result.text.splitlines()[1:] if not line.startswith("!"))


def test_a_kernel_sees_its_sessions_folder_and_nothing_else_of_the_root(
    server: JupyterServer, client: McpClient
) -> None:
    (server.root_dir / "private.txt").write_text("private")

    seen = run(
        client,
        f"""
import os
for opens in (lambda: open({str(server.root_dir / "private.txt")!r}),
              lambda: [name for name in os.listdir({str(server.root_dir)!r}) if '.txt' in name],
              lambda: os.getcwd().split(os.sep)[-4:].index('mcp-sessions') > 0):
    try:
        print(opens())
    except OSError as err:
        print('no')
""",
    )

    assert seen.split() in (["no", "[]", "True"], ["no", "no", "True"])


def test_what_crashes_is_handed_to_no_program_of_the_host(client: McpClient) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)

    limits = run(client, "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")

    # Linux then writes no file, and does not run what ``kernel.core_pattern`` names.
    assert limits == ("(1, 1)" if most else "(0, 0)")


def test_what_code_writes_is_read_by_the_file_tools(client: McpClient) -> None:
    run(client, "open('out.csv', 'w').write('a,b\\n1,2\\n')")
    folder = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["cwd"]

    assert "1,2" in client.call("read_file", path=f"{folder}/out.csv").text


def test_what_the_server_keeps_of_a_session_cannot_be_written(client: McpClient, mode: str) -> None:
    said = run(
        client,
        """
import errno, os
if os.path.basename(os.getcwd()) == 'work':
    os.chdir('..')
print(os.path.isfile('.mcp/session.json'))
for path in ('.mcp/journal.jsonl', '.mcp/session.json', '.mcp/new'):
    try:
        open(path, 'a')
        print('written')
    except OSError as err:
        print(path, errno.errorcode[err.errno])
for path in ('.mcp/session.json', '.mcp'):
    try:
        os.rename(path, 'gone')
        print('moved')
    except OSError as err:
        print(path, errno.errorcode[err.errno])
""",
    )

    first, *errors = said.splitlines()
    assert first == "True"
    assert [error.split()[1] for error in errors] == (
        ["EROFS", "EROFS", "EROFS", "EXDEV", "EBUSY"] if mode == "bubblewrap" else ["EACCES"] * 5
    )


def test_packages_of_the_session_are_seen_at_once_and_cannot_be_written(
    server: JupyterServer, client: McpClient, mode: str
) -> None:
    run(client, "1")
    session = client.call("get_kernel_status").meta["jupyter-mcp-ext/session"]["session_id"]
    overlay = Overlay(server.root_dir / "mcp-sessions" / session / ".mcp/packages")
    version = run(client, "import sys; print('{}-{}.{}'.format('cpython', *sys.version_info))")
    with overlay.new() as new:
        (new / "only_here.py").write_text("VERSION = 1")
        (new / "bin").mkdir()
        (new / "bin/only-here").write_text("#!/bin/sh\necho ran\n")
        (new / "bin/only-here").chmod(0o755)
        overlay.add(new, python=version, most=0)

    said = run(
        client,
        f"""
import errno, os, subprocess, sys
import only_here
print(only_here.VERSION)
for command in ([sys.executable, '-c', 'import only_here as o; print(o.VERSION)'], ['only-here']):
    print(subprocess.run(command, capture_output=True, text=True).stdout.strip())
found = []
for path in ('site/only_here.py', 'site/new.py', 'startup/sitecustomize.py', 'python', 'new'):
    try:
        open({str(overlay.folder)!r} + '/' + path, 'a')
        found.append('written')
    except OSError as err:
        found.append(errno.errorcode[err.errno])
print(*found)
""",
    )

    error = "EROFS" if mode == "bubblewrap" else "EACCES"
    assert said.splitlines() == ["1", "1", "ran", " ".join([error] * 5)]


def test_a_session_comes_back_and_is_copied(client: McpClient) -> None:
    run(client, "x = 41; y = [x]; z = y")
    client.call("shutdown_kernel", session_id="default")

    assert run(client, "x + 1") == "42"
    assert (
        "3 variables came back"
        in client.call("create_session", name="twin", copy_of="default").text
    )
    assert client.run("x + 1", session_id="twin").text.splitlines()[-1] == "42"
    client.call("shutdown_kernel", session_id="twin")


def test_a_kernel_that_dies_says_why_and_comes_back(client: McpClient) -> None:
    run(client, "x = 41")
    client.call("shutdown_kernel", session_id="default")
    run(client, "x")

    died = client.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert died.status == "dead"
    assert "signal 9 (SIGKILL)" in died.text
    assert run(client, "x + 1") == "42"


def test_code_and_what_it_has_started_are_interrupted(client: McpClient) -> None:
    started = client.run(
        "import subprocess\np = subprocess.Popen(['sleep', '600'])\n"
        "print('on', flush=True)\np.wait()",
        wait=0,
    )
    said = ""
    while "on" not in said.splitlines():
        said = client.call("get_output", execution_id=started.id, wait=1).text

    client.call("interrupt_kernel")
    ended = client.call("get_output", execution_id=started.id)

    assert "KeyboardInterrupt" in ended.text
    assert run(client, "p.wait(30) is not None") == "True"


def test_a_restart_gives_an_empty_kernel_in_the_same_sandbox(client: McpClient, mode: str) -> None:
    run(client, "x = 1")
    client.call("restart_kernel")

    assert run(client, "'x' in globals()") == "False"
    assert f"sandbox: {mode}, no network" in client.call("get_kernel_status").text


def test_programs_plots_and_variables_work(client: McpClient) -> None:
    assert run(client, "!echo one; echo two >&2") == "one\ntwo"
    plot = client.run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()")
    assert plot.images
    assert "plt" in client.call("get_variables").text


def test_the_network_ends_at_the_kernel(server: JupyterServer, client: McpClient) -> None:
    said = run(
        client,
        f"""
import socket
for address in (('127.0.0.1', {server.port}), ('1.1.1.1', 53)):
    try:
        socket.create_connection(address, timeout=5)
        print('reached')
    except OSError as err:
        print(type(err).__name__)
""",
    )

    assert len(said.split()) == 2
    assert all(issubclass(getattr(builtins, name), OSError) for name in said.split())


def test_a_new_session_may_name_a_folder_that_its_kernel_cannot_see(
    server: JupyterServer, client: McpClient, mode: str
) -> None:
    (server.root_dir / "data").mkdir(exist_ok=True)

    client.run("1")
    made = client.call("create_session", name="elsewhere", cwd="data")

    session = made.meta["jupyter-mcp-ext/session"]
    own = f"mcp-sessions/{session['session_id']}"
    assert session["cwd"] == (own if mode == "bubblewrap" else f"{own}/work")
    client.call("shutdown_kernel", session_id="elsewhere")


# -- people's kernels --------------------------------------------------------------------------


def start_as_person(server: JupyterServer, path: str, *, name: str = "") -> dict[str, Any]:
    """A notebook session as JupyterLab makes it."""
    body = {"path": path, "type": "notebook", "name": name or path, "kernel": {"name": "python3"}}
    answer = server.request("POST", json.dumps(body).encode(), server.auth, path="/api/sessions")
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_kernel_that_a_person_starts_is_as_it_was_and_agents_stay_out(
    server: JupyterServer, client: McpClient
) -> None:
    client.run("1")
    client.call("create_notebook", path="theirs.ipynb")
    kernel = start_as_person(server, "theirs.ipynb")["kernel"]["id"]

    session = client.call("create_session", path="theirs.ipynb")
    refused = client.run("1 + 1", session_id=session.meta["jupyter-mcp-ext/session"]["session_id"])
    cells = client.call("run_cells", path="theirs.ipynb")

    [theirs] = [
        process
        for process in psutil.Process(server.process.pid).children(recursive=True)
        if any(f"kernel-{kernel}.json" in part for part in process.cmdline())
    ]
    assert theirs.name().startswith("python")
    assert theirs.ppid() == server.process.pid  # nothing is between
    for answer in (refused, cells):
        assert answer.is_error
        assert "runs outside of this server's sandbox" in answer.text
    server.request("DELETE", None, server.auth, path=f"/api/kernels/{kernel}")


def test_an_operator_can_let_agents_into_peoples_kernels(start_server: Start) -> None:
    server = start_server(*CONFINED, "--McpSandbox.people=allow")
    client = McpClient(server)
    client.call("create_notebook", path="theirs.ipynb")
    start_as_person(server, "theirs.ipynb")

    session = client.call("create_session", path="theirs.ipynb").meta["jupyter-mcp-ext/session"][
        "session_id"
    ]

    assert client.run("6 * 7", session_id=session).text.endswith("42")
    assert "sandbox:" not in client.call("get_kernel_status", session_id=session).text


# -- what does not get out ---------------------------------------------------------------------


def test_a_kernelspec_with_a_provisioner_of_its_own_is_refused(
    server: JupyterServer, client: McpClient
) -> None:
    own = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
    add_kernelspec(server, "own", "", metadata=own)

    client.run("1")
    refused = client.call("create_session", kernel_name="own")

    assert refused.is_error
    assert "has a provisioner of its own (local-provisioner)" in refused.text


def test_variables_of_a_sandbox_are_not_loaded_outside_of_one(tmp_path: Path) -> None:
    with running_server(tmp_path, *CONFINED) as confined:
        client = McpClient(confined)
        client.run("x = [1].copy()")
        client.call("shutdown_kernel", session_id="default")

    with running_server(tmp_path) as free:
        said = McpClient(free).run("'x' in globals()").text

    assert "it was saved in a sandbox, and this kernel runs in none" in said
    assert said.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--McpSandbox.read_only_paths=/nowhere",), "names '/nowhere', which is not there"),
        (("--McpSandbox.writable_paths=~no-account-of-this-name/x",), "which is not there"),
        (
            ("--KernelProvisionerFactory.default_provisioner_name=forking",),
            "which this extension's would",
        ),
        (
            ("--McpSandbox.allow_hosts=1.1.1.1",),
            "McpSandbox.allow_hosts: '1.1.1.1' is no pattern of hosts: it is no host's name",
        ),
        (
            ("--McpSandbox.allow_hosts=pypi.org", "--McpSandbox.network=host"),
            "McpSandbox.network = 'host' gives kernels all that McpSandbox.allow_hosts would",
        ),
    ],
)
def test_a_sandbox_that_cannot_be_made_leaves_no_endpoint(
    start_server: Start, options: tuple[str, ...], why: str
) -> None:
    server = start_server("--McpSandbox.mode=bubblewrap", *options, ready="is running at:")
    server.until_answered()

    assert server.request("POST", b"{}", server.auth).status == 404
    assert any("MCP is not served" in line and why in line for line in server.log)


# -- what could be used against the sandbox ----------------------------------------------------


def test_a_program_of_that_name_in_an_environment_is_not_bubblewrap(
    start_server: Start, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/it-ran\n")
    fake.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    server = start_server(*CONFINED, env={"PATH": path})

    assert McpClient(server).run("6 * 7").text.endswith("42")
    assert not (tmp_path / "it-ran").exists()


def test_a_root_among_the_systems_programs_is_hidden_too() -> None:
    with tempfile.TemporaryDirectory(dir="/usr/local") as folder:
        (Path(folder) / "root").mkdir()
        (Path(folder) / "root/private.txt").write_text("private")
        with running_server(Path(folder), *CONFINED) as server:
            said = McpClient(server).run(
                f"import os; print(os.listdir({str(server.root_dir)!r}), "
                f"os.path.exists({str(Path(folder) / 'runtime')!r} + '/jupyter_cookie_secret'))"
            )

    assert said.text.endswith("['mcp-sessions'] False")


def test_a_sandbox_that_can_no_longer_be_made_is_an_error_that_says_so(
    start_server: Start, tmp_path: Path
) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    server = start_server(*CONFINED, f"--McpSandbox.read_only_paths={shown}")
    shown.rmdir()

    refused = McpClient(server).run("1")

    assert refused.is_error
    assert "The kernel 'python3' did not start" in refused.text
    assert f"It wrote: bwrap: Can't find source path {shown}" in refused.text
    assert not psutil.Process(server.process.pid).children()


def test_a_spare_kernel_is_in_the_sandbox_of_its_own_session(start_server: Start) -> None:
    server = start_server(*CONFINED, "--McpSessions.spare_kernels=1")
    client = McpClient(server)
    seen = f"import os; print(os.listdir({str(server.root_dir / 'mcp-sessions')!r}))"

    for name in ("one", "two", "three"):  # the first starts a spare
        made = client.call("create_session", name=name).meta["jupyter-mcp-ext/session"]
        said = client.run(seen, session_id=name)

        assert said.text.splitlines()[-1] == f"['{made['session_id']}']"
        assert "sandbox: bubblewrap" in client.call("get_kernel_status", session_id=name).text
