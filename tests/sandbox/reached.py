"""``python -m tests.sandbox.reached FOLDER``: what a real kernel reaches of a small internet.

Prints a line of JSON for each thing that was tried.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.mcp_client import McpClient
from tests.servers import FRESH, running_server

from .internet import DATA, INDEX, OWN, PRIVATE, internet
from .test_hosts import ASK
from .test_sandbox import CONFINED

TRUST = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables in which programs find who signs certificates."""

CODE = {
    "urllib": f"print(len(ask('https://{DATA}/zeros/52428800')))",
    "requests": f"import requests; print(requests.get('https://{DATA}/simple/').status_code)",
    "pip": (
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', "
        "'--target', 'here', 'hello-there'], check=True); sys.path.insert(0, 'here'); "
        "import hello_there; print(hello_there.VERSION)"
    ),
    "curl": f"!curl -sS https://{DATA}/zeros/1048576 | wc -c",
    "private": f"print(ask('https://{PRIVATE}/'))",
    "own": f"print(ask('https://{OWN}/'))",
    "another port": f"print(ask('https://{DATA}:8888/'))",
    "not listed": "print(ask('https://secret-of-code.example.org/'))",
    "without the proxy": (
        f"import socket\ntry:\n    socket.create_connection(('{DATA}', 443), 5)\n"
        "except OSError as err:\n    print(type(err).__name__)"
    ),
}


def main() -> None:
    """Try all of it in one kernel."""
    folder = Path(sys.argv[1])
    with internet(folder) as authority:
        env = {**dict.fromkeys(TRUST, str(authority)), "PIP_INDEX_URL": f"https://{INDEX}/simple/"}
        options = [
            *CONFINED,
            f"--McpSandbox.read_only_paths={authority}",
            *(f"--McpSandbox.environment={name}" for name in env),
            *(f"--McpSandbox.allow_hosts={name}" for name in (INDEX, DATA, OWN, PRIVATE)),
        ]
        with running_server(folder, *options, command=FRESH, env=env) as server:
            client = McpClient(server)
            client.run(ASK)
            for name, code in CODE.items():
                result = client.run(code, wait=50)
                say(name, result.text.partition("\n")[2].strip())
    say("log", "".join(server.log))


def say(name: str, what: object) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps([name, what]) + "\n")


if __name__ == "__main__":
    main()
