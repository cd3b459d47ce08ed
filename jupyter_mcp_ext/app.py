"""The extension application: its traits, its handlers, its start and its stop."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.extension.application import ExtensionApp, ExtensionAppJinjaMixin
from jupyter_server.utils import url_path_join
from tornado.web import Application
from traitlets import Int, List, TraitError, Unicode, default, validate

from .connect import Announces
from .files.contents import disk_of
from .governance.authorizer import OwnersAuthorizer
from .governance.extra_tools import ExtraToolsUnusable
from .governance.multi_user import Means, warn_of_others
from .governance.multi_user import check as check_multi_user
from .governance.owners import Owners
from .governance.policy import PolicyUnusable
from .governance.trail.place import AuditUnusable
from .monitoring.events import PER_USER
from .outputs.limits import Limits
from .page.actions import Actions
from .page.handlers import ActionHandler, ConnectHandler, NewsHandler, PageHandler
from .page.page import FOLDER, McpPage
from .sandbox.limits.limits import LimitsUnusable
from .sandbox.sandbox import SandboxUnusable
from .services import Services
from .transport.absent import AbsentHandler, absent_patterns
from .transport.handler import McpHandler
from .transport.health import HealthHandler
from .transport.host import McpHost, SessionOptions
from .transport.identity import SHARED_SUBJECT, is_stock, subject_of
from .transport.mcp_session_id import PURPOSE
from .transport.password import PasswordCheck
from .transport.routes import claims, describe
from .version import __version__

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

STOP_TIMEOUT = 10.0
UNUSABLE = (ExtraToolsUnusable, PolicyUnusable, SandboxUnusable, LimitsUnusable, AuditUnusable)
"""Why MCP may not be served as it is configured."""

_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


class McpApp(ExtensionAppJinjaMixin, ExtensionApp):
    """Serves MCP beside the Jupyter REST API."""

    name = "mcp"
    version = __version__
    description = "Serves the Model Context Protocol from a Jupyter server."
    load_other_extensions = True
    static_paths = [str(FOLDER / "static")]  # noqa: RUF012  # so Jupyter has it
    template_paths = [str(FOLDER / "templates")]  # noqa: RUF012
    jinja2_options = {"trim_blocks": True, "lstrip_blocks": True}  # noqa: RUF012

    path = Unicode(
        "/mcp",
        help="Where MCP is served, below the server's base URL; letters, digits and . _ ~ - /.",
    ).tag(config=True)
    max_mcp_sessions = Int(
        1_000,
        min=0,
        help="Protocol sessions of clients before 2026-07-28 that are kept open at a time; 0 sets "
        "no limit. Beyond it, the user's session that has been idle longest is closed.",
    ).tag(config=True)
    mcp_session_idle_timeout = Int(
        600,
        min=0,
        help="Seconds without a request after which such a session is closed; 0 keeps it. "
        "It is opened again under its id when its client comes back.",
    ).tag(config=True)

    key_file = Unicode(
        "",
        help="File with the server's key, which seals what clients keep for it and signs what it "
        "keeps in session folders; made if it is missing. Empty: jupyter_mcp_ext.key in Jupyter's "
        "data directory.",
    ).tag(config=True)

    extra_tools = List(
        Unicode(),
        help="Tools of other packages that agents get, by the names of their entry points in the "
        "group jupyter_mcp_ext.tools. Their code runs in the server's process, with its rights.",
    ).tag(config=True)

    wrong: TraitError | None = None
    """Why the settings of the extension itself cannot be used."""

    is_built = False
    """Whether the services are there; not if a setting of theirs is wrong."""

    stopping: asyncio.Task[None] | None = None
    """What stops it, or has stopped it."""

    mounted = False
    """Whether the endpoint is there."""

    @default("open_browser")
    def _default_open_browser(self) -> bool:
        # The extension that starts a server decides over it; MCP has no page to open.
        return bool(cast("ServerApp", self.serverapp).config.ServerApp.get("open_browser", False))

    max_result_characters = Int(
        10_000,
        min=1_000,
        max=40_000,
        help="Characters of text in one result; the rest is cut, with the call that shows it.",
    ).tag(config=True)

    @validate("path")
    def _validate_path(self, proposal: dict[str, Any]) -> str:
        path: str = proposal["value"].rstrip("/")
        if not _PATH.fullmatch(path):
            msg = (
                f"McpApp.path is {proposal['value']!r}; it must start with / and consist of "
                "letters, digits and . _ ~ - / only, as in /mcp."
            )
            raise TraitError(msg)
        return path

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Read the settings; with wrong ones Jupyter would go on with those by default."""
        try:
            super()._link_jupyter_server_extension(serverapp)
        except TraitError as err:
            self.wrong = err

    def initialize_handlers(self) -> None:
        """Build the services and mount the endpoint, unless another extension has its path."""
        serverapp = cast("ServerApp", self.serverapp)  # set by Jupyter before this is called
        web_app: Application = serverapp.web_app
        try:
            if self.wrong is not None:
                raise self.wrong
            self._build(serverapp)
        except TraitError as err:
            self._tell_unserved(err)
            return
        endpoint = url_path_join(serverapp.base_url, self.path)
        if not self._is_usable():
            return
        self.mounted = not (before := claims(web_app, endpoint))
        if not self.mounted:
            self._tell_unserved(
                f"{describe(before[0])} already answers {endpoint}. Set McpApp.path to another path"
            )
            return
        self._mount(web_app, serverapp.base_url)

    def _build(self, serverapp: ServerApp) -> None:
        self.services = Services.build(
            serverapp,
            parent=self,
            limits=Limits.within(self.max_result_characters),
            key_file=self.key_file,
            shared_subject=SHARED_SUBJECT if is_stock(serverapp.identity_provider) else "",
            extra_tools=self.extra_tools,
        )
        self.services.executions.on_activity = self._count_active
        self.host = McpHost(
            self.services,
            SessionOptions(
                limit=self.max_mcp_sessions,
                idle=self.mcp_session_idle_timeout,
                key=partial(self.services.keys.derive, PURPOSE),
            ),
            log=self.log,
        )
        endpoint = url_path_join(serverapp.base_url, self.path)
        self.page = McpPage(self.services, endpoint=endpoint, parent=self)
        self.is_built = True

    def _mount(self, web_app: Application, base_url: str) -> None:
        pattern = re.escape(self.path)
        self.handlers.append((rf"{pattern}/?", McpHandler, self._of_endpoint()))
        self.handlers.append((rf"{pattern}/health", HealthHandler, self._of_health()))
        of_page = {"page": self.page, "actions": Actions(self.services)}
        if not self.page.enabled:
            self.services.transcript.switch_off()
            self.handlers.append((rf"{pattern}/connect", ConnectHandler, of_page))
        else:
            self.handlers += [
                (rf"{pattern}/ui/?", PageHandler, of_page),
                (rf"{pattern}/ui/news", NewsHandler, of_page),
                (rf"{pattern}/ui/([a-z-]+)", ActionHandler, of_page),
            ]
            # JupyterLab hands this to its pages, where our extension in labextensions/ reads it.
            told = web_app.settings.setdefault("page_config_data", {})
            told["mcpPageUrl"] = self.page.url
        self._mount_absent(web_app, base_url, pattern)

    def _of_endpoint(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "page": self.page.url,
            "passwords": PasswordCheck(),
            "on_activity": self._record_activity,
            "overdrawn": self._overdrawn,
            "on_refused": self.services.audit.refusals.count,
        }

    def _of_health(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "health": self.services.metrics.health,
            "policy": self.services.policy,
        }

    def _is_usable(self) -> bool:
        """Have the policy, the sandbox and the limits of kernels in force; False if one cannot."""
        kernels = self.services.kernels
        is_shared = is_stock(cast("ServerApp", self.serverapp).identity_provider)
        try:
            self.services.extra.open()
            self.services.policy.open((SHARED_SUBJECT,) if is_shared else None)
            kernels.sandbox.open(self.services.sessions.paths.top)
            kernels.limits.open()
            self._keep_apart()
            self._open_audit()
        except UNUSABLE as err:
            self._tell_unserved(err)
            return False
        return True

    def _tell_unserved(self, why: object) -> None:
        words = f"MCP is not served: {str(why).rstrip('.')}."
        serverapp: object = self.serverapp
        if isinstance(serverapp, Announces):
            serverapp.give_up(words)
        else:
            self.log.error("%s See also: jupyter mcp doctor", words)

    def _keep_apart(self) -> None:
        """Have Jupyter's own API keep users apart, where it can. Raises PolicyUnusable."""
        serverapp = cast("ServerApp", self.serverapp)
        services, provider = self.services, serverapp.identity_provider
        means = Means(
            sandbox=services.kernels.sandbox.in_force,
            network=services.kernels.sandbox.network,
            audit_path=services.audit.trail.path,
            authorizer=serverapp.authorizer,
            has_one_login=is_stock(provider),
        )
        check_multi_user(services.policy, means)
        extensions = serverapp.extension_manager.extensions
        warn_of_others(services.policy, (name for name, e in extensions.items() if e.enabled))
        if isinstance(serverapp.authorizer, OwnersAuthorizer):
            owners = Owners(
                services.sessions,
                services.policy,
                serverapp.session_manager,
                disk_of(serverapp.contents_manager),
                partial(subject_of, provider),
            )
            serverapp.authorizer.guard(owners, services.audit.refusals.count)

    def _open_audit(self) -> None:
        trail, keys = self.services.audit.trail, self.services.keys
        if trail.is_on and not keys.is_lasting:
            msg = (
                f"McpAudit.path needs a key that lasts, and the key file {str(keys.path)!r} cannot "
                "be used: set McpApp.key_file to a file that this server can write"
            )
            raise AuditUnusable(msg)
        sandbox = self.services.kernels.sandbox
        root = Path(cast("ServerApp", self.serverapp).root_dir)
        writable = (root, *sandbox.places.writable)
        trail.open(writable, is_confined=sandbox.is_on)

    def _mount_absent(self, web_app: Application, base_url: str, pattern: str) -> None:
        if not claims(web_app, url_path_join(base_url, "/register")):
            self.handlers.extend((absent, AbsentHandler) for absent in absent_patterns(pattern))
        if base_url != "/":
            # Clients also ask at the host's root, where Jupyter then has no handler.
            behind = re.escape(base_url.rstrip("/")) + pattern
            web_app.add_handlers(
                ".*$", [(absent, AbsentHandler) for absent in absent_patterns(behind)]
            )

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Start serving; Jupyter answers already, and requests for MCP wait until this is done."""
        if not self.mounted:
            return
        endpoint = url_path_join(serverapp.base_url, self.path)
        others = [claim for claim in claims(serverapp.web_app, endpoint) if claim is not McpHandler]
        if others:
            self.log.warning(
                "%s also claims %s, where MCP is served; it gets no requests there.",
                describe(others[0]),
                endpoint,
            )
        await self.services.start()
        self.host.begin()
        url = url_path_join(serverapp.connection_url, self.path)
        self.log.info("The sandbox of agents' kernels: %s", self.services.kernels.sandbox.summary)
        self.log.info("MCP is served at %s", url)  # Jupyter starts extensions once it listens
        if isinstance(serverapp, Announces):
            serverapp.announce(url)

    async def stop_extension(self) -> None:
        """Stop serving, then the services; what has not ended in time is left behind.

        Jupyter calls it for each signal, and ends all kernels after each call: it fails at that,
        and never ends, where one of ours is just being ended by another call.
        """
        if not self.is_built:  # Jupyter would never end if this failed
            return
        if self.stopping is None or self.stopping.done():
            self.stopping = asyncio.create_task(self._stop_in_time(), name="mcp-stop")
        await asyncio.shield(self.stopping)

    async def _stop_in_time(self) -> None:
        limit = STOP_TIMEOUT + self.services.sessions.stop_seconds
        try:
            await asyncio.wait_for(self._stop(), limit)
        except asyncio.TimeoutError:
            self.log.warning("MCP did not stop within %g s.", limit)

    async def _stop(self) -> None:
        if self.mounted:
            self.page.news.close()
        try:
            await self.host.stop(timeout=STOP_TIMEOUT / 4)
        finally:
            await self.services.close()

    def _overdrawn(self, subject: str) -> float:
        seconds = self.services.calls.overdrawn(subject)
        if seconds:
            self.services.metrics.life.refused(PER_USER)
        return seconds

    def _record_activity(self) -> None:
        self._count_active()
        self.services.sessions.spares.want()

    def _count_active(self) -> None:
        # Jupyter and JupyterHub read this before they stop an idle server.
        web_app = cast("ServerApp", self.serverapp).web_app
        web_app.settings["last_activity_times"][self.name] = datetime.now(timezone.utc)
