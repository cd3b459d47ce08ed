"""delete_session: one's own sessions, for good, and nothing that others use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp_types as types

from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.governance.life import LifeEvent
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.registry import BY_NAME
from jupyter_mcp_ext.tools.road import run
from tests.engine import ALICE, BOB, PRINCIPAL, Engine, running

OTHER = replace(ALICE, client="other")


async def delete(engine: Engine, session_id: str, caller: Caller = ALICE) -> tuple[bool, str]:
    """Whether a session was deleted, and what the result says."""
    call = Call(services=engine.services, caller=caller, principal=PRINCIPAL)
    result = await run(BY_NAME["delete_session"], {"session_id": session_id}, call)
    assert isinstance(result, types.CallToolResult)
    [block] = result.content
    assert isinstance(block, types.TextContent)
    return not result.is_error, block.text


async def made(engine: Engine, name: str) -> Path:
    """The folder of a new session with a kernel, a variable and a file."""
    session = (await engine.services.sessions.create(ALICE, name=name)).session
    await engine.run("x = 1", session_id=name)
    folder = Path(engine.serverapp.root_dir, session.folder)
    (folder / "table.csv").write_text("1,2")
    return folder


async def test_a_session_is_deleted_with_its_kernel_and_files(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        told: list[LifeEvent] = []
        engine.services.life.add(told.append)
        folder = await made(engine, "work")

        done, words = await delete(engine, "work")

        assert done
        assert words.startswith(f"Deleted {folder.name} (work): its kernel and the folder")
        assert f"mcp-sessions/{folder.name} with " in words
        assert not folder.exists()
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []
        assert "session_deleted" in [event.kind for event in told]
        assert "There is no session" in (await delete(engine, "work"))[1]
        assert not (await engine.services.sessions.create(ALICE, name="work")).existing


async def test_what_runs_for_the_caller_itself_is_ended(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await made(engine, "work")
        execution = await engine.start("print('begun')\nwhile True: pass", session_id="work")
        await engine.until_printed(execution, "begun")

        assert (await delete(engine, "work"))[0]

        assert not folder.exists()


async def test_another_users_session_is_not_there(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await made(engine, "work")

        done, words = await delete(engine, folder.name, BOB)

        assert not done
        assert "There is no session" in words
        assert folder.exists()


async def test_what_another_client_uses_stays_with_its_kernel(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await made(engine, "work")
        await engine.run("y = 2", session_id="work", caller=OTHER)

        done, words = await delete(engine, "work")

        assert not done
        assert "other used" in words
        assert "Nothing was deleted" in words
        assert folder.exists()
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 1


async def test_a_session_in_whose_folder_another_works_stays_with_its_kernel(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        folder = await made(engine, "work")
        await engine.services.sessions.create(
            ALICE, name="inside", cwd=f"mcp-sessions/{folder.name}"
        )

        done, words = await delete(engine, "work")

        assert not done
        assert "(inside) works in its folder" in words
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 2


async def test_a_persons_session_stays(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook("report.ipynb")
        await jp_serverapp.session_manager.create_session(
            path="report.ipynb", name="report.ipynb", type="notebook", kernel_name="python3"
        )

        done, words = await delete(engine, "report.ipynb")

        assert not done
        assert "a person's" in words


async def test_an_archived_session_can_be_deleted(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await made(engine, "work")
        sessions = engine.services.sessions
        session = await sessions.find(ALICE, "work")
        await sessions.shutdown(session, by="test", now=True)
        removal = sessions.folders.removal()
        assert removal is not None
        session.write(removal.archive(session, now=1.0))

        done, words = await delete(engine, "work")

        assert done
        assert words.startswith(f"Deleted {folder.name} (work): the folder")
        assert not folder.exists()
