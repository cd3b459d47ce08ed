"""Agents shown to people as collaborators in a room."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp_ext.notebooks.shared import collaborators
from jupyter_mcp_ext.notebooks.shared.collaborators import Collaborators
from jupyter_mcp_ext.notebooks.shared.rooms import GLOBAL
from tests.notebooks.browsers import SECONDS, Browser, browser

from .server import PATH, Shared, appended

CLAUDE = "Claude Code (for alice)"
CODEX = "Codex (for alice)"


def names(seen: Browser) -> list[str]:
    """Whom a browser shows."""
    states = seen.awareness.states.values()
    return sorted(state["user"]["name"] for state in states if state and "user" in state)


async def test_an_agent_is_shown_as_a_collaborator_until_its_last_call_ends(
    shared: Shared,
) -> None:
    agents = Collaborators(shared.rooms)
    async with (
        shared.browser() as tab,
        browser(shared.serverapp, shared.port, shared.headers, GLOBAL) as lab,
    ):
        await lab.until_sent()  # now the room is there in which browsers tell of themselves
        async with agents.shown(PATH, CLAUDE):
            async with agents.shown(PATH, CLAUDE):
                async with agents.shown(PATH, CODEX):
                    await tab.until(lambda: len(names(tab)) == 2)
                    await lab.until(lambda: len(names(lab)) == 2)
                    assert names(tab) == [CLAUDE, CODEX]
                    places = [state.get("current") for state in lab.awareness.states.values()]
                    assert places.count(f"notebook:{PATH}") == 2
                await tab.until(lambda: names(tab) == [CLAUDE])
            assert names(tab) == [CLAUDE]
        await tab.until(lambda: names(tab) == [])
        await lab.until(lambda: names(lab) == [])


async def test_an_agent_that_makes_one_call_after_another_is_told_of_once(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collaborators, "STAY", float(SECONDS))
    agents, told = Collaborators(shared.rooms), 0

    def tells(*_: object) -> None:
        nonlocal told
        told += 1

    async with shared.browser() as tab:
        async with agents.shown(PATH, CLAUDE):
            await tab.until(lambda: names(tab) == [CLAUDE])
        tab.awareness.observe(tells)
        for _ in range(5):
            async with agents.shown(PATH, CLAUDE) as is_shared:
                assert is_shared
        await shared.change(appended("c"))
        await tab.until(lambda: len(tab.sources) == 3)  # what a room sends comes in order

        assert told == 0
        assert names(tab) == [CLAUDE]


async def test_where_no_room_is_open_no_agent_is_shown(shared: Shared) -> None:
    async with Collaborators(shared.rooms).shown(PATH, CLAUDE) as is_shared:
        assert not is_shared
        assert shared.open_rooms == []


async def test_an_agent_whose_call_fails_or_is_cancelled_is_no_longer_shown(
    shared: Shared,
) -> None:
    agents = Collaborators(shared.rooms)

    async def work(begun: asyncio.Event) -> None:
        async with agents.shown(PATH, CLAUDE):
            begun.set()
            await asyncio.Event().wait()

    async with shared.browser() as tab:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # it is raised in the call
            async with agents.shown(PATH, CLAUDE):
                await tab.until(lambda: names(tab) == [CLAUDE])
                raise ZeroDivisionError
        await tab.until(lambda: names(tab) == [])

        working = asyncio.create_task(work(begun := asyncio.Event()))
        await begun.wait()
        await tab.until(lambda: names(tab) == [CLAUDE])
        working.cancel()
        await tab.until(lambda: names(tab) == [])


async def test_an_agent_in_a_room_that_closes_during_its_call_is_no_longer_shown(
    shared: Shared,
) -> None:
    agents = Collaborators(shared.rooms)
    async with browser(shared.serverapp, shared.port, shared.headers, GLOBAL) as lab:
        await lab.until_sent()
        async with shared.browser() as tab:
            shown = agents.shown(PATH, CLAUDE)
            await shown.__aenter__()
            await tab.until(lambda: names(tab) == [CLAUDE])
            await lab.until(lambda: names(lab) == [CLAUDE])
        await shared.closed()

        await shown.__aexit__(None, None, None)
        await lab.until(lambda: names(lab) == [])
        async with shared.browser() as tab:
            assert names(tab) == []


async def test_a_client_that_says_odd_things_of_itself_keeps_no_agent_from_being_shown(
    shared: Shared,
) -> None:
    agents = Collaborators(shared.rooms)
    async with shared.browser() as tab:
        for odd in (5, "user", ["user"], {"user": 7}, True):
            await tab.say_anything(odd)
            await tab.until_sent()
            async with agents.shown(PATH, CLAUDE):
                await tab.until(lambda: CLAUDE in str(tab.awareness.states))
            await tab.until(lambda: CLAUDE not in str(tab.awareness.states))
        changed = await shared.change(appended("c"))

    assert changed.value == "inserted"
