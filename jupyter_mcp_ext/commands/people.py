"""What people and agents have open on the servers that run on a folder, by Jupyter's own API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
from jupyter_server.serverapp import list_running_servers

from jupyter_mcp_ext.clients.asking import ask
from jupyter_mcp_ext.clients.servers import ODD, server_of


class Unknown(Exception):
    """A running server does not tell what is open there."""


def paths_in_use(root: Path) -> Iterator[str]:
    """The API paths of the sessions in the lists of the servers on a root. Blocks.

    Jupyter's own list of servers is used: it has those of other accounts too. Raises Unknown.
    """
    for about in list_running_servers():
        if Path(about["root_dir"]).resolve() == root:
            yield from (str(model["path"]) for model in _sessions(about))


def _sessions(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sessions of a server that Jupyter describes so."""
    models = None
    try:
        reply = ask(server_of(about), "api/sessions")
        models = reply.json() if reply.status == 200 else None
    except (httpx2.HTTPError, *ODD):
        pass
    if not isinstance(models, list):
        msg = f"The server {about['url']} (process {about['pid']}) does not tell what is open."
        raise Unknown(msg)
    return models
