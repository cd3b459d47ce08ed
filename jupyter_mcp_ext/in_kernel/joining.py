"""Joins modules of this folder to one text that stands alone.

A module comes behind those that it imports. A text is executed in a namespace of its own, so that
none of its names gets into the session's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent

FUTURE = "from __future__ import annotations\n"
"""Python 3.8 needs it for the annotations of newer Pythons."""

ANY = "from typing import Any\n"

OWN_IMPORT = re.compile(
    r"^from \.(?P<module>\w+) import (?:\((?P<names>[^)]*)\)|(?P<name>[^\n]*))\n", re.MULTILINE
)

LATER = """
def {name}(*args, **kwargs):
    exec(compile(LATER[{group!r}], "<jupyter_mcp_ext>", "exec", dont_inherit=True), globals())
    return globals()[{name!r}](*args, **kwargs)
"""
"""Stands for a function that is compiled, with its module, when it is first called."""

ANNOTATED = re.compile(r"^ *(?:[\w.]+|def [^\n]*\w): ", re.MULTILINE)

_INNER = r"\[[^\[\]]*\]"
_BRACKETS = rf"\[(?:[^\[\]]|\[(?:[^\[\]]|{_INNER})*\])*\]"
_ANNOTATION = re.compile(rf"(?<=\w): (?:[\w. |]|{_BRACKETS})+(?=[,)=]|$)", re.MULTILINE)
_SIGNATURE = re.compile(r"^ *def \w+\(.*?\)(?P<returns> -> [^\n]+)?:$", re.MULTILINE | re.DOTALL)


def _bare(signature: re.Match[str]) -> str:
    text = _ANNOTATION.sub("", signature[0].removesuffix(":"))
    return text.removesuffix(signature["returns"] or "") + ":"


def _shallow(indentation: re.Match[str]) -> str:
    return " " * (len(indentation[0]) // 4)


THINNING: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r'^ *#[^\n]*\n|  # [^\n"]*$', re.MULTILINE), ""),
    (re.compile(r'^( *)"""[^"]*(?:"(?!"")[^"]*)*"""\n', re.MULTILINE), r'\1""' "\n"),
    # A function or class may have no other statement.
    (re.compile(r'^( *)""\n(?=\n*\1\S)', re.MULTILINE), ""),
    (_SIGNATURE, _bare),
    (re.compile(r"\n\n+"), "\n"),
    (re.compile(r"^(?:    )+", re.MULTILINE), _shallow),
)
"""Takes out, in this order, what only people read: comments, docstrings, annotations of functions,
blank lines and most of the indentation."""


def joined(*names: str, later: Collection[str] = ()) -> str:
    """The text of modules (``variables.listing``) behind those that they import.

    Those that only the modules in ``later`` need are compiled when a function that is imported
    from these is first called: most of the time that a short function takes is the compiler's.
    """
    modules = _order(names, without=frozenset(later))
    groups = {name: _order([name], without=frozenset(modules)) for name in later}
    texts = list(map(_text, modules))
    if groups:
        bodies = {name: _standing("".join(map(_text, group))) for name, group in groups.items()}
        texts.append(f"LATER = {bodies!r}\n")
        texts += _stubs(modules, later)
    return _standing("".join(texts))


def _standing(text: str) -> str:
    """A text with the imports that its annotations need, if any are left."""
    needs_any = re.search(r"\bAny\b", text) is not None
    return FUTURE * (ANNOTATED.search(text) is not None) + ANY * needs_any + text


def imported(name: str) -> tuple[str, ...]:
    """The modules of this folder that a module imports."""
    return tuple(module for module, _ in _imports(name))


def _order(names: Iterable[str], *, without: Collection[str]) -> list[str]:
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found and name not in without:
            for each in imported(name):
                add(each)
            found[name] = None

    for name in names:
        add(name)
    return list(found)


def _stubs(modules: Iterable[str], later: Collection[str]) -> Iterator[str]:
    wanted = {
        (group, name)
        for module in modules
        for group, names in _imports(module)
        if group in later
        for name in names
    }
    for group, name in sorted(wanted):
        yield LATER.format(name=name, group=group)


def _imports(name: str) -> Iterator[tuple[str, list[str]]]:
    """The modules of its own folder that a module imports, and the names from each."""
    folder = name.rpartition(".")[0]
    for found in OWN_IMPORT.finditer(_source(name)):
        module = f"{folder}.{found['module']}" if folder else found["module"]
        yield module, re.findall(r"\w+", found["names"] or found["name"])


def _text(name: str) -> str:
    """A module, thinned, without its imports of others.

    The text is sent with each request, as a literal in an expression: the kernel reads every
    character twice.
    """
    text = OWN_IMPORT.sub("", _source(name)).replace(FUTURE, "").replace(ANY, "")
    for pattern, replacement in THINNING:
        text = pattern.sub(replacement, text)
    return text.lstrip()


@cache
def _source(name: str) -> str:
    return FOLDER.joinpath(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
