"""The source texts that are sent to a kernel: modules of `in_kernel`, joined into one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jupyter_mcp_ext.in_kernel import snapshot

FOLDER = Path(snapshot.__file__).parent

OWN_IMPORTS = re.compile(r"^from \.\w+ import (?:\([^)]*\)|[^\n]*)\n", re.MULTILINE)

FUTURE = "from __future__ import annotations\n"

STATES = ("libraries", "interactive", "imported", "process", "parts")

VALUES = ("functions", "classes", "holes", "sets", "values", "exceptions", "arrays", "pools")

SHARED = ("words", "found", "keys", *VALUES, *STATES)


def beginning() -> str:
    """The code whose function ``begin`` starts a save: short, since the kernel compiles it."""
    return _joined("forking")


def saving() -> str:
    """The code whose functions ``save`` and ``supervise`` write variables."""
    return _joined(*SHARED, "sink", "pickler", "saving", "supervising")


def loading() -> str:
    """The code whose functions ``load`` and ``about`` bring them back."""
    return _joined(*SHARED, "patient", "reading", "loading")


@cache
def _joined(*modules: str) -> str:
    """The modules in the order of their imports."""
    texts = ((FOLDER / f"{module}.py").read_text(encoding="utf-8") for module in modules)
    return FUTURE + "\n".join(OWN_IMPORTS.sub("", text).replace(FUTURE, "") for text in texts)
