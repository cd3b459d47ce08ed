"""Errors: the frames of the user's code, and a count of library frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.numbered import Line, line_of, number
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.text import clean, split
from jupyter_mcp_ext.wording import counted

_FRAME = re.compile(r"^ {0,2}(?:File |Cell In|Input In|<ipython-input)")
_WITHIN = re.compile(r"^(?:\s|-*> ?\d|\d|$)")
_LIBRARY = re.compile(
    r"site-packages|dist-packages|lib(?:64|rary)?[/\\]python|[/\\]Lib[/\\]|<frozen |\.p(?:yx|xi)\b"
    r"|^ {0,2}File \w[\w.-]*[/\\]",
)
"""The last part is a relative path: compiled code names the file that it was made of."""
_ARROW = re.compile(r"^-*> ?\d|^ *\^+ *$")
_LINK = re.compile(
    r"(?:The above exception was the direct cause of|During handling of the above exception,)"
)
_NOISE = re.compile(r"^-{20,}$|Traceback \(most recent call last\):?$")


_Block: TypeAlias = "list[tuple[int, str]]"
"""Consecutive lines with their numbers: a frame, or text between frames."""


def headline(error: Error) -> str:
    """`ename: evalue`, as far as the kernel gives them: bash_kernel has only an exit code."""
    if not error.ename:
        is_code = error.evalue.isdecimal()
        return f"exit code {error.evalue}" if is_code else error.evalue or "an error without words"
    return f"{error.ename}: {error.evalue}" if error.evalue else error.ename


def traceback_lines(error: Error) -> list[str]:
    """The whole traceback as the kernel sent it, without colours."""
    return split(clean("\n".join(error.traceback))) or split(clean(headline(error)))


def condense(error: Error, *, is_told: bool = False) -> list[Line]:
    """The headline, and the part of the traceback about the user's code.

    ``is_told``: the headline has been shown already and is left out. Of the errors that led to this
    one, only what it does not repeat is shown.
    """
    top = [] if is_told else split(clean(headline(error)))
    if not error.traceback:
        return number(top)
    *causes, blocks = _chain(_blocks(traceback_lines(error)))
    if blocks and not _is_frame(blocks[-1]) and _repeats(error, blocks[-1]):
        blocks.pop()
    kept = [line_of(0, line) for line in top]
    for cause in causes:
        kept += _folded(list(_news(error, cause)))
    return kept + _folded(blocks)


def _chain(blocks: list[_Block]) -> list[list[_Block]]:
    """The blocks of each error, the one that was raised last at the end."""
    errors: list[list[_Block]] = [[]]
    for block in blocks:
        errors[-1].append(block)
        if _LINK.match(block[-1][1].lstrip()):
            errors.append([])
    return errors if errors[-1] else errors[:-1]


def _news(error: Error, cause: list[_Block]) -> Iterator[_Block]:
    """What a cause adds to the error: its message, and where it was raised."""
    frames = [block for block in cause if _is_frame(block)]
    words = [block for block in cause if not _is_frame(block)]
    is_own = any(not _is_library(frame) for frame in frames)
    if not is_own and all(_says_no_more(error, block) for block in words):
        return
    for block in cause:
        if not _is_frame(block) or _is_library(block):
            yield block
        else:
            yield [line for n, line in enumerate(block) if not n or _ARROW.match(line[1])]


def _says_no_more(error: Error, block: _Block) -> bool:
    """Whether these lines repeat the headline, or only connect two errors."""
    lines = [line for line in _texts(block) if line.strip() and not _LINK.match(line.lstrip())]
    return not lines or _repeats(error, [(0, line) for line in lines])


def _blocks(lines: list[str]) -> list[_Block]:
    """The traceback's frames, and the lines between them, each with its number."""
    blocks: list[_Block] = []
    in_frame = False
    for n, line in enumerate(lines):
        if _NOISE.search(line):
            in_frame = False
            blocks.append([])
        elif _FRAME.match(line):
            in_frame = True
            blocks.append([(n, line)])
        elif (in_frame and _WITHIN.match(line)) or (not in_frame and blocks):
            blocks[-1].append((n, line))
        else:
            in_frame = False
            blocks.append([(n, line)])
    return [block for block in map(_trimmed, blocks) if block]


def _folded(blocks: Sequence[_Block]) -> list[Line]:
    kept: list[Line] = []
    at = 0
    while at < len(blocks):
        block = blocks[at]
        end = at + 1
        if _is_library(block):
            while end < len(blocks) and _is_library(blocks[end]):
                end += 1
            kept.append(_remark(block, f"… {counted(end - at, 'library frame')}"))
        else:
            kept.extend(line_of(n, line) for n, line in block)
            while end < len(blocks) and _is_frame(block) and _texts(blocks[end]) == _texts(block):
                end += 1
            if end > at + 1:
                words = f"… {counted(end - at - 1, 'equal frame')}"
                kept.append(_remark(blocks[at + 1], words))
        at = end
    return kept


def _trimmed(block: _Block) -> _Block:
    while block and not block[-1][1].strip():
        block = block[:-1]
    while block and not block[0][1].strip():
        block = block[1:]
    return block


def _is_frame(block: _Block) -> bool:
    return _FRAME.match(block[0][1]) is not None


def _is_library(block: _Block) -> bool:
    return _is_frame(block) and _LIBRARY.search(block[0][1]) is not None


def _texts(block: _Block) -> list[str]:
    return [line for _, line in block]


def _repeats(error: Error, block: _Block) -> bool:
    """Whether these lines only repeat the headline."""
    text = "\n".join(_texts(block)).strip()
    said = text.removeprefix(error.ename).removeprefix(":").strip()
    return text.startswith(error.ename) and said in clean(error.evalue)


def _remark(block: _Block, words: str) -> Line:
    return line_of(block[0][0], Remark(words))
