"""Kernelspecs for tests, in the data folder that a test's server reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers import JupyterServer

LANGUAGES = {"bash": "bash", "xpython": "python", "xpython-raw": "python", "odd": "odd"}

PROGRAMS = {
    "bash": ("-m", "bash_kernel", "-f", "{connection_file}"),
    "xpython": ("-m", "xpython_launcher", "-f", "{connection_file}"),
    "xpython-raw": ("-m", "xpython_launcher", "-f", "{connection_file}", "--raw"),
    "odd": (str(Path(__file__).parent / "odd_kernel.py"), "-f", "{connection_file}"),
}


def install(data_dir: Path, *names: str) -> None:
    """Put the kernelspecs where Jupyter finds them."""
    for name in names:
        folder = data_dir / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        spec = {
            "argv": [sys.executable, *PROGRAMS[name]],
            "display_name": name,
            "language": LANGUAGES[name],
        }
        (folder / "kernel.json").write_text(json.dumps(spec))


def add_kernelspec(
    server: JupyterServer,
    name: str,
    code: str,
    *,
    argv: Sequence[str] | None = None,
    **more: object,
) -> None:
    """Install a kernelspec: Python runs ``code`` with the connection file as its argument.

    With ``argv``, that is run instead; ``more`` is added to ``kernel.json``.
    """
    folder = server.root_dir.parent / ".local/share/jupyter/kernels" / name
    folder.mkdir(parents=True)
    spec = {
        "argv": list(argv or [sys.executable, "-c", code, "{connection_file}"]),
        "display_name": name,
        "language": "python",
        **more,
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
