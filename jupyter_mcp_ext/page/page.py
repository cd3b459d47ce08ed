"""The configuration of the page, and what its handlers share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join
from traitlets import Bool
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.governance.caller import Principal
from jupyter_mcp_ext.transport.identity import is_stock, subject_of

from .news import News
from .people import Person

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_mcp_ext.services import Services

FOLDER = Path(__file__).parent

EDITORS = (("jupyterlab", "lab/tree"), ("notebook", "notebooks"))
"""Extensions that show notebooks, and where below the server's base URL."""


class McpPage(LoggingConfigurable):
    """The page for people at ``<base_url>/mcp/ui``."""

    enabled = Bool(True, help="Whether there is a page on which people see what agents do.").tag(
        config=True
    )

    def __init__(self, services: Services, *, endpoint: str, **kwargs: Any) -> None:
        """``endpoint`` is the path at which MCP is served, with the server's base URL."""
        super().__init__(**kwargs)
        self.services = services
        self.endpoint = endpoint
        self.url = url_path_join(endpoint, "ui" if self.enabled else "connect")
        """Where a browser is led that opens the endpoint."""
        self.news = News(services)

    def person(self, handler: JupyterHandler) -> Person:
        """Who sends the request of a handler, which Jupyter has authenticated."""
        user = handler.current_user
        provider = handler.identity_provider
        subject = subject_of(provider, user)
        return Person(
            principal=Principal(subject=subject, user=user, handler=handler),
            is_administrator=self.services.policy.is_administrator(subject, user),
            is_named=not is_stock(provider),
            shares=not self.services.policy.multi_user,
        )


def editor(extensions: Any) -> str:
    """Where notebooks are opened, below the base URL, by the extensions of the server."""
    return next((place for name, place in EDITORS if name in extensions), "files")
