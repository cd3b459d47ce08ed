"""The page, its buttons, and the stream that tells an open page of changes.

Everything is rendered here: the page works without JavaScript.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerJinjaMixin, ExtensionHandlerMixin
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated

from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.connect import snippets
from jupyter_mcp_ext.errors import Forbidden, ToolError
from jupyter_mcp_ext.outputs.characters import visible
from jupyter_mcp_ext.transport import door
from jupyter_mcp_ext.wording import ago, seconds

from .links import links
from .overview import overview
from .page import editor

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.governance.refusals import Cause

    from .actions import Actions
    from .page import McpPage
    from .people import Person

READ: tuple[Right, ...] = (("read", "sessions"), ("read", "kernels"))
"""The rights that the page needs, as the tools that tell the same do."""

PACE = 0.5
"""Seconds between two changes that one page is told of, at least."""

SILENCE = 20.0
"""Seconds after which a stream says that it is still there, for proxies and for its own end."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class _Handler(ExtensionHandlerJinjaMixin, ExtensionHandlerMixin, JupyterHandler):
    """What all of the page's handlers do."""

    SUPPORTED_METHODS = ("GET", "POST")

    def initialize(self, name: str, page: McpPage, actions: Actions) -> None:
        """Receive what the handlers share."""
        super().initialize(name)
        self.page = page
        self.actions = actions

    @property
    def content_security_policy(self) -> str:
        """Nothing but what the package brings, whatever is shown."""
        return POLICY

    def set_default_headers(self) -> None:
        """Keep what is shown out of caches, and addresses out of others' logs."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's returns an awaitable
        """Refuse pages of others, as the endpoint does."""
        if refusal := door.refused(self, door.PAGE):
            self.count(refusal.cause or "host")
            self.current_user = self._jupyter_current_user = None
            raise HTTPError(refusal.status, refusal.message)
        await super().prepare()

    async def admitted(self, *rights: Right) -> Person:
        """Who is at the page. Raises HTTPError."""
        person = self.page.person(self)
        try:
            await self.page.services.policy.decide(person.principal, *rights)
        except Forbidden as err:
            self.count("rights", person)
            raise HTTPError(403, str(err)) from err
        return person

    def count(self, cause: Cause, person: Person | None = None) -> None:
        """Have a refusal in the record."""
        subject = person.subject if person is not None else None
        self.page.services.audit.refusals.count(cause, self.request.remote_ip, subject)

    def check_xsrf_cookie(self) -> None:
        """Refuse what another page has made a browser send."""
        try:
            super().check_xsrf_cookie()
        except HTTPError:
            person = self.page.person(self) if self.current_user is not None else None
            self.count("forgery" if person is not None else "login", person)
            raise

    def show(self, template: str, **names: Any) -> None:
        """Answer with a template of the package."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            self.get_template(template).render(
                ago=lambda at: ago(time.time() - at),
                iso=_iso,
                page_url=self.page.url,
                seconds=seconds,
                static_url=self.static_url,
                visible=visible,
                xsrf=self.xsrf_form_html,
                **names,
            )
        )

    def connecting(self) -> dict[str, Any]:
        """How clients are connected to the address that this browser knows."""
        endpoint = f"{self.request.protocol}://{self.request.host}{self.page.endpoint}"
        known = snippets(endpoint)
        return {"endpoint": endpoint, "snippets": known, "links": links(known)}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what went wrong; the log has the rest."""
        error = kwargs.get("exc_info", (None, None))[1]
        words = error.get_message() if isinstance(error, HTTPError) else None
        self.show("mcp_error.html", words=words or f"This did not work ({status_code}).")


class PageHandler(_Handler):
    """Shows the page."""

    @authenticated
    async def get(self) -> None:
        """Show it."""
        person = await self.admitted(*READ)
        app = self.serverapp
        place = url_path_join(self.base_url, editor(app.extension_manager.extension_apps))
        self.show(
            "mcp_page.html",
            editor=lambda path: f"{place}/{quote(path)}",
            **self.connecting(),
            **vars(await overview(self.page.services, person)),
        )


class ConnectHandler(_Handler):
    """Says what is served and how clients are connected, where people have no page."""

    @authenticated
    async def get(self) -> None:
        """Say it."""
        self.show("mcp_connect.html", **self.connecting())


class ActionHandler(_Handler):
    """Does what a button says, and shows the page again."""

    @authenticated
    async def post(self, action: str) -> None:
        """Do it."""
        rights = self.actions.rights(action)
        if rights is None:
            raise HTTPError(404, "There is no such button.")
        person = await self.admitted(*READ, *rights)
        target = self.get_body_argument("of", "")
        try:
            await self.actions.carry_out(action, person, target)
        except Forbidden as err:
            self.count("rights", person)
            raise HTTPError(403, str(err)) from err
        except ToolError as err:
            raise HTTPError(409, str(err)) from err
        self.redirect(self.page.url, status=303)


class NewsHandler(_Handler):
    """Tells one open page that there is something new, until the page is left."""

    @authenticated
    async def get(self) -> None:
        """Tell it, as server-sent events without contents."""
        self.person = await self.admitted(*READ)
        self.over = asyncio.Event()
        self.timer = Timer()
        self.set_header("Content-Type", "text/event-stream")
        with self.page.news.read(self.person.subject, self.hear, self.over.set) as is_admitted:
            if not is_admitted:
                self.set_status(204)  # browsers then do not come again
                return
            self.timer.set(0, self.tell)
            await self.over.wait()
            self.timer.stop()

    def hear(self, subject: str) -> None:
        """Something has changed for the agents of a user."""
        if self.person.sees(subject) and self.timer.left > PACE:
            self.timer.set(PACE, self.tell)

    def tell(self) -> None:
        """Have the page look."""
        self.timer.set(SILENCE, self.tell)
        try:
            self.write("data: changed\n\n")
            self.flush().add_done_callback(_ignore_closed)
        except (StreamClosedError, RuntimeError):  # it was left just now
            self.over.set()

    def on_connection_close(self) -> None:
        """The page was left."""
        if hasattr(self, "over"):
            self.over.set()
        super().on_connection_close()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _ignore_closed(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()
