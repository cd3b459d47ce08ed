"""Runs all clients and writes the page: ``python -m tests.agents``; see `--help`."""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from .installing import PINNED, latest, pinned_version
from .libraries import LIBRARIES
from .programs import PROGRAMS
from .seeing import CLIENTS, seen, stage
from .table import FILE, read, written


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.agents", description=__doc__)
    parser.add_argument("clients", nargs="*", help="names of clients; without any, all are run")
    parser.add_argument(
        "--latest", action="store_true", help="run the newest versions and write nothing"
    )
    options = parser.parse_args()
    keys = [client.key for client in CLIENTS]
    if unknown := set(options.clients) - set(keys):
        parser.error(f"{', '.join(unknown)}: not among {', '.join(keys)}")
    told = read(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    found = {name: {**row} for name, row in told.items()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = latest(folder) if options.latest else PINNED
        on = stack.enter_context(stage(folder, installation))
        for client in CLIENTS:
            if options.clients and client.key not in options.clients:
                continue
            begun = time.monotonic()
            found[client.name] = seen(client, on)
            seconds = time.monotonic() - begun
            print(f"{client.name} {installation.version(client.package)}: {seconds:.0f} s")
            for name, word in found[client.name].items():
                if word != told.get(client.name, {}).get(name):
                    print(f"  {name}: {word} (the page: {told.get(client.name, {}).get(name)})")
    if not options.latest:
        versions = {client.name: pinned_version(client.package) for client in CLIENTS}
        FILE.write_text(written(PROGRAMS, LIBRARIES, versions, found), encoding="utf-8")


if __name__ == "__main__":
    _main()
