"""What a client of protocols before 2026-07-28 has agreed on, so that it can be agreed on again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import messages
from .messages import Message

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Protocol versions that begin with ``initialize``."""


class Handshake:
    """The protocol session of one client."""

    def __init__(self) -> None:
        self.params: Mapping[str, Any] = {}
        """Of the client's ``initialize``; empty before it."""
        self.session = ""
        """The id at the server; empty if there is none now."""
        self.version = ""
        self.is_open = False
        """Whether the server has answered ``initialize``."""
        self._standing: dict[str, Message] = {}

    @property
    def is_begun(self) -> bool:
        """Whether the client speaks a protocol with a handshake."""
        return bool(self.params)

    def begin(self, message: Message) -> None:
        """The client sends ``initialize``."""
        self.params = message.params
        self.session, self.version, self.is_open = "", "", False

    def open(self, session: str, version: object) -> None:
        """The server has answered it."""
        self.session = session
        self.version = version if isinstance(version, str) else ""
        self.is_open = True

    def lose(self, session: str) -> None:
        """The server does not know a session any more; it may be one before the present one."""
        if session == self.session:
            self.session, self.is_open = "", False

    @property
    def headers(self) -> dict[str, str]:
        """What each message of the session carries."""
        headers = {"MCP-Protocol-Version": self.version} if self.version else {}
        return {**headers, "Mcp-Session-Id": self.session} if self.session else headers

    def note(self, message: Message) -> None:
        """Keep what the client asks for that lasts as long as the session."""
        uri = str(message.params.get("uri", ""))
        match message.method:
            case "logging/setLevel":
                self._standing["level"] = message
            case "resources/subscribe":
                self._standing[f"uri {uri}"] = message
            case "resources/unsubscribe":
                self._standing.pop(f"uri {uri}", None)

    @property
    def standing(self) -> tuple[Message, ...]:
        """The requests that are sent again in a new session."""
        return tuple(self._standing.values())

    def missed(self) -> Iterator[bytes]:
        """Notifications that say that something may have changed while nothing was heard."""
        for message in self.standing:
            if message.method == "resources/subscribe":
                params = {"uri": message.params.get("uri")}
                yield messages.notification("notifications/resources/updated", params)
        yield messages.notification("notifications/resources/list_changed")
