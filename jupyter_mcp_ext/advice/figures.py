"""Matplotlib figures that exist but were not shown: only the inline backend shows them here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.in_kernel.expressions import FIGURES
from jupyter_mcp_ext.outputs.model import Display

from .run import Adviser, Run

ASKED = "figures"

_DRAWS = re.compile(r"\bplt\.|\bpyplot\b|\.(?:plot|hist|show|subplots|figure)\(")
_FOUND = re.compile(r"'(?P<backend>[\w.:/-]{1,100}) (?P<count>[1-9]\d{0,5})'")
_SHOWS_THEM = re.compile(r"inline|ipympl|widget|nbagg|notebook", re.IGNORECASE)
_NO_SCREEN = re.compile(r"Cannot load backend '(?P<backend>[\w.:/-]{1,100})'")

INSTEAD = (
    "run %matplotlib inline: then display(plt.gcf()) shows the latest figure, and later plots are "
    "shown automatically"
)


def _asks(source: str) -> Mapping[str, str]:
    return {ASKED: FIGURES} if _DRAWS.search(source) else {}


def _says(run: Run) -> Iterator[str]:
    error = run.error
    if error is not None and error.ename == "ImportError":
        screen = _NO_SCREEN.match(error.evalue[:300])
        if screen is not None:
            yield f"there is no screen here for the backend {screen['backend']}: {INSTEAD}"
        return
    found = _FOUND.fullmatch(run.asked.get(ASKED, ""))
    if found is None or _SHOWS_THEM.search(found["backend"]) or _is_saved(run.source):
        return
    if not any(_is_picture(output) for output in run.shown() if isinstance(output, Display)):
        count = int(found["count"])
        exist = "1 figure exists" if count == 1 else f"{count} figures exist"
        backend = found["backend"]
        yield f"{exist} and none was shown, as matplotlib's backend is {backend}: {INSTEAD}"


def _is_saved(source: str) -> bool:
    """Whether the code only saves its figures to files."""
    return "savefig(" in source and "show(" not in source


def _is_picture(display: Display) -> bool:
    return any(name.startswith("image/") or name == "text/html" for name in display.data)


ADVISER = Adviser(says=_says, asks=_asks)
