"""What create_session finds or makes: the folder, the kernel and the messages."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument, KernelUnavailable, ToolError
from jupyter_mcp_ext.kernels.specs import chosen
from jupyter_mcp_ext.sessions.disk.record import SessionRecord, parse
from jupyter_mcp_ext.sessions.disk.store import PURPOSE, session_of
from jupyter_mcp_ext.sessions.session import Session
from jupyter_mcp_ext.sessions.wishes import Created
from tests import forked_kernels
from tests.engine import ALICE, BOB, Engine, printed, running, value

CODEX = replace(ALICE, client="codex")
WHERE = "import os; os.getcwd()"


async def created(engine: Engine, caller: Any = ALICE, **arguments: Any) -> Created:
    return await engine.services.sessions.create(caller, **arguments)


def other_kernel(serverapp: Any, name: str = "other", **changes: Any) -> None:
    specs = serverapp.kernel_spec_manager
    folder = Path(specs.kernel_dirs[0], name)
    folder.mkdir(parents=True)
    spec = {**specs.get_kernel_spec("python3").to_dict(), **changes}
    (folder / "kernel.json").write_text(json.dumps(spec))


async def test_files_of_the_root_are_there_in_a_named_session(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    (jp_root_dir / "orders.csv").write_text("n\n7\n")
    (jp_root_dir / "shoplib.py").write_text("price = 3")
    async with running(jp_serverapp) as engine:
        session = (await created(engine, name="task")).session
        code = "import shoplib; print(open('orders.csv').read().split(), shoplib.price)"
        execution = await engine.run(code, session_id="task")

        assert printed(execution) == "['n', '7'] 3\n"
        assert session.notebook == f"mcp-sessions/{session.id}/task.ipynb"
        assert session.story is not None
        await session.story.flush()
        assert {p.parts[0] for p in _new(jp_root_dir)} <= {"mcp-sessions", "__pycache__"}
        assert (jp_root_dir / session.folder / ".mcp" / "session.json").exists()


def _new(root: Path) -> set[Path]:
    known = {root / "orders.csv", root / "shoplib.py"}
    return {path.relative_to(root) for path in root.iterdir() if path not in known}


@pytest.mark.parametrize("has_default", [True, False])
async def test_a_session_starts_in_the_folder_of_the_default_session(
    jp_serverapp: Any, jp_root_dir: Path, *, has_default: bool
) -> None:
    (jp_root_dir / "work").mkdir()
    async with running(jp_serverapp, default_folder="work") as engine:
        if has_default:
            await engine.session()

        await created(engine, name="task")

        assert value(await engine.run(WHERE, session_id="task")) == repr(str(jp_root_dir / "work"))


async def test_a_session_of_an_earlier_release_stays_in_its_own_folder(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    async with running(jp_serverapp) as engine:
        session = (await created(engine, name="old")).session
        await engine.services.sessions.shutdown(session, by="test", now=True)
        session.write(replace(session.record, cwd=session.folder))  # as it was made before
        await engine.services.sessions.ready(await engine.services.sessions.resolve(ALICE, "old"))
    async with running(jp_serverapp) as engine:
        again = (await created(engine, name="old")).session

        where = value(await engine.run(WHERE, session_id="old"))
        assert again.id == session.id
        assert where == repr(str(jp_root_dir / session.folder))


async def test_a_notebook_that_does_not_exist_is_refused_and_makes_nothing(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook("report.ipynb")
        with pytest.raises(ContentsError, match=r"no notebook \"reprot\.ipynb\".*'report'"):
            await created(engine, path="reprot.ipynb")

        assert await engine.services.sessions.listed(ALICE) == ()
        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


async def test_a_notebook_that_only_a_person_has_open_can_be_joined(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await jp_serverapp.session_manager.create_session(
            path="unsaved.ipynb", name="unsaved.ipynb", type="notebook", kernel_name="python3"
        )

        assert (await created(engine, path="unsaved.ipynb")).existing


async def test_a_notebook_gets_the_kernel_that_it_asks_for(jp_serverapp: Any) -> None:
    other_kernel(jp_serverapp)
    async with running(jp_serverapp) as engine:
        engine.notebook("a.ipynb", kernel_name="other")
        engine.notebook("b.ipynb", kernel_name="absent")

        its_own = await created(engine, path="a.ipynb")
        instead = await created(engine, path="b.ipynb")
        given = await created(engine, path="a.ipynb", kernel_name="other")

        assert its_own.session.kernel_name == "other"
        assert its_own.notices == (
            "a.ipynb was not open with a kernel: a new one was started for it",
        )
        assert instead.session.kernel_name == "python3"
        assert any("'absent'" in notice for notice in instead.notices)
        assert given.session is its_own.session


async def test_another_kernel_than_the_existing_sessions_is_refused(jp_serverapp: Any) -> None:
    other_kernel(jp_serverapp)
    async with running(jp_serverapp) as engine:
        first = (await created(engine, name="churn")).session

        with pytest.raises(InvalidArgument, match="python3 and not other"):
            await created(engine, name="churn", kernel_name="other")

        same = await created(engine, name="churn", kernel_name="python3")
        assert same.session is first
        assert same.notices == ()


async def test_arguments_that_change_nothing_are_named(
    jp_serverapp: Any, jp_root_dir: Path
) -> None:
    (jp_root_dir / "data").mkdir()
    async with running(jp_serverapp) as engine:
        await created(engine, name="main")
        await created(engine, name="churn", restore="fresh")

        again = await created(engine, name="churn", cwd="data", copy_of="main", restore="replay")

        assert again.existing
        assert [word.rpartition(": ")[2] for word in again.notices] == [
            "cwd is for new sessions",
            "copy_of is for new sessions",
        ]
        assert again.session.record.restore == "replay"  # is used, so no notice is needed
        assert (await created(engine, name="churn", cwd=".")).notices == ()


async def test_a_persons_notebook_says_which_arguments_it_did_not_use(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await jp_serverapp.session_manager.create_session(
            path="report.ipynb", name="report.ipynb", type="notebook", kernel_name="python3"
        )

        joined = await created(engine, path="report.ipynb", name="mine", restore="replay")

        assert len(joined.notices) == 2
        assert any("name was not used" in notice for notice in joined.notices)
        assert any("restore was not used" in notice for notice in joined.notices)


async def test_a_session_that_another_client_made_is_joined_with_its_name(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await created(engine, name="churn")

        [theirs] = (await created(engine, CODEX, name="churn")).notices
        [both] = (await created(engine, name="churn")).notices
        bobs = await created(engine, BOB, name="churn")

        assert re.match(r"made by test [^,]+, last used [^,;]+; its variables are theirs", theirs)
        assert re.match(r"made by you [^,]+, last used [^,;]+ by codex; ", both)
        assert not bobs.existing


async def test_an_id_given_as_a_name_means_that_session(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = (await created(engine, name="churn")).session

        again = await created(engine, name=session.id)

        assert again.session is session


async def test_a_name_is_not_given_to_a_second_session(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook("a.ipynb")
        await created(engine, name="churn")

        with pytest.raises(InvalidArgument, match="another name"):
            await created(engine, name="churn", path="a.ipynb")


async def test_a_creation_that_is_cancelled_leaves_nothing(jp_serverapp: Any) -> None:
    manager, folder = jp_serverapp.kernel_manager, Path(jp_serverapp.root_dir, "mcp-sessions")
    forked_kernels.prepare()
    before = set(psutil.Process().children())
    async with running(jp_serverapp) as engine:
        making = asyncio.create_task(created(engine, name="never"))
        await engine.until(lambda: bool(set(psutil.Process().children()) - before))

        making.cancel()
        await asyncio.wait({making})

        tasks = {t for t in asyncio.all_tasks() if t.get_name() == "mcp-session-give-up"}
        if tasks:
            await asyncio.wait(tasks)
        assert making.cancelled()
        assert await engine.services.sessions.listed(ALICE) == ()
        assert manager.list_kernel_ids() == []
        assert list(folder.iterdir()) == []


async def test_a_copy_that_fails_leaves_nothing(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_kernel(jp_serverapp, argv=["false"])
    folder = Path(jp_serverapp.root_dir, "mcp-sessions")
    async with running(jp_serverapp) as engine:
        source = (await created(engine, name="main")).session

        with pytest.raises(KernelUnavailable):
            await created(engine, name="copy", kernel_name="other", copy_of="main")

        assert await engine.services.sessions.listed(ALICE) == (source,)
        assert [path.name for path in folder.iterdir()] == [source.id]


SPECS = {
    "python3": {"display_name": "Python 3 (ipykernel)"},
    "venv": {"display_name": "Python 3 (ipykernel)"},
    "ir": {"display_name": "R"},
    "r-env": {"display_name": "R 4.4"},
    "one": {"display_name": "Twice"},
    "two": {"display_name": "Twice"},
}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("ir", "ir"), ("R", "ir"), ("r 4.4 ", "r-env"), ("Python 3 (ipykernel)", "python3")],
)
def test_a_kernel_is_found_by_its_display_name_too(wanted: str, name: str) -> None:
    assert chosen(wanted, SPECS, default="python3") == name


def test_a_display_name_of_two_kernels_names_both() -> None:
    with pytest.raises(ToolError, match="one, two"):
        chosen("twice", SPECS, default="python3")


def test_a_record_without_the_last_client_is_still_read() -> None:
    record = SessionRecord(
        id="a" * 8,
        jupyter_id="",
        name="n",
        owner="o",
        client="test",
        kernel_name="python3",
        path="p",
        cwd="",
        restore="snapshot",
        created=1.0,
        last_used=time.time(),
    )

    session = session_of(record, folder="f", is_signed=True)

    assert session.record.last_client == ""


def file_of(session: Session) -> str:
    return session.notebook.rpartition("/")[2]


@pytest.mark.parametrize("spare_kernels", [0, 1])
async def test_a_notebook_has_a_name_that_people_can_read(
    jp_serverapp: Any, spare_kernels: int
) -> None:
    day = time.strftime("%Y-%m-%d")
    codex = replace(ALICE, client="codex")
    thread = replace(codex, scope="0199a213-81c0-7800-8aa1-bbab2a035a53")
    async with running(jp_serverapp, spare_kernels=spare_kernels) as engine:
        sessions = engine.services.sessions
        unnamed = (await created(engine, codex)).session
        named = (await created(engine, codex, name="Churn (model) 2")).session
        scopes = (codex, thread, replace(codex, scope="work"))
        defaults = [await sessions.resolve(caller, None) for caller in scopes]
        every = [unnamed, named, *defaults]

        assert file_of(unnamed) == f"codex-{day}.ipynb"
        assert file_of(named) == "Churn-model-2.ipynb"
        assert [file_of(session) for session in defaults] == [
            "codex.ipynb",
            f"codex-{day}.ipynb",
            "codex-work.ipynb",
        ]
        before = {session.id: session.notebook for session in every}
    async with running(jp_serverapp) as engine:
        known = await engine.services.sessions.listed(ALICE)

        assert {session.id: session.notebook for session in known} == before


async def test_a_session_of_an_earlier_release_keeps_its_notebook(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = (await created(engine, name="a (b)")).session
        file = Path(jp_serverapp.root_dir, session.folder, ".mcp", "session.json")
        key = engine.services.keys.derive(PURPOSE)
    record, _ = parse(file.read_bytes(), key)
    path = f"{session.folder}/a--b.ipynb"
    file.write_bytes(replace(record, notebook="", path=path).to_bytes(key))

    async with running(jp_serverapp) as engine:
        [known] = await engine.services.sessions.listed(ALICE)

        assert (known.notebook, known.path) == (path, path)
