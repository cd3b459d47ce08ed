"""``jupyter mcp``: a Jupyter server that serves MCP, with defaults that need no configuration."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ipaddress
import os
import re
import secrets
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.serverapp import ServerApp
from tornado.netutil import bind_sockets
from traitlets import Bool, Dict, TraitError, Unicode, default, validate

from .app import McpApp
from .clients.servers import KEPT_IN, running_servers
from .connect import Login, announcement
from .governance.secret_file import read_or_make
from .transport.identity import is_stock, password_hash

if TYPE_CHECKING:
    from jupyter_server.auth.identity import IdentityProvider

_TOKEN = re.compile(r"[!-~]{8,512}")

_ARGPARSE_ERROR = 2


OWN_FLAGS: dict[str, Any] = {
    "new-token": ({"McpServer": {"keep_token": False}}, "Make a token for this start only."),
    "sandbox": (
        {"McpSandbox": {"mode": "auto"}},
        "Confine the kernels of agents, or do not serve MCP.",
    ),
}
"""The flags that ``jupyter server`` has not. The command and its server both read all options."""


class McpServer(ServerApp):
    """The Jupyter server of ``jupyter mcp``: it opens no browser and never changes its port."""

    flags = Dict({**ServerApp.flags.default(), **OWN_FLAGS})  # type: ignore[dict-item]  # traitlets types a class attribute as its trait

    @default("open_browser")
    def _default_open_browser(self) -> bool:
        return False

    @default("port_retries")
    def _default_port_retries(self) -> int:
        # A client is configured with one address and would not find a server on another port.
        return 0

    @validate("root_dir")
    def _validate_root_dir(self, proposal: dict[str, Any]) -> str:
        path = Path(proposal["value"]).expanduser()
        if not path.is_dir():
            fail(f"There is no folder {str(path)!r}; --root-dir names the folder that is served.")
        return os.path.abspath(path)  # noqa: PTH100  # keeps symbolic links, as Jupyter does

    keep_token = Bool(
        True,
        help="Whether the token is kept for the next start. A token or password that you set takes "
        "precedence.",
    ).tag(config=True)
    token_file = Unicode(
        "",
        help="File in which the token is kept, made with mode 0600 when it is missing. Empty: "
        f"{KEPT_IN} in Jupyter's data directory.",
    ).tag(config=True)

    @cached_property
    def _one_stop(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def _stop(self) -> None:
        """Stop as Jupyter does, once the stop of an earlier signal has failed.

        Two at a time would end the same kernels: both fail at that, and the server never ends.
        """
        async with self._one_stop:
            await super()._stop()

    def _signal_stop(self, sig: Any, frame: Any) -> None:
        """Stop as Jupyter does, but from the event loop."""
        # Jupyter logs that there was a signal. Python refuses that while a line of the log is being
        # written: the signal was lost then, and the server went on.
        self.io_loop.add_callback_from_signal(super()._signal_stop, sig, frame)

    def init_configurables(self) -> None:
        """Use the token of the last start if Jupyter would make a new one."""
        super().init_configurables()
        provider = self.identity_provider
        self.login = _login(provider)
        if not self.login.token:
            return
        path = Path(self.token_file or Path(jupyter_data_dir()) / KEPT_IN).expanduser()
        if self.keep_token and (token := self._kept_token(path)):
            provider.token = token  # Jupyter has no hook between the default and its use
            self.login = Login(token=token, token_file=path)
        # Jupyter would log a token that it generated itself, twice.
        provider.token_generated = False

    def _kept_token(self, path: Path) -> str | None:
        """The token in a file; None if it cannot be kept there."""
        try:
            kept = read_or_make(path, make_token)
            if kept.is_exposed:
                self.log.warning("Others could read the token in %s: a new one is made.", path)
                path.unlink()
                kept = read_or_make(path, make_token)
        except (OSError, ValueError) as err:
            self.log.warning("The token is not kept for the next start: %s: %s", path, err)
            return None
        if not _TOKEN.fullmatch(kept.text):
            fail(f"{path} holds no token; remove it to get a new one, or set JUPYTER_TOKEN.")
        return kept.text

    def announce(self, url: str) -> None:
        """Print how a client is connected."""
        options: list[str] = []
        if any(server.pid != os.getpid() for server in running_servers()):
            options += ["--server", self.sock or str(self.port)]
        path = url.removeprefix(self.connection_url.rstrip("/"))
        if path != "/mcp":
            options += ["--path", path]
        sys.stdout.write(announcement(url, self.login, *options))
        sys.stdout.flush()

    def give_up(self, why: str) -> NoReturn:
        """End with the reason why MCP cannot be served; Jupyter would go on without."""
        fail(why)

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read the options; an unknown one is named without listing all others."""
        self.log.debug("Reading the options.")  # opens the log's stream before stderr is redirected
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
        """Check everything that would keep MCP from being served, before anything starts."""
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
        self.log.warning("Running as root: code of clients may do anything on this machine.")
        self.allow_root = True

    def _check_port(self) -> None:
        try:
            sockets = bind_sockets(self.port, self.ip)
        except OSError as err:
            fail(
                f"Port {self.port} on {self.ip or 'this machine'} cannot be used: "
                f"{err.strerror or err}. Choose another one with --port; "
                f"`jupyter mcp doctor {self.port}` says what is there."
            )
        for sock in sockets:
            sock.close()


class McpLauncher(McpApp):
    """Starts a Jupyter server that serves MCP."""

    serverapp_class = McpServer
    classes = [*McpApp.classes, McpServer]  # noqa: RUF012  # traitlets reads it from the class
    description = (
        "Starts a Jupyter server that serves the Model Context Protocol, and prints how a client "
        "is connected. It takes all options of `jupyter server` as well."
    )
    examples = """
        jupyter mcp                          # serves the current folder on port 8888
        jupyter mcp --root-dir ~/work --port 9000
        jupyter mcp --sandbox                # what agents run is confined
        jupyter mcp --new-token              # a token for this start only
        JUPYTER_TOKEN=... jupyter mcp        # a token of your own
    """
    subcommands = {  # noqa: RUF012  # traitlets reads it from the class
        "connect": (
            "jupyter_mcp_ext.commands.connect.Connect",
            "Connect clients on this machine.",
        ),
        "bridge": (
            "jupyter_mcp_ext.commands.bridge.Bridge",
            "Serve MCP over stdio, by a running server.",
        ),
        "audit": ("jupyter_mcp_ext.commands.audit.Audit", "Check and show the audit file."),
        "doctor": (
            "jupyter_mcp_ext.commands.doctor.Doctor",
            "Look at a server as clients do, and say what is wrong and what to do.",
        ),
        "sessions": (
            "jupyter_mcp_ext.commands.sessions.Sessions",
            "List, show, delete and expire the sessions on disk.",
        ),
    }
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
        **OWN_FLAGS,
    }

    @classmethod
    def initialize_server(cls, argv: list[str] | None = None, **kwargs: Any) -> ServerApp:  # type: ignore[override]  # as ExtensionApp's
        """Check what Jupyter would raise for, or take for something else, and make the server."""
        word = argv[0] if argv else "-"
        if not word.startswith("-") and not os.path.exists(word):  # noqa: PTH110  # also for what no path can be
            known = ", ".join(sorted(cls.subcommands))
            fail(f"There is no command or file {word!r}; the commands are {known}.")
        _make_runtime_dir()
        return super().initialize_server(argv, **kwargs)  # type: ignore[no-any-return, no-untyped-call]  # jupyter_server's


def _make_runtime_dir() -> None:
    """Make the folder in which Jupyter keeps a file for each server and kernel."""
    folder = Path(jupyter_runtime_dir())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        fail(
            f"The folder {str(folder)!r} for what runs cannot be made ({err.strerror}); "
            "set HOME or JUPYTER_RUNTIME_DIR to a folder that can be written."
        )


def fail(sentence: str) -> NoReturn:
    """End with a sentence instead of a traceback."""
    sys.stderr.write(f"jupyter mcp: {sentence}\n")
    raise SystemExit(1)


def make_token() -> str:
    """A new token, in the form of Jupyter's own."""
    return secrets.token_hex(24)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    McpLauncher.launch_instance(sys.argv[1:] if argv is None else argv)  # type: ignore[no-untyped-call]  # jupyter_server's


def _is_loopback(ip: str) -> bool:
    try:
        return ip == "localhost" or ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _login(provider: IdentityProvider) -> Login:
    """How a client logs in; the token is included only if it was made for this start."""
    if not is_stock(provider):
        return Login(custom=True)
    if provider.token:
        made = provider.token_generated
        return Login(token=provider.token) if made else Login(own_token=True)
    return Login(password=bool(password_hash(provider)))
