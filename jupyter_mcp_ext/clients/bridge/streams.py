"""What a server says without being asked: heard again after each loss of the connection."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mcp_ext.clients.servers import NoServer

from . import messages
from .connection import Connection, Failure, Refused
from .handshake import Handshake
from .messages import Message
from .reaching import Reach
from .sessions import Sessions, Write

_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_LISTS = {
    f"{kind}ListChanged": f"notifications/{kind}/list_changed"
    for kind in ("tools", "prompts", "resources")
}


class Streams:
    """Listens to the server, for as long as the client wants it."""

    def __init__(
        self, reach: Reach, handshake: Handshake, sessions: Sessions, write: Write
    ) -> None:
        self._reach = reach
        self._handshake = handshake
        self._sessions = sessions
        self._write = write

    async def session(self) -> None:
        """Hear what concerns a protocol session, until the server says that it has no stream."""
        failed: Connection | None = None
        attempt, is_again, session = 0, False, ""
        while True:
            try:
                failed = await self._reach.connection(instead_of=failed, may_start=False)
                await self._sessions.ensure(failed)
                session = self._handshake.session
                async with failed.sent(None, self._handshake.headers) as reply:
                    reply.check()
                    if is_again:
                        await self._sessions.restore(failed)
                    is_again, attempt = True, 0
                    async for line, _ in reply.lines():
                        await self._write(line)
            except Refused as err:
                if err.why == "absent":
                    return
                if err.why == "session":
                    self._handshake.lose(session)
            except (Failure, NoServer, OSError):
                pass
            self._reach.failed()
            await self._reach.pause(attempt)
            attempt += 1

    async def subscription(self, message: Message) -> None:
        """Answer ``subscriptions/listen``: until it is cancelled, or the server refuses it."""
        failed: Connection | None = None
        attempt, is_again = 0, False
        while True:
            try:
                failed = await self._reach.connection(instead_of=failed, may_start=False)
                async with failed.sent(message.line, messages.routing(message)) as reply:
                    async for line, found in reply.lines(message.id):
                        if "error" in found:
                            await self._write(line)
                            return
                        if "method" not in found:
                            break  # this server ends, and there may be another
                        if found["method"] == _ACKNOWLEDGED:
                            attempt = 0
                            if not is_again:
                                await self._write(line)
                            if is_again or self._reach.was_missed:
                                await self._write_all(_missed(message))
                            is_again, self._reach.was_missed = True, False
                            continue
                        await self._write(line)
            except Refused as err:
                # What a proxy says while it does not reach the server is no refusal of its own.
                if err.why != "token" and not (is_again and err.why == "other"):
                    raise
            except (Failure, NoServer, OSError):
                if not is_again:
                    await self._write(_acknowledgement(message))
                    is_again = True
            self._reach.failed()
            await self._reach.pause(attempt)
            attempt += 1

    async def _write_all(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            await self._write(line)


def _acknowledgement(message: Message) -> bytes:
    """What is said while no server does."""
    params = {"notifications": _wanted(message), "_meta": _about(message)}
    return messages.notification(_ACKNOWLEDGED, params)


def _missed(message: Message) -> Iterator[bytes]:
    """Notifications that say that something may have changed while nothing was heard."""
    wanted = _wanted(message)
    for key, method in _LISTS.items():
        if wanted.get(key):
            yield messages.notification(method, {"_meta": _about(message)})
    uris = wanted.get("resourceSubscriptions")
    for uri in uris if isinstance(uris, list) else ():
        params = {"uri": uri, "_meta": _about(message)}
        yield messages.notification("notifications/resources/updated", params)


def _wanted(message: Message) -> dict[str, object]:
    wanted = message.params.get("notifications")
    return wanted if isinstance(wanted, dict) else {}


def _about(message: Message) -> dict[str, object]:
    return {messages.SUBSCRIPTION_ID: message.id}
