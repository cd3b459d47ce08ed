"""Finds, makes and ends sessions; Jupyter's own session list is the register of what runs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, WeakValueDictionary

from traitlets import Bool, Enum, Float, Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.errors import AmbiguousSession, ContentsError, ToolError, UnknownSession, shown
from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.kernels import orphans

from .comeback.comeback import Comeback
from .creation import Created, Creation, Wish, joined
from .disk.held import Keeper
from .disk.record import Restore, as_restore
from .lifecycle import Quotas, SessionKernels
from .making import SessionMaker
from .notices import introduced, is_due, notices, told
from .register import DEFAULT_WORDS, Register
from .saves import Saves, cores
from .session import Session
from .spares import Spares
from .story.failure import failed_line
from .story.journal import NOT_RUN, Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.files.paths import Hides
    from jupyter_mcp_ext.kernels.service import Kernels
    from jupyter_mcp_ext.notebooks.live import LiveNotebook
    from jupyter_mcp_ext.notebooks.service import Notebooks


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
        help="Folder, relative to Jupyter's root, in which sessions start their kernels unless "
        "create_session is given another.",
    ).tag(config=True)
    sessions_dir = Unicode(
        "mcp-sessions",
        help="Folder, relative to Jupyter's root, in which each session has a folder of its own "
        "with its notebook and what it comes back from.",
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
        help="Sessions whose kernels are started before anybody asks for them, for those that "
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
        folder: Callable[[str, Hides], Awaitable[str]],
        notebooks: Notebooks,
        root: Path | None,
        key: Callable[[str], bytes],
        shared_subject: str,
        live: Callable[[str], Awaitable[LiveNotebook | None]],
        may_have_spares: bool = True,
        **kwargs: Any,
    ) -> None:
        """``folder`` gives the API path that an argument names, or refuses it.

        Without a ``root`` on a disk sessions are kept in memory only. For ``key``,
        ``shared_subject`` and ``live`` see `SessionStore`.
        """
        super().__init__(**kwargs)
        self._kernels = kernels
        home = "/".join(part for part in self.default_folder.split("/") if part not in ("", "."))
        self._register = Register(manager, kernels)
        self._lives = SessionKernels(
            self._register,
            kernels,
            manager,
            hidden=self.hidden_environment,
            quotas=Quotas(
                per_user=self.max_kernels_per_user,
                in_all=self.max_kernels,
                idle=self.idle_timeout,
                conversation_idle=self.conversation_idle_timeout,
            ),
            on_idle=self._end_idle,
        )
        self._keeper = Keeper(
            root,
            self.sessions_dir,
            kernels,
            key=key,
            shared_subject=shared_subject,
            live=live,
            instead=home,
            log=self.log,
        )
        self._store = self._keeper.store
        self._maker = SessionMaker(
            self._register,
            kernels,
            self._keeper,
            self._lives,
            default_folder=home,
            restore=as_restore(self.restore),
        )
        signs = self._store.snapshot_key if self._store is not None else lambda _: b""
        self._saves = Saves(
            kernels,
            key=signs,
            delay=self.snapshot_delay,
            max_bytes=self.max_snapshot_bytes,
            max_seconds=self.max_snapshot_seconds,
            at_once=cores(),
            log=self.log,
        )
        self._comeback = Comeback(
            kernels, self._saves, key=signs, max_seconds=self.max_snapshot_seconds
        )
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        spares = self.spare_kernels
        if spares is None:
            spares = 0 if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else 1
        self.spares = Spares(
            spares if may_have_spares and self._store is not None else 0,
            make=self._maker.make_spare,
            end=self._maker.end_spare,
            is_sound=lambda session: kernels.is_sound(session.kernel_id),
            log=self.log,
        )

        self._creation = Creation(
            self._register,
            kernels,
            self._keeper,
            self._lives,
            self._maker,
            self.spares,
            folder=folder,
            notebooks=notebooks,
            lock=self._lock,
        )
        self._notebooks = notebooks
        self._joined: WeakSet[Session] = WeakSet()
        """Sessions that more than one call has asked for."""

    def warm(self) -> None:
        """Somebody uses the server: have kernels ready."""
        self.spares.want()

    async def open(self) -> None:
        """Find the sessions of earlier servers, and end kernels that they have left behind."""
        if self._store is None:
            return
        for session in await self._store.all():
            self._register.add(session)
            process = session.record.kernel
            if process is None or await self._store.holder(session):
                continue
            if await asyncio.to_thread(orphans.end, process.pid, process.created):
                self.log.info("A kernel that an earlier server left behind was ended")
            session.ended()
            if self.restore_on_start:
                task = asyncio.create_task(self._bring_back(session), name="mcp-session-restore")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Save what is to be saved and let go of the folders."""
        for task in self._tasks:
            task.cancel()
        await self._lives.close()
        await self.spares.close()
        sessions = [session for session in self._register if session.story is not None]
        stories = [session.story for session in sessions if session.story is not None]
        # The stories at once: whoever ends this server may not wait for all variables.
        await asyncio.gather(
            self._saves.close(sessions, seconds=self.stop_seconds),
            *(story.flush() for story in stories),
        )
        await asyncio.gather(*(self._keeper.let_go(session) for session in sessions))
        await self._keeper.close()

    async def resolve(self, caller: Caller, session_id: str | None) -> Session:
        """The session that an argument means; its kernel may have to be started yet.

        Raises UnknownSession when none fits or more than one does, KernelUnavailable when another
        server holds it.
        """
        if session_id is None or session_id.strip().lower() in DEFAULT_WORDS:
            session = await self._default(caller)
        else:
            session = await self._find(caller, session_id.strip())
            await self._keeper.hold(session)
        self._lives.use(session, caller.client)
        return session

    def would_make(self, caller: Caller, session_id: str | None) -> bool:
        """Whether to `resolve` this makes the caller's default session."""
        is_default = session_id is None or session_id.strip().lower() in DEFAULT_WORDS
        return is_default and not self.has_default(caller)

    def get(self, session_id: str) -> Session | None:
        """The session of an exact id, whosever it is."""
        return self._register.get(session_id)

    def has_default(self, caller: Caller) -> bool:
        """Whether the caller's default session has been made."""
        return self._register.default_of(caller) is not None

    def is_ready(self, session: Session) -> bool:
        """Whether its kernel runs."""
        return self._lives.runs(session)

    def is_starting(self, session: Session) -> bool:
        """Whether its kernel is being started."""
        return self._lives.starts(session)

    async def ready(self, session: Session) -> str:
        """Start the session's kernel if it has none, and give its id.

        A kernel that is gone is replaced by a new one, which the next result tells. Raises
        KernelUnavailable, and UnknownSession when a person shut their own kernel down.
        """
        if self.is_ready(session):
            return session.kernel_id
        async with self._lock(session):
            if not self.is_ready(session):
                await self._give_kernel(session)
        return session.kernel_id

    async def prepare(self, session: Session) -> str:
        """Make ready for code, whose turn has come: bring back what a lost kernel had.

        The kernel has a link and nothing else of ours runs in it. Words for what came back after
        the latest loss, or for why nothing did; may be empty.
        """
        await self._saves.pause(session)
        losses = self._kernels.losses(session.kernel_id)
        need = session.continuity.need(losses)
        if need == "fresh":
            self._saves.begin_anew(session)
            session.continuity.restarted(losses)
        elif need == "comeback":
            session.continuity.begins(losses)
            await self._comeback.bring_back(session, session)
        return session.continuity.comeback

    def awaits_comeback(self, session: Session) -> bool:
        """Whether the next code will find variables that its new kernel does not have yet."""
        need = session.continuity.need(self._kernels.losses(session.kernel_id))
        return session.story is not None and need == "comeback"

    async def find(self, caller: Caller, session_id: str | None) -> Session:
        """Like `resolve`, but makes nothing and takes nothing from another server."""
        if session_id is not None and session_id.strip().lower() not in DEFAULT_WORDS:
            return await self._find(caller, session_id.strip())
        found = self._register.default_of(caller)
        if found is None:
            msg = "You have no default session yet. execute_code makes it on first use."
            raise UnknownSession(msg)
        return found

    def hides(self, caller: Caller, path: str) -> bool:
        """Whether an API path is in the folder of a session that is not the caller's.

        It is also where no session is (yet): whether there is one is nobody else's business.
        """
        session_id = self._store.session_in(path) if self._store is not None else ""
        session = self._register.get(session_id) if session_id else None
        return bool(session_id) and (session is None or session.owner != caller.subject)

    def keeps(self, path: str) -> bool:
        """Whether an API path is the folder with the sessions' own folders, or one of those."""
        return self._store is not None and self._store.keeps(path)

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
        created = await self._creation.find_or_make(caller, wish, partial(self.hides, caller))
        session = created.session
        if created.existing:
            self._joined.add(session)
        try:
            await self._make_ready(session, restore)
            if path and not created.existing:
                theirs = await self._register.on_path(session.path, caller)
                if theirs is not None:  # a person opened the notebook while our kernel started
                    await self._creation.give_up(session)
                    return joined(theirs, caller, wish)
            if source is not None and not created.existing:
                await self._copy(source, session)
        except BaseException:
            if not created.existing and session not in self._joined:
                await self._take_back(session)
            raise
        self._lives.use(session, caller.client)
        return created

    async def _make_ready(self, session: Session, restore: Restore | None) -> None:
        if restore is not None and session.is_agents:
            session.come_back_by(restore)
        await self._keeper.hold(session)
        if restore is not None:
            await self._keeper.save(session)
        await self.ready(session)

    async def _copy(self, source: Session, session: Session) -> None:
        """Begin a new session with the variables of another."""
        await self._saves.save(source)
        async with self._kernels.linked(session.kernel_id):
            await self._comeback.bring_back(session, source)

    async def _take_back(self, session: Session) -> None:
        """Leave nothing of a session that came to nothing, also when its request was cancelled."""
        task = asyncio.create_task(self._creation.give_up(session), name="mcp-session-give-up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def listed(self, caller: Caller) -> tuple[Session, ...]:
        """The sessions that the caller may use: the caller's own first, then people's."""
        await self._look_for_moved()
        return (*self._register.own(caller.subject), *await self._register.people(caller))

    async def holder(self, session: Session) -> str:
        """Words for another server that holds a session; empty when none does."""
        return await self._keeper.holder(session)

    async def size(self, session: Session) -> int:
        """Bytes that a session has on disk to come back from, its notebook included."""
        return await self._store.size(session) if self._store is not None else 0

    async def restart(self, session: Session, *, by: str, now: bool) -> None:
        """Restart the session's kernel. Raises KernelUnavailable."""
        await self._keeper.hold(session)
        await self._saves.pause(session)
        await self.ready(session)
        await self._kernels.restart(session.kernel_id, by=by, now=now)
        self._saves.begin_anew(session)
        session.continuity.restarted(self._kernels.losses(session.kernel_id))

    def keeps_variables(self, session: Session) -> bool:
        """Whether its kernel, as far as is known, is one whose variables are saved."""
        return self._kernels.implementation(session.kernel_id) in ("", "ipython")

    async def shutdown(self, session: Session, *, by: str, now: bool) -> None:
        """End the session's kernel; what is kept on disk can come back when it is used."""
        if now:
            await self._saves.give_up(session)
        else:
            await self._saves.save(session)
        await self._lives.shutdown(session, by=by, now=now)
        if session.story is None:
            self._register.remove(session)
        else:
            await self._keeper.let_go(session)

    def follow(self, session: Session, execution: Execution) -> None:
        """Have an execution in the session's story."""
        story = session.story
        if story is None or not session.is_agents:
            return
        entry = Entry(
            number=int(execution.id.rpartition("-")[2]),
            execution_id=execution.id,
            code=execution.code,
            client=execution.client,
            created=execution.created,
        )
        story.begin(entry)
        execution.done.add_done_callback(lambda _: self._followed(session, execution, entry))

    def count(self, session: Session, execution: Execution) -> None:
        """Have an execution's number never given again, though it is no part of the story."""
        if session.story is None or not session.is_agents:
            return
        entry = Entry(
            number=int(execution.id.rpartition("-")[2]),
            execution_id=execution.id,
            code=execution.code,
            client=execution.client,
            created=execution.created,
            status=NOT_RUN,
            ended=execution.created,
        )
        session.story.begin(entry)
        session.story.end(entry, ())

    def is_servers_file(self, session: Session, path: str) -> bool:
        """Whether a path is a session's notebook, or in the folder of another session."""
        story = session.story
        if path in (session.path, session.notebook) or (story is not None and path == story.path):
            return True
        if self._store is None or session.cwd == session.folder:
            return False
        folders = self._store.path_of("")
        return bool(folders) and path.startswith(folders)

    def notices(self, session: Session, caller: Caller, *, since: float | None) -> tuple[str, ...]:
        """What an answer to the caller has to say of the session, each thing once.

        ``since`` is when the answer's execution began: what was lost later is not its business.
        """
        losses = self._kernels.losses(session.kernel_id)
        known = [loss for loss in losses if since is None or loss.at <= since]
        is_of_connection = session.record.is_default and self.is_nameless(caller.client)
        return notices(
            session,
            caller.reader,
            known,
            connection=caller.mcp_session,
            earlier=self._register.earlier_default(session) if is_of_connection else None,
        )

    def is_nameless(self, client: str) -> bool:
        """Whether many programs give this name for theirs."""
        return client.casefold() in {name.casefold() for name in self.nameless_clients}

    def arrive(self, caller: Caller) -> None:
        """A client connects where the protocol has no sessions: it may be another conversation."""
        for session in self._register:
            for reader, known in session.told.items():
                if reader.split("\n")[:2] == [caller.subject, caller.client]:
                    known.connections.discard("")

    def wants_count(self, session: Session, caller: Caller) -> bool:
        """Whether the caller's next answer introduces a session that may have variables."""
        known = told(session, caller.reader)
        is_used = session.previous is not None and self.is_ready(session)
        return is_used and is_due(session, known, caller.mcp_session)

    def note_count(self, session: Session, caller: Caller, variables: int) -> None:
        """Have that introduction say how many there are."""
        told(session, caller.reader).variables = variables

    def introduce(self, session: Session, caller: Caller) -> None:
        """An answer has told the caller itself what the session is."""
        introduced(told(session, caller.reader), caller.mcp_session)

    def tell_loss(self, session: Session, caller: Caller) -> None:
        """An answer has told the caller itself of the latest loss."""
        losses = self._kernels.losses(session.kernel_id)
        session.continuity.told_loss(caller.reader, losses)

    def tell_comeback(self, session: Session, caller: Caller, *, until: float) -> None:
        """The same of a loss until that moment, and also of what came back after it."""
        losses = self._kernels.losses(session.kernel_id)
        if losses and losses[-1].at <= until:
            session.continuity.told(caller.reader, losses)

    async def _default(self, caller: Caller) -> Session:
        if self.default == "none":
            msg = (
                "This server has no default sessions. create_session makes one; pass its name as "
                "session_id."
            )
            raise UnknownSession(msg)
        async with self._lock((caller.subject, caller.client, caller.scope)):
            found = self._register.default_of(caller)
            if found is not None and not await self.holder(found):
                await self._keeper.hold(found)
                return found
            name = f"{caller.client} ({caller.scope})" if caller.scope else caller.client
            session = await self._maker.make(
                caller, name, None, self._maker.default_folder, is_default=True
            )
            await self._keeper.hold(session)
            return session

    async def _find(self, caller: Caller, wanted: str) -> Session:
        try:
            return await self._register.find(caller, wanted)
        except AmbiguousSession:
            raise
        except UnknownSession:
            if not await self._look_for_moved():
                await self._check_notebook(caller, wanted)
                raise
        return await self._register.find(caller, wanted)

    async def _check_notebook(self, caller: Caller, wanted: str) -> None:
        """Raise UnknownSession with what to do, if it is a notebook that is not open."""
        if not wanted.endswith(".ipynb"):
            return
        hides = partial(self.hides, caller)
        try:
            path = await self._notebooks.existing(wanted, hides=hides)
        except ContentsError:
            return
        if path:
            msg = (
                f"There is no session {shown(wanted)}, but a notebook of this path. "
                f"create_session(path={json.dumps(path)}) gives it a session with a kernel."
            )
            raise UnknownSession(msg)
        near = await self._notebooks.missing(wanted, hides=hides)
        msg = f"There is no session {shown(wanted)}. {near}"
        raise UnknownSession(msg)

    async def _look_for_moved(self) -> bool:
        """Know the sessions whose folders have come since; whether there are any."""
        if self._store is None:
            return False
        known = {session.id for session in self._register}
        new = await self._store.all(but=known | self.spares.ids)
        for session in new:
            self._register.add(session)
        return bool(new)

    async def _give_kernel(self, session: Session) -> None:
        if session.kernel_id and not session.is_agents:
            msg = (
                f"The kernel of {session.path} was shut down. create_session(path=…) starts "
                "a new one for the notebook."
            )
            raise UnknownSession(msg)
        await self._lives.start(session)
        self._lives.use(session)
        await self._keeper.save(session)

    def _followed(self, session: Session, execution: Execution, entry: Entry) -> None:
        story = session.story
        was_sent = execution.sent is not None
        ended = Entry(
            number=entry.number,
            execution_id=entry.execution_id,
            code=entry.code,
            client=entry.client,
            created=entry.created,
            status=execution.status if was_sent else NOT_RUN,
            execution_count=execution.execution_count,
            ended=execution.ended or time.time(),
            failed_line=_failed_line(execution),
        )
        session.put_out(execution.fold.last_line[:200])
        self._lives.use(session)
        if story is not None:
            story.end(ended, execution.outputs if was_sent else ())
        if was_sent:
            self._saves.note(session)

    async def _end_idle(self, session: Session) -> None:
        """A session was not used for long: its kernel goes, the rest stays."""
        if not self._kernels.is_idle(session.kernel_id):
            self._lives.use(session)
            return
        await self.shutdown(session, by="this server, since it was not used", now=False)

    async def _bring_back(self, session: Session) -> None:
        try:
            await self._keeper.hold(session)
            await self.ready(session)
            async with self._kernels.linked(session.kernel_id):
                await self.prepare(session)
        except ToolError as err:
            self.log.warning("The session %s was not brought back: %s", session.id, err)

    def _lock(self, key: object) -> asyncio.Lock:
        """The lock for a key, which lives as long as somebody holds or awaits it."""
        return self._locks.setdefault(key, asyncio.Lock())


def _failed_line(execution: Execution) -> int | None:
    error = execution.error if execution.status == "error" else None
    if error is None:
        return None
    return failed_line(execution.code, error, execution.execution_count)
