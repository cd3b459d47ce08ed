"""Functions by value: their code, their cells, and their actual globals."""

from __future__ import annotations

import marshal
import sys
import types
from typing import Any

from .found import import_name, names_of

Reduced = Any
"""The result of ``__reduce_ex__``."""


class Reference:
    """A placeholder in a pickle for an object that a call finds."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced


def function_reduced(function: Any, names: Any) -> Reduced:
    """A function, with ``names`` in place of its globals."""
    is_lazy = sys.version_info >= (3, 14)
    state = (
        dict(vars(function)),
        {
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            **(
                {"__annotate__": function.__annotate__}
                if is_lazy
                else {"__annotations__": function.__annotations__}
            ),
            **(
                {"__type_params__": function.__type_params__}
                if getattr(function, "__type_params__", ())
                else {}
            ),
        },
    )
    parts = (function.__code__, names, function.__name__, function.__closure__)
    return make_function, parts, state, None, None, fill_function


def make_function(code: Any, names: Any, name: str, closure: Any) -> Any:
    """An empty function, to be filled."""
    return types.FunctionType(code, names, name, None, closure)


def fill_function(function: Any, state: Any) -> None:
    """Give a function its attributes besides the code."""
    attributes, slots = state
    vars(function).update(attributes)
    for name, value in slots.items():
        setattr(function, name, value)


def globals_of(function: Any) -> Any:
    """The name of the module whose globals a function has; empty if there is none."""
    names = function.__globals__
    module = sys.modules.get(names.get("__name__"))
    return import_name(module) if module is not None and vars(module) is names else ""


def module_names(name: str) -> Reference:
    """A reference to the names of a module."""
    return Reference(names_of, (name,))


def code_reduced(code: Any) -> Reduced:
    """A code object, for the same Python."""
    return make_code, (marshal.dumps(code),)


def make_code(data: bytes) -> Any:
    """Rebuilds what `code_reduced` reduced."""
    return marshal.loads(data)  # noqa: S302  # the file's signature covers it


def cell_reduced(cell: Any) -> Reduced:
    """A cell: it is memoized before its contents, which may refer back to it."""
    try:
        contents = (cell.cell_contents,)
    except ValueError:
        return make_cell, ()
    return make_cell, (), contents, None, None, fill_cell


def make_cell() -> Any:
    """An empty cell."""
    return types.CellType()


def fill_cell(cell: Any, contents: Any) -> None:
    """Give a cell its contents."""
    cell.cell_contents = contents[0]
