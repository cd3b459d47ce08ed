"""A notebook while it is changed: the same for a file and for a document that people share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from jupyter_mcp_ext.notebooks.reading.cells import Cell, read_cell
from jupyter_mcp_ext.outputs.model import Json

from .cells import CellType

T = TypeVar("T")

CellNode: TypeAlias = Mapping[str, Json]
"""A cell as nbformat 4.5 has it, with its id."""

HomeKind: TypeAlias = Literal["room", "file"]
"""Where a notebook is at the moment: in a room in which people have it open, or a file alone."""


@dataclass(frozen=True)
class Mark:
    """By what a cell is known to be as it was left."""

    cell_type: CellType
    count: int | None = None
    outputs: int = 0
    """How many it has."""
    pressed: int = 0
    """How often others have begun to run it, where that is known."""
    is_running: bool = field(default=False, compare=False)
    """Whether it runs now, where that is known."""


def mark_of(node: Mapping[str, Json], outputs: int) -> Mark:
    """The mark of a cell with so many outputs; ``node`` need not have any."""
    cell = read_cell({**node, "source": "", "outputs": []}, 0, None)
    return Mark(cell.cell_type, cell.execution_count, outputs)


def retyped(
    node: CellNode, cell_type: CellType, lost: Mapping[str, Json] | None
) -> dict[str, Json]:
    """A cell as one of another type; for ``lost`` see `Draft.set_type`."""
    dropped = {"outputs", "execution_count", "level"}
    dropped |= {"attachments"} if cell_type == "code" else set()
    made = {key: value for key, value in node.items() if key not in dropped}
    # Without the outputs, which are of no use here.
    source = read_cell({**node, "outputs": []}, 0, None).source
    made |= {"cell_type": cell_type, "source": source}
    if lost is not None:
        return made | dict(lost)
    return made | ({"outputs": [], "execution_count": None} if cell_type == "code" else {})


class Draft(Protocol):
    """A notebook that is being changed. Nothing is awaited while one is held.

    Cells are named by their index, which each insertion and removal shifts.
    """

    shows_runs: bool
    """Whether people see at once that a cell runs; a count ends that."""

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the cells, in their order; each has one that is unique."""

    def cell(self, index: int) -> Cell:
        """A cell as it is now, without its outputs: quick whatever it has put out."""

    def mark(self, index: int) -> Mark:
        """By what a cell that runs is known to be as it was left; quick whatever it has put out."""

    def node(self, index: int) -> CellNode:
        """A cell as nbformat has it, whole, so that it can be inserted again."""

    def bare(self, index: int) -> CellNode:
        """A cell without its outputs, which is not changed: quick whatever it has put out."""

    def person(self, index: int) -> str:
        """The name of a person who is in the cell and may be typing there; empty if there is none.

        Only a room knows that.
        """

    def insert(self, index: int, nodes: Sequence[CellNode]) -> None:
        """Insert cells before an index; the number of cells is the end."""

    def remove(self, index: int) -> None:
        """Remove a cell."""

    def move(self, index: int, to: int) -> None:
        """Move a cell so that it then has the index ``to``.

        What is typed in it at that moment may be lost, so it is not moved while a person is in it.
        """

    def set_source(self, index: int, source: str) -> None:
        """Give a cell another source; only what differs is changed, so that cursors stay."""

    def set_type(
        self, index: int, cell_type: CellType, lost: Mapping[str, Json] | None = None
    ) -> None:
        """Change what a cell is: it loses its outputs, and as code its attachments.

        ``lost`` are fields of its node that a change of its type has taken from it.
        """

    def set_running(self, index: int, *, is_running: bool) -> None:
        """Show whether a code cell runs (``[*]``), where that can be shown."""

    def set_count(self, index: int, count: int | None) -> None:
        """Give a code cell an execution count."""

    def set_timing(self, index: int, timing: Mapping[str, str] | None) -> None:
        """Give a cell ``metadata.execution``, as JupyterLab records it; None removes it."""

    def set_outputs(self, index: int, outputs: Sequence[Mapping[str, Json]], *, start: int) -> None:
        """Replace the outputs of a code cell from the number ``start`` on.

        What is there already and equal is left; text that grows is appended to.
        """


@dataclass(frozen=True, kw_only=True)
class Saving:
    """How a room saves that does so only while nothing is changed."""

    delay: float
    """Seconds without a change after which it begins to."""
    waits: float
    """Seconds since the first change that it is not known to have saved."""
    tried: Callable[[], Awaitable[object]]
    """Returns when it has saved, could not, or has closed."""


@dataclass(frozen=True, kw_only=True)
class Changed(Generic[T]):
    """What a change has given, and where it now is."""

    value: T
    home: HomeKind
    saved: str
    """``saved``, or why it is not: ``in the open document, not yet saved``, ``not saved: …``."""
    notes: Sequence[str] = ()
    """What else there is to say, such as that the file was upgraded to a newer nbformat."""
    saving: Saving | None = None
    """What its saving needs; None where it is saved whatever else is changed, or not at all."""
    stamp: object = None
    """Of the file that was saved, as `Homes.stamp` gives it; None where it is not known."""


Change: TypeAlias = Callable[[Draft], T]
"""Changes a draft in one step, or raises ToolError before it has changed anything.

It may be called more than once, on another draft: when the file was saved in between.
"""


class OnLost(Protocol):
    """Applies a change to the notebook of an API path, wherever that then is.

    It is one of some clients, which are told if it is lost again.
    """

    def __call__(
        self, path: str, change: Change[Sequence[str]], clients: Sequence[str]
    ) -> Awaitable[Changed[Sequence[str]]]: ...


class Home(Protocol):
    """Where one notebook is kept at the moment."""

    async def change(self, change: Change[T]) -> Changed[T]:
        """Apply a change. Raises what it raises, Gone, and ContentsError."""


class Gone(Exception):  # no error: another home is looked for
    """The home is no longer where the notebook is: its room has closed."""
