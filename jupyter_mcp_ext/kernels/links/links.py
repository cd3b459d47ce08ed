"""The open links to kernels: which are in use, and which are closed to make room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from traitlets import Int
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.system import max_descriptors

from .link import KernelLink

DESCRIPTORS = 13
"""File descriptors that a link takes, with what watches its kernel."""


class McpLinks(LoggingConfigurable):
    """The links of all kernels, the most recently used last."""

    max_idle = Int(
        None,
        min=1,
        allow_none=True,
        help="Connections that are kept open to kernels that do nothing now; the one used longest "
        "ago is closed first, and opened again when it is needed. Each takes about 13 file "
        "descriptors. None: as many as take half of those that the server may have open.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._most = self.max_idle or fitting(max_descriptors())
        self._links: dict[KernelLink, Callable[[], object]] = {}
        """Each with the function that closes it."""
        self._users: Counter[KernelLink] = Counter()

    def put(self, link: KernelLink, close: Callable[[], object]) -> None:
        """Add a link as the most recently used; ``close`` is called when it has to make room."""
        self._links.pop(link, None)
        self._links[link] = close

    def remove(self, link: KernelLink) -> None:
        """Forget a lost link."""
        self._links.pop(link, None)

    @contextmanager
    def used(self, link: KernelLink) -> Iterator[None]:
        """Keep a link open while the block runs, also before its first request."""
        self._users[link] += 1
        try:
            yield
        finally:
            self._users[link] -= 1
            if not self._users[link]:
                del self._users[link]

    def close_surplus(self) -> None:
        """Close idle links beyond the limit."""
        if len(self._links) <= self._most:
            return
        idle = [link for link in self._links if link.is_idle and not self._users.get(link)]
        for link in idle[: max(0, len(idle) - self._most)]:
            self._links[link]()


def fitting(descriptors: int) -> int:
    """How many links take half of so many file descriptors; at least one."""
    return max(1, descriptors // 2 // DESCRIPTORS)
