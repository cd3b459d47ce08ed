"""The transports to kernels: the one place that chooses a `KernelLink`."""

from __future__ import annotations

from logging import Logger
from typing import Any

from .link import KernelLink, Listener
from .zmq import ZmqLink


def link_to(kernel_id: str, manager: Any, log: Logger, listener: Listener) -> KernelLink:
    """A link to a kernel, not opened yet; ``manager`` is its own ``KernelManager``."""
    return ZmqLink(kernel_id, manager, log, listener)
