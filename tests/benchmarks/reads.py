"""`read_notebook` of large notebooks, and how long others wait at the same time."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.clients import Client
from tests.benchmarks.edits import NEW, done, notebook, server_with
from tests.benchmarks.measures import Row, Samples
from tests.benchmarks.meter import LOADED, reading

ROUNDS = 5
CELLS = 100
VIEWS = ("source", "outline", "outputs")
PICTURE = 375_000
"""Bytes of an image; each cell has one."""
LINE = "a line of a long output, as programs print them: 0.123456789\n"


def reads(base: Path) -> list[Row]:
    """Each notebook in each view."""
    rows = []
    with server_with(base, "reads", *LOADED) as server:
        client = Client(server, NEW)
        for words, made in MADE.items():
            name = f"{words.replace(' ', '-')}.ipynb"
            size = (server.root_dir / name).write_text(json.dumps(made(), indent=1)) / 1e6
            for view in VIEWS:
                samples, stalls = Samples(), Samples()
                for _ in range(ROUNDS):
                    reading(server)
                    samples.measure(
                        lambda n=name, v=view: done(  # type: ignore[misc]  # mypy does not know them
                            client.call("read_notebook", path=n, view=v)
                        )
                    )
                    stalls.milliseconds.append(reading(server).stall)
                rows.append(
                    Row(
                        name=f"`read_notebook`, {words} of {size:.0f} MB, {view}",
                        figures=f"{samples}, {stalls.longest}",
                        goal="no stall over 100 ms",
                    )
                )
    return rows


def _lines() -> dict[str, Any]:
    """Outputs that are lists of lines, as Jupyter saves them."""
    made = notebook(CELLS)
    for cell in made["cells"]:
        cell["outputs"][0]["text"] = [LINE] * 7_600
    return made


def _text() -> dict[str, Any]:
    """One output that is one text."""
    made = notebook(CELLS)
    made["cells"][0]["outputs"][0]["text"] = LINE * 800_000
    return made


def _images() -> dict[str, Any]:
    made, chosen = notebook(CELLS), random.Random(1)
    for cell in made["cells"]:
        data = {"image/png": base64.b64encode(chosen.randbytes(PICTURE)).decode()}
        cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    return made


def _source() -> dict[str, Any]:
    made = notebook(CELLS)
    made["cells"][0]["source"] = "x = 'a line of a long source'\n" * 170_000
    return made


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "lists of lines": _lines,
    "one text": _text,
    "images": _images,
    "one source": _source,
}
