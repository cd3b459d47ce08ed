"""File tools on large things: a page deep in a long log, and pages of a full folder."""

from __future__ import annotations

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import JupyterServer

ROUNDS = 10
LOG_BYTES = 1_000_000_000
LOG_LINES = 1_000_000
ENTRIES = 100_000
PAGE = 1_000


def files(server: JupyterServer) -> list[Row]:
    """`read_file` and `list_files`."""
    return [a_page_of_a_log(server), *pages_of_a_folder(server)]


def a_page_of_a_log(server: JupyterServer) -> Row:
    """Lines 900,000 to 900,100 of a log of a gigabyte."""
    line = b"%09d " + b"x" * (LOG_BYTES // LOG_LINES - 11) + b"\n"
    log = server.root_dir / "large.log"
    with log.open("wb") as file:
        for number in range(1, LOG_LINES + 1):
            file.write(line % number)
    client, samples = Client(server, "2026-07-28"), Samples()
    for _ in range(ROUNDS):
        samples.measure(lambda: client.call("read_file", path=log.name, offset=900_000, limit=101))
    log.unlink()
    return Row(name="`read_file`, lines 900,000 to 900,100 of 1 GB", figures=str(samples))


def pages_of_a_folder(server: JupyterServer) -> list[Row]:
    """The first and the last page of a folder of 100,000 files, and how long others wait."""
    folder = server.root_dir / "full"
    folder.mkdir()
    for number in range(ENTRIES):
        (folder / f"{number:06}.txt").touch()
    client = Client(server, "2026-07-28")
    rows = []
    for words, offset in (("first", 0), ("last", ENTRIES - PAGE)):
        samples = Samples()
        for _ in range(ROUNDS):
            samples.measure(
                lambda at=offset: client.call(  # type: ignore[misc]  # mypy does not know it
                    "list_files", path="full", offset=at, limit=PAGE
                )
            )
        name = f"`list_files`, {words} {PAGE:,} of {ENTRIES:,} files"
        rows.append(Row(name=name, figures=str(samples)))
    return rows
