"""The code that is sent to a kernel: modules of `in_kernel`, joined to one that stands alone."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from jupyter_mcp_ext.in_kernel import variables

FOLDER = Path(variables.__file__).parent

OWN_IMPORTS = re.compile(r"^from \.\w+ import (?:\([^)]*\)|[^\n]*)\n", re.MULTILINE)

FUTURE = "from __future__ import annotations\n"

LATER = """
def {name}(*args, **kwargs):
    source = {flag} + LATER[{group!r}]
    exec(compile(source, "<jupyter_mcp_ext>", "exec", dont_inherit=True), globals())
    return globals()[{name!r}](*args, **kwargs)
"""
"""Stands for a function of a group of modules that is compiled when it is first needed: most of the
time that an inspection takes is that of the compiler. A group is named by its last module, from
which alone others import."""


def listing() -> str:
    """The code whose function ``listing`` lists variables."""
    return _joined(("plain", "libraries", "sizes", "listing"))


def inspection() -> str:
    """The code whose function ``inspection`` inspects one variable."""
    modules = ("plain", "libraries", "steps", "guard", "sizes", "inspecting")
    data = ("numbers", "tables", "frames", "arrow", "arrays", "data")
    return _joined(modules, data, ("code",), ("numbers", "tables", "figures"))


def near() -> str:
    """The code whose function ``near`` finds the near misses of an error."""
    return _joined(("plain", "libraries", "steps", "near"), ("code",))


def stale() -> str:
    """The code whose function ``stale`` finds modules that are older than their files."""
    return _joined(("stale",))


@cache
def _joined(modules: tuple[str, ...], *later: tuple[str, ...]) -> str:
    """The modules in the order of their imports, and the groups that are compiled when needed."""
    texts = [FUTURE, *map(_text, modules)]
    groups = {group[-1]: "\n".join(map(_text, group)) for group in later}
    texts.append(f"LATER = {groups!r}\n")
    for group in groups:
        names = {name for module in modules for name in _imported(module, group)}
        texts += [LATER.format(name=name, group=group, flag=repr(FUTURE)) for name in sorted(names)]
    return "\n".join(texts)


def _text(module: str) -> str:
    return OWN_IMPORTS.sub("", _written(module)).replace(FUTURE, "")


def _imported(module: str, other: str) -> list[str]:
    """The names that a module imports from other modules of the folder."""
    nodes = [node for node in ast.parse(_written(module)).body if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in nodes if node.module == other for alias in node.names]


def _written(module: str) -> str:
    return (FOLDER / f"{module}.py").read_text(encoding="utf-8")
