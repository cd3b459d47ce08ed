"""What the audit file costs: on the way of a call, and until a record is written."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from jupyter_events import EventLogger
from traitlets.config import Config

from jupyter_mcp_ext.governance.audit import Audit, ToolCall
from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.trail.trail import McpAudit
from tests.benchmarks.measures import Row, Samples

TIMES = 3_000
CODE = "x = 1\n" * 1_000
CALLER = Caller(subject="alice", username="alice", client="benchmark", client_version="1")


def audits(base: Path) -> list[Row]:
    """Without a file, with one, and with one in which a call must be before it begins."""
    settings: dict[str, dict[str, Any]] = {
        "audit of a call, no file": {"path": ""},
        "audit of a call, in a file": {},
        "audit of a call, fail_closed": {"fail_closed": True},
    }
    return [asyncio.run(_audit(base / name, name, given)) for name, given in settings.items()]


async def _audit(folder: Path, name: str, settings: dict[str, Any]) -> Row:
    folder.mkdir(parents=True)
    given = {"path": str(folder / "audit.jsonl"), "head_path": str(folder / "head"), **settings}
    trail = McpAudit(key=str.encode, config=Config(McpAudit=given))
    audit, samples = Audit(EventLogger(), trail), Samples()
    async with AsyncExitStack() as stack:
        trail.open((), is_confined=True)
        stack.push_async_callback(trail.close)
        for number in range(TIMES):
            began = time.perf_counter()
            await trail.room()
            begun = await audit.begin(CALLER, "execute_code", CODE, {"files": ["a"]})
            outcome = ToolCall(
                tool="execute_code",
                status="ok",
                duration=0.01,
                session_id="k7m2q9xw",
                request_id=str(number),
                rights=("execute kernels",),
                rule="AllowAllAuthorizer",
                code=CODE,
                begun=begun,
            )
            await audit.answer(CALLER, outcome, reads=False)
            samples.milliseconds.append((time.perf_counter() - began) * 1_000)
            if not number % 10:
                await asyncio.sleep(0.001)  # as calls come, one after the other
    return Row(name=name, figures=str(samples), goal="under 0.2 ms")
