"""Cells that are run here get the outputs that nbclient gives them.

Two differences are meant, and JupyterLab has both: consecutive writes to a stream are one output,
and text is as a terminal shows it after its carriage returns and backspaces.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

from tests.engine import running
from tests.operations.test_cells import code, markdown, run, saved, write

TEXT = [
    "print('one')",
    "print('a'); print('b')",
    "import sys\nprint('out'); print('err', file=sys.stderr); print('out again')",
    "sys.stdout.write('no newline')",
    "print('näßlich \\N{SNOWMAN} \\U0001F600')",
    "print('\\x1b[31mred\\x1b[0m')",
    "for n in range(300): print(n)",
    "print()",
    "'a value'",
    "None",
    "x = 1",
    "x; print(x); x + 1",
    "len?",
    "%%bash\necho cell magic",
    "%%capture taken\nprint('captured')",
    "taken.show()",
    "   ",
    "# a comment",
]
REWRITTEN = [
    ("!echo shell", "shell\n"),
    ("print('10 %', end='\\r'); print('90 %', end='\\r'); print('done')", "done\n"),
    ("print('abc\\b\\bXY')", "aXY\n"),
    ("print('long line\\rshort')", "shortline\n"),
    ("for n in range(50): print(f'\\r{n}', end='', flush=True)", "49"),
]
DISPLAYS = [
    "from IPython.display import *",
    "display('one', 'two')",
    "display(HTML('<b>bold</b>'))",
    "Latex('$x^2$')",
    "Math('x^2')",
    "Markdown('# title')",
    "JSON({'a': [1, {'b': None}]})",
    "Javascript('1 + 1')",
    "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
    "Image(b'\\x89PNG\\r\\n\\x1a\\n', format='png', width=3, metadata={'alt': 'nothing'})",
    "display({'text/plain': 'p', 'application/vnd.a+json': {'b': 1}}, raw=True)",
    "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'm', "
    "'version_major': 2, 'version_minor': 0}, 'text/plain': 'W()'}, raw=True)",
    "display({'text/plain': 'm'}, metadata={'text/plain': {'k': 1}}, raw=True)",
    "h = display('first', display_id='d')",
    "h.update('second')",
    "display('twice', display_id='e'); update_display('changed', display_id='e')",
    "display('x', display_id='d')",
    "update_display('all', display_id='d')",
    "update_display('nowhere', display_id='unknown')",
    "print('gone'); clear_output(); print('kept')",
    "print('gone'); clear_output(wait=True); print('kept')",
    "print('kept'); clear_output(wait=True)",
    "display('a'); clear_output(); display('b'); 'c'",
    "for n in range(5): clear_output(wait=True); print(n)",
    "class R:\n  def _repr_html_(self): return '<u>r</u>'\nR()",
    "class Q:\n  def _repr_mimebundle_(self, include=None, exclude=None):"
    " return {'text/plain': 'q', 'text/markdown': '*q*'}\nQ()",
]
ERRORS = [
    code("1/0"),
    code("raise ValueError('with\\nlines')", tags=["raises-exception"]),
    code("print('before'); undefined_name"),
    code("def f(:"),
    code("print('skipped')", tags=["skip-execution"]),
    markdown("text"),
    {"cell_type": "raw", "source": "raw", "metadata": {}},
    code("try:\n  1/0\nexcept ZeroDivisionError as e:\n  raise KeyError('k') from e"),
    code("import sys; sys.exit(3)"),
    code("print('after')", collapsed=True, unknown={"kept": [1, 2]}),
    code("assert False, 'why'"),
]
OTHERS = [
    "i, f = 1, 1",
    "while i < 5: print(f); i, f = i + 1, f * i",
    "print('\\u2603'); '\\u2603'",
    "get_ipython().history_manager.hist_file is None or True",
    "import base64, matplotlib\nmatplotlib.__name__",
    "from comm import create_comm\nc = create_comm('no-target', {'a': 1}); c.send({'b': 2})",
    "import time\nfor n in range(3): print(n, flush=True); time.sleep(0.02)",
    "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor() as pool: print(list(pool.map(str, range(3))))",
    "import ipywidgets as w\nslider = w.IntSlider(3)\nslider",
    "box = w.Output()\nbox",
    "with box: print('captured')",
    "print('outside')",
]
"""In the image of nbclient's own notebooks: factorials, text, history, comms, sleep, widgets.

Those have no image here that kill or interrupt their kernel, wait for another notebook, or ask
whether the kernel keeps its history in memory, as one does that nbclient has started.
"""
BOXES = [
    "import ipywidgets as w\nfrom IPython.display import clear_output\nbox = w.Output()\nbox",
    "print('hi')\nwith box: print('in the box')",
    "with box: raise ValueError('an error in it')",
    "print('on')\nwith box:\n  print('gone')\n  clear_output(wait=True)",
    "print('on')\nwith box:\n  print('gone')\n  clear_output(wait=True)\n  print('kept')",
    "print('on')\nwith box:\n  print('gone')\n  clear_output()",
    "print('gone')\nwith box:\n  display('text')\nclear_output()",
    "inner, outer = w.Output(), w.Output()\ninner",
    "outer",
    "with inner:\n  print('in')\n  with outer:\n    print('out')\n  print('in again')",
    "print('outside')",
]
"""Outputs in widgets, as nbclient's notebook of them has it."""

NOTEBOOKS = {
    "boxes": [code(source) for source in BOXES],
    "others": [code(source) for source in OTHERS],
    "text": [code(source) for source in TEXT],
    "displays": [code(source) for source in DISPLAYS],
    "errors": ERRORS,
}


SECONDS = 20
"""For nbclient to run a cell, and to get its outputs once it has run."""

TRIES = 4


def by_nbclient(cells: list[dict[str, Any]], folder: Path) -> list[Any]:
    """The cells as nbclient leaves them; on a busy machine it can wait for a message it missed."""
    for _ in range(TRIES - 1):
        with suppress(CellTimeoutError):
            return _by_nbclient(cells, folder)
    return _by_nbclient(cells, folder)


def _by_nbclient(cells: list[dict[str, Any]], folder: Path) -> list[Any]:
    node = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook = nbformat.reads(json.dumps(node), as_version=4)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook,
        allow_errors=True,
        kernel_name="python3",
        resources=resources,
        timeout=SECONDS,
        # Else it goes on after four seconds, without the outputs that have not come.
        iopub_timeout=SECONDS,
        raise_on_iopub_timeout=True,
    )
    asyncio.run(client.async_execute())
    return list(notebook.cells)


def outputs(cell: Any) -> Iterator[dict[str, Any]]:
    """A cell's outputs, consecutive writes to a stream as one."""
    nodes = [dict(node) for node in cell.get("outputs", [])]
    for name, group in groupby(nodes, lambda node: node.get("name")):
        if name is None:
            yield from map(plain, group)
        else:
            yield {"output_type": "stream", "name": name, "text": "".join(n["text"] for n in group)}


def plain(node: dict[str, Any]) -> dict[str, Any]:
    """An output without what differs between any two runs, such as addresses."""
    return json.loads(re.sub(r"0x[0-9a-f]+|[0-9a-f]{32}", "…", json.dumps(node)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_outputs_are_those_of_nbclient(jp_serverapp: Any, name: str) -> None:
    cells = copy.deepcopy(NOTEBOOKS[name])
    async with running(jp_serverapp) as engine:
        write(engine, *cells)
        theirs = await asyncio.to_thread(by_nbclient, cells, Path(jp_serverapp.root_dir, "work"))

        await run(engine, keep_going=True)
        ours = saved(engine)

    for our, their in zip(ours, theirs, strict=True):
        assert list(outputs(our)) == list(outputs(their)), our.source
        assert our.get("execution_count") == their.get("execution_count"), our.source
        assert set(our.metadata) == set(their.metadata)
        assert set(their.metadata.get("execution", {})) <= set(our.metadata.get("execution", {}))


async def test_rewritten_text_is_as_a_terminal_shows_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, *(code(source) for source, _ in REWRITTEN))

        await run(engine)

        assert [cell.outputs[0].text for cell in saved(engine)] == [text for _, text in REWRITTEN]
