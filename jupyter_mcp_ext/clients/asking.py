"""Requests to a Jupyter server from the side of a client, by plain HTTP."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import httpx2

from .servers import Server

TIMEOUT = 30.0
"""Seconds for an answer to a simple request; a server that has just started may need many."""

MAX_ANSWER = 1_000_000
"""Bytes of an answer that are read."""

Standing: TypeAlias = Literal["ok", "token", "other", "untrusted", "silent", "late"]
"""Of a server: it lets this token in; it does not; another program answers at its address; its
certificate is not trusted; nothing answers; nothing has answered within `TIMEOUT`."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer over HTTP, its body cut at `MAX_ANSWER` bytes."""

    status: int
    headers: httpx2.Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def token_header(server: Server) -> dict[str, str]:
    """What a request needs to be let in."""
    return {"Authorization": f"Bearer {server.token}"} if server.token else {}


def client_options(
    server: Server,
    cafile: str = "",
    transport: type[httpx2.HTTPTransport | httpx2.AsyncHTTPTransport] = httpx2.HTTPTransport,
) -> dict[str, Any]:
    """The options of an HTTP client that reaches a server, without its token.

    ``cafile`` has certificates to trust beside the system's. ``transport`` is the kind that the
    client needs. Raises OSError if the file cannot be used.
    """
    context = ssl.create_default_context()
    if cafile:
        context.load_verify_locations(cafile)
    if server.socket:
        return {"transport": transport(uds=server.socket, verify=context)}
    # The proxies of the environment must not see what is for this machine.
    return {"verify": context, "trust_env": not server.is_local}


def ask(
    server: Server, path: str, *, method: str = "GET", cafile: str = "", with_token: bool = True
) -> Reply:
    """Ask for a path below the server's base URL, and follow no redirect.

    Raises httpx2.HTTPError if there is no answer.
    """
    headers = token_header(server) if with_token else {}
    options = client_options(server, cafile)
    with (
        httpx2.Client(timeout=TIMEOUT, headers=headers, **options) as client,
        client.stream(method, server.url + path.lstrip("/")) as response,
    ):
        body = b""
        for chunk in response.iter_bytes(65_536):
            body += chunk
            if len(body) > MAX_ANSWER:
                break
        return Reply(status=response.status_code, headers=response.headers, body=body[:MAX_ANSWER])


def standing(server: Server, *, cafile: str = "") -> Standing:
    """Whether a Jupyter server answers there, and whether it lets its token in."""
    try:
        about = ask(server, "api", cafile=cafile, with_token=False)
        if not isinstance(about.json(), dict) or "version" not in about.json():
            return "other"
        status = ask(server, "api/status", cafile=cafile)
    except httpx2.ConnectError as err:
        return "untrusted" if "CERTIFICATE_VERIFY_FAILED" in str(err) else "silent"
    except httpx2.ReadTimeout:
        return "late"
    except (UnicodeEncodeError, httpx2.LocalProtocolError):  # no header can have such a token
        return "token"
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return "silent"
    return "ok" if status.status == 200 else "token"
