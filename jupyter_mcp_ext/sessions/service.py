"""Finds, makes and ends sessions; Jupyter's own session list is the register of what runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from tornado.web import HTTPError
from traitlets import Enum, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.errors import InvalidArgument, ToolError, UnknownSession, shown
from jupyter_mcp_ext.kernels.link import Loss

from .session import Session, new_jupyter_id, new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.kernels.service import Kernels

DEFAULT_WORDS = frozenset({"", "0", "default", "none", "null"})
"""What models write when they mean the default session."""

MAX_NAME = 64
"""Characters of a session's name."""

BRIEF = 600.0
"""Seconds for which results still mention a loss of variables that was told in full."""


class McpSessions(LoggingConfigurable):
    """The sessions of all users; nobody sees another's."""

    default = Enum(
        ["auto", "none"],
        default_value="auto",
        help="What a call without session_id gets: 'auto', a session of its client's own, made on "
        "first use; 'none', an error that asks for session_id.",
    ).tag(config=True)
    default_folder = Unicode(
        "",
        help="Folder, relative to Jupyter's root, in which default sessions and sessions without a "
        "cwd start their kernels.",
    ).tag(config=True)
    conversation_keys = List(
        Unicode(),
        default_value=["threadId"],
        help="Keys of a request's _meta under which clients send the id of their conversation; "
        "each conversation gets a default session of its own.",
    ).tag(config=True)

    hidden_environment = List(
        Unicode(),
        default_value=[
            "JUPYTER_TOKEN",
            "JUPYTER_TOKEN_FILE",
            "JUPYTERHUB_API_TOKEN",
            "JPY_API_TOKEN",
        ],
        help="Variables of the server's environment, as shell patterns, that kernels of agents' "
        "sessions do not get.",
    ).tag(config=True)

    def __init__(
        self,
        manager: Any,
        kernels: Kernels,
        *,
        folder: Callable[[str], Awaitable[str]],
        notebook: Callable[[str], Awaitable[str]],
        **kwargs: Any,
    ) -> None:
        """``folder`` and ``notebook`` give the API path that an argument names, or refuse it."""
        super().__init__(**kwargs)
        self._manager = manager
        self._kernels = kernels
        self._folder = folder
        self._notebook = notebook
        self._sessions: dict[str, Session] = {}
        """Ours, and people's that were used through us, by id."""
        self._defaults: dict[tuple[str, str, str], str] = {}
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    async def resolve(self, caller: Caller, session_id: str | None) -> Session:
        """The session that an argument means; its kernel may have to be started yet.

        Raises UnknownSession when none fits or more than one does.
        """
        if session_id is None or session_id.strip().lower() in DEFAULT_WORDS:
            session = await self._default(caller)
        else:
            session = await self._find(caller, session_id.strip())
        session.last_used = time.time()
        return session

    def has_default(self, caller: Caller) -> bool:
        """Whether the caller's default session has been made."""
        return self._defaults.get(_default_key(caller), "") in self._sessions

    def is_ready(self, session: Session) -> bool:
        """Whether its kernel runs."""
        return session.kernel_id in self._kernels

    async def ready(self, session: Session) -> str:
        """Start the session's kernel if it has none, and give its id.

        A kernel that is gone is replaced by a new one, which the next result tells. Raises
        KernelUnavailable, and UnknownSession when a person shut their own kernel down.
        """
        if self.is_ready(session):
            return session.kernel_id
        async with self._lock(session):
            if not self.is_ready(session):
                if session.kernel_id:
                    await self._replace_kernel(session)
                else:
                    await self._give_kernel(session)
        return session.kernel_id

    async def find(self, caller: Caller, session_id: str | None) -> Session:
        """Like `resolve`, but makes nothing."""
        if session_id is not None and session_id.strip().lower() not in DEFAULT_WORDS:
            return await self._find(caller, session_id.strip())
        found = self._sessions.get(self._defaults.get(_default_key(caller), ""))
        if found is None:
            msg = "You have no default session yet. execute_code makes it on first use."
            raise UnknownSession(msg)
        return found

    async def create(
        self,
        caller: Caller,
        *,
        name: str | None,
        kernel_name: str | None,
        path: str | None,
        cwd: str | None,
    ) -> tuple[Session, bool]:
        """A session of that name or on that notebook, and whether it existed."""
        name = None if name is None else _checked_name(name)
        if path:
            session, existing = await self._on_notebook(
                caller, await self._notebook(path), name, kernel_name
            )
        else:
            session, existing = await self._named(caller, name, kernel_name, cwd)
        try:
            await self.ready(session)
        except ToolError:
            if not existing:
                self._sessions.pop(session.id, None)
            raise
        return session, existing

    async def listed(self, caller: Caller) -> tuple[Session, ...]:
        """The sessions that the caller may use: the caller's own first, then people's."""
        people = [self._adopt(model) for model in await self._models() if self._is_persons(model)]
        own = [s for s in self._sessions.values() if s.owner == caller.subject]
        return (*own, *people)

    async def restart(self, session: Session, *, by: str, now: bool) -> None:
        """Restart the session's kernel. Raises KernelUnavailable."""
        await self.ready(session)
        await self._kernels.restart(session.kernel_id, by=by, now=now)
        session.losses_told = len(self._kernels.losses(session.kernel_id))

    async def shutdown(self, session: Session, *, by: str, now: bool) -> None:
        """End the session and its kernel."""
        await self._kernels.shutdown(session.kernel_id, by=by, now=now)
        self._sessions.pop(session.id, None)
        for key in [k for k, v in self._defaults.items() if v == session.id]:
            del self._defaults[key]
        await self._unlist(session)

    def notices(self, session: Session, *, since: float | None) -> tuple[str, ...]:
        """What the next result in the session has to say of it; each loss once in full.

        ``since`` is when the result's execution began: what was lost later is not its business.
        """
        said = []
        if not session.introduced:
            session.introduced = True
            said.append(
                f"session {session.id} ({session.name}), kernel {session.kernel_name}, "
                f"folder {session.cwd or '.'}"
            )
        losses = [
            loss
            for loss in self._kernels.losses(session.kernel_id)
            if since is None or loss.at <= since
        ]
        if len(losses) > session.losses_told:
            session.losses_told = len(losses)
            said.append(_in_full(losses[-1]))
        elif losses and time.time() - losses[-1].at < BRIEF:
            said.append("variables from before the kernel's restart are gone")
        return tuple(said)

    def tell_loss(self, session: Session) -> None:
        """A result has told of the latest loss itself."""
        session.losses_told = len(self._kernels.losses(session.kernel_id))

    async def _default(self, caller: Caller) -> Session:
        if self.default == "none":
            msg = (
                "This server has no default sessions. create_session makes one; pass its name as "
                "session_id."
            )
            raise UnknownSession(msg)
        key = _default_key(caller)
        async with self._lock(key):
            found = self._sessions.get(self._defaults.get(key, ""))
            if found is None:
                name = f"{caller.client} ({caller.scope})" if caller.scope else caller.client
                found = await self._new(caller, name, None, self.default_folder)
                found.is_default = True
                self._defaults[key] = found.id
            return found

    async def _find(self, caller: Caller, wanted: str) -> Session:
        own = [s for s in self._sessions.values() if s.owner == caller.subject]
        for session in own:
            if session.id == wanted:
                return session
        people = [self._adopt(model) for model in await self._models() if self._is_persons(model)]
        reachable = own + people
        path = wanted.strip("/")
        fits = (
            [s for s in people if wanted in (s.id, s.jupyter_id)]
            or [s for s in reachable if s.name == wanted]
            or [s for s in reachable if s.path == path]
            or [s for s in reachable if len(wanted) >= 8 and s.kernel_id.startswith(wanted)]
        )
        if len(fits) == 1:
            return fits[0]
        if fits:
            either = " or ".join(f"{s.id} ({s.path})" for s in fits)
            msg = f"{shown(wanted)} fits {len(fits)} sessions. Use the id: {either}."
            raise UnknownSession(msg)
        msg = (
            f"There is no session {shown(wanted)}. list_sessions shows those you can use; "
            "create_session makes one."
        )
        raise UnknownSession(msg)

    async def _named(
        self, caller: Caller, name: str | None, kernel_name: str | None, cwd: str | None
    ) -> tuple[Session, bool]:
        async with self._lock((caller.subject, name)):
            for session in self._sessions.values():
                if name and session.owner == caller.subject and session.name == name:
                    return session, True
            folder = await self._folder(cwd) if cwd else self.default_folder
            return await self._new(caller, name, kernel_name, folder), False

    async def _on_notebook(
        self, caller: Caller, path: str, name: str | None, kernel_name: str | None
    ) -> tuple[Session, bool]:
        async with self._lock(("path", path)):
            for session in self._sessions.values():
                if session.path == path and session.owner == caller.subject:
                    return session, True
            for model in await self._models():
                if model["path"] == path and self._is_persons(model):
                    return self._adopt(model), True
            return await self._new(
                caller, name or PurePosixPath(path).name, kernel_name, _folder_of(path), path
            ), False

    async def _new(
        self,
        caller: Caller,
        name: str | None,
        kernel_name: str | None,
        folder: str,
        path: str | None = None,
    ) -> Session:
        session_id = self._new_id()
        own_path = PurePosixPath(folder) / f"{_as_file_name(name or 'session')}-{session_id}"
        session = self._sessions[session_id] = Session(
            id=session_id,
            jupyter_id=new_jupyter_id(session_id),
            name=name or session_id,
            path=path or str(own_path),
            cwd=folder,
            kernel_id="",
            kernel_name=await self._kernels.known_name(kernel_name),
            owner=caller.subject,
            client=caller.client,
        )
        return session

    async def _replace_kernel(self, session: Session) -> None:
        if not session.is_agents:
            msg = (
                f"The kernel of {session.path} was shut down. create_session(path=…) starts "
                "a new one for the notebook."
            )
            raise UnknownSession(msg)
        gone = self._kernels.losses(session.kernel_id)
        is_told = 0 < len(gone) <= session.losses_told
        await self._give_kernel(session)
        loss = gone[-1] if gone else Loss(kind="stopped", detail="the kernel was shut down")
        self._kernels.note(session.kernel_id, loss)
        session.losses_told = int(is_told)

    async def _give_kernel(self, session: Session) -> None:
        whole = self._manager.get_kernel_env(session.path, PurePosixPath(session.path).name)
        hidden = self.hidden_environment
        env = {k: v for k, v in whole.items() if not any(fnmatchcase(k, h) for h in hidden)}
        kernel_id = await self._kernels.start(session.kernel_name, path=session.cwd, env=env)
        session.kernel_id = kernel_id
        session.losses_told = 0
        await self._unlist(session)
        await self._manager.save_session(
            session.jupyter_id,
            path=session.path,
            name=session.name,
            type="notebook" if session.path.endswith(".ipynb") else "console",
            kernel_id=kernel_id,
        )

    async def _unlist(self, session: Session) -> None:
        """Take a session whose kernel is gone from Jupyter's list."""
        try:  # it drops the record of such a session when it looks it up
            await self._manager.get_session(session_id=session.jupyter_id)
        except HTTPError:
            return

    async def _models(self) -> list[dict[str, Any]]:
        models: list[dict[str, Any]] = await self._manager.list_sessions()
        return models

    def _is_persons(self, model: Mapping[str, Any]) -> bool:
        known = self._sessions.get(str(model["id"])[:8])
        return known is None or not known.is_agents

    def _adopt(self, model: Mapping[str, Any]) -> Session:
        """A person's session as one of ours, the same object each time."""
        short = str(model["id"])[:8]
        known = self._sessions.get(short)
        kernel = model["kernel"]
        if known is not None and known.kernel_id == kernel["id"]:
            known.path, known.name = model["path"], model["name"] or model["path"]
            return known
        session = self._sessions[short] = Session(
            id=short,
            jupyter_id=model["id"],
            name=model["name"] or model["path"],
            path=model["path"],
            cwd=_folder_of(model["path"]),
            kernel_id=kernel["id"],
            kernel_name=kernel["name"],
            owner="",
        )
        session.losses_told = len(self._kernels.losses(session.kernel_id))
        return session

    def _new_id(self) -> str:
        while (session_id := new_session_id()) in self._sessions:
            pass
        return session_id

    def _lock(self, key: object) -> asyncio.Lock:
        """The lock for a key, which lives as long as somebody holds or awaits it."""
        return self._locks.setdefault(key, asyncio.Lock())


def _default_key(caller: Caller) -> tuple[str, str, str]:
    return (caller.subject, caller.client, caller.scope)


def _folder_of(path: str) -> str:
    parent = PurePosixPath(path).parent
    return "" if parent == PurePosixPath() else str(parent)


def _checked_name(name: str) -> str:
    name = name.strip()
    if (
        name.lower() in DEFAULT_WORDS
        or len(name) > MAX_NAME
        or "/" in name
        or not name.isprintable()
    ):
        msg = (
            f"A session's name has 1 to {MAX_NAME} printable characters and no slash. Use one like "
            "'churn-model'."
        )
        raise InvalidArgument(msg)
    return name


def _as_file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.") or "session"


def _in_full(loss: Loss) -> str:
    ago = _ago(time.time() - loss.at)
    what = f"the kernel died ({loss.detail})" if loss.kind == "died" else loss.detail
    return f"{what} {ago}: variables of before are gone"


def _ago(seconds: float) -> str:
    if seconds < 60:
        return "just now" if seconds < 5 else f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 5400 else f"{seconds / 3600:.0f} h ago"
