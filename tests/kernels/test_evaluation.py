"""Functions run in a kernel without a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.evaluation import (
    FunctionRaised,
    NotEvaluated,
    answer_of,
    evaluate,
    value_of,
)
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.kernels.losses import KernelLost, Loss
from tests.engine import Engine, printed, running, value

SOURCE = """
import sys
def echo(**given):
    return given
def fails(words):
    raise ValueError(words)
def leaves():
    sys.exit("gone")
def unspeakable():
    class Mute(Exception):
        def __str__(self):
            raise TypeError
    raise Mute
def forever(begun):
    open(begun, "w").close()
    while True:
        pass
def opaque():
    return object()
"""

TRACES = """
import linecache, json
def seen():
    ip = get_ipython()
    names = sorted(k for k in ip.user_ns if not k.startswith("_i"))
    return json.dumps([
        names, len(ip.history_manager.input_hist_raw), sorted(Out), list(linecache.cache),
        [type(ip.user_ns.get(k)).__name__ for k in ("_", "__", "___", "__builtins__")],
        ip.history_manager.session_number, sorted(ip.db.keys()),
    ])
7
"""


@asynccontextmanager
async def linked(serverapp: Any) -> AsyncIterator[tuple[Engine, KernelLink]]:
    """A kernel of the caller's session, and the link to it."""
    async with running(serverapp) as engine:
        session = await engine.session()
        yield engine, await engine.services.kernels[str(session.kernel_id)].link()


async def test_arguments_and_value_travel_as_json(jp_serverapp: Any) -> None:
    given = {"a": [1, None, True, 1.5], "b": {"ä\n\"'\\": "😀{}\u2028"}, "c": "'''"}
    async with linked(jp_serverapp) as (_, link):
        assert await evaluate(link, SOURCE, "echo", given, timeout=30) == given


async def test_what_the_function_raises_is_told(jp_serverapp: Any) -> None:
    async with linked(jp_serverapp) as (_, link):
        with pytest.raises(FunctionRaised) as raised:
            await evaluate(link, SOURCE, "fails", {"words": "no ä"}, timeout=30)
        assert (raised.value.ename, raised.value.evalue) == ("ValueError", "no ä")
        with pytest.raises(FunctionRaised, match="SystemExit: gone"):
            await evaluate(link, SOURCE, "leaves", {}, timeout=30)
        with pytest.raises(FunctionRaised, match="Mute"):
            await evaluate(link, SOURCE, "unspeakable", {}, timeout=30)
        with pytest.raises(FunctionRaised, match="TypeError: Object of type object is not JSON"):
            await evaluate(link, SOURCE, "opaque", {}, timeout=30)
        with pytest.raises(FunctionRaised, match="SyntaxError"):
            await evaluate(link, "def", "echo", {}, timeout=30)


async def test_nothing_of_it_stays_in_the_session(jp_serverapp: Any) -> None:
    async with linked(jp_serverapp) as (engine, link):
        await engine.run(TRACES)
        before = await engine.run("print(seen())")
        await evaluate(link, SOURCE, "echo", {"a": 1}, timeout=30)
        with pytest.raises(FunctionRaised):
            await evaluate(link, SOURCE, "fails", {"words": "no"}, timeout=30)
        after = await engine.run("print(seen())")
        history = await engine.run("%history")

        old, new = (json.loads(printed(e)) for e in (before, after))
        assert new == [old[0], old[1] + 1, *old[2:]]  # the second look is another execution
        assert after.execution_count == (before.execution_count or 0) + 1
        assert "fails" not in printed(history)


async def test_names_that_the_user_has_overwritten_do_not_matter(jp_serverapp: Any) -> None:
    async with linked(jp_serverapp) as (engine, link):
        await engine.run(
            "open = print = exec = compile = __import__ = json = get_ipython = str = 3"
        )
        assert await evaluate(link, SOURCE, "echo", {"a": 1}, timeout=30) == {"a": 1}
        await engine.run("__builtins__ = {}")

        assert await evaluate(link, SOURCE, "echo", {"a": 1}, timeout=30) == {"a": 1}


async def until_begun(link: KernelLink, begun: Path) -> None:
    """Return when `forever` runs; an interrupt before that would be lost."""
    while not begun.exists():
        await link.call("control", "kernel_info_request", {}, timeout=30)


async def test_it_is_not_taken_for_a_persons_execution(jp_serverapp: Any, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    async with linked(jp_serverapp) as (engine, link):
        arguments = {"begun": str(begun)}
        waiting = asyncio.ensure_future(evaluate(link, SOURCE, "forever", arguments, timeout=60))
        await until_begun(link, begun)
        session = await engine.session()
        seen = []
        for _ in range(20):  # by then the kernel's busy status has arrived
            await link.call("control", "kernel_info_request", {}, timeout=30)
            seen.append(link.foreign)
        await jp_serverapp.kernel_manager.interrupt_kernel(session.kernel_id)

        with pytest.raises(FunctionRaised, match="KeyboardInterrupt"):
            await waiting
        assert set(seen) == {None}


async def test_a_function_that_takes_too_long_is_no_longer_waited_for(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    async with linked(jp_serverapp) as (engine, link):
        with pytest.raises(asyncio.TimeoutError):
            await evaluate(link, SOURCE, "forever", {"begun": str(begun)}, timeout=0.5)
        await until_begun(link, begun)
        session = await engine.session()
        await jp_serverapp.kernel_manager.interrupt_kernel(session.kernel_id)

        assert value(await engine.run("1 + 1")) == "2"


async def test_a_kernel_that_goes_away_ends_the_wait(jp_serverapp: Any) -> None:
    async with linked(jp_serverapp) as (_, link):
        waiting = asyncio.ensure_future(
            evaluate(link, SOURCE, "forever", {"begun": "begun"}, timeout=30)
        )
        await asyncio.sleep(0)
        link.lose(Loss(kind="died", detail="killed by signal 9"))

        with pytest.raises(KernelLost, match="signal 9"):
            await waiting


@pytest.mark.parametrize(
    "reply",
    [
        {"status": "aborted"},
        {"user_expressions": 7},
        {"user_expressions": {"answer": [1]}},
        {"user_expressions": {"answer": {"status": "ok", "data": {}}}},
        {"user_expressions": {"answer": {"status": "ok", "data": ["text/plain"]}}},
        {"user_expressions": {"answer": {"status": "ok", "data": {"text/plain": 7}}}},
        {"user_expressions": {"answer": {"data": {"text/plain": "x" * 2_000_001}}}},
    ],
    ids=range(7),
)
def test_a_reply_without_an_answer_gives_no_value(reply: dict[str, Any]) -> None:
    with pytest.raises(NotEvaluated):
        answer_of(reply)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "nonsense",
        "'{}'",
        "{}",
        '{"raised": 7}',
        '{"raised": ["a"]}',
        '{"raised": [1, 2]}',
        '{"value": NaN}',
        '{"value": -Infinity}',
        f'{{"value": {"9" * 100_000}}}',
        "[" * 1_000_000,
    ],
    ids=range(12),
)
def test_an_answer_that_the_runner_did_not_give_is_not_a_value(text: str) -> None:
    with pytest.raises(NotEvaluated, match="cannot be read"):
        value_of(text)


async def test_a_formatter_of_the_session_does_not_change_the_answer(jp_serverapp: Any) -> None:
    async with linked(jp_serverapp) as (engine, link):
        await engine.run(
            "plain = get_ipython().display_formatter.formatters['text/plain']\n"
            "for kind in (str, object): plain.for_type(kind, lambda o, p, c: p.text('mine'))"
        )
        assert await evaluate(link, SOURCE, "echo", {"a": 1}, timeout=30) == {"a": 1}
