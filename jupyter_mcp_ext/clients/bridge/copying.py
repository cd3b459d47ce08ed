"""Answers calls of the bridge's own tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import messages, tools
from .allowed import Allowed, NotAllowed
from .connection import Connection
from .messages import Message
from .sessions import Sessions, Write
from .transfers import Failed, Transfers, answer


class Copying:
    """The two tools, for the folders that are allowed; without any there are no tools."""

    def __init__(self, allowed: Allowed, sessions: Sessions, write: Write) -> None:
        self._allowed = allowed
        self._sessions = sessions
        self._write = write

    def takes(self, message: Message) -> bool:
        """Whether a request is for the bridge."""
        return bool(self._allowed) and tools.is_own(message.tool, message.params.get("arguments"))

    def listed(self, message: Message, line: bytes, found: dict[str, Any]) -> bytes:
        """A line of the server; the answer to ``tools/list`` gets the tools."""
        result = found.get("result")
        if not self._allowed or message.method != "tools/list" or not isinstance(result, dict):
            return line
        return messages.line_of({**found, "result": tools.listed(result, self._allowed.words)})

    async def answer(self, connection: Connection, message: Message) -> None:
        """Copy a file and say so. Raises Failure."""

        async def ask(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            meta = {key: value for key, value in message.meta.items() if key != "progressToken"}
            params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
            found = await self._sessions.ask(connection, message, "tools/call", params)
            if "result" not in found:
                raise Failed(str((found.get("error") or {}).get("message", "The call failed.")))
            result: dict[str, Any] = found["result"]
            return result

        async def progress(done: int, total: int) -> None:
            if (token := message.meta.get("progressToken")) is not None:
                params = {"progressToken": token, "progress": done, "total": total}
                await self._write(messages.notification("notifications/progress", params))

        transfers = Transfers(self._allowed, ask, connection, progress)
        arguments = message.params.get("arguments") or {}
        copy = transfers.upload if message.tool == tools.UPLOAD else transfers.download
        try:
            copied = await copy(arguments)
        except (Failed, NotAllowed) as err:
            await self._write(messages.failed(message, str(err)))
            return
        await self._write(answer(message, copied))
