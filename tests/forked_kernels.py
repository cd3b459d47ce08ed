"""Kernels that are forked: a provisioner and ports, for Jupyter when this module is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo, LocalPortCache
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests import forkserver
from tests.forkserver import PARENT, Forked, ForkServer
from tests.ports import free_port

NAME = "forking"
COMMAND = [sys.executable, "-m", "ipykernel_launcher"]


class ForkingProvisioner(LocalProvisioner):
    """Forks ipykernel if that is as good as starting it, and starts everything else."""

    async def launch_kernel(self, cmd: list[str], **given: Any) -> KernelConnectionInfo:
        """Run the command of a kernelspec."""
        if (process := _forked(cmd, **self._scrub_kwargs(given))) is None:
            return await super().launch_kernel(cmd, **given)
        self.process = cast("Any", process)  # has the methods of `subprocess.Popen` that are used
        self.pid = self.pgid = process.pid
        self.cwd = given["cwd"]
        return self.connection_info


def _forked(
    cmd: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str = "",
    stdout: int | None = None,
    stderr: int | None = None,
    **more: object,
) -> Forked | None:
    if list(cmd[:3]) != COMMAND or more or not cwd:
        return None
    env = {**env, PARENT: str(os.getpid())}
    pid = _fork_server(env).fork(
        cmd[3:],
        env=env,
        cwd=cwd,
        stdout=1 if stdout is None else stdout,
        stderr=2 if stderr is None else stderr,
        ends_with_us=False,  # a kernel watches its parent
    )
    return Forked(pid)


def _fork_server(env: Mapping[str, str]) -> ForkServer:
    """One whose kernels are as those that are started in this environment."""
    if forkserver.of_kernels is not None and forkserver.of_kernels not in _fork_servers:
        _fork_servers.append(forkserver.of_kernels)
    for one in _fork_servers:
        if one.fits(env):
            return one
    _fork_servers.append(ForkServer.start("ipykernel_launcher", env))
    return _fork_servers[-1]


def prepare() -> None:
    """Start this process's fork server, for tests that tell kernels from its other children."""
    _fork_server({**os.environ, PARENT: str(os.getpid())})


_fork_servers: list[ForkServer] = []
"""This process's, each started when it is first needed."""


class Ports(LocalPortCache):
    """Jupyter's ports for kernels, chosen as those of the tests' servers."""

    def find_available_port(self, ip: str) -> int:
        """A port that no other kernel is given."""
        return free_port(ip)


Ports.instance()  # then it is Jupyter's too
KernelProvisionerFactory.provisioners[NAME] = EntryPoint(
    name=NAME,
    group=KernelProvisionerFactory.GROUP_NAME,
    value=f"{__name__}:{ForkingProvisioner.__name__}",
)
