"""Whether the clients of this account that are installed lead to the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jupyter_mcp_ext.clients.configuring.client import Client, is_ours, texts_of
from jupyter_mcp_ext.clients.configuring.clients import CLIENTS
from jupyter_mcp_ext.clients.configuring.editing.text import NotEditable
from jupyter_mcp_ext.clients.configuring.file import Unusable, read
from jupyter_mcp_ext.clients.servers import (
    TOKEN_VARIABLE,
    NoServer,
    chosen_server,
    running_servers,
)

from .case import Case
from .finding import Finding, ok, warning


async def look_at_clients(case: Case) -> Sequence[Finding]:
    """Look at the configuration of each client that is installed."""
    machine = case.machine
    if machine is None:
        return []
    installed = [client for client in CLIENTS if client.is_installed(machine)]
    found = [finding for client in installed for finding in _looked(case, client)]
    return found or [ok("No client that `jupyter mcp connect` knows is installed here.")]


def _looked(case: Case, client: Client) -> Iterator[Finding]:
    assert case.machine is not None  # noqa: S101  # the caller has looked
    connect = f"jupyter mcp connect {client.id}"
    try:
        text = read(client.file(case.machine)).text
        entry = client.present(text) if text.strip() else None
    except (Unusable, NotEditable, OSError) as err:
        yield warning(f"The configuration of {client.title} cannot be read: {err}", connect)
        return
    if entry is None:
        yield ok(f"{client.title} is not connected; `{connect}` does it.")
        return
    texts = list(texts_of(entry))
    if address := next((text for text in texts if text.startswith(("http://", "https://"))), ""):
        if address.rstrip("/") != case.wire.endpoint:
            what = f"{client.title} is connected to {address}, not to {case.wire.endpoint}."
            yield warning(what, connect)
            return
        if TOKEN_VARIABLE in " ".join(texts) and not case.environ.get(TOKEN_VARIABLE):
            what = f"{client.title} reads the token from {TOKEN_VARIABLE}, which is not set here."
            yield warning(what, f"export {TOKEN_VARIABLE}=… before {client.title} is started.")
            return
    elif is_ours(client, entry) and (named := _named(texts)) and not _leads_to(case, named):
        what = f"{client.title} starts the bridge to {named[-1]}, which is another server."
        yield warning(what, connect)
        return
    yield ok(f"{client.title} is connected.")


def _named(texts: Sequence[str]) -> Sequence[str]:
    """The names by which the bridge finds the server; none if it finds the only one."""
    return [name for option, name in pairwise(texts) if option == "--server"]


def _leads_to(case: Case, named: Sequence[str]) -> bool:
    """Whether the bridge finds the server by these names, as it does itself."""
    server = case.server
    if named[0] in (server.url, case.wire.endpoint):
        return True
    try:
        found = chosen_server(running_servers(), *named)
    except NoServer:
        return False
    return (found.url, found.socket) == (server.url, server.socket)
