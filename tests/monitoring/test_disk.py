from __future__ import annotations

from pathlib import Path

from prometheus_client import Metric

from jupyter_mcp_ext.monitoring.disk import DiskMeter


def values(meter: DiskMeter) -> dict[str, float]:
    """What a scrape has of it."""
    families: list[Metric] = list(meter.collect())
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_a_scrape_has_what_was_measured_before_and_begins_the_next(tmp_path: Path) -> None:
    meter = DiskMeter(tmp_path)
    meter.start()

    before = values(meter)
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    await meter.measured()

    assert before == {}
    assert values(meter)["jupyter_mcp_sessions_disk_bytes"] >= 100_000
    assert values(meter)["jupyter_mcp_disk_free_bytes"] > 0


async def test_what_was_measured_lately_is_not_measured_again(tmp_path: Path) -> None:
    meter = DiskMeter(tmp_path)
    meter.start()
    before = await meter.measured()

    (tmp_path / "file").write_bytes(b"x" * 100_000)

    assert before is not None
    assert await meter.measured() is before


async def test_sessions_that_are_not_there_yet_take_nothing(tmp_path: Path) -> None:
    meter = DiskMeter(tmp_path / "none" / "yet")
    meter.start()

    disk = await meter.measured()

    assert disk is not None
    assert disk.used == 0
    assert disk.free > 0


async def test_without_a_folder_nothing_is_measured() -> None:
    meter = DiskMeter(None)
    meter.start()

    assert await meter.measured() is None
    assert values(meter) == {}


async def test_nothing_is_measured_after_the_stop(tmp_path: Path) -> None:
    meter = DiskMeter(tmp_path)
    meter.start()
    meter.stop()

    assert await meter.measured() is None
