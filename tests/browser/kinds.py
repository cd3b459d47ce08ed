"""The kinds of JupyterLab: with one of the two packages for shared documents, and without any.

All three come from one environment. What a kind leaves out is switched off as a person does it:
extensions of the server in its configuration, extensions of the page with what
`jupyter labextension disable` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import RequestHandler

from tests.servers import JupyterServer, running_server

ALICE = User(username="alice", name="Alice", display_name="Alice", initials="A", color="#c2185b")
"""The person."""
LABEXTENSIONS = Path(__file__).parents[2] / "labextensions"
"""Our own extension of the page as it is in the tree; an editable install has a copy of it."""
NEWS = "@jupyterlab/apputils-extension:announcements"
"""Asks a person whether to fetch news."""


class AliceAlone(IdentityProvider):
    """Everyone who has the token is Alice."""

    def generate_anonymous_user(self, handler: RequestHandler) -> User:
        """Alice."""
        return ALICE


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of JupyterLab."""

    name: str
    server_extensions: tuple[str, ...] = ()
    """The extensions for shared documents that its server has."""
    disabled: tuple[str, ...] = ()
    """The extensions that its page does not have."""
    options: tuple[str, ...] = ()
    closes_rooms: bool = False
    """Whether a room is deleted soon after the last person has left it."""

    def __str__(self) -> str:
        return self.name


COLLABORATION = Kind(
    name="collaboration",
    server_extensions=("jupyter_server_ydoc", "jupyter_server_fileid"),
    disabled=("@jupyter-ai-contrib/server-documents",),
    options=(
        "--YDocExtension.document_cleanup_delay=1",
        # Its SQLite database is locked for seconds when rooms come and go quickly.
        "--YDocExtension.ystore_class=jupyter_server_ydoc.stores.TempFileYStore",
    ),
    closes_rooms=True,
)
DOCUMENTS = Kind(
    name="documents",
    server_extensions=("jupyter_server_documents", "jupyter_server_fileid"),
)
PLAIN = Kind(
    name="plain",
    disabled=(
        "@jupyter-ai-contrib/server-documents",
        "@jupyter/docprovider-extension",
        "@jupyter/collaboration-extension",
    ),
)
ROOMS = (COLLABORATION, DOCUMENTS)


@contextmanager
def running_lab(kind: Kind, folder: Path, *, base_url: str = "/") -> Iterator[JupyterServer]:
    """A server with JupyterLab; ``folder`` becomes its home."""
    configuration = folder / ".jupyter" / "labconfig"
    configuration.mkdir(parents=True)
    (folder / ".local/share/jupyter").mkdir(parents=True)  # jupyter_server_fileid fails without it
    disabled = dict.fromkeys((*kind.disabled, NEWS), True)
    (configuration / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
    extensions = ("jupyter_mcp_ext", "jupyterlab", *kind.server_extensions)
    with running_server(
        folder,
        *(f"--ServerApp.jpserver_extensions={name}=True" for name in extensions),
        f"--ServerApp.identity_provider_class={__name__}.{AliceAlone.__name__}",
        "--LabApp.expose_app_in_browser=True",
        f"--LabApp.extra_labextensions_path={LABEXTENSIONS}",
        *kind.options,
        base_url=base_url,
    ) as server:
        server.until_answered()
        yield server
