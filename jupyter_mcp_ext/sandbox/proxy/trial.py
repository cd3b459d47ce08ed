"""Tries, when the server starts, whether a sandbox's network can be entered on this machine.

In a container setns can be forbidden where bubblewrap works. ``main`` runs in a process of its
own, since it forks. Blocks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .namespace import listener, namespace

SECONDS = 20.0

_CODE = """
import sys
sys.path[:] = {path!r}
from jupyter_mcp_ext.sandbox.proxy.trial import main
main()
"""


def failure(bwrap: str) -> str:
    """Why the network of a sandbox of bubblewrap's cannot be entered; empty if it can."""
    path = [str(Path(__file__).parent.parent.parent.parent), *filter(None, sys.path)]
    try:
        done = subprocess.run(  # noqa: S603  # this module
            [sys.executable, "-I", "-S", "-c", _CODE.format(path=path), bwrap],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={"PATH": os.defpath},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it took too long"
    return (done.stderr.strip()[-300:] or "it failed") if done.returncode else ""


def main() -> None:
    """Enter the network of a sandbox. The argument is the program bubblewrap."""
    why = ""
    reading, writing = os.pipe()
    ending, holding = os.pipe()
    with subprocess.Popen(  # noqa: S603  # bubblewrap, as it was found
        [
            *(sys.argv[1], "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net"),
            *("--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc"),
            *("--json-status-fd", str(writing), "--", "/bin/sh", "-c", "read line"),
        ],
        stdin=ending,
        pass_fds=[writing],
    ):
        os.close(writing)
        try:
            with os.fdopen(reading) as status:
                first = int(json.loads(status.readline())["child-pid"])
                listener(namespace(first)).close()
        except (OSError, ValueError, LookupError) as err:
            why = str(err)
        finally:
            os.close(holding)  # which ends the sandbox
    if why:
        sys.exit(why)
