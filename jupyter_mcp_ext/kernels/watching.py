"""Jupyter's word on kernels, their state and last activity, kept from what our links hear."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

from .incoming import Incoming
from .zmq import ZmqLink, ignore


class ActivityWatch:
    """Takes the place of Jupyter's own listener on a kernel while a link to it is open.

    That listener parses every message once more, whatever its size, on the same event loop. The
    same rules are kept: those of ``MappingKernelManager.start_watching_activity``. A kernel
    manager with rules of its own is left alone.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._taken: set[str] = set()
        """Kernels that Jupyter does not listen to because a link does."""
        kind = type(manager)
        self._knows_rules = (
            getattr(kind, "start_watching_activity", None)
            is MappingKernelManager.start_watching_activity
            and getattr(kind, "track_message_type", None) is MappingKernelManager.track_message_type
        )

    def take_over(self, kernel_id: str, link: ZmqLink) -> None:
        """Listen through a link that has just been opened."""
        if self._knows_rules and kernel_id in self._manager:
            self._manager.stop_watching_activity(kernel_id)
            self._taken.add(kernel_id)
            kernel = self._manager.get_kernel(kernel_id)
            link.on_heard = lambda message: self._hear(kernel, message)

    def give_back(self, kernel_id: str) -> None:
        """Have Jupyter listen again: the link is lost, or the kernel was restarted after that."""
        if kernel_id not in self._taken:
            return
        if kernel_id not in self._manager:
            self._taken.discard(kernel_id)
            return
        kernel = self._manager.get_kernel(kernel_id)
        if kernel.shutting_down:
            return  # Jupyter has stopped its listener for good, or a restart is told in a moment
        self._taken.discard(kernel_id)
        last = kernel.last_activity
        self._manager.start_watching_activity(kernel_id)
        kernel.last_activity = last  # that it is listened to again is no activity

    def stop(self, kernel_id: str, link: ZmqLink | None) -> None:
        """Have nothing counted that a kernel says, which has answered and does nothing."""
        if kernel_id in self._manager:
            self._taken.discard(kernel_id)
            if link is not None:
                link.on_heard = ignore
            self._manager.stop_watching_activity(kernel_id)
            # Neither listener may have heard it yet.
            self._manager.get_kernel(kernel_id).execution_state = "idle"

    def start(self, kernel_id: str, link: ZmqLink | None) -> None:
        """Have it counted again, as Jupyter does by itself for a kernel that is started."""
        if kernel_id not in self._manager:
            return
        self._manager.start_watching_activity(kernel_id)
        if link is not None and link.is_open:
            self.take_over(kernel_id, link)

    def _hear(self, kernel: Any, message: Incoming) -> None:
        """A message of a kernel on IOPub."""
        is_asked = self._manager.track_message_type(message.parent.get("msg_type"))
        if (
            is_asked
            or self._manager.track_message_type(message.msg_type)
            or kernel.execution_state == "busy"
        ):
            now = datetime.now(timezone.utc)
            self._manager.last_kernel_activity = kernel.last_activity = now
        if message.msg_type != "status":
            return
        state = (message.content() or {}).get("execution_state")
        if is_asked and isinstance(state, str):
            kernel.execution_state = state
        elif kernel.execution_state == "starting" and state != "starting":
            kernel.execution_state = "idle"
