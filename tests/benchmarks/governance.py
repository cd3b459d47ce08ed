"""What the limits of calls and the policy cost on a call that runs code."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.auth.identity import User
from traitlets.config import Config

from jupyter_mcp_ext.governance.buckets import MAX_BUCKETS
from jupyter_mcp_ext.governance.caller import Principal
from jupyter_mcp_ext.governance.calls import McpCalls
from jupyter_mcp_ext.governance.policy import McpPolicy
from tests.benchmarks.measures import Row, Samples

TIMES = 20_000
CODE = "x = 1  # é\n" * 5_000
"""Code that is nearly too long, so that its bytes are counted."""


def limits() -> Row:
    """All limits set, as many buckets as are kept, and three rights."""
    return asyncio.run(_limits())


async def _limits() -> Row:
    names = McpCalls.class_own_traits(config=True)
    given = dict.fromkeys(names, 100000000) | {"max_code_bytes": 100_000}
    calls = McpCalls(config=Config(McpCalls=given))
    for number in range(MAX_BUCKETS):
        calls.admit(f"user {number}")
        calls.admit_to(f"session {number}")
    handler: Any = SimpleNamespace()
    principal = Principal(subject="alice", user=User("alice"), handler=handler)
    policy = McpPolicy(AllowAllAuthorizer())
    samples = Samples()
    for _ in range(TIMES):
        began = time.perf_counter()
        calls.overdrawn("alice")
        calls.admit("alice")
        policy.check(principal, "execute_code")
        await policy.decide(
            principal, ("execute", "kernels"), ("read", "contents"), ("write", "contents")
        )
        calls.admit_to("session")
        calls.check_code(CODE)
        calls.check_queue("session", "alice")
        samples.milliseconds.append((time.perf_counter() - began) * 1_000)
    return Row(name="limits and policy on a call", figures=str(samples), goal="under 0.2 ms")
