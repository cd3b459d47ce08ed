"""What an agent of a soak writes: a notebook that it runs, and a file."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.mcp_client import McpClient, Result

MANY = 12
"""Cells from which on some are deleted."""

LINES = 200

Content = TypeVar("Content")


class Possible(Generic[Content]):
    """What something may contain: more than one thing only after a call without an answer."""

    def __init__(self, content: Content) -> None:
        self._possible = [content]

    def begins(self, content: Content) -> None:
        """A call begins to write this, in place of all that may be there."""
        self._possible.append(content)

    def is_written(self) -> None:
        """It was answered that this was done."""
        del self._possible[:-1]

    def seen(self, content: Content) -> Content:
        """Whatever was cut off is there or not, and always as a whole."""
        assert content in self._possible, (content, self._possible)
        self._possible = [content]
        return content


class Works:
    """The notebook and the file of one agent."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self._notebook, self._file = f"{name}.ipynb", f"{name}.txt"
        self._random = chance
        self._cells: Possible[tuple[str, ...] | None] = Possible(None)
        self._text: Possible[str | None] = Possible(None)
        self._ran: dict[str, float] = {}
        """Sources of cells that have run, with when that was answered."""
        self._count = 0

    def check(self, root: Path, *, killed: float) -> None:
        """Nothing is there that was not written, and nothing that was is lost.

        ``killed`` is when a server was killed last.
        """
        sources = self._seen(root)
        cells = _cells(root / self._notebook) or []
        for source, cell in zip(sources or (), cells, strict=True):
            if source in self._ran:
                printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
                assert printed == f"{_number(source)}\n", (source, cell, killed, self._ran[source])
        text = root / self._file
        self._text.seen(text.read_text() if text.exists() else None)

    def notebook(self, client: McpClient) -> None:
        """Read the notebook, and change it in some way."""
        sources = self._seen(client.server.root_dir)
        if sources is None:
            self._create(client)
            return
        read = client.call("read_notebook", path=self._notebook, view="outputs")
        assert not read.is_error, read.text
        handles = [cell["handle"] for cell in read.meta["jupyter-mcp-ext/notebook"]["cells"]]
        assert len(handles) == len(sources), (read.text, sources)
        if len(sources) > MANY:
            self._delete(client, sources, handles)
        else:
            self._random.choice((self._insert, self._insert, self._edit))(client, sources, handles)

    def file(self, client: McpClient) -> None:
        """Write the file whole, or append to it; then read it."""
        path = client.server.root_dir / self._file
        before = self._text.seen(path.read_text() if path.exists() else None)
        appends = before is not None and self._random.random() < 0.5
        new = f"{self._next()}\n" * (1 if appends else LINES)
        self._text.begins(f"{before}{new}" if appends else new)
        written = client.call("write_file", path=self._file, content=new, append=appends)
        assert not written.is_error, written.text
        self._text.is_written()
        read = client.call("read_file", path=self._file, limit=10 * LINES)
        assert new.split()[-1] in read.text.splitlines()[-1], (new, read.text)

    def _create(self, client: McpClient) -> None:
        cells = [self._source(), self._source()]
        self._cells.begins(tuple(cells))
        _done(client.call("create_notebook", path=self._notebook, cells=cells))
        self._cells.is_written()

    def _insert(self, client: McpClient, sources: tuple[str, ...], handles: list[str]) -> None:
        source = self._source()
        self._cells.begins((*sources, source))
        result = client.call("insert_cells", path=self._notebook, cells=[source], run=True)
        _done(result)
        self._cells.is_written()
        assert result.status == "ok", result.text
        assert f"{_number(source)}" in result.text
        self._ran[source] = time.monotonic()

    def _edit(self, client: McpClient, sources: tuple[str, ...], handles: list[str]) -> None:
        at, source = self._random.randrange(len(sources)), self._source()
        self._cells.begins((*sources[:at], source, *sources[at + 1 :]))
        _done(client.call("edit_cell", path=self._notebook, cell=handles[at], source=source))
        self._cells.is_written()

    def _delete(self, client: McpClient, sources: tuple[str, ...], handles: list[str]) -> None:
        some = MANY // 2
        self._cells.begins(sources[some:])
        _done(client.call("delete_cells", path=self._notebook, cells=handles[:some]))
        self._cells.is_written()

    def _seen(self, root: Path) -> tuple[str, ...] | None:
        cells = _cells(root / self._notebook)
        return self._cells.seen(
            None if cells is None else tuple("".join(cell["source"]) for cell in cells)
        )

    def _source(self) -> str:
        return f"print({self._next()})"

    def _next(self) -> int:
        self._count += 1
        return self._count


def _cells(path: Path) -> list[dict[str, Any]] | None:
    if not path.exists():
        return None
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    return cells


def _number(source: str) -> int:
    return int(source.removeprefix("print(").removesuffix(")"))


def _done(result: Result) -> None:
    assert not result.is_error, result.text
