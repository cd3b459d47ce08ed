"""Lines that match a caller's regular expression, in bounded time.

Python's ``re`` backtracks, and holds the interpreter's lock while it does: no thread could end
it. So a pattern that repeats anything is searched for in a process of its own, which is ended
when it takes too long. The timeout of the package ``regex`` is no substitute: it counts the
processor time of the whole server, and a search can take hundreds of megabytes before it is over.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple

from jupyter_mcp_ext.errors import InvalidArgument, shown

DEADLINE = 2.0
"""Seconds that one search may take in the other process."""

LONG = 2_000
"""Characters up to which a line is shown whole, so that only its first match is needed."""

SIMPLE = 100_000
"""Characters of a line up to which a simple pattern is searched in this process."""

APART = 150
"""Characters that reported matches in a long line are apart at least."""

MOST = 1_000
"""Matches in one long line that are reported."""

MAX_PATTERN = 1_000

BATCH = 20_000
"""Lines that are sent to the other process at once."""

BATCH_SIZE = 4_000_000
"""Characters that are sent at once, unless one line has more."""

_REPEATS = re.compile(r"[*+{?]")

_WORKER = """
import json, re, sys
source = sys.stdin.buffer
pattern = re.compile(*json.loads(source.readline()))
while sizes := source.readline():
    found = []
    for n, (size, start) in enumerate(json.loads(sizes)):
        line = source.read(size).decode("utf-8", "surrogatepass")
        if there := places(pattern, line, start):
            found.append([n, there])
    print(json.dumps(found), flush=True)
"""


def places(pattern: Any, line: str, start: int) -> list[int]:
    """The first match from a character on; in a long line, several that are apart."""
    if len(line) <= LONG:
        match = pattern.search(line, start)
        return [match.start()] if match else []
    found: list[int] = []
    end = start
    for match in pattern.finditer(line, start):
        if match.start() >= end:
            found.append(match.start())
            end = match.start() + APART
            if len(found) == MOST:
                break
    return found


@cache
def _program() -> str:
    """The program of the other process."""
    constants = f"from typing import Any\nLONG, APART, MOST = {LONG}, {APART}, {MOST}\n"
    return f"{constants}\n{inspect.getsource(places)}\n{_WORKER}"


class Match(NamedTuple):
    """A line that matches, with the first position, and in a long line several."""

    line: int
    places: tuple[int, ...]


class Search:
    """One search, for use in a ``with`` block and outside the event loop: it may block."""

    def __init__(self, pattern: str, *, ignores_case: bool = False) -> None:
        """Raises InvalidArgument if it is not a regular expression."""
        self.pattern = pattern
        self._flags = int(re.IGNORECASE if ignores_case else 0)
        if len(pattern) > MAX_PATTERN:
            msg = f"The pattern has over {MAX_PATTERN} characters. Search for something simpler."
            raise InvalidArgument(msg)
        try:
            self._compiled = re.compile(pattern, self._flags)
        except (re.error, RecursionError, OverflowError) as err:
            msg = (
                f"The pattern {shown(pattern)} is not a regular expression ({err}). Escape its "
                r"special characters, such as \( or \[."
            )
            raise InvalidArgument(msg) from err
        self._is_simple = _REPEATS.search(pattern) is None
        self._worker: subprocess.Popen[bytes] | None = None
        self._left = DEADLINE

    def __enter__(self) -> Search:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()

    def renew(self) -> None:
        """Give the search all its time again, for other lines."""
        self._left = DEADLINE

    def matching(self, lines: Iterable[str], start: tuple[int, int] = (0, 0)) -> Iterator[Match]:
        """The lines that match, each searched completely.

        The line with the number ``start[0]`` is searched from the character ``start[1]`` on.
        Raises InvalidArgument when it takes too long.
        """
        first, size = 0, 0
        batch: list[tuple[str, int]] = []
        for n, line in enumerate(lines):
            column = start[1] if n == start[0] else 0
            if self._is_simple and len(line) <= SIMPLE:
                if found := places(self._compiled, line, column):
                    yield Match(n, tuple(found))
                continue
            first = first if batch else n
            batch.append((line, column))
            size += len(line)
            if self._is_simple or len(batch) == BATCH or size > BATCH_SIZE:
                yield from self._found(first, batch)
                batch, size = [], 0
        if batch:
            yield from self._found(first, batch)

    def _found(self, first: int, lines: list[tuple[str, int]]) -> Iterator[Match]:
        begun = time.monotonic()
        worker = self._started()
        if worker.stdin is None or worker.stdout is None:  # they are pipes; mypy is not told so
            return
        encoded = [line.encode("utf-8", "surrogatepass") for line, _ in lines]
        sizes = [(len(data), start) for data, (_, start) in zip(encoded, lines, strict=True)]
        timer = threading.Timer(self._left, worker.kill)
        timer.start()
        try:
            worker.stdin.write(json.dumps(sizes).encode() + b"\n")
            worker.stdin.writelines(encoded)
            worker.stdin.flush()
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            timer.cancel()
        self._left -= time.monotonic() - begun
        if not answer:
            longest = max(len(line) for line, _ in lines)
            reach = (
                f" A line has {longest:,} characters: bound what repeats, as in .{{0,100}}."
                if longest > LONG
                else ""
            )
            msg = (
                f"The search for {shown(self.pattern)} takes too long. Search for something "
                f"simpler, such as a word of the line.{reach}"
            )
            raise InvalidArgument(msg)
        for n, found in json.loads(answer):
            yield Match(first + n, tuple(found))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is None:
            self._worker = subprocess.Popen(  # noqa: S603  # this Python, and the program above
                [sys.executable, "-I", "-S", "-c", _program()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            if self._worker.stdin is not None:
                line = json.dumps([self.pattern, self._flags])
                self._worker.stdin.write(line.encode() + b"\n")
        return self._worker
