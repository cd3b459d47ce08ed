"""HTTP to one server, for the messages of one client; what went wrong is told apart here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import httpx2

from jupyter_mcp_ext.clients.asking import client_options, token_header
from jupyter_mcp_ext.clients.servers import Server, is_own_process

from . import messages, words
from .watching import WITHIN, Watch

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a message that a server reads; it closes the connection on what is larger."""

MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one message of a server."""

_TIMES = httpx2.Timeout(connect=10.0, read=900.0, write=60.0, pool=None)
"""Seconds. A call may be silent for as long as it waits, but an answer that never comes ends."""

_PIECE = 262_144

_TOO_LARGE = (
    f"The Jupyter server's answer has over {MAX_EVENT // 1024**2} MiB, which is not passed on. "
    "Ask for less at a time; what the call did, it did."
)

_SHORT = 3.0
"""Seconds in which a server that runs answers a simple request."""

_GATEWAY_TIMEOUT = 504
"""A proxy answers with it for a server that does not."""

_LOOKS = 3
"""Connections that may be cut before it is said that nothing is known."""

_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}

Why: TypeAlias = Literal["token", "session", "absent", "other"]
"""Of a refusal: the token is wrong; the protocol session is unknown; no MCP is served; else."""


class Failure(Exception):
    """A server gave no answer; the message is a sentence of what is so and one of what to do."""


class NotSent(Failure):
    """The request did not reach the server."""


class Lost(Failure):
    """The request was sent, and whether it had an effect is not known."""


class Refused(Failure):
    """The server, or what is before it, did not take the request."""

    def __init__(self, sentence: str, *, why: Why) -> None:
        super().__init__(sentence)
        self.why = why


class Reply:
    """What a server answers to one request, while it does."""

    def __init__(self, response: httpx2.Response, watch: Watch) -> None:
        self._response = response
        self._watch = watch

    @property
    def session(self) -> str:
        """The id of the protocol session that it opens."""
        return str(self._response.headers.get("mcp-session-id", ""))

    def check(self) -> None:
        """Raise Refused at once where nothing but a refusal will come."""
        if self._response.status_code in (404, 405):
            why: Why = "session" if self._response.status_code == 404 else "absent"
            raise Refused(_refusal(self._response), why=why)

    async def ended(self) -> None:
        """Read what is of no interest. Raises Refused and Lost."""
        async for _ in self.lines():
            pass

    async def lines(
        self, message_id: messages.Id = None
    ) -> AsyncIterator[tuple[bytes, dict[str, Any]]]:
        """Its messages, each in one line and parsed. An error without an id gets the request's.

        Raises Refused and Lost.
        """
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if self._response.status_code == 200 and kind == "text/event-stream":
                async for event in httpx2.EventSource(self._response, max_event_size=MAX_EVENT):
                    self._watch.heard()
                    if event.data:
                        yield _one_line(event.data.encode()), _message(event.data)
                return
            body = await self._body()
        except httpx2.SSEError as err:
            raise Refused(_TOO_LARGE, why="other") from err
        except httpx2.HTTPError as err:
            msg = f"The connection to the Jupyter server was lost ({type(err).__name__})."
            raise Lost(msg) from err
        status = self._response.status_code
        if 200 <= status < 300 and not body.strip():
            return
        found = _parsed(body)
        if status in (401, 403) and not self._is_forbidden(found):
            raise Refused(_refusal(self._response, found), why="token")
        if found is None or not ("result" in found or "error" in found):
            why: Why = "absent" if status in (404, 405) else "other"
            raise Refused(_refusal(self._response), why=why)
        if status == 503:
            msg = "The Jupyter server stopped before it could answer."
            raise Lost(msg)
        if "error" in found and found.get("id") is None:
            if status == 404:
                raise Refused(_refusal(self._response, found), why="session")
            found["id"] = message_id
            body = messages.line_of(found)
        yield _one_line(body), found

    def _is_forbidden(self, found: dict[str, Any] | None) -> bool:
        """Whether it is a refusal in words, of a request that was let in."""
        return self._response.status_code == 403 and found is not None

    async def _body(self) -> bytes:
        pieces, size = [], 0
        async for piece in self._response.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_EVENT:
                raise Refused(_TOO_LARGE, why="other")
        return b"".join(pieces)


class Connection:
    """The way to one server, with the token that it has now."""

    def __init__(
        self, server: Server, *, path: str, cafile: str, scope: str, within: float = WITHIN
    ) -> None:
        """``scope`` is the value of the header Jupyter-Session, or empty.

        ``within`` are the seconds of `Watch`.
        """
        self.server = server
        self.watch = Watch(self._answers, within)
        self.url = server.endpoint(path)
        headers = {**_HEADERS, **token_header(server)}
        if scope:
            headers["Jupyter-Session"] = scope
        self._http = httpx2.AsyncClient(
            headers=headers,
            timeout=_TIMES,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
            event_hooks={"request": [self._look]},
            **client_options(server, cafile, httpx2.AsyncHTTPTransport),
        )

    async def _look(self, request: httpx2.Request) -> None:
        """Raise ConnectError, before its token is sent, if the server has ended.

        Any account of the machine can take its port then.
        """
        if self.server.pid and not is_own_process(self.server.pid):
            msg = f"The process {self.server.pid} has ended."
            raise httpx2.ConnectError(msg, request=request)

    @asynccontextmanager
    async def sent(self, body: bytes | None, headers: Mapping[str, str]) -> AsyncIterator[Reply]:
        """Send a message, or without one listen to the server; the reply is read in the block.

        To leave the block closes what is left of the answer. Raises NotSent and Lost.
        """
        method = "GET" if body is None else "POST"
        request = self._http.build_request(method, self.url, content=body, headers=dict(headers))
        try:
            response = await self._http.send(request, stream=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as err:
            raise NotSent(_unreached(self.server, err)) from err
        except httpx2.HTTPError as err:
            msg = f"The connection to the Jupyter server was lost ({type(err).__name__})."
            raise Lost(msg) from err
        self.watch.heard()
        try:
            yield Reply(response, self.watch)
        finally:
            await response.aclose()

    async def listens(self) -> bool | None:
        """Whether there is a server at the address; None if that is not known."""
        for _ in range(_LOOKS):
            try:
                async with self._http.stream("GET", f"{self.server.url}api", timeout=_SHORT):
                    return True
            except httpx2.ConnectError:  # noqa: PERF203  # each is another connection
                return False
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                continue  # a process that ends closes one connection after the other
            except httpx2.HTTPError:
                break
        return None

    async def check(self) -> None:
        """Raise NotSent if the server has fallen silent, and still is."""
        if not await self.watch.answers():
            raise NotSent(words.silent(self.server.words))

    async def _answers(self, within: float) -> bool:
        """Whether the server answers a small request in time; True if that cannot be known."""
        try:
            async with self._http.stream("GET", f"{self.server.url}api", timeout=within) as answer:
                return answer.status_code != _GATEWAY_TIMEOUT
        except httpx2.TimeoutException:
            return False
        except httpx2.HTTPError:
            return True  # it closes, or has ended: then the connections of the requests end too

    async def pieces(self, path: str) -> AsyncIterator[bytes]:
        """What is at a path below the server's base URL. Raises Failure."""
        try:
            async with self._http.stream("GET", self.server.url + path) as response:
                if response.status_code != 200:
                    why: Why = "absent" if response.status_code == 404 else "other"
                    raise Refused(_refusal(response), why=why)
                async for piece in response.aiter_bytes(_PIECE):
                    self.watch.heard()
                    yield piece
        except httpx2.HTTPError as err:
            msg = f"The connection to the Jupyter server was lost ({type(err).__name__})."
            raise Lost(msg) from err

    async def close(self) -> None:
        """Close what is open."""
        await self.watch.close()
        await self._http.aclose()


def _unreached(server: Server, err: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(err):
        return (
            f"The certificate of {server.url} is not trusted. "
            "Name the file of its authority with --cafile."
        )
    return f"No Jupyter server answers at {server.words}. Start it again, or check its address."


def _refusal(response: httpx2.Response, found: Mapping[str, Any] | None = None) -> str:
    """What a status means, and what to do."""
    status, url = response.status_code, response.request.url
    match status:
        case 401 | 403:
            said = found.get("error") if found else None
            words = said.get("message") if isinstance(said, dict) else ""
            return str(words) or f"{url} refuses the login with status {status}."
        case 404 if found:
            return (
                f"{url} does not know the session that it has opened. If several servers share "
                "this address, have the proxy keep a client at one of them."
            )
        case 404 | 405:
            return (
                f"{url} serves no MCP (status {status}). Enable the extension there with "
                "`jupyter server extension enable jupyter_mcp_ext`, or name its path with --path."
            )
        case _ if 300 <= status < 400:
            return (
                f"{url} leads elsewhere (status {status}), which is not followed with a token. "
                "Name the address of the server itself with --server."
            )
    kind = response.headers.get("content-type", "no content").partition(";")[0]
    return (
        f"{url} answered with status {status} and {kind} in place of MCP: that is a proxy or "
        "another program. Check the address, and what is between."
    )


def _message(data: str) -> dict[str, Any]:
    found = _parsed(data)
    if found is None:
        msg = "The Jupyter server has sent what is no JSON-RPC message."
        raise Lost(msg)
    return found


def _parsed(body: bytes | str) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _one_line(message: bytes) -> bytes:
    """A line break in JSON is always between its parts."""
    return message.replace(b"\r", b" ").replace(b"\n", b" ").strip()
