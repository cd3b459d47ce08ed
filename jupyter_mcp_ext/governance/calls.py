"""How many calls are served in a minute, how much waits in queues, and how long code may be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from traitlets import Int
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.errors import InvalidArgument, LimitReached
from jupyter_mcp_ext.wording import counted, size

from .buckets import Buckets

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution

EVERYONE = ""
"""The key of what all callers share."""


class McpCalls(LoggingConfigurable):
    """The limits of calls: for one session, for one user, and in all; 0 sets none."""

    max_code_bytes = Int(
        100_000,
        min=0,
        help="Bytes (UTF-8) of the code of one call, and of each cell that is run. 0: no limit.",
    ).tag(config=True)
    max_calls_per_session = Int(
        0, min=0, help="Calls a minute that are about one session. 0: no limit."
    ).tag(config=True)
    max_calls_per_user = Int(
        12_000,
        min=0,
        help="Calls a minute of one user's clients: tools, and requests for resources. A minute's "
        "calls can be made at once. 0: no limit.",
    ).tag(config=True)
    max_calls = Int(0, min=0, help="Calls a minute of all clients together. 0: no limit.").tag(
        config=True
    )
    max_queued_per_session = Int(
        500,
        min=0,
        help="Executions of one session that may wait or run at a time. 0: no limit.",
    ).tag(config=True)
    max_queued_per_user = Int(
        2_000,
        min=0,
        help="Executions of one user that may wait or run at a time. 0: no limit.",
    ).tag(config=True)
    max_queued = Int(
        0, min=0, help="Executions that may wait or run at a time in all. 0: no limit."
    ).tag(config=True)

    def __init__(self, clock: Callable[[], float] = time.monotonic, **kwargs: Any) -> None:
        """``clock`` gives seconds that never go back."""
        super().__init__(**kwargs)
        self._clock = clock
        self._of_sessions: Buckets[str] = Buckets(self.max_calls_per_session)
        self._of_users: Buckets[str] = Buckets(self.max_calls_per_user)
        self._of_all: Buckets[str] = Buckets(self.max_calls, is_common=True)
        self._queued: Counter[tuple[str, str]] = Counter()
        """Unfinished executions, by what is limited and its key."""

    def admit(self, subject: str) -> None:
        """Count a call of a user. Raises LimitReached."""
        now = self._clock()
        if wait := self._of_users.take(subject, now):
            raise self._too_many(wait, "max_calls_per_user", "of one user")
        if wait := self._of_all.take(EVERYONE, now):
            raise self._too_many(wait, "max_calls", "of all users together")

    def admit_to(self, session_id: str) -> None:
        """Count a call that is about a session. Raises LimitReached."""
        if wait := self._of_sessions.take(session_id, self._clock()):
            raise self._too_many(wait, "max_calls_per_session", "about one session")

    def overdrawn(self, subject: str) -> float:
        """Seconds for which a user's requests are not read: the user goes on after refusals."""
        return self._of_users.overdrawn(subject, self._clock())

    def excess(self, code: str) -> str:
        """Words for code that is too long, as the end of a sentence; else empty."""
        # A character has four bytes at most: short code need not be encoded.
        if not self.max_code_bytes or 4 * len(code) <= self.max_code_bytes:
            return ""
        length = len(code.encode(errors="replace"))
        if length <= self.max_code_bytes:
            return ""
        most = size(self.max_code_bytes)
        return (
            f"has {length:,} bytes, and this server runs {most} at most (McpCalls.max_code_bytes)"
        )

    def check_code(self, code: str, what: str = "The code") -> None:
        """Raise InvalidArgument if code is too long."""
        if words := self.excess(code):
            msg = (
                f"{what} {words}. Write long data into a file and read it from there, and put long "
                "code into a module."
            )
            raise InvalidArgument(msg)

    def check_queue(self, session_id: str, owner: str) -> None:
        """Raise LimitReached if no further execution may wait."""
        for setting, key, whose in (
            ("max_queued_per_session", ("session", session_id), "of one session"),
            ("max_queued_per_user", ("user", owner), "of one user"),
            ("max_queued", ("all", EVERYONE), "in all"),
        ):
            if 0 < getattr(self, setting) <= self._queued[key]:
                msg = (
                    f"{counted(self._queued[key], 'execution')} {whose} wait or run, as many as "
                    f"this server allows (McpCalls.{setting}). Wait for them with get_output, or "
                    "end some with interrupt_kernel(execution_id=…)."
                )
                raise LimitReached(msg)

    def follow(self, execution: Execution) -> None:
        """Count an execution until it has ended."""
        keys = (("session", execution.session_id), ("user", execution.owner), ("all", EVERYONE))
        self._queued.update(keys)
        execution.done.add_done_callback(lambda _: self._ended(keys))

    def _ended(self, keys: tuple[tuple[str, str], ...]) -> None:
        self._queued.subtract(keys)
        for key in keys:
            if not self._queued[key]:
                del self._queued[key]

    def _too_many(self, wait: float, setting: str, whose: str) -> LimitReached:
        limit = counted(getattr(self, setting), "call")
        return LimitReached(
            f"This server takes {limit} {whose} in a minute (McpCalls.{setting}), and there were "
            f"more. Wait {wait:.1f} s, then make the call again."
        )
