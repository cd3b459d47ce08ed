"""Output that a kernel could not send, which ipykernel reports in tracebacks of its own.

A lone surrogate, for example, cannot be encoded: what was printed with it is lost, and the
tracebacks arrive as standard error of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import strip

from .run import Adviser, Run

_BEGIN = re.compile(
    r"(?:ERROR:tornado\.\w{1,40}:|(?!ERROR:tornado)[^\n]{0,100} )?"
    r"(?:Uncaught exception in zmqstream callback|Exception in callback )",
    re.IGNORECASE,
)
_BEGIN_INSIDE = re.compile(
    r"(?:ERROR:tornado\.\w{1,40}:)?"
    r"(?:Uncaught exception in zmqstream callback|Exception in callback )",
    re.IGNORECASE,
)
"""The beginning in the middle of another traceback, where nothing shows what is before it."""
_RAISED = re.compile(r"[A-Za-z_][\w.]{0,100}(?:Error|Exception)\b")
_WARNING = re.compile(
    r"^[^\n]{0,500}session\.py:\d{1,5}: UserWarning: Message serialization failed with:\n"
    r"(?P<why>[^\n]{0,500})\nSupporting this message is deprecated[^\n]{0,200}\n"
    r"(?:  content = self\.pack\(content\)\n)?",
    re.MULTILINE,
)
_MARKS = ("zmqstream callback", "ZMQStream callback", "Exception in callback ", "session.py:")
_BEGINNINGS = (
    "ERROR:tornado.general:Uncaught exception",
    "ERROR:tornado.application:Exception in callback ",
    "Exception in callback ",
)
_CHAINED = ("During handling of ", "The above exception was ")
_ENDS = "surrogates not allowed"
_INSIDE = ("ipykernel/iostream.py", "jupyter_client/session.py")
_TIMED_OUT = "IOStream.flush timed out\n"
_CHARACTER = re.compile(r"can't encode characters? (?P<character>'[^'\n]{1,20}')")

State: TypeAlias = Literal["head", "frames", "completed", "raised", "between"]

MAX_BLOCK = 30_000
"""Characters of one traceback."""
MAX_OPEN = 4
"""Tracebacks that stand in each other."""

INSTEAD = (
    'print(ascii(text)), or text.encode("utf-8", "replace").decode(), can be sent in its place'
)


class Unsent:
    """Removes ipykernel's tracebacks about unsent output from a kernel's standard error.

    They arrive in pieces, some of them only with the next execution, so there is one object for
    each kernel. Tracebacks come on two ways, directly and through a pipe that the kernel reads by
    1,000 bytes, so one can stand in the middle of another, even in the middle of a line.
    """

    def __init__(self) -> None:
        self._open: list[_Block] = []
        """The tracebacks that are being read, each one in the middle of the one before it."""
        self._waiting: list[tuple[_Block | None, str]] = []
        """Text in its order, from the first line of a traceback that is being read."""
        self._tail = ""
        """An incomplete line that may belong to a traceback."""
        self._has_seen = False

    def feed(self, text: str) -> tuple[str, list[str]]:
        """Standard error without these tracebacks, and notices in their place."""
        if not self._open and not self._tail and not self._may_begin(text):
            return text, []
        *lines, tail = (self._tail + text).split("\n")
        for line in lines:
            self._read(line)
        if self._open and self._open[-1].size + len(tail) > MAX_BLOCK:
            self._open.clear()
        may_be = bool(self._open) or _may_be_beginning(tail)
        self._tail = tail if may_be else ""
        kept, said = self._released()
        return self._without_noise(kept + ("" if may_be else tail), said), said

    def finish(self) -> tuple[str, list[str]]:
        """The rest of an execution's text at its end, and the notices about it."""
        if any(block.is_the_kernels for block in self._open):
            kept, said = self._released(at_end=True)
            for block in self._open:  # the rest of it arrives with the next execution
                said += block.notices() if block.is_the_kernels else []
            return kept, said
        self._open.clear()
        kept, said = self._released()
        tail, self._tail = self._tail, ""
        return kept + tail, said

    def _read(self, line: str) -> None:
        at = max((begin.start() for begin in _BEGIN_INSIDE.finditer(line)), default=-1)
        cut = self._open[-2].cut if len(self._open) > 1 else ""
        if cut and _BEGIN.match(cut + line) and not _BEGIN.match(cut):
            self._open.pop()
        while self._open:
            block = self._open[-1]
            whole, block.cut = block.cut + line, ""
            if at >= 0 and (whole == line or not _BEGIN.match(whole)):
                self._cut(block, line, at)
                return
            if block.takes(whole):
                self._waiting.append((block, f"{line}\n"))
                return
            self._open.pop()
            if self._open:
                self._open[-1].complete_cut()
            line = whole if _BEGIN.match(whole) else line
        if at > 0 and _may_be_beginning(line[:at]):
            self._cut(self._opened(), line, at)
        elif _BEGIN.match(line):
            self._begin(line)
        else:
            self._waiting.append((None, f"{line}\n"))

    def _cut(self, block: _Block, line: str, at: int) -> None:
        """Begin a traceback that cuts off the rest of a line of this block."""
        block.cut = line[:at]
        self._waiting.append((block, block.cut))
        self._begin(line[at:])

    def _begin(self, line: str) -> None:
        block = self._opened()
        block.takes(line)
        self._waiting.append((block, f"{line}\n"))

    def _opened(self) -> _Block:
        block = _Block()
        self._open = [*self._open[-MAX_OPEN + 1 :], block]
        return block

    def _released(self, *, at_end: bool = False) -> tuple[str, list[str]]:
        """The text up to a traceback that is being read (all other, at the end), and notices."""
        if self._waiting and self._waiting[0][0] in self._open and not at_end:
            return "", []
        kept: list[str] = []
        said: list[str] = []
        waiting: list[tuple[_Block | None, str]] = []
        for block, text in self._waiting:
            if block in self._open or (waiting and not at_end):
                waiting.append((block, text))
            elif block is None or not block.is_the_kernels:
                kept.append(text)
            else:
                said += block.notices()
                self._has_seen = True
        self._waiting = waiting
        return "".join(kept), said

    def _without_noise(self, text: str, said: list[str]) -> str:
        said += [_odd(warning["why"]) for warning in _WARNING.finditer(text)]
        text = _WARNING.sub("", text)
        return text.replace(_TIMED_OUT, "") if self._has_seen else text

    def _may_begin(self, text: str) -> bool:
        return (
            any(mark in text for mark in _MARKS)
            or _may_be_beginning(text[text.rfind("\n") + 1 :])
            or (self._has_seen and _TIMED_OUT in text)
        )


class _Block:
    """A traceback, read line by line from the line that introduces it."""

    def __init__(self) -> None:
        self.size = 0
        self.cut = ""
        """The beginning of a line of which another traceback cuts the rest off."""
        self.is_the_kernels = False
        """Whether it comes from the kernel's sending and not from the code."""
        self._what = ""
        self._state: State = "head"
        self._is_told = False

    def takes(self, line: str) -> bool:
        """Add a line; false if it does not belong to this traceback."""
        state = self._next_state(line)
        if state is None or self.size > MAX_BLOCK:
            return False
        self._state = state
        self.size += len(line)
        self.is_the_kernels |= any(mark in line for mark in _INSIDE)
        return True

    def complete_cut(self) -> None:
        """Take the line that was cut off, if it lacks nothing but its end.

        The other traceback has taken that for an empty line of its own.
        """
        if self.cut.endswith(_ENDS):
            self.takes(self.cut)
            self.cut, self._state = "", "completed"

    def notices(self) -> list[str]:
        """The notice about it, the first time that this is called."""
        is_told, self._is_told = self._is_told, True
        return [] if is_told else [_printed(self._what)]

    def _next_state(self, line: str) -> State | None:
        is_head = self._state == "head"
        if _BEGIN.match(line) if is_head else line.startswith(_CHAINED):
            return "frames"
        match self._state:
            case "frames" if line.startswith((" ", "\t", "Traceback (", "handle: <")) or not line:
                return "frames"
            case "frames" if _RAISED.match(line):
                self._what = line[:1_000]
                return "raised"
            case "completed" if not line:
                return "raised"
            case "raised" if not line:
                return "between"
            case _:
                return None


def _may_be_beginning(line: str) -> bool:
    """Whether an incomplete line may introduce a traceback."""
    return bool(line) and any(
        each.startswith(line) or line.startswith(each) for each in _BEGINNINGS
    )


def _printed(what: str) -> str:
    return (
        f"text that the code printed could not be sent, {_why(what)}: it is lost, with all that "
        f"was printed within about 0.2 s of it. {INSTEAD}"
    )


def _odd(why: str) -> str:
    return (
        "an output had values that JSON cannot represent, such as NaN or infinity: they are shown "
        f"as text ({_short(why)})"
    )


def _why(what: str) -> str:
    found = _CHARACTER.search(what)
    if found is not None and "surrogates" in what:
        return f"since it has {found['character']}, a lone surrogate, which UTF-8 cannot encode"
    return f"because of {_short(what)}" if what else "as its tracebacks say"


def _short(text: str) -> str:
    return " ".join(strip(text[:400]).split())[:200]


def is_unsent(error: Error) -> bool:
    """Whether the kernel raised this while sending something, and not the code."""
    return "surrogates not allowed" in error.evalue and error.ename == "UnicodeEncodeError"


def _says(run: Run) -> Iterator[str]:
    error = run.error
    if error is None or not is_unsent(error):
        return
    inside = [part for part in error.traceback if "jupyter_client/session.py" in part]
    if not error.traceback:
        yield (
            "the code raised an exception whose text could not be sent, "
            f"{_why(error.evalue)}: catch it, and print(ascii(error)) says what it is"
        )
    elif inside:
        yield (
            f"what the code displays could not be sent, {_why(error.evalue)}, and ended it there: "
            f"{INSTEAD}"
        )


ADVISER = Adviser(says=_says)
