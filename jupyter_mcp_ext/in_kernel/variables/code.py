"""Functions and classes: signature, documentation, where they are written, and their source.

The ``inspect`` module would ask the objects, and run the repr of defaults.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import tokenize
import types
from pathlib import Path
from typing import Any

from .plain import MISSING, brief, class_dict, class_name, cut, in_class, is_a, module_of, mro

MAX_DOC = 3_000
MAX_SOURCE = 20_000
MAX_FILE = 4_000_000

MAX_CELLS = 500
"""Cells in which a class without functions, which would tell its place, is searched."""


def function_of(value: Any) -> Any:
    """The function with source code behind an object; MISSING if there is none."""
    if type(value) is types.MethodType:
        value = value.__func__
    return value if type(value) is types.FunctionType else MISSING


def signature(value: Any) -> str:
    """``(a, b=1, *args, **kwargs)``"""
    function = function_of(value)
    if function is MISSING:
        found = getattr(value, "__text_signature__", None) if is_builtin(value) else None
        return found if type(found) is str else ""
    code = function.__code__
    names = code.co_varnames
    count, only = code.co_argcount, code.co_kwonlyargcount
    notes = notes_of(function)
    defaults = function.__defaults__ or ()
    words = []
    for place, name in enumerate(names[:count]):
        later = place - (count - len(defaults))
        words.append(parameter(name, notes, defaults[later] if later >= 0 else MISSING))
        if place + 1 == code.co_posonlyargcount:
            words.append("/")
    rest = count + only
    if code.co_flags & inspect.CO_VARARGS:
        words.append("*" + parameter(names[rest], notes, MISSING))
        rest += 1
    elif only:
        words.append("*")
    named = function.__kwdefaults__ or {}
    words += [parameter(n, notes, named.get(n, MISSING)) for n in names[count : count + only]]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        words.append("**" + parameter(names[rest], notes, MISSING))
    after = " -> " + annotation(notes["return"]) if "return" in notes else ""
    return "({}){}".format(", ".join(words), after)


def is_builtin(value: Any) -> bool:
    return type(value) is types.BuiltinFunctionType


def notes_of(function: Any) -> dict[str, Any]:
    """The annotations that exist already: later Pythons run code to make them."""
    if sys.version_info >= (3, 14):
        return {}
    found = function.__annotations__
    return found if type(found) is dict else {}


def annotation(value: Any) -> str:
    if type(value) is str:
        return cut(value, 100)
    return class_name(value) if is_a(value, type) else brief(value, 60)


def parameter(name: str, notes: dict[str, Any], default: Any) -> str:
    words = f"{name}: {annotation(notes[name])}" if name in notes else name
    if default is MISSING:
        return words
    return words + (" = " if name in notes else "=") + brief(default, 60)


def documentation(value: Any) -> str:
    if is_a(value, type):
        found = class_dict(value).get("__doc__")
    elif function_of(value) is not MISSING:
        found = function_of(value).__doc__
    else:
        found = value.__doc__ if is_builtin(value) else None
    return cut(inspect.cleandoc(cut(found, MAX_DOC)), MAX_DOC) if type(found) is str else ""


def lines_of(file: str) -> list[str]:
    """The lines of a file or of a cell, without changing the line cache."""
    entry = linecache.cache.get(file)
    if entry is not None and len(entry) == 4:
        return list(entry[2])
    try:
        if not file.endswith(".py") or Path(file).stat().st_size > MAX_FILE:
            return []
        with tokenize.open(file) as opened:
            return opened.readlines()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []


def place(value: Any) -> tuple[str, int, list[str]]:
    """The file, the line and the source of a function or a class; empty where unknown."""
    if is_a(value, type):
        return place_of_class(value)
    function = function_of(value)
    if function is MISSING:
        return "", 0, []
    file, first = function.__code__.co_filename, function.__code__.co_firstlineno
    return file, first, block(lines_of(file), first)


def short_path(file: str) -> str:
    """A file's path relative to the folder from which it was imported, without what is above."""
    folders = [folder for folder in [str(Path.cwd()), *sys.path] if type(folder) is str and folder]
    for folder in sorted(folders, key=len, reverse=True):
        if Path(folder) in Path(file).parents:
            return str(Path(file).relative_to(folder))
    return Path(file).name


def block(lines: list[str], first: int) -> list[str]:
    try:
        return inspect.getblock(lines[first - 1 :])
    except (IndentationError, SyntaxError, tokenize.TokenError):
        return lines[first - 1 : first]


def place_of_class(value: Any) -> tuple[str, int, list[str]]:
    functions = [one for one in class_dict(value).values() if type(one) is types.FunctionType]
    files = [one.__code__.co_filename for one in functions if one.__module__ == module_of(value)]
    module = sys.modules.get(module_of(value))
    if not files and module_of(value) == "__main__":
        files = [
            name for name in reversed(list(linecache.cache)) if "ipykernel" in name or "<" in name
        ]
    elif not files and type(module) is types.ModuleType:
        files = [vars(module).get("__file__") or ""]
    for file in files[:MAX_CELLS]:
        found = lines_of(file) if type(file) is str else []
        first = line_of_class(found, class_name(value))
        if first:
            return file, first, block(found, first)
    return "", 0, []


def line_of_class(lines: list[str], name: str) -> int:
    try:
        nodes = ast.walk(ast.parse("".join(lines)))
    except (SyntaxError, ValueError, RecursionError):
        return 0
    last = name.rpartition(".")[2]
    found = [n for n in nodes if isinstance(n, ast.ClassDef) and n.name == last]
    if not found:
        return 0
    return min([found[-1].lineno, *(one.lineno for one in found[-1].decorator_list)])


def written(value: Any, detail: str) -> dict[str, Any]:
    """The description of a function or a class."""
    is_class = is_a(value, type)
    facts, sections, notes = [], [], []
    maker = in_class(value, "__init__") if is_class else value
    words = signature(maker)
    name = class_name(value) if is_class else cut(getattr(value, "__qualname__", "?"), 200)
    if words or not is_class:
        facts.append(["signature", name + (words or "(…)")])
    if is_class:
        bases = [class_name(base) for base in mro(value)[1:]]
        facts.append(["bases", ", ".join(base for base in bases if base != "object") or "object"])
    file, first, lines = place(value)
    if file:
        is_cell = "ipykernel" in file or file.startswith("<")
        facts.append(["defined in", "a cell" if is_cell else short_path(file)])
        facts.append(["line", str(first)])
    doc = documentation(value)
    if detail == "source" and lines:
        words = cut("".join(lines).rstrip(), MAX_SOURCE)
        return {"facts": facts, "sections": [{"title": "source", "text": words}]}
    if detail == "source":
        notes.append("its source is not known")
    if doc:
        sections.append({"title": "documentation", "text": doc})
    if is_class:
        sections += members(value)
    return {"facts": facts, "sections": sections, "notes": notes}


def members(value: Any) -> list[dict[str, Any]]:
    rows = []
    for name, found in list(class_dict(value).items()):
        if name[:2] != "__" and type(name) is str:
            inner = found.__func__ if type(found) in (staticmethod, classmethod) else found
            is_function = function_of(inner) is not MISSING
            words = signature(inner) if is_function else brief(found)
            rows.append([cut(name, 60), class_name(type(found)), words])
    return (
        [{"title": "members", "columns": ["name", "type", "value"], "rows": rows[:60]}]
        if rows
        else []
    )
