"""Addresses at which MCP clients look for OAuth, which this server does not have.

Jupyter would answer them with a login page, an HTML page or an XSRF error. With a plain 404, a
client understands and shows the 401 of the endpoint instead.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import RequestHandler

from .refusal import Refusal


def absent_patterns(endpoint: str) -> list[str]:
    """The URL patterns; ``endpoint`` is the pattern of the path where MCP is served."""
    documents = "(?:oauth-protected-resource|oauth-authorization-server|openid-configuration)"
    return [
        rf"/\.well-known/{documents}(?:/.*)?",
        rf"{endpoint}/\.well-known/{documents}",
        "/register",
    ]


class AbsentHandler(RequestHandler):
    """Answers 404."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "OPTIONS")

    @allow_unauthenticated
    def get(self) -> None:
        """Answer a search for metadata."""
        self._answer()

    @allow_unauthenticated
    def head(self) -> None:
        """Answer a search for metadata."""
        self._answer()

    @allow_unauthenticated
    def post(self) -> None:
        """Answer a client that wants to register."""
        self._answer()

    @allow_unauthenticated
    def options(self) -> None:
        """Answer a page's preflight."""
        self._answer()

    def check_xsrf_cookie(self) -> None:
        """Check nothing: this handler does nothing."""

    def _answer(self) -> None:
        message = (
            "There is no OAuth here: use the Jupyter server's token, in the header "
            "`Authorization: Bearer <token>`."
        )
        self.set_status(404)
        self.set_header("Content-Type", "application/json")
        self.finish(Refusal(status=404, message=message).body())
