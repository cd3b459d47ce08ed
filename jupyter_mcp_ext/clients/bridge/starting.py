"""Starts a server for the bridge where none runs; it goes on when the bridge ends.

Several clients may use it, and an agent's variables are there when its client comes back. A server
without kernels ends by itself when it is not used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_mcp_ext.clients.servers import NoServer, Server, running_servers
from jupyter_mcp_ext.system import lock

IDLE = 7_200
"""Seconds after which a server that was started here ends, without kernels and without use."""

READY = "MCP is served at"
"""What a server prints when it listens."""

WITHIN = 180.0
"""Seconds in which a server is ready; one that is not is ended."""

_PROGRAM = """\
import sys
# Python would look for modules in the server's folder first, and agents write there.
sys.path[:] = filter(None, sys.path)
import os, runpy
# Only the bridge reads this pipe, and not for long: what kernels print would end them.
sys.stdout = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
runpy.run_module("jupyter_mcp_ext", run_name="__main__", alter_sys=True)
"""

_LOG = "jupyter-mcp-bridge.log"
_LOCK = "jupyter-mcp-bridge.lock"
_SHOWN = 300
"""Characters of the end of a server's log."""


class Starter:
    """Starts servers on one folder. All of it blocks: call it in a thread."""

    def __init__(self, root_dir: Path, within: float = WITHIN) -> None:
        self.root_dir = root_dir
        self._within = within

    def started(self) -> Server:
        """A server on the folder, which another bridge may just have started. Raises NoServer."""
        runtime = Path(jupyter_runtime_dir())
        try:
            runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (runtime / _LOCK).open("a") as held:
                lock(held, wait=True)
                found = self.running()
                return found or self._start(runtime / _LOG)
        except OSError as err:
            msg = (
                f"No server can be started: {err.filename or runtime}: {err.strerror or err}. Let "
                f"your account write {runtime}, or name another folder with JUPYTER_RUNTIME_DIR."
            )
            raise NoServer(msg) from err

    def running(self) -> Server | None:
        """The server that runs on the folder, the latest of several."""
        root = self.root_dir.resolve()
        on_it = (s for s in running_servers() if s.root_dir and Path(s.root_dir).resolve() == root)
        return next(on_it, None)

    def _start(self, log: Path) -> Server:
        command = [
            *(sys.executable, "-c", _PROGRAM, "--port=0", f"--root-dir={self.root_dir}"),
            f"--ServerApp.shutdown_no_activity_timeout={IDLE}",
        ]
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as said:
            process = subprocess.Popen(  # noqa: S603  # ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=self.root_dir,
                text=True,
                start_new_session=True,  # what ends the bridge does not end it
            )
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        is_late = Event()

        def give_up() -> None:
            is_late.set()
            process.kill()

        late = Timer(self._within, give_up)
        late.start()
        with process.stdout as printed:
            listens = any(READY in line for line in iter(printed.readline, ""))
        status = None if listens else process.wait()
        late.cancel()
        if listens:
            for server in running_servers():
                if server.pid == process.pid:
                    return server
        why = (
            f"was not ready within {self._within:g} s, and was ended"
            if is_late.is_set()
            else f"could not be started (status {status})"
        )
        end = log.read_text(errors="replace")[-_SHOWN:].strip()
        msg = f"A Jupyter server on {self.root_dir} {why}: {end}. {log} has more."
        raise NoServer(msg)


def folder(named: str) -> Path:
    """The folder of a server that is started: the one that is named, or else the current one.

    Desktop programs start others in the root of the file system: then it is the person's home.
    Raises NoServer for what is no folder.
    """
    path = Path(named).expanduser() if named else Path.cwd()
    if not named and path == Path(path.anchor):
        path = Path.home()
    if not path.is_dir():
        msg = f"There is no folder {named!r}. Name one that exists with --root-dir."
        raise NoServer(msg)
    return path.absolute()
