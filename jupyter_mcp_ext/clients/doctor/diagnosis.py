"""The checks in their order: what a later one needs, an earlier one has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import psutil

from jupyter_mcp_ext.clients.configuring.client import Machine
from jupyter_mcp_ext.clients.servers import Server

from .case import Case, Options
from .check import Check, Examination
from .configured import look_at_clients
from .environment import look_at_packages, look_at_variables
from .files import look_at_files
from .finding import Line
from .late import look_at_eras, look_at_kernel
from .login import look_at_login, look_at_token, wants_password
from .reach import look_at_jupyter
from .serving import look_at_mcp
from .state import look_at_state
from .way import look_at_bodies, look_at_headers, look_at_streams
from .wire import opened


def _is_jupyter(case: Case) -> bool:
    return case.is_jupyter


def _is_served(case: Case) -> bool:
    return case.is_served


def _is_let_in(case: Case) -> bool:
    return case.is_let_in


def _may_run(case: Case) -> bool:
    return bool(case.speaks) and case.options.with_kernel and "execute_code" in case.tools


CHECKS = (
    Check(name="packages", look=look_at_packages),
    Check(name="variables", look=look_at_variables),
    Check(name="files", look=look_at_files),
    Check(name="server", look=look_at_jupyter),
    Check(name="mcp", look=look_at_mcp, needs=_is_jupyter, seconds=60),
    Check(name="login", look=look_at_login, needs=_is_served),
    Check(name="token", look=look_at_token, needs=_is_served),
    Check(name="clients", look=look_at_clients, needs=_is_served),
    Check(name="headers", look=look_at_headers, needs=_is_let_in, seconds=60),
    Check(name="bodies", look=look_at_bodies, needs=_is_let_in, seconds=60),
    Check(name="streams", look=look_at_streams, needs=_is_let_in, seconds=180),
    Check(name="state", look=look_at_state, needs=_is_let_in),
    Check(name="protocol", look=look_at_eras, needs=_is_let_in, seconds=60),
    Check(name="kernel", look=look_at_kernel, needs=_may_run, seconds=240),
)


async def examine(
    server: Server,
    options: Options,
    *,
    environ: Mapping[str, str],
    configured: Mapping[str, str],
    machine: Machine,
    tell: Callable[[Line], None],
    checks: Sequence[Check] = CHECKS,
) -> Examination:
    """Make the checks, and tell each finding as soon as it is known.

    ``environ`` is what clients have; ``configured`` has settings of this account's files, by
    ``McpApp.path`` and the like; ``machine`` has the clients. Raises OSError if the certificates
    to trust cannot be read.
    """
    async with opened(
        server,
        options.path,
        options.cafile,
        password=options.password,
        seconds=options.seconds,
    ) as wire:
        case = Case(
            server=server,
            wire=wire,
            options=options,
            environ=environ,
            command_line=_command_line(server.pid),
            configured=configured,
            machine=machine,
        )
        examination = Examination(case=case)
        async for line in examination.run(checks):
            tell(line)
        return examination


async def asks_password(server: Server, options: Options) -> bool:
    """Whether only a password opens the server, so that a person may be asked for it.

    Raises OSError if the certificates to trust cannot be read.
    """
    async with opened(server, options.path, options.cafile) as wire:
        return await wants_password(wire)


def _command_line(pid: int) -> tuple[str, ...]:
    """That of a server's process; empty if it is not known."""
    try:
        return tuple(psutil.Process(pid).cmdline()) if pid else ()
    except psutil.Error:
        return ()
