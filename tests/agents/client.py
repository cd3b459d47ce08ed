"""What the tests know of a client."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tests.servers import JupyterServer

from .installing import Installation, Package

Via: TypeAlias = Literal["bridge", "http"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a client runs: what it may know of this machine."""

    home: Path
    project: Path
    """The folder in which it is started."""
    server: JupyterServer
    model: str
    """The address of its conversation with the model."""
    installation: Installation
    """What is installed, and where."""
    runtime: Path
    """Where Jupyter describes running servers."""
    via: Via = "bridge"
    """How it is connected."""
    scripts: Path = Path(sysconfig.get_path("scripts"))
    """Where the commands of this project are."""

    def connect(self, client: str) -> None:
        """Connect a client with ``jupyter mcp connect``."""
        command = [str(self.scripts / "jupyter-mcp"), "connect", client]
        done = subprocess.run(
            [*command, f"--server={self.server.port}", f"--via={self.via}"],
            env=self.environment({"JUPYTER_RUNTIME_DIR": str(self.runtime)}),
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of the client: nothing of this account, and no host but this one."""
        model = self.model.rpartition("/")[0]
        return {
            "HOME": str(self.home),
            "PATH": self.installation.path(),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "JUPYTER_TOKEN": self.server.token,
            "HTTP_PROXY": model,
            "HTTPS_PROXY": model,
            "NO_PROXY": "127.0.0.1,localhost",
            "DO_NOT_TRACK": "1",
            **more,
        }


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a client is started."""

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client, and what is known of it that is not as everybody expects."""

    name: str
    """As people call it."""
    package: Package
    start: Callable[[Place], Start]
    """Configures it in its home, and says how it is started without a person."""
    is_program: bool = False
    """Whether it is connected by ``jupyter mcp connect``, in both of its ways."""
    interrupts: bool | None = True
    """Whether its end, by Ctrl-C, interrupts the code that it runs; None if that is not certain."""

    @property
    def key(self) -> str:
        """Its name in ids of tests and names of folders."""
        return self.name.lower().replace(" ", "-")
