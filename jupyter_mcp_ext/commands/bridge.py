"""``jupyter mcp bridge``: MCP over stdio to a running server."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from jupyter_mcp_ext.clients.bridge.allowed import Allowed, NotAllowed
from jupyter_mcp_ext.clients.bridge.bridge import serve
from jupyter_mcp_ext.clients.bridge.finding import Choice, Finder
from jupyter_mcp_ext.clients.bridge.starting import Starter, folder
from jupyter_mcp_ext.clients.bridge.watching import WITHIN
from jupyter_mcp_ext.clients.servers import NoServer

from .command import Command, size, some_seconds

MAX_BYTES = 100_000_000
"""Bytes of the largest file that is copied, unless the command line says more."""


class Bridge(Command):
    """Serves MCP over stdio, by a running server."""

    name = "jupyter-mcp-bridge"

    def parser(self) -> ArgumentParser:
        """See `Command`."""
        return parser()

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read the options; there are none of the server's."""
        self.options = self.parser().parse_args(argv)

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]  # as JupyterApp's
        """Read no configuration: it may be a program that prints, and is the server's."""

    def serve(self) -> None:
        """Serve the client that has started this."""
        options = self.options
        choice = Choice(
            servers=tuple(options.server),
            path=options.path,
            cafile=options.cafile,
            scope=options.session,
            within=options.answer_within,
        )
        if options.server and options.start:
            self.fail("--start is for the server of a folder. Name it with --root-dir.")
        if options.root_dir and not options.start:
            self.fail("--root-dir is that of a server to start. Use --start, or --server FOLDER.")
        if not (options.session.isascii() and options.session.isprintable()):
            self.fail("--session is sent in a header. Use letters, digits, dots and hyphens.")
        try:
            allowed = Allowed(options.allow_folder, options.max_bytes)
            starter = Starter(folder(options.root_dir)) if options.start else None
        except (NotAllowed, NoServer) as err:
            self.fail(str(err))
        serve(Finder(choice, starter), allowed)


def parser() -> ArgumentParser:
    """The options of the command."""
    command = ArgumentParser(
        prog="jupyter mcp bridge",
        description="Serves MCP over stdio, for clients that start a program: it passes their "
        "messages to a running Jupyter server, and finds it again when it comes back.",
    )
    command.set_defaults(prog=command.prog, run=Bridge.serve)
    command.add_argument(
        "--server",
        action="append",
        default=[],
        help="the server by its port, folder, process id or URL; without it the only one that "
        "runs. Given again: another name of it, for when none or several fit the first",
    )
    command.add_argument("--path", default="/mcp", help="McpApp.path of the server (default: /mcp)")
    command.add_argument("--cafile", default="", help="certificates to trust beside the system's")
    command.add_argument(
        "--session",
        default="",
        metavar="NAME",
        help="gives the client a default session of its own, beside its others",
    )
    command.add_argument(
        "--answer-within",
        type=some_seconds,
        default=WITHIN,
        metavar="SECONDS",
        help="while a call is silent, the server is asked whether it is there, and has so long to "
        f"answer (default: {WITHIN:g}); calls themselves may take any time",
    )
    command.add_argument(
        "--start",
        action="store_true",
        help="use the server that runs on --root-dir, and start one when there is none",
    )
    command.add_argument(
        "--root-dir",
        default="",
        metavar="FOLDER",
        help="the folder of the server that is started, in place of the current one",
    )
    command.add_argument(
        "--allow-folder",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of this machine from and to which the agent may copy files; repeatable",
    )
    command.add_argument(
        "--max-bytes",
        type=size,
        default=MAX_BYTES,
        help=f"bytes of the largest file that is copied (default: {MAX_BYTES:,})",
    )
    return command


def main(argv: Sequence[str]) -> None:
    """Run the command without what the server needs, which takes seconds to load."""
    Bridge.launch_instance(list(argv))
