"""The Pickler: the session's functions and classes by value, libraries' by name, holes named."""

from __future__ import annotations

import builtins
import copyreg
import pickle
import sys
import threading
import types
import typing
from collections import Counter
from enum import Enum
from typing import Any

from .arrays import array_reduced, memmap_reduced
from .classes import (
    class_reduced,
    has_own_new,
    instance_reduced,
    member_reduced,
    newtype_reduced,
    typevar_reduced,
)
from .exceptions import exception_reduced, is_plain_exception
from .found import (
    BUILTIN_TYPES,
    attribute_of,
    container_of,
    has_name,
    import_name,
    module_of,
    names_of,
    own_containers,
    singles,
)
from .functions import Reference, function_reduced, globals_of, module_names
from .holes import hole_again, hole_reduced, is_hole, own_names, refusal, text_name
from .keys import has_own_hash, is_hashed_early, leads_on
from .mapped import ORM_WAYS, is_attached, is_heard, is_mapped, mapped_reduced, require_known
from .pools import is_pool, pool_reduced
from .sets import counter_reduced, is_plain_set, set_reduced
from .sink import Unwanted
from .values import WAYS, local_reduced
from .words import PREAMBLE, PROTOCOL, OutOfTime, TooSlow, text_of, the_shell, why_of

NAMELESS = {"datetime", "decimal", "uuid"}
"""Modules whose values occur by the million and are never pickled by name."""

NOT_OF_ONE_VALUE = (TooSlow, Unwanted, OutOfTime, MemoryError, RecursionError, KeyboardInterrupt)
"""Exceptions that end the pickling of a variable; others leave a hole."""

TYPE_VARIABLES = tuple(
    getattr(typing, name)
    for name in ("TypeVar", "ParamSpec", "TypeVarTuple")
    if hasattr(typing, name)
)

NEW_TYPE = getattr(typing, "NewType", None)

HEAP_TYPE = 1 << 9


class Pickler(pickle.Pickler):
    """Calls only those methods of values that pickle's own protocol calls."""

    def __init__(self, file: Any, namespace: dict[str, Any], standard: dict[int, Any]) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self.holes: dict[int, tuple[Any, str]] = {}
        """The objects left out, by id, with the reason."""
        self.notes: list[tuple[Any, str]] = []
        """The objects saved incompletely."""
        self.is_hashed_early = False
        """Whether there were objects that may be hashed, as keys, before they are complete."""
        self._plain: dict[Any, bool] = {}
        """Types that are pickled in Python's way, and whether they define their own hash."""
        self._named = {**singles(), **standard}
        """The objects that are found again by name, by id."""
        self._single_kinds = kinds_of(self._named)
        self._modules: dict[str, Reference] = {}
        self._refused: dict[Any, str] = {}
        self._known: set[Any] = set()
        """Mapped classes that can be mapped again."""
        self._own = own_containers()
        self._seed(namespace)

    def contents(self) -> list[tuple[str, Any, Any]]:
        """The contents of modules' own containers: name, container and contents."""
        return [
            (".".join(where), one, list(one.items() if type(one) is dict else one))
            for where, one in self._own
        ]

    def _seed(self, namespace: dict[str, Any]) -> None:
        """First memoize dictionaries that are found and not copied."""
        marks = [Reference(names_of, ("__main__",)), Reference(names_of, ("builtins",))]
        marks += [Reference(container_of, (*where, type(one).__name__)) for where, one in self._own]
        self.dump([PREAMBLE, marks])
        memo = self.memo.copy()
        known = [namespace, vars(builtins), *(one for _, one in self._own)]
        for mark, names in zip(marks, known):
            place, _ = memo.pop(id(mark))
            memo[id(names)] = (place, names)
        self.memo = memo
        self._marks = marks  # keeps their ids from being reused

    def reducer_override(self, obj: Any) -> Any:
        """How an object is pickled that is not one of Python's plain ones."""
        kind = type(obj)
        has_hash = self._plain.get(kind)
        if has_hash is not None:
            if has_hash and not self.is_hashed_early:
                self.is_hashed_early = leads_on(own_names(obj))
            return NotImplemented
        if kind is Reference:
            return obj.reduced
        try:
            reduced = self._reduced(obj, kind)
            if not self.is_hashed_early:
                self.is_hashed_early = is_hashed_early(obj, kind, reduced)
            return reduced
        except NOT_OF_ONE_VALUE:
            raise
        except BaseException as err:  # noqa: BLE001  # code of users, which may raise anything
            return self._hole(obj, kind, why_of(err))

    def _hole(self, obj: Any, kind: type, why: str) -> Any:
        self.holes[id(obj)] = (obj, why)
        return hole_reduced(text_name(kind), why)

    def _reduced(self, obj: Any, kind: Any) -> Any:
        if kind is types.FunctionType:
            return self._function(obj)
        if id(obj) in self._named:
            return attribute_of, self._named[id(obj)]
        if text_of(kind, "__module__").startswith(("ipykernel", "IPython")) and obj is the_shell():
            return the_shell, ()
        if issubclass(kind, type):
            return self._class(obj)
        if issubclass(kind, types.ModuleType):
            return self._module(obj)
        way = WAYS.get(kind)
        if way is not None:
            return self._by(way, obj)
        refused = self._refused.get(kind)
        if refused is None:
            refused = self._refused[kind] = refusal(kind)
        if refused:
            return self._hole(obj, kind, refused)
        return self._instance(obj, kind)

    def _by(self, way: Any, obj: Any) -> Any:
        reduced = way(obj)
        if hasattr(type(obj), "cache_info") and obj.cache_info().currsize:
            self.notes.append((obj, "its cache begins empty"))
        return reduced

    def _function(self, function: Any) -> Any:
        if self._is_ours(function) or has_name(function):
            return NotImplemented
        module = globals_of(function)
        names: Any = function.__globals__
        if module and names is not vars(builtins):
            names = self._modules.setdefault(module, module_names(module))
        return function_reduced(function, names)

    def _is_ours(self, function: Any) -> bool:
        package = __name__.rpartition(".")[0]
        is_of_package = bool(package) and text_of(function, "__module__") == package
        return is_of_package or function.__globals__.get("__name__") == __name__

    def _class(self, cls: Any) -> Any:
        if cls in (type(None), type(Ellipsis), type(NotImplemented)):
            return NotImplemented
        if cls in BUILTIN_TYPES:
            return getattr, (types, BUILTIN_TYPES[cls])
        if has_name(cls):
            return NotImplemented
        if is_hole(cls) or not cls.__flags__ & HEAP_TYPE:
            msg = "a type that has no name cannot be pickled"
            raise TypeError(msg)
        return mapped_reduced(cls) if is_mapped(cls) else class_reduced(cls)

    def _module(self, module: Any) -> Any:
        name = import_name(module)
        if name:
            return module_of, (name,)
        if text_of(module, "__name__") == "__main__":
            return module_of, ("__main__",)
        names = {k: v for k, v in vars(module).items() if k != "__builtins__"}
        return types.ModuleType, (module.__name__,), names

    def _instance(self, obj: Any, kind: Any) -> Any:
        if is_hole(kind):
            self.holes[id(obj)] = (obj, vars(kind)["_jupyter_mcp_hole"][1])
            return hole_again(obj)
        if kind in TYPE_VARIABLES:
            return typevar_reduced(obj)
        if NEW_TYPE is not None and kind is NEW_TYPE:
            return newtype_reduced(obj)
        module = text_of(kind, "__module__")
        if is_mapped(kind) and kind not in self._known:
            require_known(kind)
            self._known.add(kind)
        if module == "sqlalchemy.sql.schema" and hasattr(obj, "dispatch") and is_heard(obj):
            self.notes.append((obj, "what listens to its events is gone"))
        if module.startswith("sqlalchemy.orm"):
            if is_attached(obj, kind):
                self.notes.append((obj.obj(), "it is in no database session any more"))
            if kind.__name__ in ORM_WAYS:
                return ORM_WAYS[kind.__name__](obj)
        if module == "numpy" and kind.__name__ in ("ndarray", "memmap"):
            return array_reduced(obj) if kind.__name__ == "ndarray" else memmap_reduced(obj)
        if issubclass(kind, BaseException) and is_plain_exception(kind):
            if obj.__traceback__ is not None:
                self.notes.append((obj, "its traceback is gone"))
            return exception_reduced(obj)
        if issubclass(kind, threading.local):
            return local_reduced(obj)
        if is_pool(kind):
            return pool_reduced(obj)
        if issubclass(kind, set) and is_plain_set(kind):
            return set_reduced(obj)
        if kind.__reduce__ is Counter.__reduce__:
            return counter_reduced(obj)
        is_by_value = not has_name(kind)
        if is_by_value and issubclass(kind, Enum):
            return member_reduced(obj)
        is_object = kind not in copyreg.dispatch_table and is_reduced_as_object(kind)
        if is_by_value and is_object and has_own_new(kind):
            return instance_reduced(obj)
        return self._by_its_own(obj, kind, module, is_object)

    def _by_its_own(self, obj: Any, kind: Any, module: str, is_object: bool) -> Any:
        reduce = copyreg.dispatch_table.get(kind)
        reduced = obj.__reduce_ex__(PROTOCOL) if reduce is None else reduce(obj)
        if isinstance(reduced, str) and module_for(obj, reduced) == "__main__":
            msg = f"it is pickled as the name {reduced}, which is no plain definition"
            raise pickle.PicklingError(msg)
        state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
        if module.startswith("matplotlib") and isinstance(state, dict):
            state.pop("_restore_to_pylab", None)  # it would be shown again
        is_plain = is_object and not has_own_state(kind)
        if (module in NAMELESS or is_plain) and kind not in self._single_kinds:
            has_hash = module not in NAMELESS and has_own_hash(kind)
            if not has_hash or not has_slots(kind):
                self._plain[kind] = has_hash
        return reduced


def kinds_of(named: dict[int, tuple[str, str]]) -> set[type]:
    """The types of the objects that are found by name."""
    return {type(vars(sys.modules[module]).get(name)) for module, name in named.values()}


def is_reduced_as_object(kind: Any) -> bool:
    """Whether it defines no own way of pickling."""
    is_same = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    return bool(is_same)


def has_slots(kind: Any) -> bool:
    """Whether instances have attributes beside their names."""
    return any("__slots__" in vars(base) and vars(base)["__slots__"] for base in kind.__mro__)


def has_own_state(kind: Any) -> bool:
    """Whether code of its class gives its state, which may raise for some instances."""
    own = getattr(kind, "__getstate__", None)
    return own is not None and own is not getattr(object, "__getstate__", None)


def module_for(obj: Any, name: str) -> str:
    """The module in which pickle would look for a name."""
    return str(pickle.whichmodule(obj, name))  # type: ignore[attr-defined]
