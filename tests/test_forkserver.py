"""Servers and kernels that are forked are as those that are started."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import LONGEST
from tests.mcp_client import McpClient
from tests.servers import FRESH, STARTED_KERNELS, JupyterServer, environment, fork_server

LOOK = """
import json, os, signal, sys, threading
from pathlib import Path
folder = os.environ["HOME"]
Path(folder, "seen.json").write_text(json.dumps({
    "path": [place.replace(folder, "") for place in sys.path],
    "argv": [word.replace(folder, "").partition("kernel-")[0] for word in sys.argv],
    "main": sys.modules["__main__"] is sys.modules[__name__],
    "flags": str(sys.flags),
    "handlers": [str(signal.getsignal(n)).partition(" at ")[0] for n in (2, 15, 17)],
    "threads": sorted(thread.name.partition("-")[0] for thread in threading.enumerate()),
    "environment": sorted(set(os.environ) - {"_"}),
    "cwd": Path.cwd() == Path(folder, "root"),
    "leads": os.getsid(0) == os.getpid() == os.getpgid(0),
    "parent": int(os.environ["JPY_PARENT_PID"]) == os.getppid(),
    "modules": sorted(sys.modules),
}))
"""


def look(server: JupyterServer) -> dict[str, Any]:
    """What code in a kernel of the server sees of its process."""
    assert McpClient(server).run(LOOK).status == "ok"
    seen: dict[str, Any] = json.loads((server.root_dir.parent / "seen.json").read_text())
    return seen


def test_a_forked_kernel_sees_what_a_started_one_sees(
    start_server: Callable[..., JupyterServer],
) -> None:
    forked, started = look(start_server()), look(start_server(STARTED_KERNELS))

    assert set(forked.pop("modules")) ^ set(started.pop("modules")) <= {"gc"}  # freezes the parent
    assert forked == started
    assert forked["leads"]
    assert forked["parent"]


def test_a_forked_server_is_a_child_that_leads_its_session(
    start_server: Callable[..., JupyterServer],
) -> None:
    forked, fresh = start_server(), start_server(command=FRESH)

    for server in (forked, fresh):
        assert psutil.Process(server.process.pid).ppid() == os.getpid()
        assert server.request("GET", None, server.auth, path="/api/kernels").status == 200
    assert os.getsid(forked.process.pid) == forked.process.pid
    forked.process.terminate()
    assert forked.process.wait(60) == 0


@pytest.mark.parametrize(
    "name", ["PYTHONHASHSEED", "LC_ALL", "TZ", "JUPYTER_ALLOW_INSECURE_WRITES"]
)
def test_a_variable_that_is_read_once_asks_for_a_start(tmp_path: Path, name: str) -> None:
    assert fork_server().fits(environment(tmp_path))
    assert not fork_server().fits(environment(tmp_path, {name: "1"}))
    assert fork_server().fits(environment(tmp_path, {"JUPYTER_TOKEN": "1"}))


def test_the_longest_files_are_there() -> None:
    assert [name for name in LONGEST if not (Path(__file__).parent / name).exists()] == []
