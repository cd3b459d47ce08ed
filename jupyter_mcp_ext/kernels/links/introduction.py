"""Asks a kernel for its information when a link to it is opened."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from .exchange import Content
from .link import NO_INFO, Channel, KernelInfo

NUDGE = 0.5
"""Seconds after which a kernel that has not been heard of is asked again."""


class Call(Protocol):
    """`KernelLink.call`."""

    async def __call__(
        self, channel: Channel, msg_type: str, content: Content, *, timeout: float
    ) -> Content:
        """Send a request and return its reply's content."""


class Introduction:
    """Over when the kernel has sent its information, and `hear` was called for a message on IOPub.

    It is asked on control, which answers while a cell runs, or on shell if it does not (IRkernel
    only takes shutdowns on control). Kernels that do not greet subscribers publish that they are
    busy with the request, which is waited for.
    """

    def __init__(self, call: Call) -> None:
        self.info = NO_INFO
        self.has_answered_at_shell = False
        """Whether the kernel runs nothing from before the link was opened."""
        self._call = call
        self._heard = asyncio.Event()
        self._asking: dict[Channel, asyncio.Task[None]] = {}

    def hear(self) -> None:
        """Something came on IOPub."""
        if not self._heard.is_set():
            self._heard.set()

    async def meet(self, timeout: float) -> None:
        """Ask until it is over. Raises TimeoutError and what ``call`` raises."""
        try:
            await self._meet(time.monotonic() + timeout)
        finally:
            for asking in self._asking.values():
                asking.cancel()
                asking.add_done_callback(lambda done: done.cancelled() or done.exception())

    @property
    def _is_over(self) -> bool:
        return self.info is not NO_INFO and self._heard.is_set()

    async def _meet(self, deadline: float) -> None:
        channels: list[Channel] = ["control"]
        while not self._is_over:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for channel in channels:
                asking = self._asking.get(channel)
                if asking is None or asking.done():
                    # On shell the request may wait behind a cell: it is asked once for all.
                    patience = min(left, NUDGE) if channel == "control" else left
                    self._asking[channel] = asyncio.create_task(self._ask(channel, patience))
            done, _ = await asyncio.wait(self._asking.values(), return_when=asyncio.FIRST_COMPLETED)
            for asking in done:
                asking.result()
            if not self._is_over:
                channels = ["control", "shell"]

    async def _ask(self, channel: Channel, timeout: float) -> None:
        try:
            reply = await self._call(channel, "kernel_info_request", {}, timeout=timeout)
            self.has_answered_at_shell |= channel == "shell"
            language = reply.get("language_info") or {}
            self.info = KernelInfo(
                implementation=str(reply.get("implementation", "")),
                language=str(language.get("name", "")),
                language_version=str(language.get("version", "")),
                features=frozenset(map(str, reply.get("supported_features") or ())),
                answers_on_control=channel == "control" or self.info.answers_on_control,
            )
            await asyncio.wait_for(self._heard.wait(), min(timeout, NUDGE))
        except asyncio.TimeoutError:
            return
