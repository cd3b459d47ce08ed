"""The text that a model reads of the displays of many libraries.

``libraries.json`` has what kernels sent of them, in the versions named there: style sheets,
programs and data that are not read are shortened. ``libraries.txt`` has what is read of each.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from jupyter_mcp_ext.outputs.bundles import choose
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, MimeBundle
from jupyter_mcp_ext.outputs.pages import text_lines
from jupyter_mcp_ext.outputs.parts import part_of

_HERE = Path(__file__).parent


@cache
def displays() -> dict[str, MimeBundle]:
    """What was sent, by library and what it shows."""
    recorded = json.loads((_HERE / "libraries.json").read_text())
    return {f"{one['library'].split()[0]}: {one['shows']}": one["data"] for one in recorded}


@cache
def readings() -> dict[str, str]:
    parts = re.split(r"^## (.*)\n", (_HERE / "libraries.txt").read_text(), flags=re.MULTILINE)
    return {name: text.rstrip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def read(data: MimeBundle) -> str:
    part = part_of(Display(data=data), Limits(), "x-1/1")
    return part.fit(10_000, lambda offset: f'get_output("x-1/1", offset={offset})').text


@pytest.mark.parametrize("name", displays())
def test_a_library_reads_as(name: str) -> None:
    assert read(displays()[name]).rstrip("\n") == readings()[name]


def test_each_display_has_its_reading() -> None:
    assert displays().keys() == readings().keys()


@pytest.mark.parametrize(
    "name", [name for name, data in displays().items() if choose(data)[1] == "text/html"]
)
def test_what_is_shown_of_html_is_in_its_pages(name: str) -> None:
    shown = read(displays()[name]).split("\n")
    paged = text_lines(Display(data=displays()[name]))

    assert {line for line in shown if "…" not in line and line[0] not in "[|"} <= {*paged}
    assert sum(line.startswith("|") for line in shown) <= sum(line[:1] == "|" for line in paged)
