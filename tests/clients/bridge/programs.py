"""Programs that answer a bridge over HTTP as no server of this project does."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Program(http.server.BaseHTTPRequestHandler):
    """Answers requests; a program says how by ``do_POST``."""

    def asked(self) -> bytes:
        """The body of the request."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def say(
        self, status: int, kind: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        self.begin(status, kind, len(body), headers)
        self.wfile.write(body)

    def begin(
        self, status: int, kind: str, size: int, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def served(program: type[Program], *, waiting: int = 5) -> Iterator[str]:
    """The URL of a program; so many connections may wait for it."""

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = waiting

    with Server(("127.0.0.1", 0), program) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
