"""All services of the package, put together for one server; the tools use them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir

from .executions.executions import McpExecutions
from .executions.storage import ExecutionStorage
from .executions.written import WrittenFiles
from .files.contents import disk_of
from .files.files import McpFiles
from .governance.audit import Audit
from .governance.authorizer import OwnersAuthorizer
from .governance.calls import McpCalls
from .governance.consents import Consents
from .governance.extra_tools import ExtraTools
from .governance.keys import KEY_FILE, Keys
from .governance.life import Life, LifeEvent
from .governance.policy import McpPolicy
from .governance.switches import Switches
from .governance.tool_names import ToolNames
from .governance.trail.trail import McpAudit
from .governance.transcript import Transcript
from .kernels.fleet import Kernels
from .kernels.links.links import McpLinks
from .monitoring.metrics import Metrics
from .notebooks.editing.editing import Editing
from .notebooks.notebooks import Notebooks
from .notebooks.shared.live import LiveNotebooks
from .notebooks.shared.watched import WatchedRooms
from .outputs.limits import Limits
from .packages.packages import McpPackages
from .rendering.rendering import Rendering
from .resources.changes import Changes
from .sandbox.limits.limits import McpLimits
from .sandbox.sandbox import McpSandbox
from .search.searching import FileSearch
from .sessions.disk.store import Disk
from .sessions.retention.retention import McpRetention
from .sessions.retention.rounds import Rounds
from .sessions.service import McpSessions
from .variables.hints import Hints
from .variables.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from logging import Logger

    from jupyter_server.auth.authorizer import Authorizer
    from jupyter_server.serverapp import ServerApp

    from .executions.execution import Execution
    from .files.changes import Change


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one server."""

    kernels: Kernels
    sessions: McpSessions
    retention: Rounds
    executions: McpExecutions
    written: WrittenFiles
    notebooks: Notebooks
    editing: Editing
    files: McpFiles
    search: FileSearch
    variables: Variables
    hints: Hints
    packages: McpPackages
    rendering: Rendering
    names: ToolNames
    extra: ExtraTools
    policy: McpPolicy
    calls: McpCalls
    consents: Consents
    life: Life
    switches: Switches
    transcript: Transcript
    audit: Audit
    metrics: Metrics
    keys: Keys
    limits: Limits
    changes: Changes

    @classmethod
    def build(
        cls,
        serverapp: ServerApp,
        *,
        parent: Any,
        limits: Limits,
        key_file: str = "",
        shared_subject: str = "",
        extra_tools: Sequence[str] = (),
    ) -> Services:
        """Put them together; the one place that knows all of them.

        ``shared_subject`` is the subject of all users on a server with one login; else empty.
        """
        names = ToolNames(extra_tools)
        contents = serverapp.contents_manager
        root = disk_of(contents)
        keys = Keys(Path(key_file or Path(jupyter_data_dir()) / KEY_FILE), parent.log)
        trail = McpAudit(key=keys.derive, parent=parent)
        secrets = (*_secrets(serverapp, keys), *trail.files)
        sandbox = McpSandbox(root=root, secrets=secrets, parent=parent)
        kernels = _kernels(serverapp, sandbox, McpLimits(root=root, parent=parent), parent)
        rendering = Rendering(parent.log)
        files = McpFiles(contents, root, serverapp.base_url, rendering, parent=parent)
        editing = _editing(serverapp, files, root, keys, parent.log)
        live = editing.live.reader
        notebooks = Notebooks(contents, root, gate=files.gate, storage=files.storage, live=live)
        hints = Hints(root)
        executions = McpExecutions(_storage(serverapp, root, parent.log), hints, parent=parent)
        disk = _disk(root, keys, shared_subject, editing.live)
        sessions = _sessions(serverapp, kernels, files, notebooks, disk, parent)
        kernels.limits.tell_owners(partial(_owner, sessions))
        changes = _changes(serverapp, editing, executions, sessions, kernels, disk)
        notebooks.made.add(changes.saved)
        audit = _audit(serverapp, kernels, sessions, trail)
        metrics = Metrics(kernels, sessions, executions, trail, root)
        audit.refusals.add(metrics.life.turned_away)
        return cls(
            kernels=kernels,
            sessions=sessions,
            retention=_retention(sessions, executions, editing.live, parent),
            executions=executions,
            written=_written(serverapp, root, kernels, executions, hints, changes),
            notebooks=notebooks,
            editing=editing,
            files=files,
            search=FileSearch(files.gate, files.storage, live),
            variables=Variables(),
            hints=hints,
            packages=McpPackages(kernels, credentials=sessions.credentials, parent=parent),
            rendering=rendering,
            names=names,
            extra=ExtraTools(extra_tools),
            policy=McpPolicy(_besides(serverapp.authorizer), names, parent=parent),
            calls=_calls(executions, parent),
            consents=Consents(),
            life=kernels.life,
            switches=Switches(names),
            transcript=Transcript(),
            audit=audit,
            metrics=metrics,
            keys=keys,
            limits=limits,
            changes=changes,
        )

    async def start(self) -> None:
        """Take over the executions and sessions of earlier runs of this server."""
        await self.executions.open()
        await self.sessions.open()
        self.retention.open()
        self.metrics.start()

    async def close(self) -> None:
        """End what runs; the audit is closed also if something does not end, and last."""
        try:
            await self._end()
        finally:
            self.audit.refusals.close()
            await self.audit.trail.close()

    async def _end(self) -> None:
        self.metrics.stop()
        await self.retention.close()
        await self.changes.close()
        await self.written.close()
        await self.executions.close()
        await self.sessions.close()
        await self.editing.close()
        await self.rendering.close()
        await self.kernels.close()


def _kernels(serverapp: ServerApp, sandbox: McpSandbox, limits: McpLimits, parent: Any) -> Kernels:
    return Kernels(
        serverapp.kernel_manager,
        serverapp.kernel_spec_manager,
        serverapp.event_logger,
        McpLinks(parent=parent),
        sandbox,
        limits,
    )


def _besides(authorizer: Authorizer) -> Authorizer:
    """Jupyter's authorizer as tools ask it, which know their owners themselves."""
    return authorizer.besides if isinstance(authorizer, OwnersAuthorizer) else authorizer


def _secrets(serverapp: ServerApp, keys: Keys) -> tuple[Path, ...]:
    """Files with which a program could log in, or make what this server takes for its own."""
    return (keys.path, Path(serverapp.runtime_dir), Path(serverapp.cookie_secret_file))


def _editing(
    serverapp: ServerApp, files: McpFiles, root: Path | None, keys: Keys, log: Logger
) -> Editing:
    return Editing.build(
        serverapp.contents_manager,
        files.storage,
        root,
        settings=serverapp.web_app.settings,
        events=serverapp.event_logger,
        runtime_dir=Path(serverapp.runtime_dir),
        name=_name(serverapp, root),
        key=keys.derive,
        log=log,
    )


def _storage(serverapp: ServerApp, root: Path | None, log: Logger) -> ExecutionStorage:
    return ExecutionStorage(Path(serverapp.runtime_dir), _name(serverapp, root), log)


def _name(serverapp: ServerApp, root: Path | None) -> str:
    """What tells this server apart from others that share its runtime directory."""
    return str(root or serverapp.base_url)


def _disk(root: Path | None, keys: Keys, shared_subject: str, live: LiveNotebooks) -> Disk | None:
    """Where sessions are kept; nowhere when Jupyter's root is not a folder on disk."""
    if root is None:
        return None
    return Disk(root=root, key=keys.derive, shared_subject=shared_subject, live=live.find)


def _sessions(
    serverapp: ServerApp,
    kernels: Kernels,
    files: McpFiles,
    notebooks: Notebooks,
    disk: Disk | None,
    parent: Any,
) -> McpSessions:
    return McpSessions(
        serverapp.session_manager,
        kernels,
        folder=files.gate.folder,
        notebooks=notebooks,
        disk=disk,
        may_have_spares=not _ends_what_is_idle(serverapp),
        parent=parent,
    )


def _retention(
    sessions: McpSessions, executions: McpExecutions, live: LiveNotebooks, parent: Any
) -> Rounds:
    sessions.remover.ask(
        executing=executions.directory.sessions_in_use, is_open_below=live.has_below
    )
    settings = McpRetention(parent=parent)
    return Rounds(settings, sessions.remover, sessions.lives.tell, parent.log)


def _owner(sessions: McpSessions, kernel_id: str) -> str:
    """The owner of a kernel; empty if it is a person's, or was started ahead."""
    found = sessions.directory.on_kernel(kernel_id)
    return next((session.owner for session in found if session.is_agents), "")


def _written(
    serverapp: ServerApp,
    root: Path | None,
    kernels: Kernels,
    executions: McpExecutions,
    hints: Hints,
    changes: Changes,
) -> WrittenFiles:
    """Looks for the files that code has written; what it finds is kept and told of."""

    def on_found(execution: Execution, found: Sequence[Change]) -> None:
        executions.amend(execution)
        for change in execution.files.files:
            hints.changed(change.path, change.at / 1e9)
        for change in found:
            changes.saved(change.path)

    return WrittenFiles(
        root,
        serverapp.event_logger,
        on_found=on_found,
        foreign_beside=kernels.foreign_beside,
    )


def _calls(executions: McpExecutions, parent: Any) -> McpCalls:
    calls = McpCalls(parent=parent)
    executions.begun.add(calls.follow)
    return calls


def _audit(serverapp: ServerApp, kernels: Kernels, sessions: McpSessions, trail: McpAudit) -> Audit:
    """Hears of all that is recorded."""
    audit = Audit(serverapp.event_logger, trail)

    def happened(event: LifeEvent) -> None:
        if event.session_id is None and event.kernel_id:
            for session in sessions.directory.on_kernel(event.kernel_id):
                event = replace(event, session_id=session.id, owner=session.owner)
        audit.happened(event)

    kernels.life.add(happened)
    kernels.sandbox.connections.add(audit.record_connections)
    return audit


def _changes(
    serverapp: ServerApp,
    editing: Editing,
    executions: McpExecutions,
    sessions: McpSessions,
    kernels: Kernels,
    disk: Disk | None,
) -> Changes:
    """Hears of all that changes here and in Jupyter."""
    changes = Changes(
        serverapp.event_logger,
        lambda tell: WatchedRooms(editing.rooms, tell, serverapp.log),
        sessions.directory.on_kernel,
        kernels.started_here,
    )
    editing.homes.changed.add(changes.notebook)
    executions.begun.add(changes.execution)
    sessions.directory.changed.add(changes.session)
    sessions.lives.started.add(changes.started)
    if disk is not None:
        disk.written.add(changes.notebook)
    return changes


def _ends_what_is_idle(serverapp: ServerApp) -> bool:
    """Whether idle kernels or servers are shut down here: spare kernels would keep them alive."""
    culls = getattr(serverapp.kernel_manager, "cull_idle_timeout", 0) > 0
    return culls or serverapp.shutdown_no_activity_timeout > 0
