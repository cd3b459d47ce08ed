"""A client that subscribes to resources and reads the notifications, in either era."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.mcp_client import McpClient

LIST = "list"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class Notifications:
    """The stream of a client's notifications."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        assert answer.status == 200, answer.read()
        self._answer = answer

    def fileno(self) -> int:
        """The descriptor on which the next message comes."""
        return self._answer.fileno()

    def message(self) -> dict[str, Any]:
        """The next message."""
        while line := self._answer.readline():
            if line.startswith(b"data: {"):
                return json.loads(line.removeprefix(b"data: "))  # type: ignore[no-any-return]
        msg = "the stream has ended"
        raise AssertionError(msg)

    def next(self) -> str:
        """The URI of the next notification; `LIST` for one of the list."""
        message = self.message()
        if message["method"] == "notifications/resources/list_changed":
            return LIST
        assert message["method"] == "notifications/resources/updated", message
        return str(message["params"]["uri"])

    def until(self, uri: str) -> list[str]:
        """The notifications before the one of a URI."""
        before: list[str] = []
        while (found := self.next()) != uri:
            before.append(found)
        return before


@contextmanager
def streaming(
    client: McpClient, method: str, request: tuple[dict[str, Any], dict[str, str]] | None = None
) -> Iterator[Notifications]:
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
        yield Notifications(answer)


@contextmanager
def subscribed(client: McpClient, *uris: str, to_list: bool = False) -> Iterator[Notifications]:
    """Subscribed to resources that exist, and to the list."""
    if client.is_new:
        with listening(client, uris, to_list=to_list) as (notifications, acknowledged):
            assert acknowledged.get("resourceSubscriptions", []) == list(uris)
            yield notifications
        return
    with streaming(client, "GET") as notifications:
        if to_list:
            client.request("resources/list")
        for uri in uris:
            assert client.request("resources/subscribe", uri=uri) == {}
        yield notifications


@contextmanager
def listening(
    client: McpClient, uris: Sequence[str], *, to_list: bool = False
) -> Iterator[tuple[Notifications, dict[str, Any]]]:
    """A stream of the newer era, and what of the subscription was acknowledged."""
    wanted = {"resourceSubscriptions": list(uris), "resourcesListChanged": to_list}
    request = client.prepare("subscriptions/listen", notifications=wanted)
    with streaming(client, "POST", request) as notifications:
        first = notifications.message()
        assert first["method"] == "notifications/subscriptions/acknowledged", first
        assert first["params"]["_meta"][SUBSCRIPTION] == request[0]["id"]
        yield notifications, first["params"]["notifications"]
