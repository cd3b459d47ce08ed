"""Random graphs of functions, classes, aliases and containers come back as they were."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.in_kernel.snapshot.pickler import Pickler
from jupyter_mcp_ext.in_kernel.snapshot.reading import Part, Record, Unpickler
from jupyter_mcp_ext.in_kernel.snapshot.words import PREAMBLE

STATEMENTS = (
    "{new} = []",
    "{new} = {number}",
    "{new} = 'text {number}'",
    "{new} = {{'key': {one}, {number}: {two}}}",
    "{new} = ({one}, {two})",
    "{new} = frozenset([{number}, 'a'])",
    "{new} = {one}",
    "{new} = bytearray(b'{number}')",
    "{new} = [{one}]; {new}.append({new})",
    "isinstance({one}, list) and {one}.append({two})",
    "{new} = lambda x={one}: (x, {two}, {new})",
    "{new} = (lambda cell: (lambda: cell, lambda value: (cell, value)))({one})",
    "def {new}(a, *, b={one}):\n    'doc'\n    return a, b, {two}\n{new}.note = {two}",
    "class {new}:\n    held = {one}\n    def get(self): return self, __class__, {two}",
    "class {new}(Exception):\n    def __init__(self, a, b): self.a = a",
    "class {new}:\n    __slots__ = ('a', '__b')\n    def __init__(self): self.a = {one}",
    "class _Base:\n    def __init_subclass__(cls): counted.append(cls.__name__)\n"
    "class {new}(_Base):\n    inner = type('Inner', (), {{'up': {one}}})",
    "import enum\nclass {new}(enum.Enum):\n    A = {number}\n    B = 'b'\n{new}.C = {one}",
    "import dataclasses\n@dataclasses.dataclass\nclass {new}:\n    a: int = {number}\n"
    "    b: object = dataclasses.field(default_factory=list)",
    "import collections\n{new} = collections.namedtuple('{new}', 'a b')({one}, {two})",
    "{new} = {one}() if type({one}) is type and '__init__' not in vars({one}) else None",
    "if type({one}).__module__ == '__main__' and hasattr({one}, '__dict__'):\n"
    "    vars({one})['more'] = {two}",
    "{new} = {one}.get if hasattr(type({one}), 'get') and type({one}) is not dict else {number}",
    "import math, functools\n{new} = functools.partial(max, {one})",
    "{new} = property(lambda self: {one})",
    "{new} = iter([{one}, {number}])",
    "{new} = Keyed({number}, {one})",
    "if type({one}) is Keyed: {one}.held = {two}",
    "{new} = Keyed({number}, {kind}()); add({new}.held, {new}); add({new}.held, {one})",
    "{new} = {kind}(); add({new}, {one})",
    "add({one}, {two})",
    "{new} = Keyed({number}, None); {new}.held = frozenset([{new}])",
    "{new} = Keyed({number}, None); {new}.held = {kind}(); add({new}.held, ({new}, {number}))",
    "{new} = frozenset([{number}, {one}]) if is_key({one}) else ()",
)

KNOT = next(place for place, text in enumerate(STATEMENTS) if "add({new}.held, {one})" in text)
"""An object that is a key of what it holds."""

KINDS = ("set", "dict", "OrderedDict", "Lists", "Counter", "Table", "Members")

KEYS = """
from collections import Counter, OrderedDict, defaultdict

class Keyed:
    mark = None
    def __init__(self, mark, held):
        self.held, self.mark = held, mark
    def __hash__(self):
        return hash(self.mark)
    def __eq__(self, other):
        return type(self) is type(other) and self.mark == other.mark

class Table(dict):
    pass

class Members(set):
    pass

def Lists():
    return defaultdict(list)

def is_key(value):
    parts = value if type(value) is tuple else (value,)
    return all(type(part) in (Keyed, int, str) for part in parts)

def add(holder, key):
    if is_key(key) and isinstance(holder, dict):
        holder[key] = [key]
    elif is_key(key) and isinstance(holder, set):
        holder.add(key)
"""
"""What a session has that puts keys into containers which they lead to."""

FROZEN = [place for place, text in enumerate(STATEMENTS) if "frozenset([{n" in text]
"""What cannot be loaded: a frozen set cannot be filled when its members are whole."""

Bound = tuple[int, int, int, int]


@contextmanager
def main() -> Iterator[dict[str, Any]]:
    """The namespace of a session."""
    module = types.ModuleType("__main__")
    vars(module)["counted"] = []
    before, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        yield vars(module)
    finally:
        sys.modules["__main__"] = before


def build(choices: list[Bound], namespace: dict[str, Any]) -> None:
    """Run a program that the choices make."""
    exec(KEYS, namespace)  # noqa: S102  # as cells are
    namespace["v0"] = ["first"]
    for place, (statement, one, two, number) in enumerate(choices, 1):
        names = [name for name in namespace if name.startswith("v")]
        text = STATEMENTS[statement].format(
            new=f"v{place}",
            one=names[one % len(names)],
            two=names[two % len(names)],
            number=number,
            kind=KINDS[number % len(KINDS)],
        )
        exec(text, namespace)  # noqa: S102  # as cells are


def parts(value: Any) -> list[Any]:  # noqa: PLR0911  # a line for each type
    """What a value consists of, in an order."""
    kind = type(value)
    if kind in (int, str, float, bool, type(None), types.ModuleType, types.BuiltinFunctionType):
        return [repr(value)]
    if kind in (list, tuple):
        return list(value)
    if isinstance(value, dict):
        assert_found(value)
        own = getattr(value, "__dict__", None)
        return [own, *(part for pair in value.items() for part in pair)]
    if isinstance(value, (set, frozenset)):
        assert_found(value)
        return sorted(value, key=shown)  # its order hangs on the hashes of this run and its past
    if kind is types.FunctionType:
        slots = [value.__defaults__, value.__kwdefaults__, value.__doc__, value.__closure__]
        return [value.__code__.co_code, value.__name__, vars(value), value.__module__, *slots]
    if kind is types.CellType:
        return [value.cell_contents]
    if kind is types.MethodType:
        return [value.__func__, value.__self__]
    if kind is property:
        return [value.fget]
    if isinstance(value, type):
        if value.__module__ != "__main__":
            return [repr(value)]
        # The last is written by the pickle protocol itself, when it looks at an instance.
        skipped = {"__dict__", "__weakref__", "__abstractmethods__", "__slotnames__"}
        own = sorted(vars(value).keys() - skipped)
        held = [part for name in own for part in (name, vars(value)[name])]
        return [value.__qualname__, value.__bases__, type(value), *held]
    if kind.__module__ == "__main__":
        slots = [getattr(value, name, None) for name in getattr(kind, "__slots__", ())]
        rest = tuple.__iter__(value) if isinstance(value, tuple) else ()
        return [kind, getattr(value, "__dict__", None), *slots, *rest]
    if kind.__name__ == "partial":
        return [value.func, value.args, value.keywords]
    return [repr(value).partition(" at 0x")[0]]


def shown(key: Any) -> str:
    """A key in words that are the same in another process."""
    if type(key) is tuple:
        return str([*map(shown, key)])
    return f"key {key.mark}" if type(key).__name__ == "Keyed" else repr(key)


def assert_found(holder: Any) -> None:
    """Keys are found by others that are equal to them."""
    for key in holder:
        if type(key).__name__ == "Keyed":
            assert type(key)(key.mark, None) in holder


def assert_same(one: Any, other: Any) -> None:
    """They consist of the same, and what is one object there is one here."""
    met: dict[int, int] = {}
    held = [(one, other)]
    kept = []
    while held:
        left, right = held.pop()
        assert type(left).__name__ == type(right).__name__
        if type(left) in (int, str, float, bool, type(None), bytes):
            assert left == right
            continue
        if id(left) in met:
            assert met[id(left)] == id(right)
            continue
        met[id(left)] = id(right)
        kept.append((left, right))  # so that no other object gets their ids
        found, wanted = parts(right), parts(left)
        assert len(found) == len(wanted)
        held += list(zip(wanted, found, strict=True))
    assert len(set(met.values())) == len(met)


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(STATEMENTS) - 1),
            st.integers(0, 30),
            st.integers(0, 30),
            st.integers(0, 9),
        ),
        max_size=25,
    )
)
def test_a_graph_comes_back_by_value_and_by_sharing(choices: list[Bound]) -> None:
    come_back(choices)


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_a_key_that_leads_to_its_container_is_found_in_it(number: int) -> None:
    come_back([(KNOT, 0, 0, number)])


def come_back(choices: list[Bound]) -> None:
    """A session comes back as it was, but for what cannot and is named."""
    file = io.BytesIO()
    with main() as before:
        build(choices, before)
        pickler = Pickler(file, before, {})
        names = [name for name in before if name.startswith("v")]
        patiently = {}
        for name in (*names, "counted"):
            pickler.is_hashed_early = False
            pickler.dump([name, before[name]])
            patiently[name] = pickler.is_hashed_early
        assert not pickler.holes
    with main() as after:
        record = Record(Part(file, 0, file.tell(), float("inf")), set())
        record.next(PREAMBLE)
        named = []
        for name in (*names, "counted"):
            try:
                after[name] = record.next(name, patiently=patiently[name])
            except pickle.UnpicklingError:  # noqa: PERF203  # one at a time is the point
                named.append(name)
        functions = [value for value in after.values() if type(value) is types.FunctionType]
        back = [name for name in names if name not in named]

        assert not named or any(choice[0] in FROZEN for choice in choices)
        assert all(function.__globals__ is after for function in functions)
        assert_same([before[name] for name in back], [after[name] for name in back])
        assert "counted" in named or after["counted"] == before["counted"]


def test_a_single_object_of_a_library_stays_single_beside_others_of_its_type() -> None:
    file = io.BytesIO()
    with main() as before:
        exec("import dataclasses", before)  # noqa: S102  # as cells are
        single = before["dataclasses"].MISSING
        Pickler(file, before, {}).dump([type(single)(), single])
    file.seek(0)
    with main():
        unpickler = Unpickler(file, set())
        unpickler.load()
        other, found = unpickler.load()

    assert found is single
    assert other is not single
