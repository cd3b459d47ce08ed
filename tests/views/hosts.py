"""A host of MCP Apps in a page: the reference implementation's bridge, with a server behind it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FrameLocator, Page

from tests.npm import binaries
from tests.servers import JupyterServer

FOLDER = Path(__file__).parent
PAGE = b'<!doctype html><meta charset="utf-8"><body><script type="module" src="/host.js"></script>'
PASSED_ON = ("content-type", "accept", "mcp-")
MILLISECONDS = 30_000.0


class Host:
    """The page, which connects to a server and shows the view of a tool's result."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def view(self) -> FrameLocator:
        """What is in the sandbox."""
        return self.page.frame_locator("iframe")

    def connect(self, *, declares: bool = True) -> None:
        """Connect again, as a client that can show views or cannot."""
        self.page.evaluate("declares => window.connect(declares)", declares)

    def tools(self) -> list[dict[str, Any]]:
        """The list of tools."""
        found: list[dict[str, Any]] = self.page.evaluate("() => window.tools()")
        return found

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool without showing anything."""
        found: dict[str, Any] = self.page.evaluate(
            "([tool, args]) => window.call(tool, args)", [tool, arguments]
        )
        return found

    def read(self, uri: str) -> dict[str, Any]:
        """Read a resource."""
        found: dict[str, Any] = self.page.evaluate("uri => window.read(uri)", uri)
        return found

    def show(self, tool: str, *, reads: bool = True, **arguments: Any) -> dict[str, Any]:
        """Call a tool, show its view, and return its result when the view is drawn."""
        result: dict[str, Any] = self.page.evaluate(
            "([tool, args, how]) => window.show(tool, args, how)",
            [tool, arguments, {"reads": reads}],
        )
        self.view.locator("body[data-shown]").wait_for(state="attached")
        return result

    def run(self, code: str, **how: Any) -> dict[str, Any]:
        """Run code and show what it displays."""
        return self.show("execute_code", code=code, **how)

    @property
    def asked(self) -> list[Any]:
        """What views have asked the host to do."""
        found: list[Any] = self.page.evaluate("() => window.asked")
        return found


@contextmanager
def running_host(browser: Browser, server: JupyterServer) -> Iterator[Host]:
    """Open the page, until the block is left; all else than this machine is out of its reach."""
    context = browser.new_context(viewport={"width": 800, "height": 900})
    context.set_default_timeout(MILLISECONDS)
    try:
        with _served(server) as url:
            page = context.new_page()
            page.goto(url)
            page.wait_for_function("() => window.ready")
            yield Host(page)
    finally:
        context.close()


def _script() -> bytes:
    commands, _ = binaries(FOLDER, "esbuild")
    options = ["--bundle", "--format=esm", "--log-level=error"]
    built = subprocess.run(
        [str(commands / "esbuild"), "host.js", *options],
        cwd=FOLDER,
        check=True,
        capture_output=True,
    )
    return built.stdout


@contextmanager
def _served(server: JupyterServer) -> Iterator[str]:
    """The host's own server, which passes requests on to MCP and adds the token."""
    script = _script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # the base class's name
            """Keep quiet."""

        def do_GET(self) -> None:
            """The page and its script; streams of the server are not passed on."""
            found = {"/": ("text/html", PAGE), "/host.js": ("text/javascript", script)}
            kind, body = found.get(self.path, ("text/plain", b""))
            self._send(200 if body else 405, {"content-type": kind}, body)

        def do_POST(self) -> None:
            """A message of the protocol."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            passed = {
                name: value
                for name, value in self.headers.items()
                if name.lower().startswith(PASSED_ON)
            }
            answer = server.request("POST", body, {**passed, **server.auth})
            kept = {
                name: value for name, value in answer.headers.items() if name.startswith(PASSED_ON)
            }
            self._send(answer.status, kept, answer.body)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as own:
        own.daemon_threads = True
        thread = threading.Thread(target=own.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{own.server_address[1]}/"
        finally:
            own.shutdown()
            thread.join()
