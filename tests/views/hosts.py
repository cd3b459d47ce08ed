"""A host of MCP Apps in a page, with a server behind it.

It does what the reference host of the extension does: the bridge is the reference implementation's,
the sandbox is a page of another site with the policy that the view declares, and the view is in a
frame of that page.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Frame, FrameLocator, Page, Request

from tests.npm import binaries
from tests.servers import JupyterServer

FOLDER = Path(__file__).parent
PAGE = """\
<!doctype html><meta charset="utf-8"><body style="margin: 0">
<script>window.sandbox = "http://localhost:{port}/";</script>
<script type="module" src="/host.js"></script>
"""
PASSED_ON = ("content-type", "accept", "mcp-")
MILLISECONDS = 30_000.0


def policy(domains: dict[str, list[str]], *, is_written: bool) -> str:
    """The policy that the specification says for a view, or the reference host's own."""
    more = " ".join(domains.get("resourceDomains", []))
    connected = " ".join(domains.get("connectDomains", []))
    own = "'self' blob:" if is_written else ""
    evaluates = "'self' 'unsafe-eval' blob: data:" if is_written else ""
    parts = {
        "default-src": "'self' 'unsafe-inline'" if is_written else "'none'",
        "script-src": f"'unsafe-inline' {evaluates} {more}",
        "style-src": f"'unsafe-inline' {own} {more}",
        "img-src": f"data: {own} {more}",
        "font-src": f"data: {own} {more}",
        "connect-src": f"{own} {connected}".strip() or "'none'",
        "worker-src": f"{own} {more}".strip() or "'none'",
        "frame-src": " ".join(domains.get("frameDomains", [])) or "'none'",
        "object-src": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


class Host:
    """The page, which connects to a server and shows the view of a tool's result."""

    def __init__(self, page: Page, ours: tuple[str, ...]) -> None:
        """``ours`` are the addresses of the host and its sandbox."""
        self.page = page
        self.elsewhere: list[str] = []
        """What the page and all frames in it have asked of other addresses."""
        self._ours = ours
        page.on("requestfinished", self._note)
        page.on("requestfailed", self._note)

    def _note(self, request: Request) -> None:
        is_refused = "csp" in (request.failure or "")
        if not request.url.startswith((*self._ours, "data:", "blob:", "about:")) and not is_refused:
            self.elsewhere.append(request.url)

    @property
    def view(self) -> FrameLocator:
        """What is in the sandbox."""
        return self.page.frame_locator("iframe").frame_locator("iframe")

    @property
    def frame(self) -> Frame:
        """The same, for scripts."""
        [sandbox] = self.page.main_frame.child_frames
        [view] = sandbox.child_frames
        return view

    @property
    def height(self) -> int:
        """What the view has in the page."""
        found: int = self.page.locator("iframe").evaluate("frame => frame.offsetHeight")
        return found

    def change(self, **context: Any) -> None:
        """Tell the view of a change, or give it another width."""
        self.page.evaluate("context => window.change(context)", context)

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

    def show(
        self,
        tool: str,
        *,
        reads: bool = True,
        theme: str = "light",
        is_written: bool = False,
        ends: bool = True,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Call a tool, show its view, and return its result when the view is drawn.

        A view that never ``ends`` is left when it has told its size.

        ``is_written`` does it with the reference host's own policy, and without an origin of the
        view's own.
        """
        how = {"reads": reads, "theme": theme, "isWritten": is_written}
        result: dict[str, Any] = self.page.evaluate(
            "([tool, args, how]) => window.show(tool, args, how)",
            [tool, arguments, how],
        )
        if ends:
            self.view.locator("body[data-drawn]").wait_for(state="attached")
            self.page.evaluate("() => window.heard()")  # else its size may be on its way
        else:
            self.page.wait_for_function("() => window.sizes.at(-1) > 0")
        return result

    def run(self, code: str, **how: Any) -> dict[str, Any]:
        """Run code and show what it displays."""
        return self.show("execute_code", code=code, **how)

    def leave(self, *, within: float = MILLISECONDS) -> object:
        """Take the view away; gives its answer to that."""
        return self.page.evaluate("within => window.leave(within)", within)

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
        with _sandbox() as sandbox, _served(server, sandbox) as urls:
            page = context.new_page()
            host = Host(page, urls)
            page.goto(urls[0])
            page.wait_for_function("() => window.ready")
            yield host
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


class Quiet(BaseHTTPRequestHandler):
    """Serves without a word."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # the base class's name
        """Keep quiet."""

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _running(handler: type[Quiet]) -> Iterator[int]:
    """A server of a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as own:
        own.daemon_threads = True
        thread = threading.Thread(target=own.serve_forever, daemon=True)
        thread.start()
        try:
            yield own.server_address[1]
        finally:
            own.shutdown()
            thread.join()


@contextmanager
def _sandbox() -> Iterator[int]:
    """The sandbox's server, which makes a policy of what the view declares."""
    page = (FOLDER / "proxy.html").read_bytes()

    class Handler(Quiet):
        def do_GET(self) -> None:
            """The page, with its policy."""
            asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            domains = json.loads(asked.get("csp", ["{}"])[0])
            headers = {
                "Content-Type": "text/html",
                "Content-Security-Policy": policy(domains, is_written="written" in asked),
            }
            self.answer(200, headers, page)

    with _running(Handler) as port:
        yield port


@contextmanager
def _served(server: JupyterServer, sandbox: int) -> Iterator[tuple[str, str]]:
    """The host's own server, which passes requests on to MCP and adds the token."""
    script = _script()
    page = PAGE.format(port=sandbox).encode()

    class Handler(Quiet):
        def do_GET(self) -> None:
            """The page and its script; streams of the server are not passed on."""
            found = {"/": ("text/html", page), "/host.js": ("text/javascript", script)}
            kind, body = found.get(self.path, ("text/plain", b""))
            self.answer(200 if body else 405, {"content-type": kind}, body)

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
            self.answer(answer.status, kept, answer.body)

    with _running(Handler) as port:
        yield f"http://127.0.0.1:{port}/", f"http://localhost:{sandbox}/"
