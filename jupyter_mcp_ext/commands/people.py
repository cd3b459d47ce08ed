"""What people and agents have open on the servers that run on a folder, by Jupyter's own API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from jupyter_server.serverapp import list_running_servers

TIMEOUT = 10.0
"""Seconds for a server's answer."""


class Unknown(Exception):
    """A running server does not tell what is open there."""


def paths_in_use(root: Path) -> Iterator[str]:
    """The API paths of the sessions in the lists of this account's servers on a root. Blocks.

    Raises Unknown.
    """
    for server in list_running_servers():
        if Path(server["root_dir"]).resolve() == root:
            yield from (str(model["path"]) for model in _sessions(server))


def _sessions(server: dict[str, Any]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"token {server['token']}"} if server.get("token") else {}
    request = Request(f"{server['url']}api/sessions", headers=headers)  # noqa: S310  # Jupyter's own
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310  # likewise
            models: list[dict[str, Any]] = json.load(answer)
    except (URLError, OSError, ValueError) as err:
        msg = f"The server {server['url']} (process {server['pid']}) does not tell what is open."
        raise Unknown(msg) from err
    return models
