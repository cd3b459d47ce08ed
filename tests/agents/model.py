"""The mock model: an HTTP server on loopback that speaks the models' APIs and plays scenarios.

Each conversation has an address of its own, which a client takes for its provider's. The server is
also the proxy that clients get for all other hosts: it refuses those, and names them.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .apis import APIS, Api
from .apis.api import Answer, Body, Call
from .record import Result, Tool
from .scenario import Step

CATALOGUE = {"object": "list", "data": [{"id": "mock", "object": "model"}], "models": []}
"""What is answered to all that is no question to a model."""
GONE = "The client was ended while it asked."


class Conversation:
    """A scenario that is played to one client, and what the client put before the model."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._acted = -1
        self._lock = threading.Lock()
        self.tools: list[Tool] = []
        self.results: list[Result] = []
        self.first = ""
        """The first request that shows tools, as JSON without escapes."""
        self.is_over = threading.Event()
        """Set when the client has been given the model's last words."""

    def by_name(self) -> dict[str, Result]:
        """The results, by the names of the steps."""
        return {step.name: result for step, result in zip(self._steps, self.results, strict=False)}

    @property
    def unanswered(self) -> str:
        """The name of the step whose call the client was told to make, and did not answer."""
        return "" if self.is_over.is_set() else self._steps[len(self.results)].name

    def hear(self, api: Api, path: str, body: Body) -> Answer:
        """Answer a request; one that shows no tools is not about the scenario."""
        tools = api.tools(body)
        if not tools:
            return api.answer(path, body, None)
        with self._lock:
            if not self.first:
                self.first, self.tools = json.dumps(body, ensure_ascii=False), tools
            # A client may shorten earlier results later: each is taken as it comes first.
            self.results += api.results(body)[len(self.results) :]
            number = len(self.results)
            if number >= len(self._steps):
                self.is_over.set()
                return api.answer(path, body, None)
            step = self._steps[number]
            if step.before and self._acted < number:
                self._acted = number
                step.before()
            call = Call(
                tool=called(tools, step.tool), arguments=step.made(self.results), number=number
            )
            return api.answer(path, body, call)


def called(tools: Sequence[Tool], name: str) -> Tool:
    """The tool that the model calls by the server's name for it.

    One that the client shows only after a search is called as the others are.
    """
    for tool in tools:
        if tool.is_called(name):
            return tool
    for tool in tools:
        if tool.is_called("execute_code"):
            prefix = tool.name.removesuffix("execute_code")
            return Tool(name=prefix + name, namespace=tool.namespace)
    return Tool(name=name)


class Model(ThreadingHTTPServer):
    """The server, with its conversations."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.conversations: dict[str, Conversation] = {}
        self.refused: set[str] = set()
        """Hosts that clients wanted to reach."""
        self.faults: list[str] = []
        """Requests that the model did not understand."""

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def begin(self, steps: Sequence[Step]) -> tuple[str, Conversation]:
        """The address of a new conversation."""
        key, conversation = f"{len(self.conversations)}", Conversation(steps)
        self.conversations[key] = conversation
        return f"{self.url}/{key}", conversation

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what is a fault of the model; a client may go at any time."""
        del request, client_address
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.faults.append(traceback.format_exc())


@contextmanager
def running_model() -> Iterator[Model]:
    """Serve until the block is left."""
    with Model() as model:
        thread = threading.Thread(target=model.serve_forever, daemon=True)
        thread.start()
        try:
            yield model
        finally:
            model.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, format: str, *args: Any) -> None:  # the base class's name
        """Keep quiet."""

    def do_CONNECT(self) -> None:
        """Refuse to be a proxy."""
        self.server.refused.add(self.path)
        self.close_connection = True
        self.send_error(502)

    def do_GET(self) -> None:
        """Answer what asks which models there are."""
        self._send(CATALOGUE)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Let the conversation answer."""
        body = self._body()
        if self.path.startswith("http"):
            self.server.refused.add(self.path)
            self.send_error(502)
            return
        _, key, *rest = self.path.partition("?")[0].split("/")
        path = "/" + "/".join(rest)
        conversation = self.server.conversations.get(key)
        api = next((api for api in APIS if api.serves(path)), None)
        if conversation is None or api is None:
            self._send({**CATALOGUE, "input_tokens": 1})
            return
        answer = conversation.hear(api, path, json.loads(body))
        if answer.events is None:
            self._send(answer.whole)
        else:
            self._stream(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._read(int(self.headers.get("Content-Length") or 0))
        match self.headers.get("Content-Encoding"):
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
        return body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().split(b";")[0], 16):
            yield self._read(size)
            self._line()
        self._line()

    def _line(self) -> bytes:
        if not (line := self.rfile.readline()).endswith(b"\n"):
            raise ConnectionError(GONE)
        return line

    def _read(self, size: int) -> bytes:
        if len(found := self.rfile.read(size)) < size:
            raise ConnectionError(GONE)
        return found

    def _send(self, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for name, data in answer.events or ():
            head = f"event: {name}\n" if name else ""
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{head}data: {text}\n\n".encode())
        self.close_connection = True
