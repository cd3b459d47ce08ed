"""Kernels that are forked: a provisioner, which is registered when this module is imported."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests import forkserver
from tests.forkserver import PARENT, Forked, ForkServer

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
    if list(cmd[:3]) != COMMAND or more or not cwd or not fork_server().fits(env):
        return None
    pid = fork_server().fork(
        cmd[3:],
        env={**env, PARENT: str(os.getpid())},
        cwd=cwd,
        stdout=1 if stdout is None else stdout,
        stderr=2 if stderr is None else stderr,
        ends_with_us=False,  # a kernel watches its parent
    )
    return Forked(pid)


@functools.cache
def fork_server() -> ForkServer:
    """This process's fork server, started when it is first needed unless it is there."""
    env = {**os.environ, PARENT: str(os.getpid())}
    return forkserver.of_kernels or ForkServer.start("ipykernel_launcher", env)


KernelProvisionerFactory.provisioners[NAME] = EntryPoint(
    name=NAME,
    group=KernelProvisionerFactory.GROUP_NAME,
    value=f"{__name__}:{ForkingProvisioner.__name__}",
)
