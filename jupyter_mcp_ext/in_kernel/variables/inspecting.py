"""Looks at one variable, an attribute or an item, as closely as its class allows."""

from __future__ import annotations

import sys
import time
import types
from typing import Any

from .code import short_path, signature, written
from .data import data
from .figures import figure
from .guard import can_run, guarded
from .libraries import kind
from .plain import (
    ATOMS,
    BRACKETS,
    CONTAINERS,
    FUNCTIONS,
    MAX_WORD,
    TEXTS,
    brief,
    check_time,
    class_dict,
    class_name,
    cut,
    in_class,
    instance_dict,
    is_a,
    items_of,
    length,
    library,
    module_name,
    mro,
    type_name,
)
from .sizes import deep_size
from .steps import FIELD, Unresolved, resolve

TEXT = {False: 2_000, True: 30_000}
"""Characters of a value's text, in a summary and in full."""

FIGURES = (
    ("matplotlib.figure", "Figure"),
    ("matplotlib.axes", "Axes"),
    ("plotly.basedatatypes", "BaseFigure"),
    ("seaborn.axisgrid", "Grid"),
    ("seaborn.axisgrid", "JointGrid"),
)

FIRST = ("fit", "predict", "predict_proba", "transform", "score", "forward", "summary")
"""Methods that are named before others."""

ESTIMATES = frozenset({"fit", "predict", "transform"})

SIZED = 0.1
"""Seconds for counting everything that a container holds."""

WHILE_BUSY = "since the kernel runs code"

ROWS = {False: 20, True: 200}


def inspection(
    steps: list[Any], detail: str, until: float | None, seconds: float
) -> dict[str, Any]:
    """The value at the end of the steps, described. The caller stops waiting at ``until``."""
    check_time(until)
    shell = sys.modules["IPython"].get_ipython()
    return inspected(shell.user_ns, steps, detail, is_idle=until is not None, seconds=seconds)


def inspected(
    namespace: dict[str, Any], steps: list[Any], detail: str, is_idle: bool, seconds: float
) -> dict[str, Any]:
    """While the kernel is idle a value may be asked for its own repr.

    ``seconds`` are for numbers over all of the data; what takes longer is estimated.
    """
    try:
        value = resolve(namespace, steps)
    except Unresolved as err:
        return {"unresolved": str(err)}
    found: dict[str, Any] = {"type": type_name(value), "notes": [], "cut": False}
    found.update(known(value, detail, is_idle, seconds))
    return found


def known(value: Any, detail: str, is_idle: bool, seconds: float) -> dict[str, Any]:
    is_full = detail == "full"
    if kind(value):
        return of_library_value(value, is_full, is_idle, seconds)
    if is_a(value, type) or type(value) in FUNCTIONS:
        return written(value, detail)
    if is_a(value, types.ModuleType):
        return of_module(value, is_full)
    if type(value) in (*TEXTS, *CONTAINERS):
        return (of_text if type(value) in TEXTS else of_container)(value, is_full)
    if type(value) in ATOMS or type(value) is range:
        return {"facts": facts_of(value), "sections": [text("value", brief(value, TEXT[True]))]}
    drawing = figure(value, is_idle) if may_be_figure(value) else None
    return drawing or of_object(value, is_full, is_idle)


def may_be_figure(value: Any) -> bool:
    return any(
        base is not None and is_a(value, base)
        for base in (library(module).get(name) for module, name in FIGURES)
    )


def of_library_value(value: Any, is_full: bool, is_idle: bool, seconds: float) -> dict[str, Any]:
    why = f"since exact ones take more than {seconds:g} s" if is_idle else WHILE_BUSY
    try:
        return data(value, is_full, seconds, why)
    except Exception as err:  # noqa: BLE001  # a library's value may be changing
        note = f"it could not be looked into ({class_name(type(err))})"
        return {"facts": [], "sections": [], "notes": [note]}


def text(title: str, words: str) -> dict[str, Any]:
    return {"title": title, "text": words}


def facts_of(value: Any) -> list[list[str]]:
    facts = []
    number = length(value)
    used, mark = deep_size(value, time.perf_counter() + SIZED)
    if number is not None:
        facts.append(["length", f"{number:,}"])
    if used is not None:
        facts.append(["bytes", f"{mark}{used:,}"])
    return facts


def of_text(value: Any, is_full: bool) -> dict[str, Any]:
    limit = TEXT[is_full]
    facts = facts_of(value)
    if type(value) is str and len(value) < 10_000_000:
        facts.append(["lines", "{:,}".format(value.count("\n") + 1)])
    words = cut(value, limit) if type(value) is str else brief(value, limit)
    return {"facts": facts, "sections": [text("value", words)], "cut": len(value) > limit}


def of_container(value: Any, is_full: bool) -> dict[str, Any]:
    facts = facts_of(value)
    most = ROWS[is_full]
    items = first_items(value, most)
    if type(value) is dict:
        facts += types_of("keys", [key for key, _ in items])
        facts += types_of("values", [one for _, one in items])
    else:
        facts += types_of("items", items)
    is_cut = len(value) > most
    if type(value) is dict and value:
        rows = [[brief(key, 60), type_name(one), brief(one)] for key, one in items]
        columns = ["key", "type", "value"]
        section = {"title": "items", "columns": columns, "rows": rows}
    elif type(value) in (list, tuple) and any(
        type(one) in BRACKETS or in_rows(one) for one in items
    ):
        rows = [[str(place), type_name(one), brief(one)] for place, one in enumerate(items)]
        section = {"title": "items", "columns": ["", "type", "value"], "rows": rows}
    else:
        limit = TEXT[is_full]
        words = brief(value, limit)
        section, is_cut = text("value", words), "…" in words
    return {"facts": facts, "sections": [section], "cut": is_cut}


def in_rows(value: Any) -> bool:
    return type(value) not in (int, float, complex, bool, type(None), str, bytes)


def first_items(value: Any, most: int) -> list[Any]:
    if type(value) is dict:
        return items_of(value)[:most] if len(value) < 100_000 else first(value.items(), most)
    return list(value[:most]) if type(value) in (list, tuple) else first(value, most)


def first(values: Any, most: int) -> list[Any]:
    found: list[Any] = []
    try:
        for one in values:
            found.append(one)
            if len(found) == most:
                break
    except RuntimeError:  # another thread changes it
        pass
    return found


def types_of(what: str, values: list[Any]) -> list[list[str]]:
    counts: dict[str, int] = {}
    for value in values:
        counts[type_name(value)] = counts.get(type_name(value), 0) + 1
    words = ", ".join(sorted(counts, key=lambda name: -counts[name])[:5])
    return [["types of " + what, words]] if words else []


def of_module(value: Any, is_full: bool) -> dict[str, Any]:
    held = instance_dict(value) or {}
    facts = [["name", module_name(value)]]
    if type(held.get("__version__")) is str:
        facts.append(["version", cut(held["__version__"], MAX_WORD)])
    if type(held.get("__file__")) is str:
        facts.append(["file", cut(short_path(held["__file__"]), MAX_WORD)])
    sections = []
    if type(held.get("__doc__")) is str:
        sections.append(text("documentation", cut(held["__doc__"].strip(), 1_000)))
    names = [name for name in held if type(name) is str and name[:1] != "_"]
    sections.append(text("names", cut(", ".join(names), TEXT[is_full])))
    return {"facts": facts, "sections": sections}


def of_object(value: Any, is_full: bool, is_idle: bool) -> dict[str, Any]:
    facts, sections, notes = facts_of(value), [], []
    shown, why = own_repr(value, TEXT[is_full], is_idle)
    if why:
        notes.append("its repr " + why)
    sections.append(text("value", shown))
    methods, computed = members_of(value)
    held = attributes(value)
    chosen = (
        parameters(value, dict(held)) if ESTIMATES & {m.partition("(")[0] for m in methods} else []
    )
    if chosen:
        sections.append(attribute_table("parameters", chosen))
        sections.append(text("methods", cut(", ".join(methods), 1_000)))
    rest = [(name, one) for name, one in held if name not in dict(chosen)]
    rest.sort(key=lambda pair: pair[0][:1] == "_")
    if rest:
        sections.append(attribute_table("attributes", rest[: ROWS[is_full]]))
    if methods and not chosen:
        sections.append(text("methods", cut(", ".join(methods), 1_000)))
    if computed:
        sections.append(text("properties, not looked up", cut(", ".join(computed), 1_000)))
    return {
        "facts": facts,
        "sections": sections,
        "notes": notes,
        "cut": len(rest) > ROWS[is_full] or len(shown) >= TEXT[is_full],
    }


def attribute_table(title: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    rows = [[cut(name, 60), type_name(one), brief(one)] for name, one in pairs]
    return {"title": title, "columns": [title[:-1], "type", "value"], "rows": rows}


def parameters(value: Any, held: dict[str, Any]) -> list[tuple[str, Any]]:
    """The parameters with which an estimator was made, as far as it keeps them."""
    maker = in_class(type(value), "__init__")
    names = maker.__code__.co_varnames[1:] if type(maker) is types.FunctionType else ()
    count = maker.__code__.co_argcount + maker.__code__.co_kwonlyargcount - 1 if names else 0
    return [(name, held[name]) for name in names[:count] if name in held]


def own_repr(value: Any, limit: int, is_idle: bool) -> tuple[str, str]:
    """A value's repr, and the reason why it is not the one of its class."""
    if in_class(type(value), "__repr__") is object.__dict__["__repr__"]:
        return brief(value), ""
    if not is_idle:
        return brief(value), "was not asked for while the kernel is busy"
    if not can_run():
        return brief(value), "was not asked for: it could not be stopped"
    shown, why = guarded(lambda: repr(value))
    return (brief(value) if why else cut(shown, limit)), why


def attributes(value: Any) -> list[tuple[str, Any]]:
    """The attributes that the object itself holds: its dict and its slots."""
    found = [(k, v) for k, v in items_of(instance_dict(value) or {}) if type(k) is str]
    for base in mro(type(value)):
        for name, slot in list(class_dict(base).items()):
            if type(slot) in (types.MemberDescriptorType, FIELD) and name[:2] != "__":
                try:
                    found.append((name, slot.__get__(value)))
                except (AttributeError, TypeError):
                    continue
    return found


def members_of(value: Any) -> tuple[list[str], list[str]]:
    """The methods of an object's class and bases, with signatures, and its properties."""
    methods: dict[str, str] = {}
    computed: list[str] = []
    for base in mro(type(value)):
        for name, found in list(class_dict(base).items()):
            if type(name) is not str or name[:1] == "_" or name in methods:
                continue
            inner = found.__func__ if type(found) in (staticmethod, classmethod) else found
            if type(inner) in FUNCTIONS:
                methods[name] = cut(name + (signature(inner) or "(…)"), 100)
            elif type(found) is property:
                computed.append(name)
    first = [methods[name] for name in FIRST if name in methods]
    return first + [words for words in methods.values() if words not in first], computed
