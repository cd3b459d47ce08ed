"""The file of a save, on disks that are slow."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jupyter_mcp_ext.in_kernel.snapshot.clock import Clock
from jupyter_mcp_ext.in_kernel.snapshot.sink import AHEAD, Sink
from jupyter_mcp_ext.in_kernel.snapshot.words import OutOfTime

MAX_BYTES = 1_000 * AHEAD

PATIENCE = 1_000.0


@dataclass
class Disk:
    """A disk for which every synchronization takes seconds, and the time that passes there."""

    seconds: float
    time: float = 0.0
    sizes: list[int] = field(default_factory=list)
    """The size of the file at each synchronization."""

    def synchronize(self, file: int) -> None:
        self.sizes.append(os.fstat(file).st_size)
        self.time += self.seconds

    def sink(self, path: Path, *, deadline: float, patience: float = PATIENCE) -> Sink:
        file = path.open("wb", buffering=1 << 20)
        return Sink(file, MAX_BYTES, deadline, Clock(patience, lambda: self.time), self.synchronize)


def test_what_is_written_is_synchronized_piece_by_piece(tmp_path: Path) -> None:
    disk = Disk(seconds=0)
    sink = disk.sink(tmp_path / "data", deadline=1)

    sink.write(bytes(3 * AHEAD))
    for _ in range(10):
        sink.write(bytes(AHEAD // 5))

    assert disk.sizes == [number * AHEAD for number in range(1, 6)]


def test_time_for_which_the_disk_is_waited_for_does_not_count(tmp_path: Path) -> None:
    disk = Disk(seconds=60)
    sink = disk.sink(tmp_path / "data", deadline=1)

    sink.write(bytes(10 * AHEAD))

    assert (disk.time, sink.is_late) == (600, False)
    disk.time += 2
    with pytest.raises(OutOfTime):
        sink.write(b"more")


def test_a_disk_that_is_too_slow_is_not_waited_for_again(tmp_path: Path) -> None:
    disk = Disk(seconds=60)
    sink = disk.sink(tmp_path / "data", deadline=10, patience=100)

    sink.write(bytes(AHEAD))
    sink.write(bytes(9 * AHEAD))

    assert len(disk.sizes) == 2
    assert sink.is_late  # by what it waited beyond its patience


def test_what_was_cut_off_is_synchronized_when_it_is_written_again(tmp_path: Path) -> None:
    disk = Disk(seconds=0)
    sink = disk.sink(tmp_path / "data", deadline=1)
    mark = sink.mark()
    sink.write(bytes(2 * AHEAD))

    sink.cut(mark)
    sink.write(bytes(2 * AHEAD))

    assert disk.sizes == [AHEAD, 2 * AHEAD, AHEAD, 2 * AHEAD]


def test_another_process_sees_that_the_time_stands_still() -> None:
    disk = Disk(seconds=0)
    clock = Clock(PATIENCE, lambda: disk.time)
    child = os.fork()
    if child == 0:
        with clock.standing():
            os._exit(0)
    os.waitpid(child, 0)

    disk.time += 5
    stood = clock.now()
    clock.go()
    disk.time += 7

    assert (stood, clock.now()) == (0, 7)
