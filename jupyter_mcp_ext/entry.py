"""The command: what clients start loads without the server, which takes seconds."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path

LIGHT = {
    "bridge": "jupyter_mcp_ext.commands.bridge",
    "connect": "jupyter_mcp_ext.commands.connect",
    "doctor": "jupyter_mcp_ext.commands.doctor",
}
"""Modules of the commands that load nothing of the server."""


def main() -> None:
    """Run the command that the arguments name."""
    _, *arguments = sys.argv
    try:
        Path.home()
    except RuntimeError:  # the system does not know the account, as in some containers
        sys.exit("jupyter mcp: This account has no home folder. Set HOME to a folder of its own.")
    if arguments and arguments[0] in LIGHT:
        gc.disable()  # what is loaded stays: to look for garbage in it takes a tenth of the start
        command = import_module(LIGHT[arguments[0]])
        gc.enable()
        command.main(arguments[1:])
    else:
        import_module("jupyter_mcp_ext.cli").main(arguments)
