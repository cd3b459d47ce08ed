"""A proxy that gives the suite's fixtures the names of the real server's resources and prompts.

The suite asks for fixed names. What is under them is up to a server, and so they can be real ones.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Renaming(BaseHTTPRequestHandler):
    """Passes requests on, with other names in their bodies and headers, and the answers as they
    come."""

    def __init__(self, names: Mapping[str, str], port: int, *args: object) -> None:
        self._names = names
        self._port = port
        super().__init__(*args)  # type: ignore[arg-type]  # which answers the request

    def do_POST(self) -> None:
        self._pass()

    def do_GET(self) -> None:
        self._pass()

    def do_DELETE(self) -> None:
        self._pass()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _pass(self) -> None:
        body = self._renamed(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        headers = {
            name: self._renamed(value)
            for name, value in self.headers.items()
            if name.lower() not in ("content-length", "host", "connection")
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(self.command, self.path, body.encode() or None, headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.end_headers()  # HTTP/1.0: the end of the connection is that of the answer
            while piece := answer.read1():
                self.wfile.write(piece)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):  # the suite has closed the stream
            pass
        finally:
            connection.close()

    def _renamed(self, text: str) -> str:
        for name, real in self._names.items():
            text = text.replace(name, real)
        return text


@contextmanager
def renaming(port: int, names: Mapping[str, str]) -> Iterator[str]:
    """The URL of MCP behind such a proxy of the server on a port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Renaming, names, port))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
