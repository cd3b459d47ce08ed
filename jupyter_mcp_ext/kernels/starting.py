"""Starts kernels, and ends those that fail to start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from logging import Logger
from typing import Any
from weakref import WeakSet

from tornado.web import HTTPError

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.sandbox.provisioner import ARGUMENT

from .kernel import Kernel
from .losses import KernelLost, Loss
from .specs import check_startable
from .stderr import StderrTail

STARTS = 3
"""How often a kernel is started if another program takes its ports first."""

NOT_STARTED = (HTTPError, KeyError, OSError, KernelLost, TimeoutError, KernelUnavailable)
"""Exceptions of a kernel's start; a KeyError if it is ended while it starts."""

ODD_SPEC = (TypeError, ValueError, AttributeError)
"""Exceptions if its kernelspec has values that no process can be given."""


class PortTaken(KernelUnavailable):
    """A kernel could not start because one of its ports was taken; another try gets others."""


class Starter:
    """``manager`` is Jupyter's; ``kernel`` gives the kernel of an id, ``spec`` that of a name."""

    def __init__(
        self,
        manager: Any,
        kernel: Callable[[str], Kernel],
        spec: Callable[[str], Awaitable[Mapping[str, Any]]],
        log: Logger,
    ) -> None:
        self._manager = manager
        self._kernel = kernel
        self._spec = spec
        self._log = log
        self.started: WeakSet[Kernel] = WeakSet()
        """The kernels that were started here, or are being started."""

    async def start(
        self, kernel_name: str, *, path: str, env: Mapping[str, str], more: Mapping[str, Any]
    ) -> Kernel:
        """Start a kernel in a folder (an API path) and wait until it answers.

        ``more`` are arguments for its provisioner. Raises KernelUnavailable with what the kernel
        wrote to standard error.
        """
        for _ in range(STARTS - 1):
            try:
                return await self._start(kernel_name, path, env, more)
            except PortTaken:  # noqa: PERF203  # a new try is what the loop is for
                self._log.warning("A port of a starting kernel was taken; it is tried again")
        return await self._start(kernel_name, path, env, more)

    async def _start(
        self, kernel_name: str, path: str, env: Mapping[str, str], more: Mapping[str, Any]
    ) -> Kernel:
        tail = StderrTail(is_confined=ARGUMENT in more)
        kernel = self._kernel(str(self._manager.new_kernel_id()))
        self.started.add(kernel)
        starting = asyncio.ensure_future(
            self._manager.start_kernel(
                kernel_id=kernel.id,
                kernel_name=kernel_name,
                path=path,
                env=dict(env),
                stderr=tail.descriptor,
                **more,
            )
        )
        starting.add_done_callback(lambda done: self._started(kernel, done))
        try:
            await asyncio.shield(starting)
            kernel.adopt(tail)
            # A kernel that takes longer to start than the culling time is not idle.
            kernel.hosted.connect()
            await _first_link(kernel, tail)
            kernel.hosted.disconnect()
        except (*NOT_STARTED, *ODD_SPEC) as err:
            raise await self._failure(kernel, kernel_name, tail, err) from err
        except asyncio.CancelledError:
            await _take_back(kernel, starting, tail)
            raise
        return kernel

    def _started(self, kernel: Kernel, starting: asyncio.Future[str]) -> None:
        """Remove a kernel that could not be started from Jupyter's pending kernels.

        Otherwise the server could not stop: it shuts those down too, waits for their start
        (https://github.com/jupyter/jupyter_client/pull/740) and fails for this one.
        """
        if starting.cancelled() or starting.exception() is not None:
            getattr(self._manager, "_pending_kernels", {}).pop(kernel.id, None)

    async def _failure(
        self, kernel: Kernel, kernel_name: str, tail: StderrTail, err: Exception
    ) -> KernelUnavailable:
        """The error for a kernel that failed to start, which is ended."""
        said = tail.finish()
        if kernel.hosted.is_there:
            await self._manager.shutdown_kernel(kernel.id, now=True)
        kernel.forget()
        if isinstance(err, ODD_SPEC):
            check_startable(kernel_name, await self._spec(kernel_name))
        kind = PortTaken if tail.port_taken.done() else KernelUnavailable
        return kind(_why_not_started(kernel_name, err, said))


async def _first_link(kernel: Kernel, tail: StderrTail) -> None:
    """Wait until the kernel answers, or prints that it never will: some kernels then hang."""
    linking = asyncio.ensure_future(kernel.link())
    try:
        either: set[asyncio.Future[Any]] = {linking, tail.port_taken}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not linking.done():
            kernel.death.lose(Loss(kind="stopped", detail="one of its ports was taken"))
        await linking
    finally:
        linking.cancel()


async def _take_back(kernel: Kernel, starting: asyncio.Future[str], tail: StderrTail) -> None:
    """End a kernel whose start was cancelled; its process may not exist yet."""
    await asyncio.wait({starting})
    if starting.exception() is None:
        await kernel.shutdown(by="this server", now=True)
    tail.close()


def _why_not_started(kernel_name: str, err: Exception, said: str) -> str:
    match err:
        case TimeoutError():
            why = "it did not answer in time"
        case KeyError():
            why = "it was shut down before it answered"
        case HTTPError():
            why = err.log_message or "Jupyter refused"
        case _:
            why = str(err) or type(err).__name__
    words = f"The kernel {kernel_name!r} did not start: {why.rstrip('.')}."
    if said:
        words += f" It wrote: {said}"
    return words + " list_sessions shows the other kernels there are."
