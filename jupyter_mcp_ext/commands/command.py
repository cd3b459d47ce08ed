"""What the commands below ``jupyter mcp`` have in common."""

from __future__ import annotations

import io
import os
import sys
from abc import abstractmethod
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from jupyter_core.application import JupyterApp
from jupyter_core.paths import jupyter_data_dir
from traitlets import default

from jupyter_mcp_ext.clients.printable import printable
from jupyter_mcp_ext.governance.keys import KEY_FILE

UNUSABLE = 2
"""Exit status if what a command is about cannot be looked at."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class Command(JupyterApp):
    """Reads the server's configuration, and does what the command line asks for."""

    @abstractmethod
    def parser(self) -> ArgumentParser:
        """The options; what is done is among them, as ``run``, and is called with the command."""

    @default("config_file_name")
    def _default_config_file_name(self) -> str:
        return "jupyter_server_config"

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read the options; those of traits, such as ``--McpAudit.path=…``, are taken too."""
        self.options, rest = self.parser().parse_known_args(argv)
        for option in rest:
            name = option.partition("=")[0].removeprefix("--")
            # traitlets would only warn, and the command would do more than was asked for.
            if option.startswith("--") and "." not in name and name not in _names(self):
                self.fail(f"There is no option --{name}. --help lists the options.")
        super().parse_command_line(rest)

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]  # as JupyterApp's
        """Read what the server reads, which is in two files."""
        super().load_config_file(suppress_errors)
        super(JupyterApp, self).load_config_file("jupyter_mcp_config", path=self.config_file_paths)

    def prepare(self) -> None:
        """Find what the command is about."""

    def start(self) -> None:
        """Do it, and end."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may lack what a path has
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            self.prepare()
            self.options.run(self)
            sys.stdout.flush()
        except BrokenPipeError:  # what read it has enough; Python would say so again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            sys.stderr.write("\n")  # below the ^C of the terminal
            raise SystemExit(INTERRUPTED) from None
        except (OSError, EOFError) as err:
            self.fail(f"{err}.")

    @property
    def key_file(self) -> Path:
        """The file with the server's key, which is there."""
        named = self.options.key_file or self.config.McpApp.get("key_file")
        path = Path(named or Path(jupyter_data_dir()) / KEY_FILE).expanduser()
        if not path.is_file():
            self.fail(f"There is no key {path}: name the server's with --key-file.")
        return path

    def fail(self, sentence: str, status: int = UNUSABLE) -> NoReturn:
        """End with a sentence instead of a traceback."""
        sys.stderr.write(f"{self.options.prog}: {printable(sentence)}\n")
        raise SystemExit(status)


def seconds(text: str) -> float:
    """A time, maybe none. Raises ArgumentTypeError, which argparse shows."""
    with suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    msg = f"{text!r} is not a number of seconds, like 20"
    raise ArgumentTypeError(msg)


def some_seconds(text: str) -> float:
    """A time to wait. Raises ArgumentTypeError, which argparse shows."""
    if number := seconds(text):
        return number
    msg = f"{text!r} is no time to wait; give seconds, like 20"
    raise ArgumentTypeError(msg)


def size(text: str) -> int:
    """A number of bytes. Raises ArgumentTypeError, which argparse shows."""
    with suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    msg = f"{text!r} is not a number of bytes, like 100000000"
    raise ArgumentTypeError(msg)


def _names(command: JupyterApp) -> set[str]:
    """The options of Jupyter's own commands, such as ``debug``."""
    return {"help-all", "version", *command.flags, *command.aliases}
