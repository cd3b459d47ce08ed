"""Which statements of a Python session can be run again without their side effects.

Imports, functions, classes and constants, read from the text of the cells. Statements that
may have effects, or may give another value, are left out.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from .names import bound_names, global_names, imported_names
from .needs import read_needs
from .statements import Source, read_statements

BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """The definitions that can be run again."""

    sources: tuple[str, ...]
    """In the order in which they have to run."""

    names: frozenset[str]
    """Names that they bind and that nothing binds after them."""


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """A top-level statement that is a definition by its form."""

    place: int
    """Among all statements."""
    source: str
    binds: frozenset[str]
    needs: frozenset[str]
    """Names that must have their values when it runs; those in function bodies need not."""
    is_constant: bool


@dataclass(frozen=True, kw_only=True)
class _Others:
    """Statements that are not run again."""

    binds: dict[str, int]
    """Names that it binds, with the last place; imports apart."""
    imports: set[str]

    def add(self, names: Iterable[str], place: int) -> None:
        for name in names:
            self.binds[name] = max(place, self.binds.get(name, -1))


def definitions(
    cells: Sequence[str],
    *,
    unfinished: Mapping[int, int | None] | None = None,
    given: Collection[str] = (),
) -> Definitions:
    """The definitions in these cells, which are in the order in which they ran.

    ``unfinished`` are the indexes of cells that did not run to their end, with the line, counted
    from 1, before which they did. Nothing else of those is run again, and what it may have bound
    counts as unknown. ``given`` are names that the session has before the first cell.
    """
    ended = {index: line or 0 for index, line in (unfinished or {}).items()}
    candidates: list[_Statement] = []
    others = _Others(binds={}, imports=set())
    left: list[_Statement] = []
    for place, (index, source, statement, is_whole) in enumerate(read_statements(cells)):
        has_run = (statement.end_lineno or statement.lineno) < ended.get(index, sys.maxsize)
        read = _read(source, statement, place) if is_whole else None
        if read is None:
            others.add(bound_names(statement), place)
            others.imports.update(imported_names(statement))
        else:
            (candidates if has_run else left).append(read)
        if source.has_globals:
            others.add(global_names(statement), sys.maxsize)  # bound only when it is called
    _add_left(left, candidates, others)
    kept = _harmless(candidates, others, frozenset(given))
    last = {name: one.place for one in kept for name in one.binds}
    names = {name for name, place in last.items() if place > others.binds.get(name, -1)}
    sources = tuple(one.source for one in kept if not one.binds or names & one.binds)
    return Definitions(sources=sources, names=frozenset(names))


def bound(cells: Sequence[str], *, unfinished: Mapping[int, int | None]) -> frozenset[str]:
    """The names that the cells have set or deleted, as far as they have certainly run."""
    found: set[str] = set()
    for index, _, statement, _ in read_statements(cells):
        line = unfinished.get(index, sys.maxsize) or 0
        if (statement.end_lineno or statement.lineno) < line:
            found.update(bound_names(statement), imported_names(statement))
    return frozenset(found)


def _add_left(left: list[_Statement], candidates: list[_Statement], others: _Others) -> None:
    """Count statements that may not have run as unknown, unless the same text certainly has run."""
    last = {one.source: one.place for one in candidates}
    sources = _sources(candidates)
    for one in left:
        changes_nothing = all(
            sources.get(name) == {one.source} and name not in others.binds for name in one.binds
        )
        if last.get(one.source, -1) < one.place and not changes_nothing:
            others.add(one.binds, one.place)


def _sources(statements: list[_Statement]) -> dict[str, set[str]]:
    """The sources that bind each name."""
    found: dict[str, set[str]] = {}
    for one in statements:
        for name in one.binds:
            found.setdefault(name, set()).add(one.source)
    return found


def _harmless(
    candidates: list[_Statement], others: _Others, given: frozenset[str]
) -> list[_Statement]:
    """Those whose needs others of them meet; ``others`` gets the names that the rest binds."""
    sources = _sources(candidates)
    certain = []
    for one in candidates:
        is_only = (
            all(len(sources[name]) == 1 for name in one.binds)
            and others.binds.keys().isdisjoint(one.binds)
            and not (one.is_constant and others.imports & one.binds)
        )
        if is_only or not one.is_constant:
            certain.append(one)
        else:
            others.add(one.binds, one.place)
    while True:
        known = set(given)
        kept = []
        rejected = []
        for one in certain:
            met = all(
                name not in others.binds
                if name in known
                else name in BUILTINS - others.binds.keys()
                for name in one.needs
            )
            if met:
                kept.append(one)
                known.update(one.binds)
            else:
                rejected.append(one)
        if not rejected:
            return _once(kept)
        for one in rejected:
            others.add(one.binds, one.place)
        certain = kept


def _once(statements: list[_Statement]) -> list[_Statement]:
    """Each source at its last position, and earlier only if a later one needs it there."""
    last = {one.source: place for place, one in enumerate(statements)}
    places = set(last.values())
    for place in range(len(statements) - 1, -1, -1):
        if place not in places:
            continue
        for name in statements[place].needs:
            before = (p for p in range(place - 1, -1, -1) if name in statements[p].binds)
            places.update(islice(before, 1))
    return [statements[place] for place in sorted(places)]


def _read(source: Source, statement: ast.stmt, place: int) -> _Statement | None:
    """The statement as a definition; None if it is none."""
    try:
        needs = read_needs(statement)
    except RecursionError:
        return None
    if needs is None:
        return None
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            binds = {statement.name}  # names that it declares global are bound when it is called
        case _:
            binds = {*bound_names(statement), *imported_names(statement)}
    return _Statement(
        place=place,
        source=source.segment(statement),
        binds=frozenset(binds),
        needs=needs,
        is_constant=isinstance(statement, ast.Assign | ast.AnnAssign),
    )
