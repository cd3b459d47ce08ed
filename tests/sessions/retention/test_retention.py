"""Sessions expire on a real server; what is in use does not, and callers get clear answers."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable, UnknownSession
from jupyter_mcp_ext.governance.life import LifeEvent
from jupyter_mcp_ext.sessions.session import Session
from tests.engine import ALICE, BOB, Engine, running, value

DAY = 86_400.0


@asynccontextmanager
async def retaining(serverapp: Any, **limits: Any) -> AsyncIterator[Engine]:
    """Services whose sessions expire; the rounds are those that a test asks for."""
    async with running(serverapp) as engine:
        for name, limit in limits.items():
            setattr(engine.services.retention.settings, name, limit)
        yield engine


async def unused(engine: Engine, name: str, *, days: float = 2.0, ends: bool = True) -> Session:
    """A session with a variable and a file, whose kernel has ended so long ago."""
    created = await engine.services.sessions.create(ALICE, name=name)
    execution = await engine.run("x = id(0)", session_id=name)
    execution.readers.of("a reader").see(execution.fold.lines)
    session = created.session
    folder(engine, session).joinpath("table.csv").write_text("1,2")
    if ends:
        await engine.services.sessions.shutdown(session, by="test", now=False)
    session.write(replace(session.record, last_used=session.last_used - days * DAY))
    path = folder(engine, session) / ".mcp" / "session.json"
    store = engine.services.sessions.folders.store
    assert store is not None
    if ends:
        store.save_in(
            store.folder_of(session.id, session.owner), replace(session.record, is_at_rest=True)
        )
    assert path.exists()
    return session


def folder(engine: Engine, session: Session) -> Path:
    return Path(engine.serverapp.root_dir, session.folder)


def aged(engine: Engine, session: Session) -> None:
    """Make the files of a session old."""
    for path in folder(engine, session).iterdir():
        os.utime(path, (1.0, 1.0))


def hidden(engine: Engine, session: Session) -> set[str]:
    return {path.name for path in (folder(engine, session) / ".mcp").iterdir()}


async def expired(engine: Engine) -> list[tuple[str, str]]:
    return [(step.action, step.id) for step in await engine.services.retention.round()]


async def test_nothing_expires_without_limits(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp) as engine:
        await unused(engine, "old", days=5_000)

        assert await expired(engine) == []


async def test_an_expired_session_keeps_its_notebook_and_says_what_to_do(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        told: list[LifeEvent] = []
        engine.services.life.add(told.append)
        session = await unused(engine, "old")

        assert await expired(engine) == [("archive", session.id)]

        assert hidden(engine, session) == {"session.json", "journal.jsonl", "lock"}
        node = json.loads(Path(jp_serverapp.root_dir, session.notebook).read_text())
        assert node["cells"][0]["source"] == "x = id(0)"
        sessions = engine.services.sessions
        assert session not in await sessions.listed(ALICE)
        assert not sessions.paths.hides(ALICE, session.notebook)
        assert sessions.paths.hides(BOB, session.notebook)
        for named in (session.id, "old"):
            with pytest.raises(UnknownSession, match=r"was archived .*old\.ipynb can be read"):
                await sessions.resolve(ALICE, named)
        with pytest.raises(UnknownSession, match="There is no session"):
            await sessions.resolve(BOB, session.id)
        [event] = [event for event in told if event.kind == "session_expired"]
        assert (event.session_id, event.owner) == (session.id, "alice")
        assert await expired(engine) == []


async def test_the_name_of_an_archived_session_can_be_used_again(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        old = await unused(engine, "work")
        await expired(engine)

        new, existing, _ = await engine.services.sessions.create(ALICE, name="work")

        assert not existing
        assert new is not old
        assert await engine.services.sessions.find(ALICE, "work") is new


async def test_a_default_session_that_expired_is_made_again(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        execution = await engine.run("x = 1")
        execution.readers.of("a reader").see(0)
        old = await engine.session()
        await engine.services.sessions.shutdown(old, by="test", now=False)
        old.write(replace(old.record, last_used=0.0))
        store = engine.services.sessions.folders.store
        assert store is not None
        store.save_in(store.folder_of(old.id, old.owner), replace(old.record, is_at_rest=True))
        assert await expired(engine) == [("archive", old.id)]

        assert (await engine.session()) is not old


async def test_what_is_in_use_stays(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY, max_sessions=1) as engine:
        await unused(engine, "kernel", ends=False)
        unread = await unused(engine, "unread")
        execution = engine.services.executions.directory.find(ALICE, f"{unread.id}-1")
        execution.fold.feed("stream", {"name": "stdout", "text": "not read\n"})
        beside = await unused(engine, "beside")
        await engine.services.sessions.create(ALICE, name="inside", cwd=beside.folder)
        persons = await unused(engine, "persons")
        await jp_serverapp.session_manager.create_session(
            path=persons.notebook, name="a", type="notebook", kernel_name="python3"
        )

        assert await expired(engine) == []


async def test_what_another_server_holds_stays(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        session = await unused(engine, "old")
        store = engine.services.sessions.folders.store
        assert store is not None
        other = store.folder_of(session.id, session.owner)
        other.hold()

        assert await expired(engine) == []

        other.let_go()
        assert await expired(engine) == [("archive", session.id)]


async def test_a_session_that_another_server_archived_is_not_used_again(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp) as engine:
        session = await unused(engine, "old")
        removal = engine.services.sessions.folders.removal()
        assert removal is not None
        removal.archive(session, now=1.0)

        with pytest.raises(UnknownSession, match="was archived"):
            await engine.services.sessions.resolve(ALICE, "old")
        assert (await engine.services.sessions.create(ALICE, name="old")).existing is False


async def test_archived_sessions_are_deleted_if_the_operator_says_so(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_age=DAY, archive_age=0.0) as engine:
        session = await unused(engine, "old")
        await expired(engine)
        assert await expired(engine) == []
        engine.services.retention.settings.expired = "delete"

        assert await expired(engine) == [("delete", session.id)]

        assert not folder(engine, session).exists()
        with pytest.raises(UnknownSession, match="There is no session"):
            await engine.services.sessions.resolve(ALICE, session.id)


async def test_an_archived_session_whose_notebook_a_person_has_changed_is_not_deleted(
    jp_serverapp: Any,
) -> None:
    async with retaining(jp_serverapp, archive_age=DAY) as engine:
        engine.services.retention.settings.expired = "delete"
        removal = engine.services.sessions.folders.removal()
        session, other = await unused(engine, "changed"), await unused(engine, "old")
        assert removal is not None
        for each in (session, other):
            each.write(removal.archive(each, now=1.0))
            aged(engine, each)
        notebook = Path(jp_serverapp.root_dir, session.notebook)
        notebook.write_text(notebook.read_text() + " ")

        assert await expired(engine) == [("delete", other.id)]

        assert notebook.exists()


async def test_the_oldest_snapshots_go_first_and_the_next_use_tells(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp) as engine:
        old, new = await unused(engine, "old", days=2), await unused(engine, "new", days=1)
        [weight] = await engine.services.sessions.remover.weights([new])
        engine.services.retention.settings.max_snapshot_bytes = weight.snapshots

        assert await expired(engine) == [("drop_snapshots", old.id)]

        assert "snapshot.json" in hidden(engine, new)
        assert "snapshot.json" not in hidden(engine, old)
        found = await engine.run("'x' in globals()", session_id="old")
        assert value(found) == "False"
        assert "keeps no more" in old.continuity.comeback


async def test_a_large_session_expires_by_its_bytes(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp, max_bytes_per_user=1_000_000) as engine:
        large = await unused(engine, "large")
        await unused(engine, "small", days=9)
        (folder(engine, large) / "table.csv").write_bytes(b"x" * 1_000_000)

        assert [name for _, name in await expired(engine)][-1:] == [large.id]


async def test_an_archiving_that_was_cut_short_is_ended_by_the_next_server(
    jp_serverapp: Any,
) -> None:
    async with retaining(jp_serverapp) as engine:
        session = await unused(engine, "old")
        store = engine.services.sessions.folders.store
        assert store is not None
        archived = replace(session.record, archived=1.0, is_at_rest=True)
        store.save_in(store.folder_of(session.id, session.owner), archived)
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        await expired(engine)

        assert hidden(engine, session) == {"session.json", "journal.jsonl", "lock"}


async def test_a_call_that_comes_while_a_session_expires_gets_a_clear_answer(
    jp_serverapp: Any,
) -> None:
    async with retaining(jp_serverapp, max_age=DAY) as engine:
        session = await unused(engine, "old")
        await engine.services.sessions.directory.resolve(ALICE, "old")  # a call that has it by now
        session.write(replace(session.record, last_used=session.last_used - DAY))
        await expired(engine)

        with pytest.raises((UnknownSession, KernelUnavailable), match="was archived"):
            await engine.services.sessions.ready(session)


async def test_a_server_with_limits_begins_with_a_round(jp_serverapp: Any) -> None:
    async with retaining(jp_serverapp) as engine:
        removal = engine.services.sessions.folders.removal()
        session = await unused(engine, "old")
        assert removal is not None
        removal.archive(session, now=1.0)
        aged(engine, session)
    jp_serverapp.config.McpRetention.expired = "delete"
    try:
        async with retaining(jp_serverapp) as engine:
            await engine.until(lambda: not folder(engine, session).exists())
    finally:
        del jp_serverapp.config["McpRetention"]


async def test_a_server_without_limits_ends_a_deletion_that_was_cut_short(
    jp_serverapp: Any,
) -> None:
    left = Path(jp_serverapp.root_dir, "mcp-sessions", ".abcdefgh-0123abcd.deleted")
    left.joinpath("folder").mkdir(parents=True)
    async with retaining(jp_serverapp) as engine:
        await engine.until(lambda: not left.exists())
