"""What the tools are given: every service of the package, put together for one server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .executions.service import McpExecutions
from .files.contents import existing_folder
from .governance.audit import Audit
from .governance.policy import Policy
from .kernels.service import Kernels
from .notebooks.service import Notebooks
from .outputs.limits import Limits
from .sessions.service import McpSessions

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one server."""

    kernels: Kernels
    sessions: McpSessions
    executions: McpExecutions
    notebooks: Notebooks
    policy: Policy
    audit: Audit
    limits: Limits

    @classmethod
    def build(cls, serverapp: ServerApp, *, parent: Any, limits: Limits) -> Services:
        """Put them together; the one place that knows everybody."""
        contents = serverapp.contents_manager
        folder = getattr(contents, "root_dir", "")
        root = Path(folder) if folder else None
        kernels = Kernels(
            serverapp.kernel_manager,
            serverapp.kernel_spec_manager,
            serverapp.event_logger,
            parent.log,
        )
        notebooks = Notebooks(contents, root)
        return cls(
            kernels=kernels,
            sessions=McpSessions(
                serverapp.session_manager,
                kernels,
                folder=partial(existing_folder, contents, root),
                notebook=notebooks.path,
                parent=parent,
            ),
            executions=McpExecutions(kernels, parent=parent),
            notebooks=notebooks,
            policy=Policy(serverapp.authorizer),
            audit=Audit(serverapp.event_logger),
            limits=limits,
        )

    async def close(self) -> None:
        """End what runs."""
        await self.executions.close()
        await self.kernels.close()
