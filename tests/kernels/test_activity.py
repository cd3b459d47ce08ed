"""What Jupyter reports about a kernel while a link listens in place of Jupyter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from jupyter_mcp_ext.sessions.session import Session
from tests.engine import Engine, running


@contextmanager
def person(manager: Any, kernel_id: str) -> Iterator[AsyncKernelClient]:
    """Another client of the kernel."""
    client = AsyncKernelClient()
    client.load_connection_info(manager.get_kernel(kernel_id).get_connection_info())
    client.start_channels(stdin=False, hb=False)
    try:
        yield client
    finally:
        client.stop_channels()


async def becomes(kernel: Any, state: str) -> None:
    """Return when Jupyter reports this state of the kernel."""
    reached = asyncio.Event()

    def look(change: Any) -> None:
        if change.new == state:
            reached.set()

    kernel.observe(look, "execution_state")
    try:
        if kernel.execution_state != state:
            await asyncio.wait_for(reached.wait(), 30)
    finally:
        kernel.unobserve(look, "execution_state")


async def until_heard(kernel: Any, client: AsyncKernelClient) -> None:
    """Return when Jupyter hears the kernel: what was sent before it had subscribed is lost."""
    heard = asyncio.ensure_future(becomes(kernel, "busy"))
    while not heard.done():
        client.execute("")
        await client.get_shell_msg(timeout=60)
    await heard
    await becomes(kernel, "idle")


async def linked(engine: Engine) -> tuple[Session, Any]:
    """A session whose kernel has a link, and that kernel's manager, seen busy long ago."""
    await engine.run("1")
    session = await engine.session()
    kernel = engine.serverapp.kernel_manager.get_kernel(session.kernel_id)
    await becomes(kernel, "idle")
    return session, kernel


def waits_for(gate: Path) -> str:
    """Code that runs until a file exists: an interrupt can come before the code has begun."""
    return f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"


async def test_a_persons_code_is_seen_while_a_link_is_open(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    async with running(jp_serverapp) as engine:
        session, kernel = await linked(engine)
        manager = jp_serverapp.kernel_manager
        before = kernel.last_activity

        with person(manager, session.kernel_id) as client:
            client.execute(waits_for(tmp_path / "gate"))
            await becomes(kernel, "busy")
            (tmp_path / "gate").touch()
            await becomes(kernel, "idle")

        assert kernel.last_activity > before
        assert manager.last_kernel_activity == kernel.last_activity


async def test_only_one_listener_reads_what_a_linked_kernel_says(jp_serverapp: Any) -> None:
    """Each would read and parse all of it, however much it is, on the one event loop."""
    async with running(jp_serverapp) as engine:
        _, kernel = await linked(engine)

        assert kernel._activity_stream is None


async def test_questions_about_the_kernel_do_not_count_as_activity(jp_serverapp: Any) -> None:
    """As in Jupyter; otherwise showing the kernel's state would keep it from being culled."""
    async with running(jp_serverapp) as engine:
        session, kernel = await linked(engine)
        before = kernel.last_activity

        async with engine.services.kernels[session.kernel_id].linked() as link:
            await link.call("shell", "kernel_info_request", {}, timeout=30)
            await link.call("control", "kernel_info_request", {}, timeout=30)

        assert kernel.last_activity == before


async def test_jupyter_listens_again_when_the_link_makes_room(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_idle=1) as engine:
        session, kernel = await linked(engine)
        before = kernel.last_activity
        other = (await engine.services.kernels.start("python3", path="", env={})).id
        await engine.services.kernels[other].link()
        async with engine.services.kernels[other].linked():
            pass

        assert kernel._activity_stream is not None
        assert kernel.last_activity == before
        with person(jp_serverapp.kernel_manager, session.kernel_id) as client:
            await until_heard(kernel, client)
            client.execute("1")
            await becomes(kernel, "busy")
            await becomes(kernel, "idle")


@pytest.mark.parametrize("by", ["us", "a person"])
async def test_a_kernel_is_listened_to_after_a_restart(
    jp_serverapp: Any, tmp_path: Path, by: str
) -> None:
    async with running(jp_serverapp) as engine:
        session, kernel = await linked(engine)
        manager = jp_serverapp.kernel_manager

        if by == "us":
            await engine.services.kernels[session.kernel_id].restart(by="a test", now=True)
        else:
            await manager.restart_kernel(session.kernel_id)
        with person(manager, session.kernel_id) as client:
            await client.wait_for_ready(timeout=60)
            await until_heard(kernel, client)
            client.execute(waits_for(tmp_path / "gate"))
            await becomes(kernel, "busy")
            (tmp_path / "gate").touch()
            await becomes(kernel, "idle")


class OwnRules(AsyncMappingKernelManager):
    """A manager that counts activity in its own way."""

    def start_watching_activity(self, kernel_id: str) -> None:
        """Jupyter's manager, with an addition."""
        super().start_watching_activity(kernel_id)  # type: ignore[no-untyped-call]


@pytest.fixture
def own_rules(jp_server_config: Any) -> None:
    """A server with this manager."""
    jp_server_config["ServerApp"]["kernel_manager_class"] = f"{__name__}.OwnRules"


@pytest.mark.usefixtures("own_rules")
async def test_a_manager_with_rules_of_its_own_keeps_its_listener(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        _, kernel = await linked(engine)

        assert isinstance(jp_serverapp.kernel_manager, OwnRules)
        assert kernel._activity_stream is not None
