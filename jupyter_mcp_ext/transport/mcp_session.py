"""One open protocol session of the older era."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field


@dataclass(kw_only=True, eq=False)
class McpSession:
    """Its id outside and in the manager, and what goes on in it."""

    id: str
    inner: bytes
    subject: str
    calls: int = 0
    streams: int = 0
    """Requests that are being answered: calls, and streams that only listen."""
    used: float = field(default_factory=time.monotonic)
    at_end: list[Callable[[], None]] = field(default_factory=list)
    has_ended: bool = False

    def on_end(self, call: Callable[[], None]) -> None:
        """Call a function when it has ended, here or in the manager."""
        if self.has_ended:
            call()
        else:
            self.at_end.append(call)

    def end(self) -> None:
        """It has ended."""
        self.has_ended = True
        while self.at_end:
            self.at_end.pop()()

    def answering(self, *, is_stream: bool) -> ExitStack:
        """Count a request until what is given back is closed."""
        self.streams += is_stream
        self.calls += not is_stream
        stack = ExitStack()

        @stack.callback
        def ended() -> None:
            self.streams -= is_stream
            self.calls -= not is_stream
            self.used = time.monotonic()

        return stack
