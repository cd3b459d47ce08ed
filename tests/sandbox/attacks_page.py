"""``python -m tests.sandbox.attacks_page``: write docs/attacks.md, the table of the attacks."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from .attacks import CLASSES, NEEDS_ROOT

PAGE = Path(__file__).parent.parent.parent / "docs/attacks.md"

REMAINING = {
    "see whether a file of the host exists": "Landlock does not restrict `stat`: names that are "
    "known or guessed can be checked, with sizes, owners and times; contents and folders cannot be "
    "read",
    "change the mode of a file of the root": "Landlock does not restrict `chmod`: it works on all "
    "files of the account whose names are known",
    "change the group of a file of the root": "nor `chown`, which gives files to other groups of "
    "the account",
    "change the times of a file of the root": "nor `utime`",
    "lock another session out of its folder": "nor `chmod` of the folders "
    "of other sessions and of what the server keeps",
    "learn the name of the host": "there is no namespace that has another name",
}
"""What succeeds under Landlock, and why it is not stopped."""

HEAD = """\
# Attacks that are tried

Each is run by the tests from a kernel without a sandbox, where it succeeds, and from one in the \
sandbox, under bubblewrap and under Landlock: as root and as an ordinary user. Under bubblewrap \
none succeeds, under Landlock those in the third column. Those marked * only root can try. The \
code is in [tests/sandbox/attacks.py](../tests/sandbox/attacks.py); \
[Security](security.md#the-sandbox) says what the sandbox is.

| Against | Attacks | Of these succeed under Landlock |
|---|---|---|
"""


def page() -> str:
    """The page as it has to be."""
    rows = (_row(kind, list(names)) for kind, names in groupby(CLASSES, CLASSES.__getitem__))
    why = (f"- {name}: {reason}.\n" for name, reason in REMAINING.items())
    return f"{HEAD}{''.join(rows)}\nWhat remains under Landlock, and why:\n\n{''.join(why)}"


def _row(kind: str, names: list[str]) -> str:
    marked = "; ".join(f"{name}*" if name in NEEDS_ROOT else name for name in names)
    left = "; ".join(name for name in names if name in REMAINING) or "none"
    return f"| {kind} | {marked} | {left} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
