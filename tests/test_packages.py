"""install_package over HTTP, from an index on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import forkserver
from tests.mcp_client import ERAS, NEW, OLD, McpClient, proposed_calls
from tests.servers import JupyterServer
from tests.wheels import Index, Venv, make_venv

TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


class SlowIndex:
    """An index that delays some packages until it is told."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.asked = threading.Event()
        """Set when an installer waits for a package."""
        self.open = threading.Event()
        """Set when waiting installers may go on."""
        slow = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if "/slow-" in self.path:
                    slow.asked.set()
                    slow.open.wait(60)
                with suppress(ConnectionError):  # by an installer that was ended
                    super().do_GET()

            def log_message(self, format: str, *args: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(Handler, directory=str(index.folder))
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The URL for installers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Delay slow packages while the block runs."""
        self.asked.clear()
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()

    def wait_until_asked(self) -> None:
        """Return when an installer waits for a package."""
        assert self.asked.wait(30)

    def stop(self) -> None:
        """Stop it."""
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, kw_only=True)
class Its:
    """A server whose default kernel is that of an environment, and the index it installs from."""

    server: JupyterServer
    venv: Venv
    slow: SlowIndex

    def installers(self) -> list[str]:
        """The programs that the server has started, without kernels and what forks them."""
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        commands = []
        for child in children:
            with suppress(psutil.NoSuchProcess):  # also one that has ended and is not reaped yet
                commands.append(" ".join(child.cmdline()))
        kernels = ("ipykernel", forkserver.__file__)
        return [command for command in commands if not any(word in command for word in kernels)]


@pytest.fixture(scope="module")
def its(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Its]:
    folder = tmp_path_factory.mktemp("packages")
    index = Index(folder=folder / "index")
    index.add("leaf", "1.0")
    for name in ("app-new", "app-old", "slow-app", "slow-task", "slow-one", "slow-two"):
        index.add(name, "1.0", ["leaf"])
    venv = make_venv(folder / "venv; touch pwned $(touch pwned)", with_pip=False)
    venv.see_ipykernel()
    venv.kernelspec(folder / "data", "venv")
    slow = SlowIndex(index)
    server = start_server(
        f"--McpPackages.index_url={slow.url}",
        "--McpPackages.deny=forbidden",
        "--MultiKernelManager.default_kernel_name=venv",
        "--McpExecutions.task_after=0.2",
        env={"JUPYTER_PATH": str(folder / "data")},
    )
    yield Its(server=server, venv=venv, slow=slow)
    slow.stop()


@pytest.fixture(params=ERAS)
def client(request: pytest.FixtureRequest, its: Its) -> McpClient:
    """A client with a session of its own."""
    return McpClient(its.server, request.param, name=request.node.name[:64])


def test_what_was_installed_is_told_and_can_be_imported(its: Its, client: McpClient) -> None:
    name = "app-new" if client.is_new else "app-old"

    first = client.call("install_package", package=[name, "leaf"])
    again = client.call("install_package", packages=[name])
    read = client.call("get_output", output_id=first.id)

    assert first.status == again.status == "ok"
    assert f"{name} 1.0" in first.text
    assert first.text.splitlines()[-1].startswith(("installed: ", "already there: leaf"))
    assert again.text.splitlines()[-1] == f"already there: {name} 1.0"
    assert read.text.splitlines()[-1] == first.text.splitlines()[-1]
    assert str(its.venv.folder.parent) not in first.text
    assert not first.is_error
    ran = client.run(f"import {name.replace('-', '_')} as it; it.VERSION")
    assert "'1.0'" in ran.text


def test_an_installation_is_counted_and_adds_no_cell(its: Its, client: McpClient) -> None:
    made = client.call("create_session", name=f"of {client.name}", restore="replay")
    session = made.meta["jupyter-mcp-ext/session"]
    arguments = {"session_id": session["session_id"]}
    ids = [
        client.run("kept = 5", **arguments).id,
        client.call("install_package", package="leaf", **arguments).id,
        client.run("kept + 1", **arguments).id,
    ]
    client.call("shutdown_kernel", **arguments)
    back = client.run("kept + 2", **arguments)

    assert [int(each.rpartition("-")[2]) for each in [*ids, back.id]] == [1, 2, 3, 4]
    assert back.text.splitlines()[-1] == "7"
    assert "the code of 2 successful executions was run again" in back.text
    client.call("shutdown_kernel", **arguments)
    node = json.loads((its.server.root_dir / session["path"]).read_text())
    cells = [cell for cell in node["cells"] if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]) for cell in cells] == ["kept = 5", "kept + 1", "kept + 2"]


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("no-such-package", "no-such-package"),
        ("leaf==9", "leaf==9"),
        ("forbidden", "McpPackages.deny"),
        ("six; rm -rf /", "PEP 508"),
        ("-r requirements.txt", "option"),
        ("git+https://example.org/six", "McpPackages.allow_urls"),
        ("leaf\napp-new", "newline"),
        ("", "PEP 508"),
        ([], "No package"),
        ({"name": "six"}, "must be"),
    ],
)
def test_what_cannot_be_installed_is_an_error_and_changes_nothing(
    its: Its, client: McpClient, package: object, words: str
) -> None:
    before = its.venv.files()

    said = client.refused("install_package", package=package)

    assert words in said
    assert said.endswith(".")
    assert its.venv.files() == before


@pytest.mark.parametrize(
    "package",
    ["leaf; touch pwned", "leaf && touch pwned", "$(touch pwned)", "`touch pwned`", "leaf|touch x"],
)
def test_nothing_goes_through_a_shell(its: Its, package: str) -> None:
    client = McpClient(its.server, name="shell")

    client.refused("install_package", package=package)
    assert client.call("install_package", package="leaf").status == "ok"

    roots = (its.server.root_dir, its.server.root_dir.parent, Path("/"), Path.cwd())
    assert [root for root in roots if (root / "pwned").exists()] == []


def test_a_failure_can_be_read_again(its: Its, client: McpClient) -> None:
    said = client.refused("install_package", package="no-such-package")
    read = client.call("get_output")

    assert read.status == "error"
    assert not read.is_error
    assert "no-such-package" in said
    assert "no-such-package" in read.text
    assert read.execution["error"]["ename"] == "InstallationFailed"


def test_one_that_takes_longer_is_running_and_then_read(its: Its) -> None:
    client = McpClient(its.server, OLD, name="waiting")
    with its.slow.closed():
        first = client.call("install_package", package="slow-app", wait=0.5)
        assert first.status == "running"
        assert its.venv.version("slow_app") is None
    [call] = proposed_calls(first.text)
    rest = client.make(call)

    assert rest.status == "ok"
    assert "slow-app 1.0" in rest.text
    assert its.venv.version("slow_app") == "1.0"


def test_one_that_is_interrupted_ends_with_all_that_it_started(its: Its) -> None:
    client = McpClient(its.server, name="interrupting")
    with its.slow.closed():
        first = client.call("install_package", package="slow-one", wait=0)
        its.slow.wait_until_asked()
        assert its.installers()
        ended = client.call("interrupt_kernel", execution_id=first.id)

        assert ended.status == "interrupted"
        assert its.installers() == []
    assert its.venv.version("slow_one") is None
    assert client.call("get_output").status == "interrupted"


@pytest.mark.parametrize("version", ERAS)
def test_a_cancelled_request_ends_it(its: Its, version: str) -> None:
    client = McpClient(its.server, version, name=f"cancelling {version}")
    with its.slow.closed():
        with client.opened("install_package", package="slow-two", wait=50) as request_id:
            its.slow.wait_until_asked()
            if version == OLD:
                client.cancel(request_id)
        ended = client.call("get_output", wait=30)

        assert ended.status == "interrupted"
    assert its.venv.version("slow_two") is None


def test_one_takes_no_turn_on_the_kernel(its: Its) -> None:
    client = McpClient(its.server, name="beside")
    with its.slow.closed():
        first = client.call("install_package", package="slow-one", wait=0)
        its.slow.wait_until_asked()

        assert client.run("1 + 1").text.splitlines()[-1] == "2"
        client.call("interrupt_kernel", execution_id=first.id)


def test_progress_tells_how_far_it_is(its: Its) -> None:
    client = McpClient(its.server, name="progress")
    with its.slow.closed():
        threading.Timer(2.5, its.slow.open.set).start()
        answer = client.send(
            "tools/call",
            name="install_package",
            arguments={"package": ["slow-one", "leaf"], "wait": 50},
            _meta={"progressToken": "p1"},
        )

    lines = [line for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    told = [e["params"] for e in events if e.get("method") == "notifications/progress"]
    assert told[0]["message"] == "resolving slow-one, leaf with uv"


def test_a_client_of_tasks_gets_one_whose_result_is_the_tools(its: Its) -> None:
    client = McpClient(its.server, NEW, name="tasks", capabilities=TASKS)
    with its.slow.closed():
        arguments = {"package": "slow-task"}
        created = client.request("tools/call", name="install_package", arguments=arguments)
        assert created["resultType"] == "task"
    client.call("get_output", output_id=created["taskId"], wait=50)
    task = client.request("tasks/get", taskId=created["taskId"])

    assert task["status"] == "completed"
    assert "slow-task 1.0" in task["result"]["content"][0]["text"]


def test_a_task_that_fails_is_completed_with_the_tools_error(its: Its) -> None:
    client = McpClient(its.server, NEW, name="failing task", capabilities=TASKS)
    with its.slow.closed():
        created = client.request(
            "tools/call", name="install_package", arguments={"package": "slow-none", "wait": 0}
        )
    client.call("get_output", output_id=created["taskId"], wait=50)
    task = client.request("tasks/get", taskId=created["taskId"])

    assert task["status"] == "completed"
    assert task["result"]["isError"]
    assert "slow-none" in task["result"]["content"][0]["text"]


@pytest.fixture(scope="module")
def real(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> JupyterServer:
    """A server that installs from this machine's configured index."""
    folder = tmp_path_factory.mktemp("real")
    venv = make_venv(folder / "venv", with_pip=True)
    venv.see_ipykernel()
    venv.kernelspec(folder / "data", "venv")
    return start_server(
        "--MultiKernelManager.default_kernel_name=venv", env={"JUPYTER_PATH": str(folder / "data")}
    )


@pytest.mark.parametrize(("version", "name"), [(NEW, "tinydb"), (OLD, "inflection")])
def test_a_package_of_the_real_index_is_installed(
    real: JupyterServer, version: str, name: str
) -> None:
    client = McpClient(real, version)

    installed = client.call("install_package", package=f"{name}<100", upgrade=True)
    ran = client.run(f"import {name}; {name}.__file__")

    assert installed.status == "ok"
    assert f"{name} " in installed.text.splitlines()[-1]
    assert "/" not in installed.text.partition("resolving")[2]
    assert "/real" in ran.text
