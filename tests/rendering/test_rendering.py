"""Rendering ends in time, whatever kernels send, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pandas as pd
import psutil
import pytest

from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Output
from jupyter_mcp_ext.outputs.pages import text_lines
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock, present
from jupyter_mcp_ext.rendering.rendering import BUILDERS, LIMIT, MAX_AT_ONCE, MAX_SOURCE, Rendering
from tests.outputs.frames import html_of
from tests.rendering.bombs import BOMBS, TOO_MUCH, drawing, html, image, png, processes, uses

FRAME = html(html_of(pd.DataFrame({"city": ["Ulm", "Bonn"]})))
TABLE = "|  | city |\n|---|---|\n| 0 | Ulm |\n| 1 | Bonn |\n[2 rows x 1 columns]"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is rendered at once take a minute: the process may get no processor for seconds."""
    monkeypatch.setattr("jupyter_mcp_ext.rendering.rendering.LIMIT", 60.0)


@asynccontextmanager
async def rendering(**options: float) -> AsyncIterator[Rendering]:
    made = Rendering(logging.getLogger(__name__), **options)
    try:
        yield made
    finally:
        await made.close()
        assert not processes()


async def blocks(
    made: Rendering, *outputs: Output, of: str = ""
) -> tuple[TextBlock | ImageBlock, ...]:
    presentation = await made.shown(
        lambda render: present(
            outputs,
            limits=Limits(),
            label=lambda n: f"k7m2q9xw-12/{n + 1}",
            more=lambda n, offset: f"get_output({n}, {offset})",
            render=render,
        ),
        of=of,
    )
    return presentation.blocks


async def words(made: Rendering, *outputs: Output) -> str:
    shown = await blocks(made, *outputs)
    return "\n".join(block.text for block in shown if isinstance(block, TextBlock))


@pytest.mark.usefixtures("patient")
async def test_a_data_frame_is_a_table() -> None:
    async with rendering() as made:
        assert await words(made, FRAME) == TABLE


@pytest.mark.usefixtures("patient")
async def test_short_html_needs_no_process_until_there_is_much_of_it() -> None:
    short = Display(data={"text/html": "<p>words</p>" + " " * (MAX_AT_ONCE // 3)})
    async with rendering() as made:
        assert await words(made, short, short) == "words\nwords"
        assert not processes()

        assert await words(made, *[short] * 5) == "words\n" * 4 + "words"
        assert processes()


async def test_a_plot_that_fits_needs_no_process() -> None:
    async with rendering() as made:
        line, shown = await blocks(made, image(png(640, 480)))

        assert line == TextBlock(text="[image k7m2q9xw-12/1 640x480 png]\n")
        assert isinstance(shown, ImageBlock)
        assert not processes()


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_shown_or_named_and_what_follows_is_rendered(name: str) -> None:
    async with rendering() as made:
        bomb = BOMBS[name]()  # takes time too
        loop = asyncio.get_running_loop()
        begun = loop.time()
        said = await words(made, bomb)
        took = loop.time() - begun

        assert said
        assert len(said) <= Limits().text
        assert took < 10 * LIMIT  # without a limit: minutes, or forever
        assert await words(made, FRAME) == TABLE


async def test_what_cannot_be_rendered_names_its_source_and_is_not_tried_again() -> None:
    async with rendering() as made:
        first = await words(made, drawing(uses()))
        assert not processes()
        second = await words(made, drawing(uses()))

        assert TOO_MUCH in first
        assert 'get_output("k7m2q9xw-12/1", mime_type="image/svg+xml")' in first
        assert second == first
        assert not processes()


async def test_what_can_be_rendered_beside_a_bomb_is_rendered() -> None:
    large = image(png(2_000, 1_000))
    async with rendering() as made:
        shown = await blocks(made, drawing(uses()), FRAME, large)

        texts = "\n".join(block.text for block in shown if isinstance(block, TextBlock))
        assert TOO_MUCH in texts
        assert TABLE in texts
        assert "2000x1000 png, scaled to 1568x784" in texts
        assert sum(isinstance(block, ImageBlock) for block in shown) == 1


async def test_a_display_in_full_is_named_where_it_cannot_be_rendered() -> None:
    large = html("x" * (MAX_SOURCE + 1))
    async with rendering() as made:
        lines = await made.shown(lambda render: text_lines(large, "k7m2q9xw-12/3", render), of="")

        assert "is too large to be rendered" in lines[0]
        assert 'get_output("k7m2q9xw-12/3", mime_type="text/html")' in lines[0]


@pytest.mark.usefixtures("patient")
async def test_what_was_rendered_is_kept() -> None:
    async with rendering() as made:
        once = await words(made, FRAME)
        [process] = processes()
        process.kill()

        assert await words(made, FRAME) == once
        assert {p.pid for p in processes()} <= {process.pid}


@pytest.mark.usefixtures("patient")
async def test_a_process_that_has_ended_is_replaced() -> None:
    async with rendering() as made:
        await words(made, FRAME)
        [process] = processes()
        process.kill()

        assert await words(made, html("<p>words</p>")) == "words"


@pytest.mark.parametrize("turns", [1, 10, 1_000])
async def test_the_call_after_one_that_was_cancelled_gets_its_own_answer(turns: int) -> None:
    async with rendering() as made:
        call = asyncio.ensure_future(words(made, drawing(uses())))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()

        assert await words(made, html("<p>words</p>")) == "words"


@pytest.mark.usefixtures("patient")
async def test_many_calls_at_once_share_one_process() -> None:
    async with rendering() as made:
        said = await asyncio.gather(*(words(made, html(f"<p>{n}</p>")) for n in range(20)))

        assert said == [str(n) for n in range(20)]
        assert len(processes()) == 1


@pytest.mark.usefixtures("patient")
async def test_the_process_has_nothing_of_the_servers_environment_but_what_finds_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "a secret")
    async with rendering() as made:
        await words(made, FRAME)
        [process] = processes()

        environment = process.environ()

        assert "PATH" in environment
        assert not {name for name in environment if "JUPYTER" in name or "TOKEN" in name}


@pytest.mark.usefixtures("patient")
async def test_the_process_has_none_of_the_servers_files_and_leaves_none() -> None:
    own = psutil.Process()
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        async with rendering() as made:
            await words(made, FRAME)
            before = own.num_fds()
            [process] = processes()
            assert process.num_fds() < 10
            for n in range(3):
                await words(made, html(f"<p>{n}</p>"))
                [process] = processes()
                process.kill()
            await words(made, html("<p>words</p>"))
            assert own.num_fds() <= before
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.usefixtures("patient")
async def test_the_process_ends_when_nothing_is_to_be_rendered() -> None:
    async with rendering(idle=0) as made:
        await words(made, FRAME)
        while processes():  # noqa: ASYNC110  # another task ends it
            await asyncio.sleep(0)

        assert await words(made, html("<p>words</p>")) == "words"


async def test_many_reads_at_once_leave_threads_to_others() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(BUILDERS + 1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        async with rendering() as made:
            reads = [
                asyncio.create_task(made.shown(lambda _: gate.wait(), of=str(n))) for n in range(8)
            ]
            try:
                assert await asyncio.wait_for(asyncio.to_thread(str, "a file"), 60) == "a file"
            finally:
                gate.set()
                await asyncio.gather(*reads)


async def test_many_bombs_of_one_session_delay_another_one_by_one_bomb() -> None:
    read: list[str] = []
    async with rendering() as made:

        async def of(session: str, output: Output) -> None:
            await blocks(made, output, of=session)
            read.append(session)

        bombs = [of("hostile", drawing(uses(name))) for name in "abcd"]
        await asyncio.gather(*bombs, of("other", html("<p>words</p>" * MAX_AT_ONCE)))

    assert read[-1] == "hostile"
