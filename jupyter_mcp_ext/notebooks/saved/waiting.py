"""Changes of one file that wait for each other; those that wait at once are saved together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.notebooks.draft import Change, Changed

T = TypeVar("T")

Outcome: TypeAlias = Changed[Any] | Exception
"""What a change has come to: made, or the error that it raised."""

Save: TypeAlias = Callable[[Sequence[Change[Any]]], Awaitable[Sequence[Outcome]]]
"""Applies changes to one draft, one after another, and saves it.

A change that fails takes no other with it. If it raises itself, the file may have been written.
"""


@dataclass(eq=False, kw_only=True)
class _Waiting(Generic[T]):
    """A change, and what has become of it."""

    change: Change[T]
    path: str
    changed: Changed[T] | None = None
    error: Exception | None = None


class WaitingChanges:
    """The changes of one file."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: list[_Waiting[Any]] = []

    async def make(self, change: Change[T], save: Save, *, path: str) -> Changed[T]:
        """Make a change, together with others that were asked for under the same API path.

        It is as if one was saved after another. Raises what it raises, and what ``save`` raises,
        which all that were saved together then do.
        """
        own = _Waiting(change=change, path=path)
        self._waiting.append(own)
        try:
            async with self._lock:
                if own in self._waiting:  # else it was saved with the one before
                    taken = [one for one in self._waiting if one.path == path]
                    self._waiting = [one for one in self._waiting if one.path != path]
                    await undisturbed(_saved(taken, save))
        finally:
            if own in self._waiting:  # its caller no longer waits
                self._waiting.remove(own)
        if own.changed is None:
            raise own.error or RuntimeError
        return own.changed


async def _saved(waiting: Sequence[_Waiting[Any]], save: Save) -> None:
    try:
        outcomes = await save([one.change for one in waiting])
    except Exception as err:  # noqa: BLE001  # whatever it is, all that wait have to learn it
        # None is made again: the file may have been written before the failure.
        outcomes = [err] * len(waiting)
    for one, outcome in zip(waiting, outcomes, strict=True):
        if isinstance(outcome, Exception):
            one.error = outcome
        else:
            one.changed = outcome
