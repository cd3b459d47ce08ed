"""An answer shows one moment of an execution, which may go on and end while the answer is made."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.order import Order
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.presentation import TextBlock
from jupyter_mcp_ext.rendering.rendering import Rendering
from jupyter_mcp_ext.tools.answer import Answer
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.paging import Paging, execution_lines, report_lines, report_news
from jupyter_mcp_ext.tools.reports import report

LIMITS = Limits()


class Slow:
    """Renders as `Rendering` does; the execution prints and ends before it has."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def shown(self, build: Callable[..., Any], *, of: str, aside: bool = True) -> Any:
        """Build what shows the outputs, late."""
        self._execution.fold.feed("stream", {"name": "stdout", "text": "the last word\n"})
        self._execution.execution_count = 7
        self._execution.end("ok")
        return build(lambda *_: None)


async def whole(execution: Execution, rendering: Rendering) -> Answer:
    return await report(execution, limits=LIMITS, rendering=rendering)


async def paged(execution: Execution, rendering: Rendering, *, news: bool) -> Answer:
    call = cast("Call", SimpleNamespace(services=services(rendering), notices=[]))
    lines = partial(execution_lines, execution, execution.outputs)
    if news:
        return await report_news(call, execution, lines, 0, Paging(offset=None))
    return await report_lines(call, execution, lines, execution.id, Paging(offset=0))


def services(rendering: Rendering) -> SimpleNamespace:
    return SimpleNamespace(rendering=rendering, limits=LIMITS)


@pytest.mark.parametrize(
    "answer",
    [whole, partial(paged, news=True), partial(paged, news=False)],
    ids=["whole", "news", "page"],
)
async def test_an_answer_does_not_say_that_what_it_does_not_show_is_all(
    answer: Callable[[Execution, Rendering], Awaitable[Answer]],
) -> None:
    execution = Execution(
        Order(
            id="abcdefgh-1",
            session_id="abcdefgh",
            kernel_name="python3",
            code="1",
            owner="alice",
            client="test",
        ),
        max_output_bytes=0,
    )
    execution.begin()

    answered = await answer(execution, cast("Rendering", Slow(execution)))

    meta = answered.meta["execution"]
    block = answered.blocks[0]
    assert isinstance(block, TextBlock)
    assert execution.status == "ok"
    assert answered.status == meta["status"] == "running"
    assert (meta["execution_count"], meta["outputs_total"]) == (None, 0)
    assert block.text.startswith("[running] abcdefgh-1")
    assert "get_output" in json.dumps(meta["next"])
