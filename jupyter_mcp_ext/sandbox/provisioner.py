"""The kernel provisioner of this package: kernels that agents start run in a sandbox.

Jupyter uses it for every kernel whose kernelspec names no other, so it is a plain
``LocalProvisioner`` for all that come without a `Confinement`: the kernels of people.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from . import bubblewrap, directories
from .bubblewrap_guard import BubblewrapGuard
from .confinement import Confinement, Mode
from .guard import Guard, NotConfined
from .landlock_guard import LandlockGuard
from .limits.provisioner import LimitedProvisioner
from .overlay import Overlay

NAME = "mcp-sandbox"
"""Its name among Jupyter's provisioners."""

ARGUMENT = "mcp_confinement"
"""The argument of ``start_kernel`` that brings a `Confinement`. Jupyter keeps it for restarts, and
a provisioner that does not know it cannot start the kernel."""

START = 20.0
"""Seconds for the sandbox to be made."""

GUARDS: Mapping[Mode, Callable[[Confinement, Path, str], Guard]] = {
    "bubblewrap": BubblewrapGuard,
    "landlock": LandlockGuard,
}
"""The guard of each mode, for a kernel with its sockets in a directory, and a connection file."""


class SandboxProvisioner(LimitedProvisioner):
    """Runs a kernel in a sandbox if it is to be confined, and as Jupyter does if not."""

    confinement: Confinement | None = None
    """What the kernel may reach; None for a kernel that is not confined."""

    _guard: Guard | None = None
    _has_started = False
    _is_starting = False
    _directory: Path | None = None

    @property
    def has_process(self) -> bool:
        """Whether there is a process, or will be in a moment: else a second one is started."""
        return self._is_starting or super().has_process

    async def poll(self) -> int | None:
        """How the process has ended; None if it has not, or is being started."""
        return None if self._is_starting and self.process is None else await super().poll()

    @property
    def scratch(self) -> Sequence[str]:
        """Folders that the kernel has in memory, by their names for the kernel."""
        has_any = self.confinement is not None and self.confinement.mode == "bubblewrap"
        return bubblewrap.SCRATCH if has_any else ()

    @property
    def temporary(self) -> Sequence[Path]:
        """Folders that the kernel has on the disk for itself, beside its session's."""
        return (self._directory,) if self._directory is not None else ()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Have the kernel's sockets in a directory of its own, and its command in a sandbox."""
        self.confinement = kwargs.pop(ARGUMENT, None)
        if self.confinement is None:
            return await super().pre_launch(**kwargs)
        self._is_starting = True
        try:
            return await self._pre_launch(self.confinement, kwargs)
        except BaseException:
            self._is_starting = False
            raise

    async def _pre_launch(self, confinement: Confinement, kwargs: dict[str, Any]) -> dict[str, Any]:
        kernel: Any = self.parent
        if self._directory is None:
            self._directory = await asyncio.to_thread(directories.make)
            kernel.transport = "ipc"
            kernel.ip = str(self._directory / "k")
        make = GUARDS[confinement.mode]
        self._guard = make(confinement, self._directory, kernel.connection_file)
        kwargs["env"] = {**confinement.env, **self._guard.environment}
        kwargs = await super().pre_launch(**kwargs)
        if confinement.overlay is not None:
            kwargs["env"] = Overlay(confinement.overlay).seen_with(kwargs["env"])
        kwargs["cwd"] = None
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel, and wait until it runs in its sandbox. Raises NotConfined."""
        if self._guard is None or self.confinement is None:
            return await super().launch_kernel(cmd, **kwargs)
        self._has_started = False
        # What a kernel inherits it can open again, and read: a log of the server, for example.
        kwargs = {"stderr": DEVNULL, **kwargs, "stdout": DEVNULL}
        arguments = self._scrub_kwargs(kwargs)
        if self.limited is not None and self.confinement.mode == "bubblewrap":
            cmd = [*self.limited.inner_prefix(), *cmd]
        self.cwd = str(self.confinement.cwd)
        try:
            self.process = await self._guard.launch(cmd, arguments, prefix=self.prefix())
            self.pid = self.pgid = self.process.pid
            await asyncio.wait_for(self._guard.started(), START)
        except BaseException as err:  # cancelled too: no process may be left
            self._is_starting = False
            await self.kill()
            await self.wait()
            if isinstance(err, asyncio.TimeoutError):
                msg = f"the sandbox was not made within {START:g} s"
                raise NotConfined(msg) from err
            raise
        self._is_starting, self._has_started = False, True
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children; what ends it ends all in its sandbox."""
        if self._guard is None or not self._has_started:
            await super().send_signal(signum)
            return
        if await self.poll() is not None:
            return
        with contextlib.suppress(OSError):
            self._guard.signal(signum)

    async def wait(self) -> int | None:
        """Wait for the process, and let go of what it had."""
        code = await super().wait()
        self._close()
        return code

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the directory of its sockets once it is not started again."""
        await super().cleanup(restart=restart)
        if not restart:
            self._close()
            if self._directory is not None:
                await asyncio.to_thread(directories.remove, self._directory)
                self._directory = None

    def _close(self) -> None:
        self._has_started = False
        if self._guard is not None:
            self._guard.close()


class OtherProvisioner(Exception):
    """Jupyter starts kernels in a way of its operator's; the message says what to do."""


def install(parent: Any) -> None:
    """Have Jupyter start kernels through this package's provisioner. Raises OtherProvisioner."""
    factory = KernelProvisionerFactory.instance(parent=parent)
    before = factory.default_provisioner_name
    if before not in ("local-provisioner", NAME):
        msg = (
            f"Jupyter starts kernels with the provisioner {before!r}, which this extension's would "
            "replace. Take back KernelProvisionerFactory.default_provisioner_name, or "
            "McpSandbox.mode and the limits (McpLimits)"
        )
        raise OtherProvisioner(msg)
    factory.default_provisioner_name = NAME


def own_of(spec: Mapping[str, Any]) -> str:
    """The provisioner that a kernelspec asks for in place of this one; empty if none."""
    name = spec.get("metadata", {}).get("kernel_provisioner", {}).get("provisioner_name", NAME)
    return "" if name == NAME else str(name)
