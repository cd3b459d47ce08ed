"""The open links to kernels: which are in use, and which have to make room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from traitlets import Int
from traitlets.config import LoggingConfigurable

from .zmq import ZmqLink


class McpLinks(LoggingConfigurable):
    """At most one link to each kernel, the most recently used last."""

    max_idle = Int(
        128,
        min=1,
        help="Connections that are kept open to kernels that do nothing now; the one used longest "
        "ago is closed first, and opened again when it is needed. Each takes about 12 file "
        "descriptors.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._links: dict[str, ZmqLink] = {}
        self._users: Counter[ZmqLink] = Counter()

    def __contains__(self, kernel_id: str) -> bool:
        return kernel_id in self._links

    def get(self, kernel_id: str) -> ZmqLink | None:
        """The link to a kernel, if there is one."""
        return self._links.get(kernel_id)

    def put(self, link: ZmqLink) -> None:
        """Keep a link, as the one most recently used."""
        self._links.pop(link.kernel_id, None)
        self._links[link.kernel_id] = link

    def pop(self, kernel_id: str) -> ZmqLink | None:
        """Keep a kernel's link no longer."""
        return self._links.pop(kernel_id, None)

    def ids(self) -> tuple[str, ...]:
        """The kernels that have a link."""
        return tuple(self._links)

    @contextmanager
    def used(self, link: ZmqLink) -> Iterator[None]:
        """Have a link not among those that make room, also before it is first asked anything."""
        self._users[link] += 1
        try:
            yield
        finally:
            self._users[link] -= 1
            if not self._users[link]:
                del self._users[link]

    def surplus(self) -> list[ZmqLink]:
        """The idle links that are too many."""
        if len(self._links) <= self.max_idle:
            return []
        idle = [link for link in self._links.values() if link.is_idle and not self._users.get(link)]
        return idle[: max(0, len(idle) - self.max_idle)]
