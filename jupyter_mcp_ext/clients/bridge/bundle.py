"""Makes a bundle of the bridge for Claude Desktop, which installs it from one file.

``python -m jupyter_mcp_ext.clients.bridge.bundle jupyter.mcpb``
"""

from __future__ import annotations

import json
import sys
import zipfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.version import __version__

MAIN = '''\
"""Starts the bridge with what the person has set in the client."""

import os
import sys

from jupyter_mcp_ext.commands.bridge import main


def setting(name):
    value = os.environ.pop(name, "")
    return "" if value.startswith("${") else value


server, folder = setting("BRIDGE_SERVER"), setting("BRIDGE_FOLDER")
token = setting("BRIDGE_TOKEN")
if token:
    os.environ["JUPYTER_TOKEN"] = token
options = []
if server:
    options += ["--server", server]
elif folder:
    options += ["--start", "--root-dir", folder]
for allowed in sys.argv[1:]:
    if not allowed.startswith("${"):
        options += ["--allow-folder", allowed]
main(options)
'''


USER_CONFIG: Mapping[str, Mapping[str, Any]] = {
    "folder": {
        "type": "directory",
        "title": "Folder of notebooks",
        "description": "A Jupyter server is started on this folder if none runs there. "
        "Without it, the one server that runs on this machine is used.",
        "required": False,
        "default": "",
    },
    "server": {
        "type": "string",
        "title": "Server",
        "description": "In place of the folder: the port, folder or URL of a running "
        "Jupyter server.",
        "required": False,
        "default": "",
    },
    "token": {
        "type": "string",
        "title": "Token",
        "description": "The token of a server on another machine.",
        "sensitive": True,
        "required": False,
        "default": "",
    },
    "allowed": {
        "type": "directory",
        "title": "Folders for files",
        "description": "Folders of this machine from and to which files may be copied.",
        "multiple": True,
        "required": False,
        "default": [],
    },
}
"""What the client asks the person for."""


def manifest() -> dict[str, Any]:
    """What the client is told of the bundle."""
    return {
        "manifest_version": "0.4",
        "name": "jupyter-mcp-ext",
        "display_name": "Jupyter",
        "version": __version__,
        "description": "Runs code in live Jupyter kernels and works with notebooks and files.",
        "author": {"name": "The jupyter-mcp-ext developers"},
        "license": "BSD-3-Clause",
        "keywords": ["jupyter", "notebooks", "python"],
        "server": {
            "type": "uv",
            "entry_point": "server/main.py",
            "mcp_config": {
                "command": "uv",
                # An argument that is set to nothing would be passed as it stands here.
                "args": [
                    *("run", "--directory", "${__dirname}", "server/main.py"),
                    "${user_config.allowed}",
                ],
                "env": {
                    "BRIDGE_SERVER": "${user_config.server}",
                    "BRIDGE_FOLDER": "${user_config.folder}",
                    "BRIDGE_TOKEN": "${user_config.token}",
                },
            },
        },
        "user_config": USER_CONFIG,
        "tools_generated": True,
        "prompts_generated": True,
        "compatibility": {
            "platforms": ["darwin", "linux", "win32"],
            "runtimes": {"python": ">=3.10"},
        },
    }


def project(wheel: str = "") -> str:
    """The project that the client's uv makes an environment of."""
    ours = "jupyter-mcp-ext" if wheel else f"jupyter-mcp-ext=={__version__}"
    lines = [
        *("[project]", 'name = "jupyter-mcp-bundle"', f'version = "{__version__}"'),
        *('requires-python = ">=3.10"', f'dependencies = ["{ours}"]'),
    ]
    if wheel:
        lines += ["", "[tool.uv.sources]", f'jupyter-mcp-ext = {{ path = "{wheel}" }}']
    return "\n".join([*lines, ""])


def contents(wheel: Path | None) -> Mapping[str, bytes]:
    """The files of the bundle."""
    files = {
        "manifest.json": json.dumps(manifest(), indent=2).encode(),
        "pyproject.toml": project(wheel.name if wheel else "").encode(),
        "server/main.py": MAIN.encode(),
    }
    return {**files, wheel.name: wheel.read_bytes()} if wheel else files


def write(path: Path, wheel: Path | None = None) -> None:
    """Write a bundle; the same one for the same version."""
    files = contents(wheel)  # before the bundle that was there is gone
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, data, zipfile.ZIP_DEFLATED)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the bundle that the command line names."""
    parser = ArgumentParser(
        prog="python -m jupyter_mcp_ext.clients.bridge.bundle",
        description="Makes a bundle (.mcpb) of the bridge for Claude Desktop.",
    )
    parser.add_argument("path", type=Path, help="the file to write, such as jupyter.mcpb")
    parser.add_argument(
        "--wheel", type=Path, help="a wheel of jupyter-mcp-ext to include, in place of PyPI's"
    )
    options = parser.parse_args(argv)
    try:
        write(options.path, options.wheel)
    except OSError as err:
        file = err.filename or options.path
        parser.error(f"{file} cannot be used: {err.strerror or err}. Name another file.")
    sys.stdout.write(f"{options.path}\n")


if __name__ == "__main__":
    main()
