"""The questions that running code asks through ``input()``: one at a time, answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import strip

MAX_TEXT = 1_000
"""Characters of a question that are shown in a form."""

MAX_DEBUGGERS = 20
"""Prompts of debuggers that are answered with "quit" before the code is interrupted."""

Reply = Callable[[str], object]
"""Sends an answer to the kernel."""

NO_FORM = (
    "the code called input(), and this client cannot ask a person: ask in the conversation, then "
    "put the value into the code"
)
NO_PASSWORDS = (
    "the code asked for a password, and passwords are never asked for here: have a person put it "
    "into a file or the server's environment, and let the code read it from there"
)


@dataclass(frozen=True, eq=False)
class Prompt:
    """One question of an execution; questions are numbered from 1."""

    number: int
    text: str
    closed: asyncio.Future[None] = field(repr=False)
    """Done when it was answered or can no longer be answered."""

    @property
    def quoted(self) -> str:
        """The question as it is quoted in a sentence."""
        return f'"{" ".join(self.text.split())[:200]}"'


class Prompts:
    """The questions of one execution."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.current: Prompt | None = None
        self.opened: asyncio.Future[None] = self._loop.create_future()
        """Done while a question is open; replaced by a new future when the question is closed."""
        self._debuggers = 0
        self._count = 0
        self._reply: Reply | None = None
        self._timer = Timer()

    def open(
        self, text: str, reply: Reply, *, timeout: float, on_timeout: Callable[[Prompt], object]
    ) -> Prompt:
        """Open a question; one that was open is closed."""
        self.close()
        self._count += 1
        shown = strip(text[: 4 * MAX_TEXT])[:MAX_TEXT]
        self.current = Prompt(self._count, shown, self._loop.create_future())
        self._reply = reply
        self._timer.set(timeout, on_timeout, self.current)
        self.opened.set_result(None)
        return self.current

    def answer(self, number: int, value: str) -> bool:
        """Answer that question; false when it is no longer open."""
        if self.current is None or self.current.number != number or self._reply is None:
            return False
        reply = self._reply
        self.close()
        reply(value.encode(errors="replace").decode())
        return True

    def leave_debugger(self) -> bool:
        """Count a debugger's prompt that is answered with "quit"; false when it is one too many."""
        self._debuggers += 1
        return self._debuggers <= MAX_DEBUGGERS

    def close(self) -> None:
        """End the open question, if there is one."""
        if self.current is None:
            return
        self.current.closed.set_result(None)
        self.current = self._reply = None
        self.opened = self._loop.create_future()
        self._timer.stop()


def unanswerable(error: Error) -> str | None:
    """What to do instead when code raised this because no person could be asked."""
    if error.ename == "StdinNotImplementedError":  # ipykernel and what is built on it
        return NO_PASSWORDS if "getpass" in error.evalue else NO_FORM
    if error.evalue == "This frontend does not support input requests":  # xeus
        return NO_PASSWORDS if "getpass" in "".join(error.traceback) else NO_FORM
    return None
