"""``jupyter mcp``: a Jupyter server that serves MCP, on defaults that need no configuration."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from jupyter_server.serverapp import ServerApp
from tornado.netutil import bind_sockets
from traitlets import TraitError, default, validate

from .app import McpApp

_ARGPARSE_ERROR = 2


class McpServer(ServerApp):
    """The Jupyter server of ``jupyter mcp``: it opens no browser and keeps to its port."""

    @default("open_browser")
    def _default_open_browser(self) -> bool:
        return False

    @default("port_retries")
    def _default_port_retries(self) -> int:
        # A client is configured with one address; a server that moves on is not found.
        return 0

    @validate("root_dir")
    def _validate_root_dir(self, proposal: dict[str, Any]) -> str:
        path = Path(proposal["value"]).expanduser()
        if not path.is_dir():
            fail(f"There is no folder {str(path)!r}; --root-dir names the notebooks' folder.")
        return os.path.abspath(path)  # noqa: PTH100  # a link stays a link, as in Jupyter's own

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Take the options; of one that is not known, say so without the list of all others."""
        self.log.debug("Reading the options.")  # the log takes its stream now, not while captured
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                super().parse_command_line(argv)
        except SystemExit as err:
            usage, error, sentence = said.getvalue().strip().rpartition("error: ")
            if error and err.code == _ARGPARSE_ERROR:
                fail(f"{sentence}; --help lists the options.")
            sys.stderr.write(usage + error + sentence)
            raise

    def init_server_extensions(self) -> None:
        """Look at everything that would keep MCP from being served, before anything starts."""
        try:
            McpApp(config=self.config)
        except TraitError as err:
            fail(str(err))
        if not self.sock and self.port and not self.port_retries:
            self._check_port()
        self._allow_root_on_loopback()
        super().init_server_extensions()

    def _allow_root_on_loopback(self) -> None:
        if self.allow_root or getattr(os, "geteuid", lambda: 1)() != 0:
            return
        if not _is_loopback(self.ip):
            fail(
                f"As root this listens on loopback only, and --ip is {self.ip!r}; "
                "use another account, or --allow-root."
            )
        self.log.warning("Running as root: what a client executes may do anything here.")
        self.allow_root = True

    def _check_port(self) -> None:
        try:
            sockets = bind_sockets(self.port, self.ip)
        except OSError as err:
            fail(
                f"Port {self.port} on {self.ip or 'this machine'} cannot be used: "
                f"{err.strerror or err}. Choose another one with --port."
            )
        for sock in sockets:
            sock.close()


class McpLauncher(McpApp):
    """Starts a Jupyter server that serves MCP."""

    serverapp_class = McpServer
    description = (
        "Starts a Jupyter server that serves the Model Context Protocol, and prints how a client "
        "is connected. It takes all options of `jupyter server` as well."
    )
    examples = """
        jupyter mcp                          # serves the current folder on port 8888
        jupyter mcp --root-dir ~/work --port 9000
        JUPYTER_TOKEN=... jupyter mcp        # a token of your own
    """
    aliases = {  # noqa: RUF012  # traitlets reads it from the class
        **McpApp.aliases,
        "ip": "ServerApp.ip",
        "port": "ServerApp.port",
        "root-dir": "ServerApp.root_dir",
    }
    flags = {  # noqa: RUF012  # traitlets reads it from the class
        **McpApp.flags,
        "allow-root": (
            {"ServerApp": {"allow_root": True}},
            "Run as root on other addresses than loopback too.",
        ),
    }


def fail(sentence: str) -> NoReturn:
    """End with a sentence instead of a traceback."""
    sys.stderr.write(f"jupyter mcp: {sentence}\n")
    raise SystemExit(1)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    McpLauncher.launch_instance(sys.argv[1:] if argv is None else argv)  # type: ignore[no-untyped-call]  # jupyter_server's


def _is_loopback(ip: str) -> bool:
    try:
        return ip == "localhost" or ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False
