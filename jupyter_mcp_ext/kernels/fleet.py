"""The kernels of the server, a person's as well as an agent's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from jupyter_core.utils import ensure_async

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.governance.life import Life
from jupyter_mcp_ext.kernels.links.links import McpLinks
from jupyter_mcp_ext.sandbox.limits.limits import CannotLimit, McpLimits
from jupyter_mcp_ext.sandbox.sandbox import CannotConfine, McpSandbox, Place

from .connection import Host
from .hosted import check_local
from .kernel import Kernel
from .losses import Loss
from .specs import chosen
from .starting import Starter
from .subshells import Subshells

KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
"""Jupyter's event for every start, restart, interrupt and shutdown, by any client."""


class Kernels:
    """``kernels[kernel_id]`` is a kernel, which may be gone: its losses can still be read."""

    def __init__(
        self,
        manager: Any,
        specs: Any,
        event_logger: Any,
        links: McpLinks,
        sandbox: McpSandbox,
        limits: McpLimits,
    ) -> None:
        self.sandbox = sandbox
        """What confines the kernels that are started here."""
        self.limits = limits
        """What they may use."""
        self.life = Life()
        """What happens to them, and to the sessions that have them."""
        log = sandbox.log
        self._manager = manager
        self._specs = specs
        self._events = event_logger
        self._host = Host(
            manager=manager,
            links=links,
            subshells=Subshells(),
            groups=WeakSet(),
            life=self.life,
            log=log,
        )
        self._kernels: dict[str, Kernel] = {}
        self._gone: WeakValueDictionary[str, Kernel] = WeakValueDictionary()
        """Kernels that are gone, while a session or an execution still has them."""
        self._starter = Starter(manager, self.__getitem__, self._spec, log)
        self._events.add_listener(schema_id=KERNEL_ACTIONS, listener=self._on_action)

    def __contains__(self, kernel_id: str) -> bool:
        """Whether the kernel exists."""
        return kernel_id in self._manager

    def __getitem__(self, kernel_id: str) -> Kernel:
        """The kernel of an id, also if it is gone or was another server's."""
        found = self._kernels.get(kernel_id)
        if found is None:
            self._release()
            found = self._gone.pop(kernel_id, None) or Kernel(kernel_id, self._host)
            self._kernels[kernel_id] = found
        return found

    @property
    def default_name(self) -> str:
        """The name of the kernel that a session gets by default."""
        return str(self._manager.default_kernel_name)

    async def specs(self) -> Mapping[str, Mapping[str, Any]]:
        """The kernelspecs that can be started: ``kernel.json`` by name."""
        found: Mapping[str, Mapping[str, Any]] = await ensure_async(self._specs.get_all_specs())
        return {name: model["spec"] for name, model in found.items()}

    async def known_name(self, kernel_name: str | None) -> str:
        """The kernelspec that a name or display name means. Raises KernelUnavailable."""
        check_local(self._manager)
        default = self.default_name
        return chosen(kernel_name or default, await self.specs(), default=default)

    async def command(self, kernel_name: str) -> Sequence[str]:
        """The command of a kernelspec; empty if there is none."""
        return tuple(map(str, (await self._spec(kernel_name)).get("argv") or ()))

    async def start(
        self, kernel_name: str, *, path: str, env: Mapping[str, str], place: Place | None = None
    ) -> Kernel:
        """Start a kernel in a folder (an API path) and wait until it answers.

        In a sandbox it needs the ``place`` of its session. Raises KernelUnavailable with what the
        kernel wrote to standard error, or why it cannot be confined.
        """
        check_local(self._manager)
        try:
            spec = await self._spec(kernel_name)
            more: dict[str, Any] = {}
            if self.sandbox.is_on:
                more.update(await self.sandbox.arguments(place, path, spec, env))
            more.update(self.limits.arguments(place.folder if place is not None else "", spec))
            started = await self._starter.start(kernel_name, path=path, env=env, more=more)
            await self._check_started(started)
        except (CannotConfine, CannotLimit) as err:
            what = "run in this server's sandbox" if self.sandbox.is_on else "be limited"
            msg = (
                f"The kernel {kernel_name!r} cannot {what}: {err}. Use another kernel "
                "(list_sessions shows them), or ask the server's operator."
            )
            raise KernelUnavailable(msg) from err
        return self[started.id]  # it was not there yet while it started, and may be released

    def started_here(self, kernel_id: str) -> bool:
        """Whether a kernel was started for a session of an agent or as a spare, or is being so."""
        kernel = self._kernels.get(kernel_id) or self._gone.get(kernel_id)
        return kernel in self._starter.started

    def all(self) -> list[Kernel]:
        """The kernels that there are."""
        return [self[kernel_id] for kernel_id in self._manager.list_kernel_ids()]

    def foreign_beside(self, kernel: Kernel) -> float | None:
        """Since when any other kernel has been running code of another client."""
        others = (each for each in self.all() if each is not kernel)
        found = [since for each in others if (since := each.foreign_since) is not None]
        return min(found, default=None)

    def pids(self) -> set[int]:
        """The processes of all kernels on this machine."""
        found = (kernel.hosted.pid for kernel in self.all())
        return {pid for pid in found if pid is not None}

    async def close(self) -> None:
        """Close every link, and what the sandbox needs; Jupyter ends the kernels."""
        self._events.remove_listener(listener=self._on_action)
        for kernel in (*self._kernels.values(), *self._gone.values()):
            if kernel.connection.current is not None:
                kernel.death.lose(Loss(kind="stopped", detail="the server is stopping"))
            kernel.forget()
        await self.sandbox.close()
        await self.limits.close()

    def _release(self) -> None:
        """Forget the kernels that are gone as soon as no session or execution has them."""
        for kernel_id, kernel in list(self._kernels.items()):
            if kernel_id not in self and kernel.connection.current is None:
                kernel.death.let_go()
                self._gone[kernel_id] = self._kernels.pop(kernel_id)

    async def _check_started(self, kernel: Kernel) -> None:
        """End a kernel that has no sandbox or limits. Raises CannotConfine, CannotLimit."""
        try:
            self.sandbox.check(kernel.hosted.manager.provisioner)
            self.limits.check(kernel.hosted.manager.provisioner)
        except (CannotConfine, CannotLimit):
            await kernel.shutdown(by="this server", now=True)
            raise

    async def _spec(self, kernel_name: str) -> Mapping[str, Any]:
        return (await self.specs()).get(kernel_name, {})

    async def _on_action(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """Receive every restart and shutdown, also if the process cannot be watched."""
        kernel_id = data.get("kernel_id", "")
        kernel = self._kernels.get(kernel_id) or self._gone.get(kernel_id)
        if kernel is not None and data.get("status") == "success":
            kernel.hear(str(data.get("action")))
