"""Output that a kernel could not send, which ipykernel reports in tracebacks of its own.

A lone surrogate, for example, cannot be encoded: what was printed with it is lost, and the
tracebacks arrive as standard error of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import strip

from .run import Adviser, Run

_BEGIN = re.compile(
    r"(?:ERROR:tornado\.\w{1,40}:|[^\n]{0,100} )?"
    r"(?:Uncaught exception in zmqstream callback|Exception in callback )",
    re.IGNORECASE,
)
_RAISED = re.compile(r"[A-Za-z_][\w.]{0,100}(?:Error|Exception)\b")
_WARNING = re.compile(
    r"^[^\n]{0,500}session\.py:\d{1,5}: UserWarning: Message serialization failed with:\n"
    r"(?P<why>[^\n]{0,500})\nSupporting this message is deprecated[^\n]{0,200}\n"
    r"(?:  content = self\.pack\(content\)\n)?",
    re.MULTILINE,
)
_MARKS = ("zmqstream callback", "ZMQStream callback", "Exception in callback ", "session.py:")
_BEGINNINGS = ("ERROR:tornado.general:Uncaught exception", "Exception in callback ")
_INSIDE = ("ipykernel/iostream.py", "jupyter_client/session.py")
_TIMED_OUT = "IOStream.flush timed out\n"
_CHARACTER = re.compile(r"can't encode characters? (?P<character>'[^'\n]{1,20}')")

MAX_BLOCK = 10_000
"""Characters of one traceback."""

INSTEAD = (
    'print(ascii(text)), or text.encode("utf-8", "replace").decode(), can be sent in its place'
)


class Unsent:
    """Removes ipykernel's tracebacks about unsent output from a kernel's standard error.

    They arrive in pieces, some of them only with the next execution, so there is one object for
    each kernel.
    """

    def __init__(self) -> None:
        self._block: _Block | None = None
        """The traceback that is being read."""
        self._tail = ""
        """An incomplete line that may belong to a traceback."""
        self._has_seen = False

    def feed(self, text: str) -> tuple[str, list[str]]:
        """Standard error without these tracebacks, and notices in their place."""
        if self._block is None and not self._tail and not self._may_begin(text):
            return text, []
        *lines, tail = (self._tail + text).split("\n")
        kept: list[str] = []
        said: list[str] = []
        for line in lines:
            if self._block is not None and not self._block.takes(line):
                self._end(kept, said)
            if self._block is None and _BEGIN.match(line):
                self._block = _Block(line)
            elif self._block is None:
                kept.append(f"{line}\n")
        if self._block is not None and self._block.size + len(tail) > MAX_BLOCK:
            self._end(kept, said)
        may_be = self._block is not None or _may_be_beginning(tail)
        self._tail = tail if may_be else ""
        return self._without_noise("".join(kept) + ("" if may_be else tail), said), said

    def finish(self) -> tuple[str, list[str]]:
        """The rest of an execution's text at its end, and the notices about it."""
        kept: list[str] = []
        said: list[str] = []
        if self._block is not None and self._block.is_the_kernels:
            said = self._block.notices()  # the rest of it arrives with the next execution
            return "", said
        if self._block is not None:
            self._end(kept, said)
        kept.append(self._tail)
        self._tail = ""
        return "".join(kept), said

    def _end(self, kept: list[str], said: list[str]) -> None:
        """End the traceback: the kernel's own becomes a notice, any other stays as text."""
        block, self._block = self._block, None
        if block is not None and block.is_the_kernels:
            said += block.notices()
            self._has_seen = True
        elif block is not None:
            kept += [f"{line}\n" for line in block.lines]

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

    def __init__(self, line: str) -> None:
        self.lines = [line]
        self.size = len(line)
        self.is_the_kernels = False
        """Whether it comes from the kernel's sending and not from the code."""
        self._what = ""
        self._state: Literal["frames", "raised", "between"] = "frames"
        self._is_told = False

    def takes(self, line: str) -> bool:
        """Add a line; false if it does not belong to this traceback."""
        state = self._next_state(line)
        if state is None or self.size > MAX_BLOCK:
            return False
        self._state = state
        self.lines.append(line)
        self.size += len(line)
        self.is_the_kernels |= any(mark in line for mark in _INSIDE)
        return True

    def notices(self) -> list[str]:
        """The notice about it, the first time that this is called."""
        is_told, self._is_told = self._is_told, True
        return [] if is_told else [_printed(self._what)]

    def _next_state(self, line: str) -> Literal["frames", "raised", "between"] | None:
        match self._state:
            case "frames" if line.startswith((" ", "\t", "Traceback (", "handle: <")) or not line:
                return "frames"
            case "frames" if _RAISED.match(line):
                self._what = line[:1_000]
                return "raised"
            case "raised" if not line:
                return "between"
            case "between" if line.startswith(("During handling of ", "The above exception was ")):
                return "frames"
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
