"""A small internet: a host with public addresses on the other end of a cable.

It is seen by one process and its children, in a network and a mount namespace of their own
(`inside`), so that an ordinary user can make it too. ``python -m tests.sandbox.internet`` runs the
host.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

from tests.wheels import Index

OURS, THEIRS = "93.184.215.1", "93.184.215.14"
INDEX, DATA, OWN, PRIVATE = (
    *("index.example.com", "data.example.net"),
    *("own.example.net", "private.example.net"),
)
NAMES = {INDEX: THEIRS, DATA: THEIRS, OWN: OURS, PRIVATE: "127.0.0.1"}

PIECE = bytes(1 << 20)


def inside(module: str, folder: Path, user: int | None = None) -> str:
    """What a module prints that runs where the internet can be made, as a user or this one."""
    python = [sys.executable]
    if user is not None:
        python += ["-m", "tests.sandbox.as_user", str(user), str(folder)]
    return subprocess.run(
        [*python, "-m", "tests.sandbox.internet", "unshared", module, str(folder)],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


@contextmanager
def internet(folder: Path) -> Iterator[Path]:
    """Have the host, which serves what is in ``folder / "served"``: who signs its certificate."""
    (folder / "served").mkdir()
    Index(folder=folder / "served/simple").add("hello-there", "1.0")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(
        str(folder / "host.pem")
    )
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in NAMES.items()))
    run(f"mount --bind {hosts} /etc/hosts")
    run("ip link set lo up")
    with subprocess.Popen(
        ["unshare", "-n", sys.executable, "-m", "tests.sandbox.internet", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as host:
        try:
            assert host.stdout is not None
            host.stdout.readline()
            there = f"nsenter -t {host.pid} -n"
            run(f"ip link add here type veth peer name there netns {host.pid}")
            run(f"ip addr add dev here {OURS}/24")
            run("ip link set here up")
            run(f"{there} ip addr add dev there {THEIRS}/24")
            run(f"{there} ip link set there up")
            yield folder / "ca.pem"
        finally:
            host.terminate()


def run(command: str) -> None:
    """Run a command."""
    subprocess.run(command.split(), check=True)


class Handler(SimpleHTTPRequestHandler):
    """Serves files, and as many zeros as a path says."""

    def do_GET(self) -> None:
        """Answer."""
        kind, _, size = self.path.lstrip("/").partition("/")
        if kind != "zeros":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", size)
        self.end_headers()
        for _ in range(int(size) // len(PIECE)):
            self.wfile.write(PIECE)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Serves a folder over TLS."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("", 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "host.pem")
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self._folder = folder / "served"

    def finish_request(self, request: object, client_address: object) -> None:
        """Serve one connection."""
        Handler(request, client_address, self, directory=str(self._folder))  # type: ignore[arg-type]


def serve(folder: Path) -> None:
    """Be the host."""
    server = Server(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "unshared":
        os.environ.update(HOME=sys.argv[3], TMPDIR=sys.argv[3])
        os.execvp("unshare", ["unshare", "-rnm", sys.executable, "-m", *sys.argv[2:]])  # noqa: S606
    serve(Path(sys.argv[1]))
