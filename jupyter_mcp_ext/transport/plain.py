"""Handlers for programs: no cookies, and no ETags."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler


class PlainHandler(JupyterHandler):
    """A handler of Jupyter whose answers leave nothing behind."""

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's returns an awaitable
        """Find out who is asking."""
        await super().prepare()
        # The provider clears a login that it does not know, past set_cookie.
        self.clear_header("Set-Cookie")

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """Set none: Jupyter's providers would mint a login for every request with a token."""

    def set_signed_cookie(self, *args: Any, **kwargs: Any) -> None:
        """Set none."""

    set_secure_cookie = set_signed_cookie

    def compute_etag(self) -> None:
        """Compute none: no answer here is cached."""
