"""``jupyter mcp connect``: writes the configuration of clients on this machine."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import cached_property

from jupyter_mcp_ext.clients.configuring.checking import checked
from jupyter_mcp_ext.clients.configuring.client import Client
from jupyter_mcp_ext.clients.configuring.clients import BY_ID, CLIENTS
from jupyter_mcp_ext.clients.configuring.connecting import Connecting, Done, Refused
from jupyter_mcp_ext.clients.configuring.target import Wish
from jupyter_mcp_ext.clients.servers import NoServer, Server, chosen_server, running_servers
from jupyter_mcp_ext.outputs.characters import escaped

from .command import Command

REFUSED = 1
"""Exit status if a client stays as it is."""


class Connect(Command):
    """Connects clients to a running server."""

    name = "jupyter-mcp-connect"

    def parser(self) -> ArgumentParser:
        """See `Command`."""
        return parser()

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read the options; one that is mistyped must not be taken for a setting of Jupyter's."""
        self.options = self.parser().parse_args(argv)

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]  # as JupyterApp's
        """Read no configuration: it may be a program that prints, and is the server's."""

    def prepare(self) -> None:
        """See `Command`."""
        options = self.options
        self.connecting = Connecting()
        self.wish = Wish(
            via=options.via,
            in_clear=options.token_in_clear,
            path=options.path,
            cafile=options.cafile,
        )

    @cached_property
    def server(self) -> Server:
        """The server that is meant, which was asked."""
        options = self.options
        try:
            server = chosen_server(running_servers(), options.server)
            return checked(server, os.environ, path=options.path, cafile=options.cafile)
        except NoServer as err:
            self.fail(str(err))

    def connect(self) -> None:
        """Do what the options say."""
        options = self.options
        if options.list:
            self.list_all()
            return
        clients = self.named()
        if not options.remove:
            self.server  # noqa: B018  # what is wrong with it is said before anything is done
        self.changed = False
        self.needed: dict[str, list[str]] = {}
        done = [self.tried(client) for client in clients]
        say = sys.stderr if options.print else sys.stdout
        for line, titles in self.needed.items():
            say.write(f"In the shell that starts {' or '.join(titles)}, first:\n  {line}\n")
        if self.changed:
            say.write("Clients read this when they start: start those again that run.\n")
        if not all(done):
            raise SystemExit(REFUSED)

    def tried(self, client: Client) -> bool:
        """Do it for one client, or say why not."""
        try:
            self.one(client)
        except Refused as err:
            sys.stderr.write(f"{self.options.prog}: {escaped(str(err))}\n")
            return False
        return True

    def one(self, client: Client) -> None:
        """Connect one client, take it back or show it. Raises Refused."""
        options, connecting = self.options, self.connecting
        if options.remove:
            self.say(connecting.remove(client, url=self.url, force=options.force))
            return
        if options.print:
            sys.stderr.write(f"In {escaped(connecting.where(client))}:\n")
            sys.stdout.write(connecting.shown(client, self.server, self.wish))
        else:
            if not options.force:
                connecting.check_installed(client)
            self.say(connecting.connect(client, self.server, self.wish, force=options.force))
        for line in connecting.needs(client, self.server, self.wish):
            self.needed.setdefault(line, []).append(client.title)

    def say(self, done: Done) -> None:
        """Print what was done."""
        self.changed |= done.is_changed
        for line in filter(None, (done.words, done.note)):
            sys.stdout.write(f"{escaped(line)}\n")

    @property
    def url(self) -> str:
        """The address of MCP, if the server that is meant is known; it need not run."""
        try:
            server = chosen_server(running_servers(), self.options.server)
        except NoServer:
            return ""
        return server.endpoint(self.options.path)

    def named(self) -> tuple[Client, ...]:
        """The clients that are meant."""
        options = self.options
        unknown = [name for name in options.clients if name not in BY_ID]
        if unknown:
            known = ", ".join(BY_ID)
            self.fail(f"There is no client {unknown[0]!r}. There are: {known}.")
        if options.all:
            if not (installed := self.connecting.installed()):
                self.fail(f"None of the clients is installed here: {', '.join(BY_ID)}.")
            return installed
        if not options.clients:
            self.fail(f"Name a client ({', '.join(BY_ID)}), or give --all or --list.")
        return tuple(BY_ID[name] for name in dict.fromkeys(options.clients))

    def list_all(self) -> None:
        """Print the clients, each in a line."""
        connecting = self.connecting
        for client in CLIENTS:
            is_installed = client.is_installed(connecting.machine)
            sys.stdout.write(
                f"{client.id:14}  {client.title:14}  "
                f"{'installed' if is_installed else 'not installed':13}  "
                f"{connecting.state(client):13}  {escaped(connecting.where(client))}\n"
            )


def parser() -> ArgumentParser:
    """The options of the command."""
    command = ArgumentParser(
        prog="jupyter mcp connect",
        description="Writes into the configuration of clients on this machine how they reach a "
        "running Jupyter server. Other entries and comments stay, and a backup is kept beside it.",
    )
    command.set_defaults(prog=command.prog, run=Connect.connect)
    command.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(BY_ID))
    command.add_argument("--all", action="store_true", help="all clients that are installed")
    command.add_argument("--list", action="store_true", help="the clients, and which are connected")
    command.add_argument("--print", action="store_true", help="show what would be written")
    command.add_argument("--remove", action="store_true", help="take the entry back")
    command.add_argument(
        "--via",
        choices=("bridge", "http"),
        help="by a program that finds the server and its token, or by the client itself with the "
        "token from its environment; by default the bridge, where it finds the server",
    )
    command.add_argument(
        "--token-in-clear", action="store_true", help="write the token into the configuration"
    )
    command.add_argument(
        "--force", action="store_true", help="replace an entry of the same name that is not ours"
    )
    command.add_argument("--server", help="the server by its port, folder, process id or URL")
    command.add_argument("--path", default="/mcp", help="McpApp.path of the server (default: /mcp)")
    command.add_argument("--cafile", default="", help="certificates to trust beside the system's")
    return command


def main(argv: Sequence[str]) -> None:
    """Run the command without what the server needs."""
    Connect.launch_instance(list(argv))
