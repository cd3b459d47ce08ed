"""A Jupyter server in its own process, ready when its log says so, and ended by its pid."""

from __future__ import annotations

import functools
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from tests.forkserver import Forked, ForkServer
from tests.ports import free_port

TOKEN = "a-token-for-the-tests"
READY = "MCP is served at"
START_SECONDS = 60
PORTS = 5
"""Ports that are tried: another process may take one between its choice and its use."""
PORT_TAKEN = "could not be started because port"
OTHERS = (
    "jupyter_server_ydoc",
    "jupyter_server_documents",
    "jupyter_server_fileid",
    "jupyterlab",
    "jupyter_lsp",
    "notebook_shim",
)
"""Extensions that enable themselves and take time: shared documents (rooms), and JupyterLab."""
KERNELS = "--KernelProvisionerFactory.default_provisioner_name"
STARTED_KERNELS = f"{KERNELS}=local-provisioner"
"""The option of a server whose kernels are started as new Python processes."""
FILE_IDS = {"BaseFileIdManager": {"db_path": ":memory:"}}
"""What a server with rooms in the process of the tests needs: else the ids are in one file for all
tests, in the folder of the first, which is removed with it."""
FRESH = ("-m", "jupyter_server")
"""The command of a server that is started as a new Python process."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, read completely."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body, or the last event of a stream, as JSON."""
        text = self.body.decode()
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            lines = [line for line in text.splitlines() if line.startswith("data: {")]
            text = lines[-1].removeprefix("data: ")
        parsed: dict[str, object] = json.loads(text)
        return parsed


class Process(Protocol):
    """The methods that tests use of a server's process, a `subprocess.Popen` or `Forked`."""

    pid: int
    stderr: IO[str] | None

    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


@dataclass(kw_only=True)
class JupyterServer:
    """A running server."""

    process: Process
    port: int
    token: str
    base_url: str
    root_dir: Path
    log: list[str] = field(default_factory=list)
    """The lines of its stderr so far."""
    heard: threading.Condition = field(default_factory=threading.Condition)
    """Told of each line of the log."""

    def until_logged(self, text: str) -> None:
        """Return when the log has a line with a text."""
        with self.heard:
            found = self.heard.wait_for(lambda: any(text in line for line in self.log), 60)
        assert found, text

    def until_answered(self) -> None:
        """Ask until the server answers: it logs that it runs shortly before it listens."""
        while True:
            try:
                self.request("GET", path="/api")
            except ConnectionError:  # refused, or reset where the port is opened just now
                continue
            return

    @property
    def url(self) -> str:
        """The URL of MCP."""
        return f"http://127.0.0.1:{self.port}{self.base_url}mcp"

    @property
    def auth(self) -> dict[str, str]:
        """The header that a client adds."""
        return {"Authorization": f"Bearer {self.token}"}

    def request(
        self,
        method: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        path: str | None = None,
    ) -> Answer:
        """Make one request on a new connection and read the complete answer.

        ``path`` is the endpoint unless given, then it is taken from the host's root.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path or f"{self.base_url}mcp", body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=names, body=response.read())
        finally:
            connection.close()

    @contextmanager
    def stream(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        path: str | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Make a request and leave its answer open; leaving the block closes the connection.

        ``path`` is as for `request`.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path or f"{self.base_url}mcp", body, dict(headers))
            yield connection.getresponse()
        finally:
            connection.close()

    def post(self, message: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Post a JSON-RPC message with the token."""
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **self.auth,
            **(headers or {}),
        }
        return self.request("POST", json.dumps(message).encode(), sent)


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a subprocess that finds none of this account's configuration."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "MCP_", "PYTEST"))
    }
    project = str(Path(__file__).parent.parent)
    return {
        **inherited,
        "HOME": str(folder),
        # Else Jupyter loses a signal that comes while it writes a line of its log.
        "PYTHONUNBUFFERED": "1",
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": project,
        **(more or {}),
    }


@contextmanager
def running_server(
    folder: Path,
    *options: str,
    token: str = TOKEN,
    base_url: str = "/",
    command: Sequence[str] = (),
    ready: str = READY,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[JupyterServer]:
    """Run a server until the block is left, on a free port unless one is given.

    ``token=""`` switches authentication off. ``command`` is what a new Python runs; without it the
    server is forked from a process that has imported all that it needs, and so are its kernels
    unless an option is `STARTED_KERNELS`. ``ready`` is in the line of its log that is waited for.
    """
    root_dir = folder / "root"
    root_dir.mkdir(exist_ok=True)
    arguments = [
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={base_url}",
        f"--ServerApp.root_dir={root_dir}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.open_browser=False",
        "--ServerApp.ip=127.0.0.1",
        "--allow-root",
        *options,
    ]
    if not any("spare_kernels" in option for option in options):
        arguments.append("--McpSessions.spare_kernels=0")  # each would cost a second of two cores
    if not any("jpserver_extensions" in option for option in options):
        arguments.append("--ServerApp.jpserver_extensions=jupyter_mcp_ext=True")
    arguments += [
        f"--ServerApp.jpserver_extensions={name}=False"
        for name in OTHERS
        if not any(name in option for option in options)
    ]
    for attempt in range(1, PORTS + 1):
        tried = port or free_port()
        process = _start(
            command, [f"--ServerApp.port={tried}", *arguments], folder, environment(folder, env)
        )
        server = JupyterServer(
            process=process, port=tried, token=token, base_url=base_url, root_dir=root_dir
        )
        is_ready = threading.Event()
        reader = threading.Thread(target=_read_log, args=(server, ready, is_ready), daemon=True)
        reader.start()
        try:
            if is_ready.wait(START_SECONDS) and any(ready in line for line in server.log):
                yield server
                return
        finally:
            _end(process, reader)
        said = "".join(server.log)
        if PORT_TAKEN not in said or attempt == PORTS:
            message = f"The server did not start:\n{said}"
            raise RuntimeError(message)


@contextmanager
def running_command(
    folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run ``jupyter mcp`` until the block is left; its options choose where it listens.

    It listens when the block begins.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mcp_ext", "--allow-root", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(folder, env),
        cwd=folder,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert READY in process.stdout.readline()
            yield process
        finally:
            process.terminate()


@functools.cache
def fork_server() -> ForkServer:
    """This process's fork server, started when it is first needed."""
    return ForkServer.start("jupyter_server", environment(Path(tempfile.gettempdir())))


def _start(
    command: Sequence[str], arguments: Sequence[str], folder: Path, env: Mapping[str, str]
) -> Process:
    if not command and can_fork(env):
        return _fork(arguments, folder, env)
    return subprocess.Popen(
        [sys.executable, *(command or FRESH), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=env,
        cwd=folder,
    )


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a forked server is as one that is started in this environment."""
    return sys.platform == "linux" and fork_server().fits(env)


def _fork(arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> Process:
    if not any(argument.startswith(KERNELS) for argument in arguments):
        arguments = [*arguments, f"{KERNELS}=forking"]
    said, stderr = os.pipe()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123
        forked = fork(arguments, folder, env, stdout=nothing.fileno(), stderr=stderr)
    os.close(stderr)
    forked.stderr = os.fdopen(said, encoding="utf-8")
    return forked


def fork(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    *,
    stdout: int,
    stderr: int,
    module: str = "",
) -> Forked:
    """Fork a server that ends with this process; ``module`` is a command that runs one."""
    pid = fork_server().fork(
        arguments,
        env=env,
        cwd=str(folder),
        stdout=stdout,
        stderr=stderr,
        ends_with_us=True,
        module=module,
    )
    return Forked(pid)


def _end(process: Process, reader: threading.Thread) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    reader.join(5)
    if process.stderr is not None:
        process.stderr.close()


def _read_log(server: JupyterServer, ready: str, is_ready: threading.Event) -> None:
    """Collect the log until it ends; Jupyter's own "is running at" comes before it listens."""
    for line in server.process.stderr or ():
        with server.heard:
            server.log.append(line)
            server.heard.notify_all()
        if ready in line:
            is_ready.set()
    is_ready.set()
