"""What of a session comes back, over the services: nothing that it never had."""

from __future__ import annotations

from typing import Any

from tests.engine import running, value

UNFINISHED = [
    "import time; time.sleep(60)\nT1 = True\ndef f1(): ...",
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nT2 = True",
    "1 / 0\nT3 = True",
    "T4 = True; 1 / 0",
    "P5 = 5\ndef p5(): ...\n1 / 0\nT5 = True",
    "KEPT = 2\ndef changed(): return 2\n1 / 0",
    "1 / 0\nKEPT = 3",
    "changed = len\n1 / 0",
    "%xmode Minimal",
    "T6 = 1\n1 / 0",
    "import os; os._exit(3)\nT7 = True\ndef f7(): ...",
]

HAS = "sorted(k for k in globals() if k in {'BEFORE', 'changed', 'KEPT'} or k[1:].isdigit())"


async def test_code_that_did_not_run_to_its_end_is_not_run_again(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("BEFORE = 1\nKEPT = 1\ndef changed(): return 1")
        for code in UNFINISHED:
            await engine.run(code, timeout=0.5 if "sleep" in code else None)

        found = await engine.run(HAS)

        assert value(found) == "['BEFORE', 'P5', 'p5']"  # of the others it is not known
