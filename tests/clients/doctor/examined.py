"""A server as ``jupyter mcp doctor`` sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from jupyter_mcp_ext.clients.configuring.client import Machine
from jupyter_mcp_ext.clients.doctor.case import Options
from jupyter_mcp_ext.clients.doctor.diagnosis import CHECKS, examine
from jupyter_mcp_ext.clients.doctor.finding import worst
from jupyter_mcp_ext.clients.doctor.report import as_json
from jupyter_mcp_ext.clients.servers import running_servers
from jupyter_mcp_ext.commands.doctor import found_server
from tests.servers import can_fork, environment, fork


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What the command found."""

    is_good: bool
    """Whether nothing has to be repaired."""
    whole: Mapping[str, Any]

    def of(self, check: str) -> list[Mapping[str, str]]:
        """The findings of a check."""
        return [each for each in self.whole["findings"] if each["check"] == check]

    def one(self, check: str) -> Mapping[str, str]:
        """The only finding of a check."""
        [found] = self.of(check)
        return found

    @property
    def troubles(self) -> set[tuple[str, str]]:
        """The checks and levels of all that is not ok."""
        return {
            (each["check"], each["level"])
            for each in self.whole["findings"]
            if each["level"] != "ok"
        }


def run(
    folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in the environment of a test's server."""
    whole = environment(folder, env)
    if not can_fork(whole):
        return subprocess.run(
            [sys.executable, "-m", "jupyter_mcp_ext", "doctor", *options],
            env=whole,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        out, err = stdout.fileno(), stderr.fileno()
        arguments = ["doctor", *options]
        forked = fork(arguments, folder, whole, stdout=out, stderr=err, module="jupyter_mcp_ext")
        code = forked.wait(110)
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, code, *said)


def examined(
    folder: Path,
    wanted: str | None = None,
    *,
    token: str = "",
    env: Mapping[str, str] | None = None,
    configured: Mapping[str, str] | None = None,
    until: str = "",
    **options: Any,
) -> Examined:
    """What it finds about a server of a folder, or the one that is ``wanted``.

    ``until`` is the last check that is made. ``token`` is that of the environment, with ``env``
    beside it.
    """
    environ = {**({"JUPYTER_TOKEN": token} if token else {}), **(env or {})}
    is_far = wanted is not None and "://" in wanted  # as another machine sees it: without its file
    server = found_server(wanted, () if is_far else running_servers(folder / "runtime"))
    if not server.pid:
        server = replace(server, token=environ.get("JUPYTER_TOKEN", ""))
    examination = anyio.run(
        partial(
            examine,
            server,
            Options(**options),
            environ=environ,
            configured=configured or {},
            machine=Machine(system="linux", home=folder, env=environ, which=lambda _: None),
            tell=lambda line: None,
            checks=CHECKS[: [check.name for check in CHECKS].index(until or "kernel") + 1],
        )
    )
    lines, skipped = examination.lines, examination.skipped
    whole = json.loads(as_json(examination.case, lines, skipped))
    return Examined(is_good=worst(lines) != "fault", whole=whole)


def looked(folder: Path, wanted: str | None = None, **more: Any) -> Examined:
    """What it finds without starting a kernel or holding a stream."""
    return examined(folder, wanted, **{"with_kernel": False, "hold": 0.0, **more})
