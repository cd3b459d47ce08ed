"""How many of a kernel's messages never arrived, by the numbers that it gives them.

A kernel that puts out more than a client takes drops messages silently. `jupyter_client`'s
``Session``, which kernels in Python use, gives each message of a process an id
``<session>_<pid>_<number>`` from one counter, whatever channel it goes out on. So where numbers
are missing, messages are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = re.compile(r".+_[0-9]+")
"""What stands before a number: the session's id, and the process that counts."""

TOLERANCE = 8
"""Missing messages that are not reported.

Each thread may number a message before the end of an execution and send it after; a debugger or a
client that connects is sent messages that others do not see.
"""


@dataclass
class _Span:
    """Where the counts stood before a request's first message."""

    number: int
    seen: int


class Count:
    """The messages of one kernel; of kernels whose ids have no numbers nothing is known."""

    def __init__(self) -> None:
        self._source = ""
        self._last = -1
        self._seen = 0
        self._settled = -1
        """The number up to which losses have been told: none of them is told a second time."""
        self._spans: dict[str, _Span | None] = {}

    def begin(self, request: str) -> None:
        """A request is about to be sent."""
        known = self._last >= 0
        self._spans[request] = _Span(number=self._last, seen=self._seen) if known else None

    def see(self, msg_id: str, parent: Mapping[str, object], *, busy: bool = False) -> None:
        """A message came on IOPub; with ``busy`` it says that the kernel takes up its parent."""
        number = self._number(msg_id)
        if number is None:
            return
        self._last = max(self._last, number)
        if busy:
            request = str(parent.get("msg_id"))
            if request in self._spans:
                self._spans[request] = _Span(number=number - 1, seen=self._seen)
            # The client that asked gets a reply, on a channel that only it sees.
            self._seen += str(parent.get("msg_type")).endswith("_request")
        self._seen += number > self._settled

    def see_question(self) -> None:
        """The kernel asked for input, which is not on IOPub."""
        self._seen += 1

    def end(self, request: str, msg_id: str) -> int:
        """About how many messages were lost between a request's beginning and this message."""
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
        """Begin the count after this number, for requests that wait as well.

        The message that says that a request is taken up may be lost with the rest, and then
        nothing else says where the request's own messages begin.
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
            # Another process answers: what was counted does not apply to it.
            self._spans = dict.fromkeys(self._spans)
            self._source, self._last, self._settled = source, -1, -1
        return int(number)
