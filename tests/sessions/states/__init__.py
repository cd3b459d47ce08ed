"""States of real work, with expressions that show whether they came back, in the text files here.

    === name of the state {options}
    code of a cell
    ---
    code of the next cell
    ???
    expressions, and statements between them, that are evaluated in both sessions

Options: ``own``, a kernel of its own, if other states would be affected; ``room="name"``, one with
the others of this room; ``says="words"``, a pattern for a notice without the variable's name;
``names="a b"``, variables that the code binds unseen; ``fails``, its last cell raises; ``brings``,
its libraries bring cloudpickle; ``shows``, what the next cell shows is compared; ``ends="how"``,
its last cell does not run to its end, and ``+++`` is where it is ended; ``saved``, the session is
saved afterwards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

END = "\n+++\n"

FOLDER = Path(__file__).parent

HEAD = re.compile(r"=== (?P<name>[^{}]+?)(?: \{(?P<options>.*)\})?")

OPTION = re.compile(r'(\w+)(?:="([^"]*)")?')

PLAIN: Any = TransformerManager()  # type: ignore[no-untyped-call]  # IPython has none
"""Turns magics into Python."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of a session, and how to tell it from another one."""

    name: str
    kind: str
    cells: tuple[str, ...]
    probe: str
    room: str = ""
    """States of different rooms do not share a kernel."""
    says: str = ""
    """A pattern for what may be said instead of a variable's name."""
    fails: bool = False
    """Whether its last cell raises."""
    brings_cloudpickle: bool = False
    """Whether it needs cloudpickle."""
    shows: bool = False
    """Whether what the next cell shows is compared."""
    ends: str = ""
    """How its last cell is ended at `END`: see `unfinished`."""
    is_saved: bool = False
    """Whether the session is saved after that."""
    names: frozenset[str] = field(default_factory=frozenset)
    """The variables that it binds."""


def read_states() -> list[State]:
    """All states, in the order of the table."""
    return [state for file in sorted(FOLDER.glob("*.txt")) for state in _parsed(file)]


def packed(states: Sequence[State], size: int) -> list[list[State]]:
    """Groups that can share a session: their names differ."""
    groups: list[list[State]] = []
    for state in states:
        for group in groups:
            taken = {name for other in group for name in other.names}
            is_in_room = group[0].room == state.room and len(group) < size
            if is_in_room and taken.isdisjoint(state.names):
                group.append(state)
                break
        else:
            groups.append([state])
    return groups


def _parsed(file: Path) -> Iterator[State]:
    kind, *parts = re.split(r"^(?==== )", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for part in parts:
        head, _, body = part.partition("\n")
        found = HEAD.fullmatch(head)
        assert found, head
        options = dict(OPTION.findall(found["options"] or ""))
        cells, _, probe = body.partition("\n???\n")
        assert probe, head
        texts = tuple(cell.strip("\n") for cell in re.split(r"^---$", cells, flags=re.MULTILINE))
        bound = {name for text in texts for name in _bound(text)}
        yield State(
            name=found["name"],
            kind=kind.strip(),
            cells=texts,
            probe=probe.strip("\n"),
            room=found["name"] if "own" in options else options.get("room", ""),
            says=options.get("says", ""),
            fails="fails" in options,
            shows="shows" in options,
            ends=options.get("ends", ""),
            is_saved="saved" in options,
            brings_cloudpickle="brings" in options,
            names=frozenset(bound | set(options.get("names", "").split())),
        )


def _bound(cell: str) -> set[str]:
    """Names that a cell binds, except by imports, which are the same in all states."""
    found = set()
    todo: list[ast.AST] = [ast.parse(PLAIN.transform_cell(cell.replace(END, "\n")))]
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Lambda() | ast.comprehension():
                continue
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
        todo.extend(ast.iter_child_nodes(node))
    return found
