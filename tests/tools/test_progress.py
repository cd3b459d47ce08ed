"""Progress: the last line of output, not too often, and without delaying anything."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from jupyter_mcp_ext.tools import progress
from jupyter_mcp_ext.tools.progress import reported
from tests.engine import running
from tests.servers import JupyterServer

BAR = """
import sys, time
for done in range(30):
    sys.stdout.write(f'\\r{done} of 30')
    sys.stdout.flush()
    time.sleep(0.1)
"""


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_caller_that_asks_hears_the_last_line(server: JupyterServer, mode: str) -> None:
    heard: list[tuple[float, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    http = httpx2.AsyncClient(headers=server.auth, timeout=60)
    transport = streamable_http_client(server.url, http_client=http)
    async with Client(transport, mode=mode) as client:
        await client.call_tool("execute_code", {"code": "'the kernel has started'"})
        begun = time.monotonic()
        await client.call_tool("execute_code", {"code": BAR}, progress_callback=listen)
        took = time.monotonic() - begun

    seconds = [second for second, _ in heard]
    nothing_yet = ("queued", "running")
    lines = [str(message) for _, message in heard if message not in nothing_yet]
    assert lines
    assert len(heard) <= took + 1
    assert seconds == sorted(seconds)
    assert all(line.endswith("of 30") and "\r" not in line for line in lines)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_run_of_cells_tells_which_cell_runs_and_of_how_many(
    server: JupyterServer, mode: str
) -> None:
    path = f"cells-{mode}.ipynb"
    heard: list[str] = []
    has_heard = {text: asyncio.Event() for text in ("first", "second")}

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(str(message))
        for text, event in has_heard.items():
            if text in str(message):
                event.set()
                Path(server.root_dir, f"{mode}-{text}").touch()  # lets the cell go on

    cells = [
        "# Title",
        *(
            f"import os, time\nprint({text!r}, flush=True)\n"
            f"while not os.path.exists('{mode}-{text}'): time.sleep(0.01)"
            for text in has_heard
        ),
    ]
    http = httpx2.AsyncClient(headers=server.auth, timeout=60)
    transport = streamable_http_client(server.url, http_client=http)
    async with Client(transport, mode=mode) as client:
        await client.call_tool("create_notebook", {"path": path, "cells": cells})
        result = await client.call_tool("run_cells", {"path": path}, progress_callback=listen)

    assert not result.is_error
    assert any(line == "cell 2 of 3: first" for line in heard)
    assert any(line == "cell 3 of 3: second" for line in heard)
    assert all(re.match(r"cell [123] of 3: |queued$|running$", line) for line in heard), heard


async def test_a_client_that_reads_slowly_delays_no_other(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHORTEST", 0.01)
    stuck = asyncio.Event()

    async def never(seconds: float, total: float | None, message: str | None) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async with running(jp_serverapp) as engine:
        execution = await engine.start("for n in range(1000): print(n)")
        async with reported(execution, never):
            await engine.services.executions.settled(execution, 30)

        assert execution.status == "ok"
        assert execution.fold.lines == 1_000


async def test_silent_code_is_reported_too(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHORTEST", 0.01)
    monkeypatch.setattr(progress, "LONGEST", 0.02)
    heard: list[str | None] = []

    async def listen(seconds: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; time.sleep(0.5)")
        async with reported(execution, listen):
            await engine.services.executions.settled(execution, 30)

    assert len(heard) > 2
    assert set(heard) <= {"queued", "running"}
