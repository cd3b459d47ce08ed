"""Errors: the frames of the user's code, those of libraries as a count."""

from __future__ import annotations

import re

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import Line, clean, cut_line, number, split

_FRAME = re.compile(r"^ {0,2}(?:File |Cell In|Input In|<ipython-input)")
_WITHIN = re.compile(r"^(?:\s|-+> ?\d|\d|$)")
_LIBRARY = re.compile(
    r"site-packages|dist-packages|lib(?:64|rary)?[/\\]python|[/\\]Lib[/\\]|<frozen |\.p(?:yx|xi)\b",
)
_NOISE = re.compile(r"^-{20,}$|Traceback \(most recent call last\):?$")


def headline(error: Error) -> str:
    """`ename: evalue`, or what there is of it: bash_kernel has only an exit code."""
    if not error.ename:
        is_code = error.evalue.isdecimal()
        return f"exit code {error.evalue}" if is_code else error.evalue or "an error without words"
    return f"{error.ename}: {error.evalue}" if error.evalue else error.ename


def traceback_lines(error: Error) -> list[str]:
    """The whole traceback as the kernel sent it, without colours."""
    return split(clean("\n".join(error.traceback))) or split(clean(headline(error)))


def condense(error: Error) -> list[Line]:
    """The headline and what of the traceback is about the user's code."""
    lines = traceback_lines(error)
    top = split(clean(headline(error)))
    if not error.traceback:
        return number(top)
    blocks = _blocks(lines)
    if blocks and not _is_frame(blocks[-1]) and _repeats(error, blocks[-1]):
        blocks.pop()
    return [(0, cut_line(line)) for line in top] + _folded(blocks)


def _blocks(lines: list[str]) -> list[list[Line]]:
    """The traceback's frames, and the lines between them, each with its number."""
    blocks: list[list[Line]] = []
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


def _folded(blocks: list[list[Line]]) -> list[Line]:
    kept: list[Line] = []
    at = 0
    while at < len(blocks):
        block = blocks[at]
        end = at + 1
        if _is_library(block):
            while end < len(blocks) and _is_library(blocks[end]):
                end += 1
            kept.append((block[0][0], f"… {_counted(end - at, 'library frame')}"))
        else:
            kept.extend((n, cut_line(line)) for n, line in block)
            while end < len(blocks) and _is_frame(block) and _texts(blocks[end]) == _texts(block):
                end += 1
            if end > at + 1:
                kept.append((blocks[at + 1][0][0], f"… {_counted(end - at - 1, 'equal frame')}"))
        at = end
    return kept


def _trimmed(block: list[Line]) -> list[Line]:
    while block and not block[-1][1].strip():
        block = block[:-1]
    while block and not block[0][1].strip():
        block = block[1:]
    return block


def _is_frame(block: list[Line]) -> bool:
    return _FRAME.match(block[0][1]) is not None


def _is_library(block: list[Line]) -> bool:
    return _is_frame(block) and _LIBRARY.search(block[0][1]) is not None


def _texts(block: list[Line]) -> list[str]:
    return [line for _, line in block]


def _repeats(error: Error, block: list[Line]) -> bool:
    """Whether these lines only say the headline again."""
    text = "\n".join(_texts(block)).strip()
    said = text.removeprefix(error.ename).removeprefix(":").strip()
    return text.startswith(error.ename) and said in clean(error.evalue)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
