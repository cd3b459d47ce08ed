"""Processes that have imported what a program needs, and fork to run it.

Imports are most of the cost of starting a Jupyter server or a kernel; a forked process has done
them. It is a child of the process that asked for it, in its own session, like one that was
started. What Python or a module reads once, at its start or import, was read by the fork server:
`ForkServer.fits` says whether that makes a difference. A server brings the fork server of its
kernels with it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, Protocol, TypeAlias

Program: TypeAlias = Literal["jupyter_server", "ipykernel_launcher"]

MODULES: Mapping[str, Sequence[str]] = {
    "jupyter_server": (
        *("jupyter_server.serverapp", "jupyter_server_terminals", "jupyter_core.migrate"),
        *(
            "jupyter_mcp_ext.app",
            "jupyter_mcp_ext.cli",
            "jupyter_mcp_ext.transport.sdk",
            "tests.forked_kernels",
        ),
        *("anyio._backends._asyncio", "tornado.platform.asyncio", "jinja2.ext"),
        *("IPython.display", "ipykernel.kernelspec"),
    ),
    "ipykernel_launcher": (
        *("ipykernel.kernelapp", "ipykernel.debugger", "tornado.platform.asyncio", "sqlite3"),
        *("IPython.core.completerlib", "IPython.core.debugger", "IPython.core.oinspect"),
        *("IPython.extensions.storemagic", "faulthandler", "psutil", "resource"),
    ),
}
"""The modules that each program imports, at its start or later."""
PARENT = "JPY_PARENT_PID"
"""The variable with the process that a kernel watches."""
FORKS_KERNELS = "provisioner_name=forking"
"""The end of a server's option."""
READS_PARENT = "ipykernel.kernelapp"
"""The module that reads it, at its import."""
OURS = {"tests", "tests.forkserver"}
READ_ONCE = (
    *("GATEWAY_", "JUPYTER_ALLOW_", "JUPYTER_GATEWAY_", "KERNEL_LAUNCH_", "TRAITLETS_"),
    *("GLIBC_", "LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "TZ"),
)
"""Prefixes of environment variables that are read when a process starts or imports a module."""
MOST_BYTES = 200_000
"""Bytes of a message: an order is an environment and a few arguments."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 1, 36, 37


class Forked:
    """A child that was forked, with the methods of `subprocess.Popen` that are used here."""

    stdin = stdout = None

    def __init__(self, pid: int, *, stderr: IO[str] | None = None) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # psutil has reaped it
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status after it has ended; raises `subprocess.TimeoutExpired` if it has not."""
        if self.poll() is None:
            pidfd = os.pidfd_open(self.pid)
            try:
                ended = select.poll()
                ended.register(pidfd, select.POLLIN)
                ended.poll(None if timeout is None else timeout * 1000)
            finally:
                os.close(pidfd)
        if (code := self.poll()) is None:
            command = f"forked process {self.pid}"
            raise subprocess.TimeoutExpired(command, timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Ends(Protocol):
    """A process whose end can be waited for."""

    def wait(self) -> int: ...


class ForkServer:
    """A process that forks to run a program; it ends with this one, however that ends."""

    def __init__(
        self, program: Program, env: Mapping[str, str], control: socket.socket, process: Ends
    ) -> None:
        self._program = program
        self._env = dict(env)
        self._control = control
        self._process = process
        self._turn = threading.Lock()
        atexit.register(self.close)

    @classmethod
    def start(cls, program: Program, env: Mapping[str, str]) -> ForkServer:
        """Start one as a new Python process."""
        control, theirs = _socket_pair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, program, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=env,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for pytest, which ends what it has started
            )
        return cls(program, env, control, process)

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether values that are read only once are the same in this environment."""
        names = {name for name in (*env, *self._env) if name.startswith(READ_ONCE)}
        return all(env.get(name) == self._env.get(name) for name in names)

    def fork(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        stdout: int,
        stderr: int,
        ends_with_us: bool,
        module: str = "",
    ) -> int:
        """Run the program like ``python -m``, in its own session, and give the child's id.

        ``module`` is one that runs the same program in another way.
        """
        order = {
            "module": module or self._program,
            "arguments": list(arguments),
            "env": dict(env),
            "cwd": cwd,
            "ends_with_parent": ends_with_us,
        }
        with self._turn, _adopting():
            socket.send_fds(self._control, [json.dumps(order).encode()], [stdout, stderr])
            answer = self._control.recv(MOST_BYTES)
        if not answer:
            message = f"The fork server of {self._program} has ended; its stderr says why."
            raise RuntimeError(message)
        return int(answer)

    def close(self) -> None:
        """End the process; its forked children continue."""
        self._control.close()
        self._process.wait()


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Adopt orphans, such as the children of a fork server."""
    prctl = ctypes.CDLL(None).prctl
    before = ctypes.c_int()
    prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


# -- in the fork server ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Imports:
    """What the imports of a program have made of the process."""

    modules: frozenset[str]
    env: Mapping[str, str]
    """The variables that they have set."""


of_kernels: ForkServer | None = None
"""The fork server of this server's kernels."""


def main() -> None:
    """Import, then fork for each order; the code below `_serve` runs in each forked process."""
    program, control = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    kernels = _import("ipykernel_launcher")
    if program == "ipykernel_launcher":
        become("ipykernel_launcher", kernels, _serve(control))
    imports = _import("jupyter_server")
    order = _serve(control)
    if any(word.endswith(FORKS_KERNELS) for word in order["arguments"]):
        _fork_server_of_kernels({**order["env"], PARENT: str(os.getpid())}, kernels)
    become("jupyter_server", imports, order)


def _import(program: Program) -> Imports:
    before = dict(os.environ)
    for name in MODULES[program]:
        importlib.import_module(name)
    if program == "jupyter_server":
        handlers = sys.modules["jupyter_server.serverapp"].JUPYTER_SERVICE_HANDLERS
        for name in (name for names in handlers.values() for name in names or ()):
            importlib.import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        message = f"an import has started {threads - 1} threads, which a fork would lose"
        raise RuntimeError(message)
    env = {name: value for name, value in os.environ.items() if before.get(name) != value}
    for name in env.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    gc.collect()
    gc.freeze()  # also in forked processes: their collections copy no page of what is shared
    return Imports(modules=frozenset(sys.modules), env=env)


def _fork_server_of_kernels(env: Mapping[str, str], imports: Imports) -> None:
    """Fork it from this server, of which the kernels will be children, before it begins."""
    global of_kernels  # noqa: PLW0603  # this process is one server
    control, theirs = _socket_pair()
    if pid := os.fork():
        theirs.close()
        of_kernels = ForkServer("ipykernel_launcher", env, control, Forked(pid))
        return
    control.close()
    os.setsid()
    if not theirs.recv(1, socket.MSG_PEEK):  # most servers start no kernel
        os._exit(0)
    os.environ.clear()
    os.environ.update(env)
    for name in (sys.modules.keys() - imports.modules) | {READS_PARENT}:
        del sys.modules[name]
    _import("ipykernel_launcher")
    become("ipykernel_launcher", imports, _serve(theirs))


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each order; returns in the forked process, with its order."""
    while True:
        message, fds, _, _ = socket.recv_fds(control, MOST_BYTES, 2)
        if not message:
            os._exit(0)
        adopted, tell = os.pipe()
        if not (between := os.fork()):
            if os.fork():
                os._exit(0)  # then its child belongs to the client
            os.close(tell)
            os.read(adopted, 1)
            os.close(adopted)
            os.setsid()
            control.send(str(os.getpid()).encode())
            control.close()
            for number, fd in enumerate(fds, 1):
                os.dup2(fd, number)
                os.close(fd)
            order: dict[str, Any] = json.loads(message)
            return order
        os.waitpid(between, 0)
        os.write(tell, b"!")
        for fd in (adopted, tell, *fds):
            os.close(fd)


def become(program: Program, imports: Imports, order: Mapping[str, Any]) -> NoReturn:
    """Be ``python -m`` with the module of the order, which runs the program."""
    if order["ends_with_parent"]:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update({**imports.env, **order["env"]})
    tempfile.tempdir = None  # looked up again, in the environment
    if program == "ipykernel_launcher":
        for name in OURS & sys.modules.keys():
            del sys.modules[name]
    sys.path.insert(0, order["cwd"])
    sys.argv = [order["module"], *order["arguments"]]
    code: object = None
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        code = ending.code
    if code is None or isinstance(code, int):
        _end(code or 0)
    raise SystemExit(code)


def _end(code: int) -> NoReturn:
    """End as an interpreter does, but leave the memory, most of it shared, to the system.

    To take apart what has been imported costs ten times as much as what most servers do.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, as the interpreter expects too
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent.parent)
    run = importlib.import_module("tests.forkserver").main
    sys.path.pop(0)
    run()
