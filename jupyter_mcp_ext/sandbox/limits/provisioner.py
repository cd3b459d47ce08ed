"""A provisioner whose kernels may be limited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .limited import Limited

ARGUMENT = "mcp_limits"
"""The argument of ``start_kernel`` that brings a `Limited`."""


class LimitedProvisioner(LocalProvisioner):
    """Runs a kernel within limits if it is given any, and as Jupyter does if not."""

    limited: Limited | None = None
    """What the kernel may use; None without limits."""

    @property
    def scratch(self) -> Sequence[str]:
        """Folders that the kernel has in memory, by their names for the kernel."""
        return ()

    @property
    def temporary(self) -> Sequence[Path]:
        """Folders that the kernel has on the disk for itself, beside its session's."""
        return ()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Take the limits."""
        self.limited = kwargs.pop(ARGUMENT, None)
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel within its limits."""
        try:
            return await super().launch_kernel([*self.prefix(), *cmd], **kwargs)
        except BaseException:
            if self.limited is not None:
                await asyncio.to_thread(self.limited.ended)
            raise

    def prefix(self) -> list[str]:
        """What comes before the command of the process that is started. Raises OSError."""
        return self.limited.prefix() if self.limited is not None else []

    async def post_launch(self, **kwargs: Any) -> None:
        """Have the kernel watched."""
        await super().post_launch(**kwargs)
        if self.limited is not None and self.pid is not None:
            self.limited.started(self.pid, self.scratch, self.temporary)

    async def wait(self) -> int | None:
        """Wait for the process, and end what it has left behind if it was limited."""
        code = await super().wait()
        if self.limited is not None:
            await asyncio.to_thread(self.limited.ended)
        return code

    async def cleanup(self, restart: bool = False) -> None:
        """End what a process has left behind that was never waited for."""
        await super().cleanup(restart=restart)
        if self.limited is not None:
            await asyncio.to_thread(self.limited.ended)


def limited_of(provisioner: object) -> Limited | None:
    """The limits of a provisioner's kernel, if it has any."""
    found = getattr(provisioner, "limited", None)
    return found if isinstance(found, Limited) else None
