"""Whether the clients of this account that are installed lead to the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jupyter_mcp_ext.clients.configuring.client import NAME, Client, Machine, is_ours
from jupyter_mcp_ext.clients.configuring.clients import CLIENTS
from jupyter_mcp_ext.clients.configuring.editing.text import NotEditable
from jupyter_mcp_ext.clients.configuring.file import Unusable, read
from jupyter_mcp_ext.clients.printable import address
from jupyter_mcp_ext.clients.servers import (
    TOKEN_VARIABLE,
    NoServer,
    chosen_server,
    running_servers,
)

from .case import Case
from .entry import Written, broken_program, written
from .finding import Finding, fault, ok, warning


async def look_at_clients(case: Case) -> Sequence[Finding]:
    """Look at the configuration of each client that is installed."""
    machine = case.machine
    if machine is None:
        return []
    installed = [client for client in CLIENTS if client.is_installed(machine)]
    found = [_looked(case, client, machine) for client in installed]
    return found or [ok("No client that `jupyter mcp connect` knows is installed here.")]


def _looked(case: Case, client: Client, machine: Machine) -> Finding:
    file = client.file(machine)
    try:
        text = read(file).text
        entry = client.present(text) if text.strip() else None
    except NotEditable as err:
        return fault(
            f"{client.title} cannot use its configuration {file}: {err}.",
            f"Correct that file, or move it away; then: {case.connect(client.id)}",
        )
    except (Unusable, OSError) as err:
        said = str(err).rstrip(".")
        what = f"The configuration of {client.title} cannot be read: {said}."
        return warning(what, f"Then: {case.connect(client.id)}")
    if entry is None:
        what = f"{client.title} is not connected: {file} has no entry {NAME!r}."
        return ok(what, case.connect(client.id))
    trouble = next(_troubles(case, client, machine, entry), None)
    return trouble or ok(f"{client.title} is connected.")


def _troubles(case: Case, client: Client, machine: Machine, entry: Any) -> Iterator[Finding]:
    """What keeps an entry from leading to the server, the most important first."""
    again = _again(case, client, entry)
    found = written(entry)
    title = client.title
    if found.is_off:
        what = f"The entry {NAME!r} of {title} is switched off in its configuration."
        yield warning(what, f"Switch it on in {client.file(machine)}, or in {title} itself.")
    if not found.url and not found.command:
        what = f"The entry {NAME!r} of {title} has neither a program nor an address."
        yield fault(what, case.connect(client.id, "--force"))
    elif found.url:
        yield from _over_http(case, client, found, again)
    elif is_ours(client, entry):
        yield from _over_bridge(case, client, machine, found, again)
    else:
        what = f"{title} is connected by a program that is not known here: {found.command[0]}."
        yield ok(what, f"If it does not work: {case.connect(client.id, '--force')}")


def _again(case: Case, client: Client, entry: Any) -> str:
    """The command that writes an entry again, also one that a person has made."""
    is_made = is_ours(client, entry, case.wire.endpoint)
    return case.connect(client.id, *([] if is_made else ["--force"]))


def _over_http(case: Case, client: Client, found: Written, again: str) -> Iterator[Finding]:
    title, endpoint = client.title, case.wire.endpoint
    if found.url.rstrip("/") != endpoint:
        yield warning(f"{title} is connected to {address(found.url)}, not to {endpoint}.", again)
    yield from _login(case, client, found, again)
    cafile = case.options.cafile
    if cafile and not case.environ.get(client.trusts):
        what = f"{title} does not trust the certificate of the server: {client.trusts} is not set."
        yield warning(what, f"export {client.trusts}={cafile} where {title} is started.")


def _login(
    case: Case, client: Client, found: Written, again: str, *, is_found: bool = False
) -> Iterator[Finding]:
    """Whether an entry has the token, as far as that can be known here.

    ``is_found``: it finds the token of a server of this account by itself, whatever is written.
    """
    title, token = client.title, case.server.token
    there = case.environ.get(TOKEN_VARIABLE, "") or _of_dotenv(case, client)
    if case.is_open or found.is_elsewhere or (is_found and case.server.pid):
        return
    if found.is_referred:
        if not there:
            what = f"{title} reads the token from {TOKEN_VARIABLE}, which is not set here."
            yield warning(what, f"export {TOKEN_VARIABLE}=… where {title} is started, or: {again}")
        elif token and there != token:
            what = f"{title} reads the token from {TOKEN_VARIABLE}, which has another than this "
            what += "server's."
            yield warning(what, f"Set it to the server's where {title} is started, or: {again}")
    elif found.token:
        if token and found.token != token:
            what = f"The token in the configuration of {title} is not that of this server."
            yield warning(what, again)
    elif not found.is_basic and (token or case.ways):
        yield warning(f"{title} is connected without a token, and the server wants one.", again)


def _of_dotenv(case: Case, client: Client) -> str:
    """The token in the file in which Continue keeps secrets beside its configuration."""
    if case.machine is None or "secrets." not in client.reference:
        return ""
    try:
        lines = read(client.file(case.machine).with_name(".env")).text.splitlines()
    except (Unusable, OSError):
        return ""
    named = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return next((text.strip(" \"'") for name, _, text in named if name == TOKEN_VARIABLE), "")


def _over_bridge(
    case: Case, client: Client, machine: Machine, found: Written, again: str
) -> Iterator[Finding]:
    title = client.title
    if why := broken_program(found.command, machine.which):
        yield fault(f"{title} cannot start the bridge: {why}.", again)
    named = found.options("--server")
    if named and not _leads_to(case, named):
        where = address(named[-1]) if "://" in named[-1] else named[-1]
        yield warning(f"{title} starts the bridge to {where}, which is another server.", again)
    elif not named and not case.options.is_alone:
        yield warning(f"{title} starts the bridge to no server in particular: two run.", again)
    path = found.option("--path") or "/mcp"
    if path.rstrip("/") != case.wire.path.rstrip("/"):
        what = f"{title} starts the bridge for MCP at {path}, and it is served at {case.wire.path}."
        yield warning(what, again)
    if case.options.cafile and not found.option("--cafile"):
        yield warning(f"{title} starts the bridge without --cafile, which it needs too.", again)
    if not case.server.pid or found.token:  # of other servers the bridge finds no token
        yield from _login(case, client, found, again, is_found="://" not in "".join(named))


def _leads_to(case: Case, named: Sequence[str]) -> bool:
    """Whether the bridge finds the server by these names, as it does itself."""
    server = case.server
    if named[0].rstrip("/") in (server.url.rstrip("/"), case.wire.endpoint):
        return True
    try:
        found = chosen_server(running_servers(), *named)
    except NoServer:
        return False
    is_one = server.pid != 0 and found.pid == server.pid
    return is_one or (found.url, found.socket) == (server.url, server.socket)
