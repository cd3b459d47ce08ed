"""Writing in the background: one write at a time, and nothing that was noted is left."""

from __future__ import annotations

import asyncio

from jupyter_mcp_ext.flushing import Flusher


class Notes:
    """Writes what was noted; a write ends when ``goes_on`` is set."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.written: list[list[str]] = []
        self.at_once = 0
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()
        self.flusher = Flusher(self._write, name="test")

    async def _write(self) -> float | None:
        self.at_once += 1
        assert self.at_once == 1
        noted, self.noted = self.noted, []
        self.begun.set()
        await self.goes_on.wait()
        self.written.append(noted)
        self.at_once -= 1
        return 0.0 if self.noted else None

    def note(self, text: str) -> None:
        self.noted.append(text)
        self.flusher.schedule(60.0)

    async def flush(self) -> None:
        while self.noted or self.flusher.is_writing:
            self.flusher.start()
            await self.flusher.written()


async def test_what_is_noted_together_is_written_together() -> None:
    notes = Notes()
    notes.note("a")
    notes.note("b")

    await notes.flush()

    assert notes.written == [["a", "b"]]


async def test_what_is_noted_during_a_write_is_written_by_the_next() -> None:
    notes = Notes()
    notes.goes_on.clear()
    notes.note("a")
    notes.flusher.start()
    await notes.begun.wait()
    notes.note("b")
    notes.flusher.start()
    notes.goes_on.set()

    await notes.flush()

    assert notes.written == [["a"], ["b"]]


async def test_a_write_that_is_cancelled_before_it_began_does_not_happen() -> None:
    notes = Notes()
    notes.note("a")
    notes.flusher.cancel()
    await notes.flusher.written()

    assert not notes.flusher.is_writing
    assert notes.written == []


async def test_what_is_to_be_written_soon_does_not_wait_for_a_later_write() -> None:
    notes = Notes()
    notes.note("a")
    notes.flusher.schedule(0.0)

    await asyncio.wait_for(notes.begun.wait(), 30)
    await notes.flush()

    assert notes.written == [["a"]]
