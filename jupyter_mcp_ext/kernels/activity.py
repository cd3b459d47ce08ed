"""Keeps Jupyter's state and last activity of a kernel up to date from its link's messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

from jupyter_mcp_ext.kernels.links.link import KernelLink, Listener, Message

from .states import HonestState, say

RESOLUTION = 0.1
"""Seconds within which output after other messages is no news of a kernel's activity."""


class Activity(Listener):
    """Replaces Jupyter's own listener on one kernel while a link to it is open.

    That listener parses every message once more, whatever its size, on the same event loop. The
    same rules are kept: those of ``MappingKernelManager.start_watching_activity``. A kernel
    manager with rules of its own is left alone.
    """

    def __init__(self, manager: Any, kernel_id: str, on_interrupt: Callable[[], object]) -> None:
        """``manager`` is that of all kernels; ``on_interrupt`` is called for others' interrupts."""
        self._manager = manager
        self._kernel_id = kernel_id
        self._on_interrupt = on_interrupt
        self._is_linked = False
        self._is_taken = False
        """Whether the link listens in place of Jupyter."""
        self._counted: Any = None
        """The kernel's own manager while the link's messages count."""
        self._state: HonestState | None = None
        self._noted = 0.0
        """When a message was last noted as activity, on the monotonic clock."""
        kind = type(manager)
        self._knows_rules = (
            getattr(kind, "start_watching_activity", None)
            is MappingKernelManager.start_watching_activity
            and getattr(kind, "track_message_type", None) is MappingKernelManager.track_message_type
        )

    @property
    def _is_there(self) -> bool:
        return self._kernel_id in self._manager

    def take_over(self) -> None:
        """Listen through a link that has just been opened."""
        self._is_linked = True
        if self._knows_rules and self._is_there:
            self._manager.stop_watching_activity(self._kernel_id)
            self._is_taken = True
            self._counted = self._manager.get_kernel(self._kernel_id)

    def give_back(self) -> None:
        """Have Jupyter listen again: the link is lost, or the kernel was restarted after that."""
        self._is_linked, self._counted = False, None
        if not self._is_taken:
            return
        if not self._is_there:
            self._is_taken = False
            return
        kernel = self._manager.get_kernel(self._kernel_id)
        if kernel.shutting_down:
            return  # Jupyter stopped its listener for good, or will announce a restart
        self._is_taken = False
        last = kernel.last_activity
        self._manager.start_watching_activity(self._kernel_id)
        kernel.last_activity = last  # listening again is no activity

    def stop(self) -> None:
        """Stop counting the kernel's messages as activity; it has answered and is idle."""
        if self._is_there:
            self._is_taken = False
            self._counted = None
            self._manager.stop_watching_activity(self._kernel_id)
            # Possibly neither listener has received it yet.
            say(self._manager.get_kernel(self._kernel_id), "idle")

    def start(self) -> None:
        """Count them again, as Jupyter does by itself for a kernel that is started."""
        if not self._is_there:
            return
        self._manager.start_watching_activity(self._kernel_id)
        if self._is_linked:
            self.take_over()

    def stay_busy(self, link: KernelLink) -> None:
        """Keep Jupyter from showing the kernel as idle when a subshell's request ends."""
        if self._state is None or self._state.link is not link:
            self._state = HonestState(self._manager.get_kernel(self._kernel_id), link)

    def hear(self, message: Message) -> None:
        """A message of the kernel on IOPub."""
        kernel = self._counted
        is_status = message.msg_type == "status"
        # A kernel that floods would change traits with each message.
        if kernel is None or not (is_status or time.monotonic() > self._noted + RESOLUTION):
            return
        is_asked = self._manager.track_message_type(message.parent.get("msg_type"))
        if (
            is_asked
            or self._manager.track_message_type(message.msg_type)
            or kernel.execution_state == "busy"
        ):
            self._noted = time.monotonic()
            now = datetime.now(timezone.utc)
            self._manager.last_kernel_activity = kernel.last_activity = now
        if not is_status:
            return
        state = (message.content() or {}).get("execution_state")
        if is_asked and isinstance(state, str):
            say(kernel, state)
        elif kernel.execution_state == "starting" and state != "starting":
            say(kernel, "idle")

    def change(self) -> None:
        """The link's kernel may have become busy or idle, or the link is lost."""
        if self._state is not None:
            self._state.follow()

    def interrupted(self) -> None:
        """Another client has interrupted the kernel."""
        self._on_interrupt()
