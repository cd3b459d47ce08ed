"""``python -m tests.soak SECONDS USERS`` prints a table of what was found."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.soak.soak import Soak

SECONDS, USERS = 600.0, 50


def main() -> None:
    """Soak and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    users = int(sys.argv[2]) if len(sys.argv) > 2 else USERS
    with tempfile.TemporaryDirectory() as name:
        figures = Soak(Path(name), users=users).run(seconds)
    sys.stdout.write(f"{figures}\n")
    figures.check()


main()
