"""Loaded modules that differ from their files."""

from __future__ import annotations

import ast
import dis
import os
import sys
import types
from pathlib import Path
from typing import Any

MAX_MODULE = 1_000_000

MAX_MODULES = 20

LOADS = ("LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST")


def stale(paths: list[str]) -> list[str]:
    """The names of modules that are older than these files; links are resolved."""
    if reloads_itself():
        return []
    names = {os.path.basename(path) for path in paths}
    found = []
    for name, module in list(sys.modules.items()):
        file = vars(module).get("__file__") if type(module) is types.ModuleType else None
        if type(file) is not str or os.path.basename(file) not in names or name == "__main__":
            continue
        path = os.path.realpath(file)
        if path in paths and differs(vars(module), path, file):
            found.append(name)
    return found[:MAX_MODULES]


def reloads_itself() -> bool:
    """Whether IPython's autoreload is on."""
    shell = sys.modules["IPython"].get_ipython()
    magics: Any = shell.magics_manager.registry.get("AutoreloadMagics")
    return bool(magics is not None and magics._reloader.enabled)


def differs(held: dict[str, Any], path: str, file: str) -> bool:
    """Whether functions, classes or constants of a module differ from its file."""
    try:
        data = Path(path).read_bytes() if os.path.getsize(path) <= MAX_MODULE else b""
        tree = ast.parse(data)
        code = compile(data, file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    known = codes_in(code)
    if not all(one in known for one in codes_of(held, file)):
        return True
    made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if any(isinstance(node, made) and node.name not in held for node in tree.body):
        return True
    return any(
        type(held.get(name)) is not type(value) or held[name] != value
        for name, value in constants(tree).items()
    )


def codes_in(code: Any) -> list[Any]:
    """The code of all functions in compiled source."""
    found = [one for one in code.co_consts if type(one) is types.CodeType]
    return found + [inner for one in found for inner in codes_in(one)]


def codes_of(held: dict[str, Any], file: str) -> list[Any]:
    """The code of the functions in a module and in its classes that come from a file."""
    values = list(held.values())
    for value in list(values):
        if type(value) is type and value.__module__ == held.get("__name__"):
            values += list(vars(value).values())
    inner = [v.__func__ if type(v) in (staticmethod, classmethod) else v for v in values]
    codes = [v.__code__ for v in inner if type(v) is types.FunctionType]
    return [code for code in codes if code.co_filename == file]


def constants(tree: Any) -> dict[str, Any]:
    """Constants that the file assigns to names that no function assigns to."""
    changed = {n for node in ast.walk(tree) if isinstance(node, ast.Global) for n in node.names}
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id not in changed:
                found.pop(target.id, None)
                known, value = folded(node.value)
                if known:
                    found[target.id] = value
    return found


def folded(node: Any) -> tuple[bool, Any]:
    """The value of an expression that Python computes when it compiles: ``60 * 60``, ``(1, -2)``.

    Its cost is bounded. Mutable values are excluded: code may have changed them in place.
    """
    code = compile(ast.Expression(node), "<constant>", "eval")
    names = {one.opname for one in dis.get_instructions(code)}
    if not names <= {"RESUME", "LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST", "RETURN_VALUE"}:
        return False, None
    [value] = [one.argval for one in dis.get_instructions(code) if one.opname in LOADS]
    return True, value
