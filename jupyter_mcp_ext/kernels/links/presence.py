"""What a kernel's messages show: whose code it runs, and whether it is about to end."""

from __future__ import annotations

import time

from .exchange import Content
from .link import Foreign, Listener, Message
from .requests import EXECUTE

AT_SHELL = {
    *(EXECUTE, "inspect_request", "complete_request", "is_complete_request"),
    *("history_request", "comm_open", "comm_msg", "comm_close"),
}
"""Requests that a kernel handles one after the other: when one ends, none runs."""


class Presence:
    """Follows a kernel's messages; ``session`` is that of this link, as message headers name it."""

    def __init__(self, session: str, listener: Listener) -> None:
        self.foreign: Foreign | None = None
        self.latest: Content | None = None
        self.heard = ""
        self.heard_restart: bool | None = None
        self._session = session
        self._listener = listener

    def run(self, header: Content) -> None:
        """The kernel has begun a request of this link."""
        self.latest = header
        self.take_foreign(None)  # a kernel runs one request at a time

    def hear(self, content: Content) -> None:
        """The kernel has reported its shell's state."""
        state = content.get("execution_state")
        self.heard = state if state in ("busy", "idle") else self.heard

    def watch(self, message: Message) -> None:
        """A message came that belongs to no execution of this link."""
        if message.msg_type not in ("status", "shutdown_reply"):
            return
        content = message.content() or {}
        parent = message.parent
        if message.msg_type == "shutdown_reply":
            self.heard_restart = bool(content.get("restart"))
        elif parent.get("msg_type") == "interrupt_request":
            self._listener.interrupted()
        elif parent.get("msg_type") in AT_SHELL and not parent.get("subshell_id"):
            self.hear(content)
            self._watch_shell(parent, is_busy=content.get("execution_state") == "busy")

    def take_foreign(self, foreign: Foreign | None) -> None:
        """Another client's code runs, or has ended."""
        self.foreign = foreign
        self._listener.change()

    def lose(self) -> None:
        """The link is lost."""
        self.heard = ""
        self.take_foreign(None)

    def _watch_shell(self, parent: Content, *, is_busy: bool) -> None:
        msg_id = str(parent.get("msg_id"))
        if not is_busy:
            if self.foreign is not None and self.foreign.msg_id in ("", msg_id):
                self.take_foreign(None)
        # The silent requests of this link are not others' code.
        elif parent["msg_type"] == EXECUTE and parent.get("session") != self._session:
            self.latest = parent
            self.take_foreign(Foreign(msg_id=msg_id, since=time.time()))
