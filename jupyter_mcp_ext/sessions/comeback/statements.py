"""The statements of a session's cells; IPython's magics are told apart from plain Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

MAGIC = re.compile(
    r"""^(?P<indent>\s*)(?:
        (?P<target>[A-Za-z_][\w\s,.]*)=\s*(?:%[A-Za-z]|!)   # x = %magic, x = !command
        | %{1,2}[A-Za-z]\w*(?P<rest>.*)                         # %time x = 1
        | !.*
        | \?{1,2}[\w.*%]+
        | [%\w.*\[\]]+\?{1,2}                                   # obj?
    )""",
    re.VERBOSE,
)


LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
"""A line as `ast` counts them, with its end."""


class Source:
    """The text that statements were read from; it is split once for all of them."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def has_globals(self) -> bool:
        """Whether a function in it may declare a name global."""
        return "global" in self._text

    @cached_property
    def _lines(self) -> list[bytes]:
        return LINE.findall(self._text.encode(errors="surrogatepass"))

    def segment(self, statement: ast.stmt) -> str:
        """A statement as it was written, its decorators included."""
        # `ast.get_source_segment` splits the whole text for each.
        first, last = first_line(statement), statement.end_lineno or statement.lineno
        lines = self._lines[first - 1 : last]
        lines[-1] = lines[-1][: statement.end_col_offset]
        if first == statement.lineno:  # else it begins with a decorator, which begins its line
            lines[0] = lines[0][statement.col_offset :]
        return b"".join(lines).decode(errors="surrogatepass")


def read_statements(cells: Sequence[str]) -> Iterator[tuple[int, Source, ast.stmt, bool]]:
    """Every top-level statement with its cell's index and source, and whether it is plain Python.

    The rest is not run again, but the names that it binds matter.
    """
    for index, cell in enumerate(cells):
        is_magic = cell.lstrip().startswith("%%")
        text = cell.lstrip().partition("\n")[2] if is_magic else cell
        parsed = _parsed(text)
        if parsed is None:
            continue
        text, tree, magic_lines = parsed
        source = Source(text)
        for statement in tree.body:
            lines = range(first_line(statement), (statement.end_lineno or 0) + 1)
            yield index, source, statement, not is_magic and magic_lines.isdisjoint(lines)


def _parsed(text: str) -> tuple[str, ast.Module, set[int]] | None:
    """The text without its line magics, its tree, and the lines that were magics."""
    tree = _tree(text)
    if tree is not None:
        return text, tree, set()
    lines = text.split("\n")
    magics = set()
    for number, line in enumerate(lines):
        found = MAGIC.match(line)
        if found:
            lines[number] = _replaced(found)
            magics.add(number + 1)
    text = "\n".join(lines)
    tree = _tree(text)
    return None if tree is None else (text, tree, magics)


def _replaced(magic: re.Match[str]) -> str:
    """A line in place of a magic: it binds the same names and is no definition."""
    indent, rest = magic["indent"], (magic["rest"] or "").strip()
    if magic["target"]:
        return f"{indent}{magic['target'].rstrip()} = get_ipython()"
    # ``%time x = 1`` binds x; text that is not Python, as in ``%cd here``, does not.
    return f"{indent}if get_ipython(): {rest}" if rest and _tree(rest) else f"{indent}pass"


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # NUL bytes, deep nesting
        return None


def first_line(statement: ast.stmt) -> int:
    """The number of its first line, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])
