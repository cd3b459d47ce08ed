"""A cell that runs, written into a document that people share."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import pytest
from jupyter_ydoc import YNotebook

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.draft import Change, Changed, Saving
from jupyter_mcp_ext.notebooks.running import recording
from jupyter_mcp_ext.notebooks.running.pace import ROOM_PAUSE
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft
from jupyter_mcp_ext.notebooks.shared.pressed import Pressed

T = TypeVar("T")


def code(cell_id: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": "x",
        "metadata": {},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "earlier"}],
        "execution_count": 7,
    }


class Shared:
    """A document that is open, with two cells, of which the first is run."""

    def __init__(self) -> None:
        self.document = YNotebook()
        cells = [code("one"), code("two")]
        self.document.set({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        self.ids = CellIds(self.document.ycells)
        self.pressed = Pressed(self.document.ycells)
        self.writes = 0
        self.wrote = asyncio.Event()
        self.saving: Saving | None = None
        self.file: dict[str, Any] | None = None
        self.notes: tuple[str, ...] = ()
        """What there is to say of the notebook."""
        self.is_loading = False
        """Whether a room is opening, so that the file tells nothing."""
        self.let_go: list[RunningCell] = []
        self.failures: list[Exception] = []
        self.error: Exception | None = None
        """What the document fails with."""
        self.recording = Recording(
            self.change,
            see=lambda _: None,
            stamp=self.stamp,
            on_let_go=self.let_go.append,
            on_failure=self.failures.append,
        )
        self.cell = RunningCell("one")

    async def stamp(self) -> object:
        if self.is_loading:
            raise ContentsError
        return object()

    async def change(self, change: Change[T]) -> Changed[T]:
        self.writes += 1
        if self.error is not None:
            raise self.error
        if self.file is not None:
            value = change(FileDraft(self.file))
            return Changed(value=value, home="file", saved="saved")
        with RoomDraft(self.document, self.ids, pressed=self.pressed) as draft:
            value = change(draft)
        self.wrote.set()
        return Changed(
            value=value, home="room", saved="saved", saving=self.saving, notes=self.notes
        )

    def close(self, *, is_saved: bool) -> None:
        """The room closes; the file may lack what was written last."""
        node = self.document.get()
        if not is_saved:
            node["cells"] = [code("one"), code("two")]
        self.file = node

    async def run(self, count: int = 3) -> None:
        """Begin to run the first cell."""
        self.cell.opened(await self.recording.step(lambda draft: self.cell.open(draft, 0)))
        self.cell.begin(count)

    async def prints(self, text: str) -> None:
        """The cell prints something, which is written."""
        self.cell.outputs.take("stream", {"name": "stdout", "text": text})
        self.recording.note(self.cell)
        await self.recording.step(lambda _: None)

    async def ends(self) -> None:
        """The cell ends."""
        self.cell.end(None, {"iopub.status.busy": 1.0, "shell.execute_reply": 2.5})
        self.recording.note(self.cell)
        await self.recording.close()

    @property
    def shown(self) -> dict[str, Any]:
        """The first cell as people see it."""
        cell: dict[str, Any] = self.document.ycells[0].to_py()
        return cell

    @property
    def texts(self) -> list[str]:
        return [output["text"] for output in self.shown["outputs"]]

    def presses_run(self) -> None:
        """A person runs the cell: JupyterLab clears it at once."""
        with self.document.ydoc.transaction():
            cell = self.document.ycells[0]
            cell["execution_count"] = None
            del cell["outputs"][:]
            cell["execution_state"] = "idle"
        cell["execution_state"] = "running"


async def test_a_cell_shows_at_once_that_it_runs_and_then_what_it_puts_out() -> None:
    shared = Shared()

    await shared.run()
    begun = shared.shown
    await shared.prints("a\n")
    await shared.prints("b\n")
    during = shared.shown
    await shared.ends()

    assert (begun["execution_state"], begun["execution_count"], begun["outputs"]) == (
        "running",
        None,
        [],
    )
    assert (during["execution_state"], during["execution_count"]) == ("running", None)
    assert shared.texts == ["a\nb\n"]
    assert (shared.shown["execution_state"], shared.shown["execution_count"]) == ("idle", 3)
    assert shared.shown["metadata"]["execution"] == {
        "iopub.status.busy": "1970-01-01T00:00:01.000000Z",
        "shell.execute_reply.started": "1970-01-01T00:00:01.000000Z",
        "shell.execute_reply": "1970-01-01T00:00:02.500000Z",
    }


async def test_a_cell_that_a_person_runs_after_its_first_output_is_let_go() -> None:
    shared = Shared()
    await shared.run()
    await shared.prints("ours")

    shared.presses_run()
    await shared.prints("ours too")
    await shared.ends()

    assert shared.let_go == [shared.cell]
    assert shared.texts == []
    assert shared.shown["execution_state"] == "running"  # of the person's run


async def test_a_cell_that_a_person_runs_before_its_first_output_is_let_go() -> None:
    shared = Shared()
    await shared.run()
    shared.recording.note(shared.cell)
    await shared.recording.step(lambda _: None)

    shared.presses_run()
    await shared.prints("ours")

    assert shared.let_go == [shared.cell]
    assert shared.texts == []


async def test_outputs_follow_a_cell_that_moves_and_go_nowhere_when_it_is_deleted() -> None:
    shared = Shared()
    await shared.run()
    await shared.prints("a")

    with shared.document.ydoc.transaction():
        shared.document.ycells.insert(0, shared.document.create_ycell(code("zero")))
    await shared.prints("b")
    moved = shared.document.ycells[1].to_py()["outputs"][0]["text"]
    with shared.document.ydoc.transaction():
        del shared.document.ycells[1]
    await shared.prints("c")

    assert moved == "ab"
    assert [cell.let_go for cell in shared.let_go] == ["deleted"]
    assert [cell["outputs"][0]["text"] for cell in shared.document.ycells.to_py()] == [
        "earlier",
        "earlier",
    ]


async def test_a_cell_that_becomes_text_is_let_go() -> None:
    shared = Shared()
    await shared.run()
    shared.document.ycells[0]["cell_type"] = "markdown"

    await shared.prints("a")

    assert [cell.let_go for cell in shared.let_go] == ["no code cell"]


async def test_a_display_that_changes_and_a_clear_replace_what_was_shown() -> None:
    shared = Shared()
    await shared.run()
    show: dict[str, Any] = {
        "data": {"text/plain": "1"},
        "metadata": {},
        "transient": {"display_id": "d"},
    }
    shared.cell.outputs.take("display_data", show)
    await shared.prints("a")
    first = [output.get("data", output.get("text")) for output in shared.shown["outputs"]]

    shared.cell.outputs.update({**show, "data": {"text/plain": "2"}})
    await shared.prints("b")
    second = [output.get("data", output.get("text")) for output in shared.shown["outputs"]]
    shared.cell.outputs.take("clear_output", {})
    await shared.prints("c")

    assert first == [{"text/plain": "1"}, "a"]
    assert second == [{"text/plain": "2"}, "ab"]
    assert shared.texts == ["c"]


@pytest.mark.parametrize("is_saved", [True, False])
async def test_a_room_that_closes_while_a_cell_runs_loses_none_of_its_outputs(
    is_saved: bool,
) -> None:
    shared = Shared()
    await shared.run()
    shared.cell.outputs.take("display_data", {"data": {"text/plain": "1"}, "metadata": {}})
    await shared.prints("a")

    shared.close(is_saved=is_saved)
    await shared.prints("b")
    await shared.ends()

    assert shared.let_go == []
    assert shared.file is not None
    outputs = shared.file["cells"][0]["outputs"]
    assert [output.get("data", output.get("text")) for output in outputs] == [
        {"text/plain": "1"},
        "ab",
    ]
    assert shared.file["cells"][0]["execution_count"] == 3
    assert shared.file["cells"][1]["outputs"][0]["text"] == "earlier"


async def test_a_room_that_opens_just_after_a_write_into_the_file_does_not_undo_it() -> None:
    shared = Shared()
    shared.close(is_saved=True)
    await shared.run()

    shared.is_loading = True
    await shared.prints("a")
    shared.is_loading = False
    await shared.prints("b")

    assert shared.let_go == []
    assert shared.file is not None
    assert shared.file["cells"][0]["outputs"][0]["text"] == "ab"


async def test_a_number_that_is_too_large_for_a_browser_is_written_as_text() -> None:
    shared = Shared()
    await shared.run()

    data: dict[str, Any] = {"application/json": {"x": 2**2_000, "y": 2}}
    shared.cell.outputs.take("display_data", {"data": data, "metadata": {}})
    await shared.prints("a")

    display, text = shared.shown["outputs"]
    value = display["data"]["application/json"]
    assert value == {"x": str(2**2_000), "y": 2.0}
    assert text["text"] == "a"


@pytest.mark.parametrize("count", [2**2_000, -1, True], ids=["large", "negative", "no number"])
async def test_a_count_that_no_notebook_has_is_left_out(count: int) -> None:
    shared = Shared()
    shared.close(is_saved=True)
    await shared.run(count)

    await shared.prints("a")
    await shared.prints("b")
    await shared.ends()

    assert shared.let_go == []
    assert shared.file is not None
    assert shared.file["cells"][0]["execution_count"] is None
    assert shared.file["cells"][0]["outputs"][0]["text"] == "ab"


async def test_a_document_that_fails_is_told_of_and_written_when_it_works_again() -> None:
    shared, error = Shared(), RuntimeError("The shared document could not be used")
    await shared.run()

    shared.error = error
    shared.cell.outputs.take("stream", {"name": "stdout", "text": "a"})
    shared.recording.note(shared.cell)
    await shared.recording.close()
    failures = shared.failures
    shared.error = None
    await shared.recording.close()

    assert failures == [error]
    assert shared.texts == ["a"]


async def test_many_prints_are_few_writes() -> None:
    shared = Shared()
    await shared.run()
    loop = asyncio.get_running_loop()
    began, before = loop.time(), shared.writes

    for n in range(2_000):
        shared.cell.outputs.take("stream", {"name": "stdout", "text": f"{n}\n"})
        shared.recording.note(shared.cell)
        await asyncio.sleep(0)
    await shared.ends()

    assert shared.writes - before <= (loop.time() - began) / ROOM_PAUSE + 2
    assert shared.texts == ["".join(f"{n}\n" for n in range(2_000))]


async def in_gap() -> tuple[Shared, asyncio.Event]:
    """A cell that has put out "a" and then "b" in a gap; it ends with the event."""
    shared, tried = Shared(), asyncio.Event()
    await shared.run()
    shared.saving = Saving(delay=1.0, waits=60.0, tried=tried.wait)
    await shared.prints("a")
    shared.saving = None
    shared.wrote.clear()
    shared.cell.outputs.take("stream", {"name": "stdout", "text": "b"})
    shared.recording.note(shared.cell)
    await shared.recording.look(lambda _: None)
    return shared, tried


async def test_nothing_is_written_until_the_room_has_saved() -> None:
    shared, tried = await in_gap()
    in_the_gap = shared.texts

    tried.set()
    shared.wrote.clear()
    await shared.wrote.wait()

    assert in_the_gap == ["a"]
    assert shared.texts == ["ab"]


async def test_a_room_that_does_not_save_is_written_into_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "LONGEST_GAP", 0.01)
    shared, _ = await in_gap()
    shared.wrote.clear()

    await shared.wrote.wait()

    assert shared.texts == ["ab"]


async def test_the_end_of_a_run_does_not_wait_for_a_gap() -> None:
    shared, _ = await in_gap()

    await shared.ends()

    assert shared.texts == ["ab"]
    assert shared.shown["execution_state"] == "idle"


async def test_what_is_told_when_a_cell_is_looked_at_is_kept_once() -> None:
    shared = Shared()
    await shared.run()
    shared.notes = ("an earlier edit was lost",)

    # Too soon for another write, so that it is only looked at.
    await shared.recording.look(lambda _: None)
    await shared.recording.look(lambda _: None)

    assert shared.recording.notes == shared.notes
