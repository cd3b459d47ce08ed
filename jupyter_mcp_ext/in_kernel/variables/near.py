"""Near misses: what an error that ended the session's code has nearly named."""

from __future__ import annotations

import ast
import errno
import os
import re
import sys
import types
from itertools import islice
from typing import Any

from .code import lines_of
from .libraries import kind
from .plain import (
    MISSING,
    brief,
    class_dict,
    class_name,
    cut,
    in_class,
    instance_dict,
    is_a,
    items_of,
    mro,
    type_name,
)
from .steps import Unresolved, in_dict, nearest, resolve

MAX_FRAMES = 50

MAX_LABELS = 10_000

MAX_ENTRIES = 2_000

MAX_LINES = 5_000

MAX_WORDS = 400

SEVERAL = 12
"""Names that are listed if none is near."""

INSTALLED = ("site-packages", "dist-packages", os.path.dirname(os.__file__))


def near(ename: str, root: str) -> list[str]:
    """Sentences about the latest error, if it has this name; ``root`` is Jupyter's root."""
    error = getattr(sys, "last_value", None)
    if not is_a(error, BaseException) or class_name(type(error)) != ename:
        return []
    words = said_of(error, ename, root)
    return [cut(words, MAX_WORDS)] if words else []


def said_of(error: Any, ename: str, root: str) -> str:
    if is_a(error, FileNotFoundError):
        return near_file(error, root)
    if is_a(error, KeyError) or ename == "ColumnNotFoundError":
        return near_key(error)
    if is_a(error, NameError):
        return near_name(error)
    return near_attribute(error) if is_a(error, AttributeError) else ""


def of_error(error: Any, base: type, name: str) -> Any:
    """An attribute that Python itself keeps in an exception; None if there is none."""
    found = in_class(base, name)
    return found.__get__(error) if type(found) is types.MemberDescriptorType else None


def offered(names: list[str]) -> str:
    return "did you mean {}?".format(" or ".join(map(repr, names)))


def listed_names(names: list[Any]) -> str:
    words = ", ".join(brief(name, 40) for name in names[:SEVERAL])
    return words + (", …" if len(names) > SEVERAL else "")


def frames_of(error: Any) -> list[tuple[Any, int]]:
    """The frames in which it was raised, the innermost first, with their lines."""
    found = []
    trace = BaseException.__dict__["__traceback__"].__get__(error)
    while trace is not None:
        found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return found[::-1][:MAX_FRAMES]


def near_key(error: Any) -> str:
    args = BaseException.__dict__["args"].__get__(error)
    key = args[0] if args else None
    if type(key) not in (str, int):
        return ""
    frames = frames_of(error)
    what, labels = labels_of(frames)
    if labels is not None:
        named = re.findall(r"['\"]([^'\"\n]{1,100})['\"]", str(key).split("dtype=")[0])
        wanted = key if key in labels or not named else named[0]
        return near_label(str(wanted), what, labels)
    if not frames or any(part in frames[0][0].f_code.co_filename for part in INSTALLED):
        return ""
    return near_dict_key(key, *frames[0])


def labels_of(frames: list[tuple[Any, int]]) -> tuple[str, list[Any] | None]:
    """The columns, or the labels of the index, in which a library did not find the key."""
    index = None
    for frame, _ in frames:
        holder = frame.f_locals.get("self")
        known = kind(holder)
        if known == "pandas.Index" and index is None:
            index = holder
        elif known == "pandas.DataFrame":
            if index is None or index is holder.columns:
                return "column", list(holder.columns[:MAX_LABELS])
            break
        elif known == "polars.DataFrame":
            return "column", list(holder.columns[:MAX_LABELS])
    return ("label", list(index[:MAX_LABELS])) if index is not None else ("", None)


def near_label(wanted: str, what: str, labels: list[Any]) -> str:
    """``what`` is ``column`` or ``label``."""
    near = nearest(wanted, labels)
    there = f"the {what}s are {listed_names(labels)}" if labels else f"it has no {what}s"
    guess = f"{offered(near)} " if near else ""
    return f"there is no {what} {brief(wanted)}: {guess}{there}"


def near_dict_key(key: Any, frame: Any, line: int) -> str:
    """The nearest key of a dict that the failing statement names."""
    for words, value in dicts_of(frame, line, key):
        keys = [known for known, _ in islice(items_of(value), MAX_LABELS)]
        near = nearest(str(key), keys)
        if near or keys:
            it = offered(near) if near else "it has " + listed_names(keys)
            return f"{cut(words, 80)} has no key {brief(key)}: {it}"
    return ""


def dicts_of(frame: Any, line: int, key: Any) -> list[tuple[str, dict[Any, Any]]]:
    """The dicts of which a statement takes items and that lack the key."""
    lines = lines_of(frame.f_code.co_filename)
    try:
        tree = ast.parse("".join(lines[:MAX_LINES]))
    except (SyntaxError, ValueError, RecursionError):
        return []
    statements = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not statements:
        return []
    found = []
    for node in ast.walk(max(statements, key=lambda one: one.lineno)):
        if isinstance(node, (ast.Subscript, ast.Attribute)):
            value: Any = value_of_node(node.value, frame)
            if is_a(value, dict) and in_dict(value, key) is MISSING:
                found.append((ast.unparse(node.value), value))
    return found


def value_of_node(node: Any, frame: Any) -> Any:
    """The value of an expression without calls; MISSING if finding it needs to run code."""
    steps = steps_of(node, frame)
    if steps is None:
        return MISSING
    for namespace in (frame.f_locals, frame.f_globals):
        if steps[0][1] in namespace:
            try:
                return resolve(dict(namespace), steps)
            except Unresolved:
                return MISSING
    return MISSING


def steps_of(node: Any, frame: Any) -> list[Any] | None:
    if isinstance(node, ast.Name):
        return [("name", node.id)]
    if not isinstance(node, (ast.Attribute, ast.Subscript)):
        return None
    before = steps_of(node.value, frame)
    if before is None:
        return None
    if isinstance(node, ast.Attribute):
        return [*before, ("attribute", node.attr)]
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(node.slice, ast.Name):
        key = value_of_node(node.slice, frame)
    return [*before, ("item", key)] if type(key) in (str, int) else None


def near_name(error: Any) -> str:
    name = of_error(error, NameError, "name")
    frames = frames_of(error)
    if type(name) is not str or not frames:
        return ""
    frame = frames[0][0]
    names = [*frame.f_locals, *frame.f_globals, *frame.f_builtins]
    near = nearest(name, [one for one in names if type(one) is str and one[:1] != "_"])
    return f"there is no {brief(name)}: {offered(near)}" if near else ""


def near_attribute(error: Any) -> str:
    name, value = (of_error(error, AttributeError, part) for part in ("name", "obj"))
    if type(name) is not str or value is None:
        return ""
    cls = value if is_a(value, type) else type(value)
    names = [*(instance_dict(value) or {}), *(key for base in mro(cls) for key in class_dict(base))]
    if kind(value) in ("pandas.DataFrame", "polars.DataFrame"):
        names = [*list(value.columns[:MAX_LABELS]), *names]
    near = nearest(name, [one for one in names if type(one) is str and one[:1] != "_"])
    return f"{type_name(value)} has no {brief(name)}: {offered(near)}" if near else ""


def near_file(error: Any, root: str) -> str:
    name = of_error(error, OSError, "filename")
    name = os.fsdecode(name) if type(name) is bytes else name
    if of_error(error, OSError, "errno") != errno.ENOENT or type(name) is not str:
        return ""
    if "://" in name or "\0" in name or not name.strip():
        return ""
    here = os.getcwd()
    if root and not os.path.isabs(name):
        for place in (name, os.path.basename(name)):
            there = os.path.join(root, place)
            if os.path.lexists(there):
                way = os.path.relpath(there, here)
                return f"{cut(place, 100)} is in Jupyter's root folder: from here it is {way!r}"
    return near_entry(os.path.normpath(os.path.join(here, name)), here)


def near_entry(path: str, here: str) -> str:
    """The entries, in the folder where a path goes wrong, that are like the missing name."""
    folder, name = os.path.split(path)
    while folder != os.path.dirname(folder) and not os.path.isdir(folder):
        folder, name = os.path.split(folder)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, MAX_ENTRIES) if entry.name[:1] != "."]
    inside = os.path.commonpath([folder, here]) == here
    shown = os.path.relpath(folder, here) if inside else folder
    where = "the kernel's folder" if shown == "." else f"the folder {cut(shown, 100)}"
    near = nearest(name, names)
    if near:
        return f"{where} has no {brief(name)}: {offered(near)}"
    some = listed_names(sorted(names))
    if not inside:
        return ""
    return f"{where} has no {brief(name)}: it has {some}" if some else f"{where} is empty"
