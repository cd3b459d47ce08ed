"""A kernel's state and its process's resources, without asking the kernel itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import psutil
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from jupyter_mcp_ext.kernels.links.link import NO_INFO, KernelLink


@dataclass(frozen=True, kw_only=True)
class KernelStatus:
    """A kernel's status at one moment; times in seconds since the epoch."""

    kernel_id: str
    name: str
    language: str
    state: str
    """As the kernel last reported, or else Jupyter's ``execution_state``: starting, idle, busy, …;
    or restarting, or dead.
    """
    last_activity: float
    foreign_since: float | None
    """When a running execution of another client began, if there is one."""
    pid: int | None
    memory: int | None
    """Resident bytes of the process and its children."""
    cpu_seconds: float | None


async def look(kernel_id: str, kernel: Any, link: KernelLink | None) -> KernelStatus:
    """The current status of a kernel; ``kernel`` is its manager."""
    pid = local_pid(kernel)
    memory, cpu = await asyncio.to_thread(_usage, pid) if pid is not None else (None, None)
    said = link.info.language if link is not None else ""
    return KernelStatus(
        kernel_id=kernel_id,
        name=str(kernel.kernel_name),
        language=said or str(kernel.kernel_spec.language),
        state=reported(kernel, link),
        last_activity=kernel.last_activity.timestamp(),
        foreign_since=foreign_since(kernel, link),
        pid=pid,
        memory=memory,
        cpu_seconds=cpu,
    )


def reported(kernel: Any, link: KernelLink | None) -> str:
    """The state that a kernel last reported, as far as is known here; ``kernel`` is its manager."""
    state = str(getattr(kernel, "execution_state", "unknown"))
    if link is not None and link.is_busy:
        return "busy"
    if link is not None and link.heard:
        # Jupyter listens on its own socket, and may learn later that code has ended.
        return link.heard
    if link is not None and link.info is not NO_INFO and state == "starting":
        # It has answered. Jupyter's socket may subscribe only after that.
        return "idle"
    return state


def foreign_since(kernel: Any, link: KernelLink | None) -> float | None:
    """When a kernel began to run another client's code, if it does, in epoch seconds.

    If no link listens only Jupyter knows, and only the latest sign of life.
    """
    if link is not None:
        return link.foreign.since if link.foreign is not None else None
    is_busy = getattr(kernel, "execution_state", "") == "busy" and not _has_ended(kernel)
    return float(kernel.last_activity.timestamp()) if is_busy else None


def _has_ended(kernel: Any) -> bool:
    """Whether its local process is gone: its last reported state may be "busy"."""
    process = getattr(kernel.provisioner, "process", None)
    return process is not None and process.poll() is not None


def local_pid(kernel: Any) -> int | None:
    """The process of a kernel that runs on this machine."""
    provisioner = kernel.provisioner
    if isinstance(provisioner, LocalProvisioner) and provisioner.pid:
        return int(provisioner.pid)
    return None


def _usage(pid: int) -> tuple[int | None, float | None]:
    memory, cpu = 0, 0.0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with process.oneshot():
                memory += process.memory_info().rss
                times = process.cpu_times()
                cpu += times.user + times.system
    except psutil.Error:
        return (memory or None, cpu or None)
    return memory, cpu
