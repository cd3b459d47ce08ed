"""The endpoint: authentication, Origin, Host and size are looked at before a body is read.

What is refused here is answered as JSON in our own words. What is let through goes to the SDK,
with Jupyter's user in place of the credentials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import User
from tornado.web import HTTPError, stream_request_body

from jupyter_mcp_ext.governance.caller import Principal

from . import door
from .asgi import AsgiExchange, make_scope
from .body import MAX_BODY_BYTES, refuse_body
from .host import HostUnavailable, McpHost
from .identity import (
    GONE_KEY,
    PRINCIPAL_KEY,
    SHARED_SUBJECT,
    password_hash,
    session_scope,
    subject_of,
)
from .password import PasswordCheck, TooManyGuesses, basic_password
from .plain import PlainHandler
from .refusal import INTERNAL_ERROR, Refusal

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from jupyter_mcp_ext.governance.refusals import Cause

MAX_REFUSED_BYTES = 64 * 1024
"""The body of a refused request is let in and dropped up to this, so that its answer arrives: to
close a connection with unread data resets it, and the client sees that in place of the answer."""

_REQUEST_HEADERS = (
    "Authorization, Content-Type, Accept, Jupyter-Session, Last-Event-ID, Mcp-Method, Mcp-Name, "
    "Mcp-Protocol-Version, Mcp-Session-Id, X-XSRFToken"
)


@stream_request_body
class McpHandler(PlainHandler):
    """Serves MCP to the users whom Jupyter's identity provider accepts."""

    SUPPORTED_METHODS = ("GET", "POST", "DELETE", "OPTIONS")
    refusal: Refusal | None = None
    principal: Principal | None = None
    subject: str | None = None
    """Whose request it is, once that is known."""

    def initialize(
        self,
        host: McpHost,
        passwords: PasswordCheck,
        on_activity: Callable[[], None],
        overdrawn: Callable[[str], float],
        on_refused: Callable[[Cause, str | None, str | None], None],
        page: str = "",
    ) -> None:
        """Receive what all handlers of the extension share.

        ``page`` is the path to which a browser is led, or empty.
        ``overdrawn`` gives the seconds for which no message of a subject is read, or 0.
        ``on_refused`` is called with the cause of a refusal, the address and the subject.
        """
        self.host = host
        self.page = page
        self.overdrawn = overdrawn
        self.on_refused = on_refused
        self.passwords = passwords
        self.on_activity = on_activity
        self.exchange: AsgiExchange | None = None
        self.chunks: list[bytes] = []
        # No compression: a stream's events must leave one by one. tornado asks this header next.
        self.request.headers.pop("Accept-Encoding", None)

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's returns an awaitable
        """Decide whether the request is served; the body of a refused one is not kept."""
        if self.page and self.request.method == "GET" and _is_a_browser(self.request):
            # A person who gives the token in the address is let in there, as at Jupyter's pages.
            token = self.request.query_arguments.get("token", [])[-1:]
            self.redirect("?".join((self.page, *(urlencode({"token": each}) for each in token))))
            return
        self.refusal = (
            door.refused(self, door.ROUTE)
            or await self._refuse_caller()
            or door.refused(self, door.CONTENT)
        )
        if self.refusal is not None and self.refusal.cause is not None:
            self.on_refused(self.refusal.cause, self.request.remote_ip, self.subject)
        if self.refusal is None:
            self.request.connection.set_max_body_size(MAX_BODY_BYTES)  # type: ignore[union-attr]  # tornado's HTTP1Connection
        elif _is_small(self.request):
            self.request.connection.set_max_body_size(MAX_REFUSED_BYTES)  # type: ignore[union-attr]  # tornado's HTTP1Connection
        else:
            self._refuse(self.refusal)

    def data_received(self, chunk: bytes) -> None:
        """Collect the body."""
        if self.refusal is None:
            self.chunks.append(chunk)

    @allow_unauthenticated
    async def post(self) -> None:
        """Serve a JSON-RPC message."""
        await self._serve()

    @allow_unauthenticated
    async def get(self) -> None:
        """Open the stream of an older protocol's session."""
        await self._serve()

    @allow_unauthenticated
    async def delete(self) -> None:
        """End an older protocol's session."""
        await self._serve()

    @allow_unauthenticated
    def options(self) -> None:
        """Answer the preflight of a page whose Origin is allowed."""
        if self.refusal is not None:
            self._refuse(self.refusal)
            return
        self.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
        self.set_header("Access-Control-Allow-Headers", _REQUEST_HEADERS)
        self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)

    def on_connection_close(self) -> None:
        """Tell the application that the client has disconnected."""
        if self.exchange is not None:
            self.exchange.disconnect()
        super().on_connection_close()

    # -- who is calling ------------------------------------------------------------------------

    async def _refuse_caller(self) -> Refusal | None:
        await super().prepare()
        if self.request.method == "OPTIONS":
            return None
        user = self.current_user
        with_password = False
        if user is None:
            try:
                with_password = await self._has_password()
            except TooManyGuesses as err:
                words, wait = str(err), err.retry_after
                return Refusal(status=429, message=words, retry_after=wait, cause="guesses")
            if not with_password:
                return door.unauthenticated(self)
            user = self.current_user = User(username=SHARED_SUBJECT)
        self.subject = subject = subject_of(self.identity_provider, user)
        if not with_password and (refusal := self._refuse_forgery()):
            return refusal
        scope = session_scope(self.request)
        if scope is None:
            return Refusal(
                status=400,
                message="The header Jupyter-Session (or `session` in the URL) takes at most 64 "
                "letters, digits, dots, underscores and hyphens.",
            )
        self.principal = Principal(subject=subject, user=user, scope=scope, handler=self)
        return door.flooding(self.overdrawn(subject)) if self.request.method == "POST" else None

    async def _has_password(self) -> bool:
        hashed = password_hash(self.identity_provider)
        password = basic_password(self.request.headers.get("Authorization", ""))
        if not hashed or password is None:
            return False
        return await self.passwords.accepts(hashed, password, self.request.remote_ip or "")

    def _refuse_forgery(self) -> Refusal | None:
        # Only a cookie is sent without its owner's doing. With authentication switched off there
        # is none: the Origin above and the content type below keep other pages out.
        if self.request.method == "GET" or not self.identity_provider.auth_enabled:
            return None
        try:
            super().check_xsrf_cookie()
        except HTTPError:
            return Refusal(
                status=403,
                message="A browser's login needs the header X-XSRFToken here; a program sends "
                "`Authorization: Bearer <token>` instead of a cookie.",
                cause="forgery",
            )
        return None

    # -- serving ------------------------------------------------------------------------------

    async def _serve(self) -> None:
        body, self.chunks = b"".join(self.chunks), []
        if self.refusal is None and self.request.method == "POST":
            self.refusal = refuse_body(body)
        if self.refusal is not None or self.principal is None:
            self._refuse(self.refusal or door.unauthenticated(self))
            return
        self.on_activity()
        self.exchange = AsgiExchange(self, body)
        scope = make_scope(self.request)
        scope[PRINCIPAL_KEY] = self.principal
        scope[GONE_KEY] = partial(getattr, self.exchange, "gone")
        try:
            await self.host.serve(
                self.principal.subject, scope, self.exchange.receive, self.exchange.send
            )
        except HostUnavailable as err:
            self._refuse(Refusal(status=503, code=INTERNAL_ERROR, message=str(err), retry_after=5))
            return
        if self.exchange.started:
            self.exchange.end()
        elif not self.exchange.gone:
            stopping = "The Jupyter server stopped before it could answer."
            self._refuse(Refusal(status=503, code=INTERNAL_ERROR, message=stopping))

    def _refuse(self, refusal: Refusal) -> None:
        self.set_status(refusal.status)
        self.set_header("Content-Type", "application/json")
        if refusal.retry_after:
            self.set_header("Retry-After", str(math.ceil(refusal.retry_after)))
        for challenge in refusal.challenges:
            self.add_header("WWW-Authenticate", challenge)
        self.finish(refusal.body())

    # -- what Jupyter and tornado would do otherwise --------------------------------------------

    def check_xsrf_cookie(self) -> None:
        """Leave it to `prepare`, which knows by then who is calling."""

    def set_cors_headers(self) -> None:
        """Name an allowed Origin; Jupyter would allow any to a request with a token."""
        if self.allow_origin or self.allow_origin_pat:
            super().set_cors_headers()
            self.set_header("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what went wrong in tornado or in us as JSON, without a detail."""
        del kwargs
        if status_code == 405:
            self.set_header("Allow", "POST, GET, DELETE")
            self._refuse(Refusal(status=405, message="Send MCP messages by POST."))
        else:
            message = "Internal error; the Jupyter server's log has it."
            self._refuse(Refusal(status=status_code, code=INTERNAL_ERROR, message=message))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log without the URL's query, which can hold a credential."""
        if isinstance(value, HTTPError):
            self.log.warning("%s %s: %s", self.request.method, self.request.path, value)
        elif typ is not None and value is not None:
            self.log.error(
                "%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb)
            )


def _is_a_browser(request: HTTPServerRequest) -> bool:
    """Whether a person opens the address; clients ask for ``text/event-stream``."""
    accepted = request.headers.get("Accept", "").lower()
    return "text/html" in accepted and "text/event-stream" not in accepted


def _is_small(request: HTTPServerRequest) -> bool:
    chunked = "Transfer-Encoding" in request.headers
    return not chunked and door.declared_size(request) <= MAX_REFUSED_BYTES
