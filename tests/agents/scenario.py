"""What the mock model does: a list of tool calls, one for each thing that a result can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .record import Result

ID = re.compile(r"\b[a-z0-9]{8}-\d+\b")
"""The id of an execution, as results have it."""
LATEST = "{id}"
"""Stands in arguments for the id in the latest result that has one."""
LINES = 2_800
LONG = f"for n in range({LINES}):\n    print(f'{{n:05}} long output, in many lines .....')"
"""Prints 100 kB."""
PLOT = "import matplotlib.pyplot as plt\nplt.plot([3, 1, 2])\nplt.show()"
FRAME = "import pandas\npandas.DataFrame({'city': ['Łódź', 'Köln'], 'price': [1.5, 2.25]})"
QUESTION = "name = input('Your name? ')"
SUM = "6 * 7"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call that the model makes."""

    name: str
    """What it is for, which is unique in a scenario."""
    tool: str
    arguments: Mapping[str, Any]
    before: Callable[[], None] | None = None
    """Is done once, before the client is told to make the call."""

    def made(self, results: Sequence[Result]) -> Mapping[str, Any]:
        """The arguments, after some results."""
        found = [one for result in results for one in ID.findall(result.text)]
        text = json.dumps(self.arguments).replace(LATEST, found[-1] if found else "none")
        made: dict[str, Any] = json.loads(text)
        return made


def run(name: str, code: str, **more: Any) -> Step:
    """A step that runs code."""
    return Step(name=name, tool="execute_code", arguments={"code": code, **more})


def everything(
    notebook: str, held: str, *, release: Callable[[], None], restart: Callable[[], None]
) -> list[Step]:
    """All that is looked at in one run of a client.

    ``held`` is code that runs until ``release`` is called; ``notebook`` is the path of a new one;
    ``restart`` restarts the server.
    """
    cells = [{"type": "code", "source": "print('run', 'in a notebook')"}]
    made = {"path": notebook, "cells": [{"type": "code", "source": "first = 1"}]}
    return [
        run("text", f"print('gr\\u00fc\\u00df dich')\n{SUM}"),
        run("image", PLOT),
        run("frame", FRAME),
        run("exception", "1 / 0"),
        run("long", LONG),
        run("running", held, wait=1),
        Step(
            name="rest",
            tool="get_output",
            arguments={"output_id": LATEST, "wait": 50},
            before=release,
        ),
        Step(name="notebook", tool="create_notebook", arguments=made),
        Step(
            name="cells",
            tool="insert_cells",
            arguments={"path": notebook, "cells": cells, "run": True},
        ),
        Step(name="restart", tool="execute_code", arguments={"code": SUM}, before=restart),
        # The last, since a client may end where no person can be asked.
        run("input", QUESTION),
    ]
