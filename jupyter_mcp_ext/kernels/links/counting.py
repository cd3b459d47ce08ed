"""Counts a kernel's messages that never arrived, by the numbers in their ids.

A kernel that sends more than a client reads drops messages silently. `jupyter_client`'s
``Session``, which kernels in Python use, gives each message of a process an id
``<session>_<pid>_<number>`` from one counter, whatever channel it goes out on. So missing
numbers are missing messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = re.compile(r".+_[0-9]+")
"""The part of an id before the number: the session's id, and the counting process."""

TOLERANCE = 8
"""Missing messages that are not reported.

Each thread may number a message before the end of an execution and send it after; a debugger or a
client that connects is sent messages that others do not see.
"""


@dataclass
class _Span:
    """The counts before a request's first message."""

    number: int
    seen: int


class Count:
    """Counts the messages of one kernel; reports nothing if the ids have no numbers."""

    def __init__(self) -> None:
        self._source = ""
        self._last = -1
        self._seen = 0
        self._settled = -1
        """The number up to which losses have been reported, each once."""
        self._spans: dict[str, _Span | None] = {}

    def begin(self, request: str) -> None:
        """A request is about to be sent."""
        known = self._last >= 0
        self._spans[request] = _Span(number=self._last, seen=self._seen) if known else None

    def see(self, msg_id: str, parent: Mapping[str, object], *, busy: bool = False) -> None:
        """A message came on IOPub; ``busy`` means that the kernel begins its parent request."""
        number = self._number(msg_id)
        if number is None:
            return
        self._last = max(self._last, number)
        if busy:
            request = str(parent.get("msg_id"))
            if request in self._spans:
                self._spans[request] = _Span(number=number - 1, seen=self._seen)
            # The requesting client gets a reply, on a channel that only it sees.
            self._seen += str(parent.get("msg_type")).endswith("_request")
        self._seen += number > self._settled

    def see_question(self) -> None:
        """The kernel asked for input; that message is not on IOPub."""
        self._seen += 1

    def end(self, request: str, msg_id: str) -> int:
        """Approximate number of messages lost between a request's beginning and this message."""
        number = self._number(msg_id)
        span = self._spans.pop(request, None)
        if span is None or number is None:
            return 0
        lost = number - span.number - (self._seen - span.seen)
        if lost <= TOLERANCE:
            return 0
        self._settle(number)
        return lost

    def _settle(self, number: int) -> None:
        """Begin the count after this number, also for waiting requests.

        The message that marks a request's beginning may be lost too, and then nothing else tells
        where the request's own messages begin.
        """
        self._last = self._settled = max(self._last, number)
        for request, span in self._spans.items():
            if span is not None:
                self._spans[request] = _Span(number=self._settled, seen=self._seen)

    def _number(self, msg_id: str) -> int | None:
        source, _, number = msg_id.rpartition("_")
        if not number.isdecimal() or len(number) > 18:
            return None
        if source != self._source:
            if SOURCE.fullmatch(source) is None:
                return None
            # Another process answers: earlier counts do not apply to it.
            self._spans = dict.fromkeys(self._spans)
            self._source, self._last, self._settled = source, -1, -1
        return int(number)
