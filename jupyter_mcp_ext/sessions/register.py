"""All sessions by id: those of agents, and those of people in Jupyter's list."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.concurrency import Listeners
from jupyter_mcp_ext.errors import AmbiguousSession, UnknownSession, did_you_mean, shown

from .disk.record import SessionRecord
from .disk.users import UserFolders
from .jupyters_list import listed
from .notices import check_usable
from .session import Session, new_session_id

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.kernels.fleet import Kernels

DEFAULT_WORDS = frozenset({"", "0", "default", "none", "null"})
"""What models write when they mean the default session."""

MAX_ENDED = 100
"""People's sessions that are remembered after their kernels have ended, the latest used.

An execution in one of them still has to report how its kernel ended.
"""


class Register:
    """The sessions by id; ``manager`` is Jupyter's session manager."""

    def __init__(self, manager: Any, kernels: Kernels, users: UserFolders) -> None:
        self._manager = manager
        self._kernels = kernels
        self._users = users
        self._sessions: dict[str, Session] = {}
        self._named: dict[str, dict[Session, None]] = {}
        """Agents' sessions by their names, which do not change."""
        self.changed: Listeners[Session] = Listeners()
        """Are called with each session that is listed, or is so no longer."""
        self._spares: set[str] = set()
        """Ids of sessions that no caller has yet."""

    @property
    def ids(self) -> set[str]:
        """The ids that are taken."""
        return self._sessions.keys() | self._spares

    def __iter__(self) -> Iterator[Session]:
        return iter([session for session in self._sessions.values() if not session.record.archived])

    @property
    def archived(self) -> list[Session]:
        """The sessions of which only the notebook is left; nothing else here finds them."""
        return [session for session in self._sessions.values() if session.record.archived]

    def __contains__(self, session: Session) -> bool:
        return self._sessions.get(session.id) is session

    def get(self, session_id: str) -> Session | None:
        """The session of exactly this id."""
        return self._sessions.get(session_id)

    def add(self, session: Session) -> None:
        """List a session."""
        self._spares.discard(session.id)
        self._sessions[session.id] = session
        self._named.setdefault(session.name, {})[session] = None
        self.changed.tell(session)

    def add_spare(self, session: Session) -> None:
        """Take the id of a session that no caller has yet."""
        self._spares.add(session.id)

    def remove(self, session: Session) -> None:
        """Remove a session from the list."""
        self._spares.discard(session.id)
        if self._sessions.pop(session.id, None) is not None:
            named = self._named.get(session.name, {})
            named.pop(session, None)
            if not named:
                self._named.pop(session.name, None)
            self.changed.tell(session)

    def new_id(self) -> str:
        """An id that no session has."""
        while (session_id := new_session_id()) in self.ids:
            pass
        return session_id

    def own(self, subject: str) -> list[Session]:
        """The sessions that belong to a subject."""
        # Of each call, with thousands of sessions: what is looked at here is not called.
        found = self._sessions.values()
        return [s for s in found if s.record.owner == subject and not s.record.archived]

    def default_of(self, caller: Caller) -> Session | None:
        """The caller's default session, the latest used if there are several."""
        key = (caller.client, caller.scope)
        own = [s for s in self.own(caller.subject) if s.record.is_default]
        fits = [s for s in own if (s.client, s.record.scope) == key]
        return max(fits, key=lambda s: (s.story is not None, s.last_used), default=None)

    def earlier_default(self, session: Session) -> Session | None:
        """The latest used default session of another connection of the client it was made for."""
        fits = [
            s
            for s in self
            if s.record.is_default
            and (s.owner, s.client) == (session.owner, session.client)
            and s is not session
            and s.record.last_client
        ]
        return max(fits, key=lambda s: s.last_used, default=None)

    async def people(self, caller: Caller) -> list[Session]:
        """The sessions that people have open and the caller may use."""
        return [self.adopt(model) for model in await self._open(caller)]

    async def on_path(self, path: str, caller: Caller) -> Session | None:
        """The session that a person has open on a path, if the caller may use it."""
        fits = [model for model in await self._open(caller) if model["path"] == path]
        return self.adopt(fits[0]) if fits else None

    async def on_notebook(self, path: str, caller: Caller) -> Session | None:
        """The caller's own session on a notebook, else the one that a person has open there."""
        own = next((s for s in self.own(caller.subject) if s.path == path), None)
        return own or await self.on_path(path, caller)

    async def _open(self, caller: Caller) -> list[dict[str, Any]]:
        if not caller.may_attach:
            return []
        models = await self.models()
        if not models:
            return []
        # Jupyter lets a user list a session on any kernel; its owner stays the owner.
        others = {
            s.kernel_id for s in self._sessions.values() if s.owner not in ("", caller.subject)
        }
        return [
            m
            for m in models
            if m["kernel"]["id"] not in others and self._users.has(caller.subject, m["path"])
        ]

    async def models(self) -> list[dict[str, Any]]:
        """The entries of Jupyter's list that are people's sessions."""
        return await listed(self._manager, self._is_persons)

    def _is_persons(self, jupyter_id: str) -> bool:
        """Whether the id of an entry of Jupyter's list is not that of an agent's session."""
        known = self._sessions.get(jupyter_id[:8])
        return known is None or not known.is_agents

    def adopt(self, model: Mapping[str, Any]) -> Session:
        """The `Session` for a person's session, the same object each time."""
        short = str(model["id"])[:8]
        known = self._sessions.get(short)
        kernel = model["kernel"]
        if known is not None and known.kernel_id == kernel["id"]:
            name = model["name"] or model["path"]
            known.write(replace(known.record, name=name, path=model["path"]))
            return known
        now = time.time()
        record = SessionRecord(
            id=short,
            jupyter_id=model["id"],
            name=model["name"] or model["path"],
            path=model["path"],
            cwd=folder_of(model["path"]),
            kernel_name=kernel["name"],
            owner="",
            client="",
            restore="snapshot",
            created=now,
            last_used=now,
        )
        self._forget_ended()
        session = self._sessions[short] = Session(record=record, kernel=self._kernels[kernel["id"]])
        session.continuity.joined(session.kernel.losses)
        return session

    def _forget_ended(self) -> None:
        """Forget people's sessions whose kernels have ended, but the latest of them."""
        ended = [s for s in self if not s.is_agents and not s.kernel.hosted.is_there]
        for session in sorted(ended, key=lambda s: s.last_used, reverse=True)[MAX_ENDED:]:
            self.remove(session)

    async def find(self, caller: Caller, wanted: str) -> Session:
        """The one session that an argument names. Raises UnknownSession."""
        exact = self._sessions.get(wanted)
        if exact is not None and _is_own(exact, caller):
            return exact
        people = await self.people(caller)
        fits = [s for s in people if wanted in (s.id, s.record.jupyter_id)] or [
            *(s for s in self._named.get(wanted, ()) if _is_own(s, caller)),
            *(s for s in people if s.name == wanted),
        ]
        reachable = people if fits else [*self.own(caller.subject), *people]
        path = wanted.strip("/")
        fits = (
            fits
            or [s for s in reachable if path in (s.path, s.notebook)]
            or [s for s in reachable if len(wanted) >= 8 and s.kernel_id.startswith(wanted)]
        )
        if len(fits) == 1:
            return fits[0]
        if fits:
            either = " or ".join(f"{s.id} ({s.path})" for s in fits)
            msg = f"{shown(wanted)} fits {len(fits)} sessions. Use the id: {either}."
            raise AmbiguousSession(msg)
        if (gone := archived_as(self.archived, caller, wanted)) is not None:
            check_usable(gone)
        near = did_you_mean(wanted, [word for s in reachable for word in (s.name, s.path, s.id)])
        msg = (
            f"There is no session {shown(wanted)}.{near} list_sessions shows those you can use; "
            "create_session makes one."
        )
        raise UnknownSession(msg + without_people(caller))


def _is_own(session: Session, caller: Caller) -> bool:
    return session.owner == caller.subject and not session.record.archived


def without_people(caller: Caller) -> str:
    """A sentence for a caller who looks for a session and may use none of people's."""
    if caller.may_attach:
        return ""
    return " You may not use kernels that people have started (McpPolicy.attach)."


def archived_as(sessions: Iterable[Session], caller: Caller, wanted: str) -> Session | None:
    """The archived session of the caller that an argument names, the latest of several."""
    own = [session for session in sessions if session.owner == caller.subject]
    path = wanted.strip("/")
    fits = [s for s in own if wanted in (s.id, s.name) or path in (s.path, s.notebook)]
    return max(fits, key=lambda s: (s.id == wanted, s.last_used), default=None)


def folder_of(path: str) -> str:
    """The API path of the folder that something is in."""
    parent = PurePosixPath(path).parent
    return "" if parent == PurePosixPath() else str(parent)
