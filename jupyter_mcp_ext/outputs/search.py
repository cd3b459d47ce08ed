"""Lines that match a caller's regular expression, in bounded time.

Python's ``re`` backtracks, and holds the interpreter's lock while it does: no thread could end
it. So a pattern that repeats anything is searched for in a process of its own, which is ended
when it takes too long.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType

from jupyter_mcp_ext.errors import InvalidArgument, shown

DEADLINE = 2.0
"""Seconds that one search may take in all."""

MAX_LINE = 2_000
"""Characters at the beginning of a line that are searched."""

MAX_PATTERN = 1_000

BATCH = 20_000
"""Lines that are given to the other process at once."""

_REPEATS = re.compile(r"[*+{?]")

_WORKER = f"""
import json, re, sys
pattern = re.compile(json.loads(sys.stdin.readline()))
for request in sys.stdin:
    lines = json.loads(request)
    found = [n for n, line in enumerate(lines) if pattern.search(line, 0, {MAX_LINE})]
    print(json.dumps(found), flush=True)
"""


class Search:
    """One search, for use in a ``with`` block and outside the event loop: it may block."""

    def __init__(self, pattern: str) -> None:
        """Raises InvalidArgument when it is no regular expression."""
        self.pattern = pattern
        if len(pattern) > MAX_PATTERN:
            msg = f"The pattern has over {MAX_PATTERN} characters. Search for something simpler."
            raise InvalidArgument(msg)
        try:
            self._compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as err:
            msg = (
                f"The pattern {shown(pattern)} is no regular expression ({err}). Escape its "
                r"special characters, such as \( or \[."
            )
            raise InvalidArgument(msg) from err
        self._is_simple = _REPEATS.search(pattern) is None
        self._worker: subprocess.Popen[str] | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Search:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()

    def matching(self, lines: Iterable[str]) -> Iterator[int]:
        """The numbers of the lines that match. Raises InvalidArgument when it takes too long."""
        if self._is_simple:
            search = self._compiled.search
            yield from (n for n, line in enumerate(lines) if search(line, 0, MAX_LINE))
            return
        rest, start = iter(lines), 0
        while batch := [line[:MAX_LINE] for line in islice(rest, BATCH)]:
            yield from (start + n for n in self._found(batch))
            start += len(batch)

    def _found(self, lines: list[str]) -> list[int]:
        worker = self._started()
        if worker.stdin is None or worker.stdout is None:  # they are pipes; mypy is not told so
            return []
        try:
            worker.stdin.write(json.dumps(lines) + "\n")
            worker.stdin.flush()
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            msg = (
                f"The search for {shown(self.pattern)} takes too long. Search for something "
                "simpler, such as a word of the line."
            )
            raise InvalidArgument(msg)
        found: list[int] = json.loads(answer)
        return found

    def _started(self) -> subprocess.Popen[str]:
        if self._worker is None:
            self._worker = subprocess.Popen(  # noqa: S603  # this Python, and a program of ours
                [sys.executable, "-I", "-S", "-c", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            self._timer = threading.Timer(DEADLINE, self._worker.kill)
            self._timer.start()
            if self._worker.stdin is not None:
                self._worker.stdin.write(json.dumps(self.pattern) + "\n")
        return self._worker
