"""One client's subscriptions: what it is told of, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import Tasks, Timer

if TYPE_CHECKING:
    from jupyter_mcp_ext.resources.changes import Changes
    from jupyter_mcp_ext.resources.uris import Name

INTERVAL = 0.25
"""Seconds in which changes of a resource are told of once, after them."""

Send = Callable[[str | None], Awaitable[None]]
"""Sends the notification for a URI; None is the list of resources."""


class Subscriber:
    """Sends notifications, one at a time: a client that reads slowly gets fewer of them."""

    def __init__(self, changes: Changes, send: Send) -> None:
        self._changes = changes
        self._send = send
        self._names: dict[str | None, frozenset[Name]] = {}
        """What is watched for each URI, as the client has written it."""
        self._changed: dict[str | None, None] = {}
        """The URIs of which notifications are to be sent."""
        self._timer = Timer()
        self._tasks = Tasks()
        self._is_open = self._is_closed = False
        self._is_sending = False

    def __contains__(self, uri: str | None) -> bool:
        return uri in self._names

    def __len__(self) -> int:
        """How many resources are subscribed to; the list is not counted."""
        return len(self._names.keys() - {None})

    def open(self) -> None:
        """Send from now on; until then notifications wait."""
        self._is_open = True
        self._plan()

    def add(self, uri: str | None, names: frozenset[Name]) -> None:
        """Subscribe to a resource by its names, or to the list."""
        if self._is_closed:  # while the resource was looked for
            return
        before = self._names.get(uri, frozenset())
        self._names[uri] = names
        for name in names:
            self._changes.watch(self, name)
        self._unwatch(before)  # a link may have been changed

    def remove(self, uri: str | None) -> None:
        """End a subscription, if there is one."""
        names = self._names.pop(uri, frozenset())
        self._changed.pop(uri, None)
        self._unwatch(names)

    def close(self) -> None:
        """End all subscriptions and send nothing more."""
        self._is_closed = True
        for uri in tuple(self._names):
            self.remove(uri)
        self._timer.stop()
        self._tasks.cancel()

    def tell(self, name: Name) -> None:
        """A resource may have changed."""
        self._changed.update((uri, None) for uri, names in self._names.items() if name in names)
        self._plan()

    def _unwatch(self, names: frozenset[Name]) -> None:
        """End the watching of what no subscription needs."""
        for name in names.difference(*self._names.values()):
            self._changes.unwatch(self, name)

    def _plan(self) -> None:
        if self._is_open and self._changed and not (self._timer.is_set or self._is_sending):
            self._timer.set(INTERVAL, self._start)

    def _start(self) -> None:
        self._is_sending = True
        self._tasks.start(self._send_all(), name="mcp-resource-notifications")

    async def _send_all(self) -> None:
        changed, self._changed = self._changed, {}
        try:
            for uri in changed:
                if uri in self._names:
                    await self._send(uri)
        finally:
            self._is_sending = False
            self._plan()
