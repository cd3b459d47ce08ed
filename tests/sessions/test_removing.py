"""What people have open of a session keeps it, in whichever of its files that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.removing import InUse
from jupyter_mcp_ext.sessions.session import Session
from tests.engine import ALICE, Engine, running
from tests.servers import FILE_IDS


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    names = ("jupyter_mcp_ext", "jupyter_server_ydoc", "jupyter_server_fileid")
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)},
        **FILE_IDS,
        "YDocExtension": {"ystore_class": "jupyter_server_ydoc.stores.TempFileYStore"},
    }


async def ended(engine: Engine) -> Session:
    """A session of several notebooks and a file of a person, without a kernel."""
    created = await engine.services.sessions.create(ALICE, name="work")
    session = created.session
    await engine.services.sessions.shutdown(session, by="test", now=False)
    folder = Path(engine.serverapp.root_dir, session.folder)
    for name in ("work-2.ipynb", "notes/more.ipynb"):
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        engine.notebook(f"{session.folder}/{name}")
    folder.joinpath("notes.txt").write_text("mine")
    return session


@pytest.mark.parametrize(
    ("name", "kind"),
    [("work-2.ipynb", "notebook"), ("notes/more.ipynb", "notebook"), ("notes.txt", "file")],
)
async def test_a_session_stays_while_people_have_any_of_its_files_open(
    jp_serverapp: Any, name: str, kind: str
) -> None:
    async with running(jp_serverapp) as engine:
        session, remover = await ended(engine), engine.services.sessions.remover
        ydoc = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
        file_format = "json" if kind == "notebook" else "text"
        path = f"{session.folder}/{name}"
        await ydoc.get_document(
            path=path, content_type=kind, file_format=file_format, copy=False, create=True
        )

        for remove in (remover.archive, remover.drop_snapshots, remover.delete):
            with pytest.raises(InUse, match="people have a file in its folder open"):
                await remove(session)

        for room in list(ydoc.ywebsocket_server.rooms):
            await ydoc.ywebsocket_server.delete_room(name=room)
        await remover.archive(session)
        assert session.record.archived


async def test_what_people_have_open_beside_a_session_does_not_keep_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await ended(engine)
        beside = f"{session.folder}-2/open.ipynb"
        engine.notebook(beside)
        ydoc = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
        await ydoc.get_document(
            path=beside, content_type="notebook", file_format="json", copy=False, create=True
        )

        await engine.services.sessions.remover.archive(session)

        assert session.record.archived
