"""Agents shown to people as collaborators, for as long as they work in a shared notebook.

They stay for a moment after a call: the next one may come at once, and each change of who is there
is sent to every tab.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.errors import ContentsError

from .people import told
from .rooms import Room, Rooms

RENEW = 15.0
"""Seconds after which browsers are told again, which forget who is silent for 30."""

STAY = 0.5
"""Seconds after its last call for which an agent is still shown."""

COLOR = "#d97757"


class Collaborators:
    """Shows agents in rooms; each is one collaborator, however many calls it makes there."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._shown: dict[tuple[str, str], _Shown] = {}
        """By the paths of the notebooks and the names of the agents."""

    @asynccontextmanager
    async def shown(self, path: str, name: str) -> AsyncIterator[bool]:
        """Show an agent, such as ``Claude Code (for alice)``, in the room of an API path.

        It gives whether there is a room: without one, nothing is shown.
        """
        shown = self._shown.get((path, name))
        if shown is None or not shown.room.is_open:
            shown = await self._show(path, name)
        if shown is None:
            yield False
            return
        try:
            shown.enter()
            yield True
        finally:
            shown.leave(partial(self._forget, shown))

    async def _show(self, path: str, name: str) -> _Shown | None:
        room = None
        with suppress(ContentsError):
            room = await self._rooms.open(path)
        if room is None:
            return None
        shown = self._shown.get((path, name))  # another call may have been sooner
        if shown is None or shown.room.document is not room.document:
            shown = self._shown[path, name] = _Shown(room, path, _agent(room), name, self._rooms)
        return shown

    def _forget(self, shown: _Shown) -> None:
        key = (shown.path, shown.name)
        if self._shown.get(key) is shown:
            del self._shown[key]


def _agent(room: Room) -> Any:
    """An awareness of its own: with the room's, all agents would be one collaborator."""
    return type(room.awareness)(type(room.document.ydoc)())


class _Shown:
    """One agent in one room."""

    def __init__(self, room: Room, path: str, agent: Any, name: str, rooms: Rooms) -> None:
        self.room = room
        self.path = path
        self._agent = agent
        self.name = name
        self._rooms = rooms
        self._calls = 0
        self._told = float("-inf")
        """When browsers were told of it last, by the event loop's clock."""
        self._timer = Timer()

    def enter(self) -> None:
        """A call begins."""
        self._calls += 1
        if self._calls == 1:
            due = self._told + RENEW - asyncio.get_running_loop().time()
            if due > 0:  # it has stayed since an earlier call
                self._timer.set(due, self._tell)
            else:
                self._tell()

    def leave(self, gone: Callable[[], object]) -> None:
        """A call has ended; ``gone`` is called once no other has begun for a moment."""
        self._calls -= 1
        if not self._calls:
            self._timer.set(STAY, self._go, gone)

    def _go(self, gone: Callable[[], object]) -> None:
        gone()
        self._told = float("-inf")
        self._say(None, None)

    def _tell(self) -> None:
        user = {
            "username": self.name,
            "name": self.name,
            "display_name": self.name,
            "initials": "".join(word[0] for word in self.name.split()[:2] if word[0].isalpha()),
            "color": COLOR,
            "avatar_url": None,
        }
        states = told(self.room.awareness)
        people = [state for state in states if "user" in state and state["user"] != user]
        # A collaborator that does not say how it is overrides a person who has switched it off.
        autosave = not people or any(state.get("autosave", True) for state in people)
        self._say(
            {"user": user, "autosave": autosave},
            {"user": user, "current": f"notebook:{self.path}", "documents": [self.path]},
        )
        self._told = asyncio.get_running_loop().time()
        self._timer.set(RENEW, self._tell)

    def _say(self, here: Any, everywhere: Any) -> None:
        if self.room.is_open:
            _apply(self._agent, here, self.room.awareness)
        everyone = self._rooms.awareness_of_all()
        if everyone is not None:
            _apply(self._agent, everywhere, everyone)


def _apply(agent: Any, state: Any, awareness: Any) -> None:
    agent.set_local_state(state)
    update = agent.encode_awareness_update([agent.client_id])
    awareness.apply_awareness_update(update, "local")  # others are not sent to browsers
