"""Notebooks of many makers whose code is Python: run in a kernel, and saved with what it gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.reading.document import parse
from jupyter_mcp_ext.operations.cells import notebook_session, run_cells
from tests.engine import ALICE, allow, running
from tests.notebooks.makers import SHELF


async def test_notebooks_of_many_makers_run_and_keep_all_but_their_outputs(
    jp_serverapp: Any,
) -> None:
    names = {f"{n}.ipynb": made for n, made in enumerate(SHELF.values()) if made.runs}
    root = Path(jp_serverapp.root_dir)
    for name, made in names.items():
        (root / name).write_bytes(made.data)

    async with running(jp_serverapp) as engine:
        name = next(iter(names))
        place = Place(path=name, real=name)
        first = await notebook_session(engine.services, ALICE, place, allow, check=lambda _: None)
        for name, made in names.items():
            if not any(kind == "code" for kind, _ in made.cells):
                continue
            place = Place(path=name, real=name)
            execution = await run_cells(
                engine.services, first.session, place, None, caller=ALICE, require=allow
            )
            execution = await engine.services.executions.settled(execution, 60)

            saved = (root / name).read_bytes()
            before, after = json.loads(made.data.decode("utf-8-sig")), json.loads(saved)
            read = parse(saved, name)
            assert execution.status == "ok", name
            assert tuple((cell.cell_type, cell.source) for cell in read.cells) == made.cells
            for cell in read.cells:
                assert cell.cell_type != "code" or not cell.source or cell.execution_count, name
            kept = {k: v for k, v in (before["metadata"] or {}).items() if k != "orig_nbformat"}
            assert json.dumps(after["metadata"], sort_keys=True) == json.dumps(kept, sort_keys=True)
