"""The sessions of one server: their configuration, and the parts that they consist of."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Float, Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Locks, Tasks
from jupyter_mcp_ext.errors import ToolError, UnknownSession
from jupyter_mcp_ext.sandbox.credentials import Credentials

from .comeback.comeback import Comeback
from .comeback.readiness import Readiness
from .creation import Creation
from .directory import Directory, means_default
from .disk.held import HeldFolders
from .disk.paths import SessionPaths
from .disk.record import Restore, as_restore
from .disk.store import Disk, SessionStore
from .disk.users import UserFolders
from .lifecycle import SessionKernels
from .making import SessionMaker
from .quotas import Quotas
from .readers import Readers
from .register import Register
from .removing import SessionRemover
from .saving.saves import SaveLimits, Saves, cores
from .spares import Spares, how_many
from .story import following
from .wishes import Created, Wish, Wishes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.files.paths import Hides
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.notebooks.notebooks import Notebooks

    from .session import Session


class McpSessions(LoggingConfigurable):
    """The sessions of all users; none sees another's."""

    default = Enum(
        ["auto", "none"],
        default_value="auto",
        help="What a call without session_id gets: 'auto', a session of its client's own, made on "
        "first use; 'none', an error that asks for session_id.",
    ).tag(config=True)
    default_folder = Unicode(
        "",
        help="Folder, relative to Jupyter's root, in which sessions start their kernels unless "
        "create_session is given another.",
    ).tag(config=True)
    sessions_dir = Unicode(
        "mcp-sessions",
        help="Folder, relative to Jupyter's root, in which each session has a folder of its own "
        "with its notebook and what it comes back from.",
    ).tag(config=True)
    user_dir = Unicode(
        "",
        help="Folder, relative to Jupyter's root, of each user, with {username} in it, such as "
        "'users/{username}'. sessions_dir and default_folder are in it, and the tools use no other "
        "files for that user. Empty: all users share the root.",
    ).tag(config=True)
    restore = Enum(
        ["snapshot", "replay", "fresh"],
        default_value="snapshot",
        help="How a session comes back whose kernel is gone: 'snapshot', its saved variables are "
        "loaded; 'replay', its successful code is run again; 'fresh', with nothing.",
    ).tag(config=True)
    restore_on_start = Bool(
        default_value=False,
        help="Bring back, when the server starts, the sessions whose kernels ran when it ended, "
        "and not only when they are used.",
    ).tag(config=True)
    snapshot_delay = Float(
        10.0,
        min=0.0,
        help="Seconds without use after which a session's variables are saved, once after each "
        "execution.",
    ).tag(config=True)
    max_snapshot_bytes = Int(
        1_000_000_000,
        min=0,
        help="Bytes of variables that are saved of one session; larger ones are named and left "
        "out. 0: none are saved.",
    ).tag(config=True)
    max_snapshot_seconds = Float(
        30.0,
        min=0.1,
        help="Seconds that saving a session's variables may take.",
    ).tag(config=True)
    stop_seconds = Float(
        6.0,
        min=0.0,
        help="Seconds for saving sessions' variables when the server stops, of those used last "
        "first. Containers are mostly killed 10 seconds after they are asked to stop.",
    ).tag(config=True)
    idle_timeout = Float(
        0.0,
        min=0.0,
        help="Seconds without use after which an agent's kernel is shut down; its session can "
        "come back. 0: never.",
    ).tag(config=True)
    conversation_idle_timeout = Float(
        3_600.0,
        min=0.0,
        help="The same for default sessions of one conversation or scope. 0: never.",
    ).tag(config=True)
    max_kernels_per_user = Int(
        0, min=0, help="Kernels that the agents of one user may have running. 0: no limit."
    ).tag(config=True)
    max_kernels = Int(
        0, min=0, help="Kernels that all agents together may have running. 0: no limit."
    ).tag(config=True)
    spare_kernels = Int(
        None,
        min=0,
        allow_none=True,
        help="Sessions whose kernels are started in advance, for those that "
        "create_session makes with the default kernel in default_folder. None: 1, and 0 "
        "under JupyterHub; always 0 where idle kernels or servers are ended. While sessions are "
        "made one after the other, up to 3 are kept.",
    ).tag(config=True)
    nameless_clients = List(
        Unicode(),
        default_value=["mcp", "mcp-client", "fastmcp", "fastmcp-client", "client", "unknown"],
        help="Names of clients that many programs have, such as the default of an SDK: each of "
        "their protocol sessions, where the protocol has them, gets a default session of its own.",
    ).tag(config=True)
    conversation_keys = List(
        Unicode(),
        default_value=["threadId"],
        help="Keys of a request's _meta under which clients send the id of their conversation; "
        "each conversation gets a default session of its own.",
    ).tag(config=True)
    hidden_environment = List(
        Unicode(),
        help="Variables of the server's environment that kernels of agents' sessions do not get, "
        "beside those that hold its credentials: patterns of names, without regard to case.",
    ).tag(config=True)
    shown_environment = List(
        Unicode(),
        help="Variables that such kernels get although they look like credentials: patterns of "
        "names, without regard to case.",
    ).tag(config=True)

    def __init__(
        self,
        manager: Any,
        kernels: Kernels,
        *,
        folder: Callable[[str, Hides], Awaitable[str]],
        notebooks: Notebooks,
        disk: Disk | None,
        may_have_spares: bool = True,
        **kwargs: Any,
    ) -> None:
        """``folder`` gives the API path of an argument; with no ``disk`` sessions are in memory."""
        super().__init__(**kwargs)
        self._kernels = kernels
        self._locks: Locks[object] = Locks()
        self.credentials = Credentials(self.hidden_environment, self.shown_environment)
        self._tasks = Tasks()
        users = UserFolders(self.user_dir, home=self.default_folder)
        store = None if disk is None else SessionStore(disk, self.sessions_dir, self.log, users)
        self._register = Register(manager, kernels, users)
        self.paths = SessionPaths(self._register, store)
        self.readers = Readers(self._register, nameless=self.nameless_clients)
        self.folders = HeldFolders(store, kernels, instead=users.home, log=self.log)
        self.lives = self._make_lives(manager)
        self._saves = self._make_saves()
        self.snapshots = self._saves.made
        """Listeners that are called with each snapshot."""
        self.readiness = self._make_readiness()
        maker = SessionMaker(
            self._register,
            kernels,
            self.folders,
            self.lives,
            home=users.home,
            restore=as_restore(self.restore),
        )
        has_spares = may_have_spares and store is not None and not users.is_on
        count = how_many(self.spare_kernels) if has_spares else 0
        self.spares = Spares(count, maker, self.log)
        self.directory = Directory(
            self._register, maker, self.folders, self.paths, notebooks, self._locks.of
        )
        wishes = Wishes(self._register, maker, self.spares, notebooks, folder, self._locks.of)
        self.remover = SessionRemover(self._register, self.folders, self.lives, self._locks.of)
        self.creation = Creation(
            self._register, wishes, maker, self.folders, self.paths, self.readiness
        )

    def _make_lives(self, manager: Any) -> SessionKernels:
        quotas = Quotas(
            per_user=self.max_kernels_per_user,
            in_all=self.max_kernels,
            idle=self.idle_timeout,
            conversation_idle=self.conversation_idle_timeout,
        )
        return SessionKernels(
            self._register,
            self._kernels,
            manager,
            credentials=self.credentials,
            quotas=quotas,
            on_idle=self._end_idle,
        )

    def _make_saves(self) -> Saves:
        limits = SaveLimits(
            delay=self.snapshot_delay,
            max_bytes=self.max_snapshot_bytes,
            max_seconds=self.max_snapshot_seconds,
            at_once=cores(),
        )
        key = self.folders.snapshot_key
        return Saves(key=key, limits=limits, life=self._kernels.life, log=self.log)

    def _make_readiness(self) -> Readiness:
        key, seconds = self.folders.snapshot_key, self.max_snapshot_seconds
        comeback = Comeback(self._kernels, self._saves, key=key, max_seconds=seconds)
        return Readiness(self.lives, self.folders, self._saves, comeback, self._locks.of)

    async def open(self) -> None:
        """Find the sessions of earlier servers, and end kernels that they have left behind."""
        for session in await self.folders.found():
            self._register.add(session)
            if session.record.kernel is None or await self.folders.holder(session):
                continue
            if await self.lives.end_orphan(session):
                self.log.info("A kernel that an earlier server left behind was ended")
            if self.restore_on_start:
                self._tasks.start(self._bring_back(session), name="mcp-session-restore")

    async def close(self) -> None:
        """Save what is not saved yet and release the folders."""
        self._tasks.cancel()
        await self.lives.close()
        await self.spares.close()
        sessions = [session for session in self._register if session.story is not None]
        # The stories at once: what ends this server may not wait for all variables.
        await asyncio.gather(
            self._saves.close(sessions, seconds=self.stop_seconds),
            *(each.story.flush() for each in sessions if each.story is not None),
        )
        await asyncio.gather(*(self.folders.let_go(session) for session in sessions))
        await self.folders.close()

    async def resolve(self, caller: Caller, session_id: str | None) -> Session:
        """The session that an argument means; its kernel may have to be started yet.

        Raises UnknownSession when none fits or more than one does, KernelUnavailable when another
        server holds it.
        """
        if self.default == "none" and means_default(session_id):
            msg = (
                "This server has no default sessions. create_session makes one; pass its name as "
                "session_id."
            )
            raise UnknownSession(msg)
        session = await self.directory.resolve(caller, session_id)
        self.lives.use(session, caller.client)
        return session

    async def find(self, caller: Caller, session_id: str | None) -> Session:
        """Like `resolve`, but makes nothing and takes nothing from another server."""
        return await self.directory.find(caller, session_id)

    async def listed(self, caller: Caller) -> tuple[Session, ...]:
        """The sessions that the caller may use: the caller's own first, then people's."""
        return await self.directory.listed(caller)

    def is_ready(self, session: Session) -> bool:
        """Whether its kernel runs."""
        return self.lives.runs(session)

    async def ready(self, session: Session) -> Kernel:
        """See `Readiness.ready`."""
        return await self.readiness.ready(session)

    async def shutdown(self, session: Session, *, by: str, now: bool) -> None:
        """End the session's kernel; what is on disk can come back when it is used."""
        await self.readiness.shutdown(session, by=by, now=now)

    async def create(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        kernel_name: str | None = None,
        path: str | None = None,
        cwd: str | None = None,
        restore: Restore | None = None,
        copy_of: str | None = None,
    ) -> Created:
        """A session of that name or on that notebook, its kernel running.

        A new one starts in ``cwd``, else in the folder of the caller's default session, and begins
        with the variables of the session ``copy_of``.
        """
        source = await self.resolve(caller, copy_of) if copy_of else None
        wish = Wish(
            name=name,
            kernel_name=kernel_name,
            path=path,
            cwd=cwd,
            restore=restore,
            copy_of=copy_of,
            copied_kernel=None if source is None else source.kernel_name,
        )
        created = await self.creation.create(caller, wish, source)
        self.lives.use(created.session, caller.client)
        return created

    def follow(self, session: Session, execution: Execution) -> None:
        """Have an execution in the session's story, and its variables saved afterwards."""
        following.follow(session, execution, partial(self._ended, session, execution))

    def follow_cells(self, session: Session, execution: Execution) -> following.FollowedCells:
        """The same for an execution that runs cells: the story has these."""
        ended = partial(self._ended, session, execution)
        return following.FollowedCells(session, execution, ended)

    def _ended(self, session: Session, execution: Execution) -> None:
        self.lives.use(session)
        if execution.sent is not None:
            self._saves.note(session)

    async def _end_idle(self, session: Session) -> None:
        await self.readiness.end_idle(session)

    async def _bring_back(self, session: Session) -> None:
        try:
            await self.readiness.bring_back(session)
        except ToolError as err:
            self.log.warning("The session %s was not brought back: %s", session.id, err)
