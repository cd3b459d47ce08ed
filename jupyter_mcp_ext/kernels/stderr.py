"""A kernel's standard error: it is passed on to the server's, and its end is kept.

A kernel that fails to start, or crashes, writes the reason there, and an agent cannot read the
server's log.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import sys

PORT_TAKEN = b"Address already in use"
"""What a kernel writes if another program took a port that was chosen for it."""

KEPT = 2_000
"""Characters at the end that are kept."""

LONGEST = 8_000
"""Characters of a confined kernel that wait for the end of their line."""

MAX_PASSED = 1_000_000
"""Bytes of a confined kernel that are passed on: what it writes there fills a disk of the host."""

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters with which a terminal could be made to do something."""

MARK = "[kernel] "
"""Begins the lines of a confined kernel, which could else be taken for the server's own."""


class StderrTail:
    """A pipe for a kernel's standard error that keeps the end and passes on what is written."""

    def __init__(self, *, is_confined: bool = False) -> None:
        """Of a confined kernel `MAX_PASSED` bytes are passed on, marked and without controls."""
        self._left = MAX_PASSED if is_confined else None
        self._read, self.descriptor = os.pipe()
        os.set_blocking(self._read, False)
        self._tail = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        """What a confined kernel has written of a line that has not ended."""
        self._loop = asyncio.get_running_loop()
        self.port_taken: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._read, self._more)

    @property
    def text(self) -> str:
        """The kept text."""
        return self._tail.decode(errors="replace").strip()

    def finish(self) -> str:
        """Read what is left in the pipe, close it, and give the kept text."""
        if self._read >= 0:
            self._more()
        self.close()
        return self.text

    def close(self) -> None:
        """Stop reading."""
        if self._read >= 0:
            self._loop.remove_reader(self._read)
            os.close(self._read)
            os.close(self.descriptor)
            self._read = -1
            self._pass_on(b"", is_last=True)

    def _more(self) -> None:
        try:
            chunk = os.read(self._read, 65_536)
        except BlockingIOError:
            return
        self._tail = (self._tail + chunk)[-KEPT:]
        if PORT_TAKEN in self._tail and not self.port_taken.done():
            self.port_taken.set_result(None)
        self._pass_on(chunk)

    def _pass_on(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Write a chunk to the server's standard error; of a confined kernel, whole lines of it."""
        if self._left is None:
            sys.stderr.write(self._decoder.decode(chunk, is_last))
            return
        if not self._left:
            return
        text = self._rest + self._decoder.decode(chunk[: self._left], is_last)
        self._left = max(0, self._left - len(chunk))
        whole, newline, self._rest = text.rpartition("\n")
        if is_last or not self._left or len(self._rest) > LONGEST:
            whole, newline, self._rest = text, "", ""
        end = "" if self._left else "[what else this kernel writes is not shown]\n"
        lines = CONTROLS.sub("?", whole + newline).splitlines()
        sys.stderr.write("".join(f"{MARK}{line}\n" for line in lines) + end)
