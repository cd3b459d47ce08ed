"""``jupyter mcp doctor``: what is wrong between clients and the server, and what to do about it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from getpass import getpass
from typing import NoReturn

import anyio

from jupyter_mcp_ext.clients.configuring.connecting import this_machine
from jupyter_mcp_ext.clients.doctor.case import Options
from jupyter_mcp_ext.clients.doctor.check import Examination
from jupyter_mcp_ext.clients.doctor.diagnosis import asks_password, examine
from jupyter_mcp_ext.clients.doctor.finding import Line, fault, worst
from jupyter_mcp_ext.clients.doctor.report import as_json, shown, summary
from jupyter_mcp_ext.clients.printable import printable
from jupyter_mcp_ext.clients.servers import (
    NoServer,
    Server,
    chosen_server,
    named_server,
    running_servers,
)

from .command import UNUSABLE, Command, seconds

FAULTS = 1
"""Exit status if something is to be repaired."""

DEFAULT_PORT = "8888"
"""Jupyter's own, where no other is named."""

LONGEST = 150.0
"""Seconds for which a stream is held open at most."""

_SETTINGS = ("McpApp.path", "McpSandbox.mode")


class Doctor(Command):
    """Looks at a server as clients do."""

    name = "jupyter-mcp-doctor"

    def parser(self) -> ArgumentParser:
        """See `Command`."""
        return parser()

    def examine(self) -> None:
        """Make all checks and print what they find."""
        wanted = self.options.url or self.options.server
        try:
            running = running_servers()
            server = found_server(wanted, running)
            options = replace(
                self._chosen(),
                is_searched=not wanted and not server.pid,
                is_alone=len(running) < 2,
            )
            options = replace(options, password=self._password(server, options))
            examination = anyio.run(self._examine, server, options)
        except NoServer as err:
            self.fail(str(err))
        lines, skipped = examination.lines, examination.skipped
        if self.options.json:
            sys.stdout.write(as_json(examination.case, lines, skipped))
        else:
            sys.stdout.write(summary(lines, skipped))
        if worst(lines) == "fault":
            sys.stdout.flush()
            raise SystemExit(FAULTS)

    def fail(self, sentence: str, status: int = UNUSABLE) -> NoReturn:
        """See `Command`; programs that want JSON get it here too."""
        if self.options.json:
            line = Line(check="server", finding=fault(printable(sentence), ""))
            with suppress(OSError):  # which may be what is to be said
                sys.stdout.write(as_json(None, [line], []))
                sys.stdout.flush()
        super().fail(sentence, status)

    def _chosen(self) -> Options:
        chosen = self.options
        return Options(
            with_kernel=not chosen.no_kernel,
            hold=min(chosen.hold, LONGEST),
            path=chosen.path or "/mcp",
            cafile=chosen.cafile,
        )

    def _password(self, server: Server, options: Options) -> str:
        """The password of a server that has no token, if a person is there to be asked.

        It is not kept, and not sent where it could be read on the way.
        """
        is_safe = server.is_local or server.url.startswith("https:")
        is_there = sys.stdin.isatty() and sys.stderr.isatty() and not self.options.json
        if server.token or not (is_safe and is_there):
            return ""
        if not anyio.run(asks_password, server, options):
            return ""
        return getpass(f"Password of {printable(server.words)} (Enter leaves the login out): ")

    async def _examine(self, server: Server, options: Options) -> Examination:
        return await examine(
            server,
            options,
            environ=os.environ,
            configured={name: value for name in _SETTINGS if (value := self._configured(name))},
            machine=this_machine(),
            tell=self._tell,
        )

    def _tell(self, line: Line) -> None:
        if not self.options.json:
            sys.stdout.write(shown(line))
            sys.stdout.flush()

    def _configured(self, name: str) -> str:
        owner, _, trait = name.partition(".")
        return str(self.config[owner].get(trait, "")) if owner in self.config else ""


def found_server(wanted: str | None, servers: Sequence[Server]) -> Server:
    """The server that is meant; where none of this account is, what is at the port.

    Raises NoServer if several fit, or nothing that is meant can be a server.
    """
    try:
        return chosen_server(servers, wanted)
    except NoServer:
        port = wanted or ("" if servers else DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise
        return named_server(f"http://127.0.0.1:{port}/")


def parser() -> ArgumentParser:
    """The options of the command."""
    command = ArgumentParser(
        prog="jupyter mcp doctor",
        description="Looks at a server as clients do, and says for each thing whether it is as it "
        f"should be, and what to do. It ends with {FAULTS} if something is to be repaired, and "
        f"with {UNUSABLE} if it cannot look.",
    )
    command.add_argument("url", nargs="?", help="the server, as for --server")
    command.add_argument(
        "--server", help="a port, folder, process id or URL, if several servers run or none here"
    )
    command.add_argument("--path", help="McpApp.path, if it is not /mcp")
    command.add_argument("--cafile", default="", help="certificates to trust beside the system's")
    command.add_argument("--no-kernel", action="store_true", help="start nothing on the server")
    command.add_argument(
        "--hold",
        type=seconds,
        default=20.0,
        metavar="SECONDS",
        help="how long a stream is held open, to find what cuts it (20, at most "
        f"{LONGEST:g}; not if nothing can be on the way)",
    )
    command.add_argument("--json", action="store_true", help="everything, as JSON")
    command.set_defaults(prog=command.prog, run=Doctor.examine)
    return command


def main(argv: Sequence[str]) -> None:
    """Run the command without what the server needs."""
    Doctor.launch_instance(list(argv))
