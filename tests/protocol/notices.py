"""A client that subscribes to resources and reads the notices, in either era."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.mcp_client import McpClient

LIST = "list"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class Notices:
    """The stream of a client's notices."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        assert answer.status == 200, answer.read()
        self._answer = answer

    def message(self) -> dict[str, Any]:
        """The next message."""
        while line := self._answer.readline():
            if line.startswith(b"data: {"):
                return json.loads(line.removeprefix(b"data: "))  # type: ignore[no-any-return]
        msg = "the stream has ended"
        raise AssertionError(msg)

    def next(self) -> str:
        """The URI of the next notice; `LIST` for one of the list."""
        message = self.message()
        if message["method"] == "notifications/resources/list_changed":
            return LIST
        assert message["method"] == "notifications/resources/updated", message
        return str(message["params"]["uri"])

    def until(self, uri: str) -> list[str]:
        """The notices before the one of a URI."""
        before: list[str] = []
        while (found := self.next()) != uri:
            before.append(found)
        return before


@contextmanager
def streaming(
    client: McpClient, method: str, request: tuple[dict[str, Any], dict[str, str]] | None = None
) -> Iterator[Notices]:
    """A request whose answer is a stream; leaving closes the connection."""
    body, headers = request or client.prepare("ping")
    sent = {
        **client.server.auth,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **headers,
    }
    data = json.dumps(body).encode() if method == "POST" else None
    with client.server.stream(method, sent, data) as answer:
        yield Notices(answer)


@contextmanager
def subscribed(client: McpClient, *uris: str, to_list: bool = False) -> Iterator[Notices]:
    """Subscribed to resources that exist, and to the list."""
    if client.is_new:
        with listening(client, uris, to_list=to_list) as (notices, acknowledged):
            assert acknowledged.get("resourceSubscriptions", []) == list(uris)
            yield notices
        return
    with streaming(client, "GET") as notices:
        if to_list:
            client.request("resources/list")
        for uri in uris:
            assert client.request("resources/subscribe", uri=uri) == {}
        yield notices


@contextmanager
def listening(
    client: McpClient, uris: Sequence[str], *, to_list: bool = False
) -> Iterator[tuple[Notices, dict[str, Any]]]:
    """A stream of the newer era, and what of the subscription was acknowledged."""
    wanted = {"resourceSubscriptions": list(uris), "resourcesListChanged": to_list}
    request = client.prepare("subscriptions/listen", notifications=wanted)
    with streaming(client, "POST", request) as notices:
        first = notices.message()
        assert first["method"] == "notifications/subscriptions/acknowledged", first
        assert first["params"]["_meta"][SUBSCRIPTION] == request[0]["id"]
        yield notices, first["params"]["notifications"]
