"""Sessions: which one an argument means, whose it is, and what it says about losses."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import InvalidArgument, KernelUnavailable, UnknownSession
from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.sessions import register
from jupyter_mcp_ext.sessions.session import ALPHABET, Session, new_session_id
from tests.engine import ALICE, BOB, Engine, running, value


async def made(engine: Engine, caller: Caller = ALICE, **arguments: Any) -> Session:
    if "path" in arguments:
        engine.notebook(arguments["path"])
    return (await engine.services.sessions.create(caller, **arguments)).session


def test_an_id_has_eight_base32_characters() -> None:
    ids = {new_session_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(len(i) == 8 and set(i) <= set(ALPHABET) for i in ids)


@pytest.mark.parametrize("word", [None, "", "0", "default", " Default "])
async def test_no_session_id_means_the_callers_default_session(
    jp_serverapp: Any, word: str | None
) -> None:
    async with running(jp_serverapp) as engine:
        first = await engine.session()

        assert await engine.services.sessions.resolve(ALICE, word) is first


async def test_a_default_session_belongs_to_user_client_and_scope(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        callers = [ALICE, BOB, replace(ALICE, client="other"), replace(ALICE, scope="work")]

        sessions = [await engine.services.sessions.resolve(caller, None) for caller in callers]

        assert len({session.id for session in sessions}) == len(callers)


async def test_calls_at_once_make_one_default_session(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        found = await asyncio.gather(*(engine.session() for _ in range(5)))

        assert len({session.id for session in found}) == 1
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 1


async def test_a_server_can_require_session_id(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        engine.services.sessions.default = "none"

        with pytest.raises(UnknownSession, match="create_session"):
            await engine.services.sessions.resolve(ALICE, None)


async def test_a_session_is_in_jupyters_list_under_an_id_that_begins_with_its_own(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()

        listed = await jp_serverapp.session_manager.list_sessions()

        assert [(model["id"][:8], model["kernel"]["id"]) for model in listed] == [
            (session.id, session.kernel_id)
        ]


async def test_a_session_is_found_by_id_name_path_and_kernel(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await made(engine, name="churn", path="work/churn.ipynb")
        find = engine.services.sessions.find

        for wanted in (session.id, "churn", "work/churn.ipynb", session.kernel_id[:8]):
            assert await find(ALICE, wanted) is session


async def test_to_find_a_session_by_its_name_takes_no_look_at_the_kernels_of_other_agents(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = jp_serverapp.kernel_manager
    model_of, looked_at = kernels.kernel_model, []

    def kernel_model(kernel_id: str) -> Any:
        looked_at.append(kernel_id)
        return model_of(kernel_id)

    async with running(jp_serverapp) as engine:
        session = await made(engine, name="churn")
        await made(engine, BOB, name="churn")
        theirs = await jp_serverapp.session_manager.create_session(
            path="open.ipynb", name="open.ipynb", type="notebook", kernel_name="python3"
        )
        monkeypatch.setattr(kernels, "kernel_model", kernel_model)

        assert await engine.services.sessions.find(ALICE, "churn") is session
        assert looked_at == [theirs["kernel"]["id"]]


async def test_a_name_that_exists_gives_the_session_that_has_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        first = await made(engine, name="one")

        again, existing, _ = await engine.services.sessions.create(
            ALICE, name="one", kernel_name=None, path=None, cwd=None
        )

        assert existing
        assert again is first


async def test_a_persons_session_is_found_by_path_and_shares_its_variables(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        model = await jp_serverapp.session_manager.create_session(
            path="report.ipynb", name="report.ipynb", type="notebook", kernel_name="python3"
        )

        await engine.run("x = 5", session_id="report.ipynb")

        session, existing, _ = await engine.services.sessions.create(
            ALICE, name=None, kernel_name=None, path="report.ipynb", cwd=None
        )
        assert existing
        assert session.id == model["id"][:8]
        assert session.kernel_id == model["kernel"]["id"]
        assert value(await engine.run("x", session_id=session.id)) == "5"


async def test_peoples_sessions_are_forgotten_when_many_of_them_have_ended(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MAX_ENDED", 1)
    manager = jp_serverapp.session_manager
    kernel_id = await jp_serverapp.kernel_manager.start_kernel()

    async with running(jp_serverapp) as engine:
        ids = []
        for name in ("first", "second", "third"):
            path = f"{name}.ipynb"
            model = await manager.create_session(
                path=path, name=path, type="notebook", kernel_name="python3", kernel_id=kernel_id
            )
            await engine.services.sessions.listed(ALICE)
            ids.append(model["id"][:8])
        get = engine.services.sessions.directory.get
        before = [get(session_id) is not None for session_id in ids]
        await jp_serverapp.kernel_manager.shutdown_kernel(kernel_id, now=True)
        await manager.create_session(
            path="last.ipynb", name="last.ipynb", type="notebook", kernel_name="python3"
        )
        await engine.services.sessions.listed(ALICE)

        assert before == [True, True, True]
        assert [get(session_id) is not None for session_id in ids] == [False, False, True]


async def test_two_sessions_on_one_notebook_at_once_are_one(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        both = await asyncio.gather(made(engine, path="a.ipynb"), made(engine, path="a.ipynb"))

        assert both[0] is both[1]
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 1


async def test_a_person_who_opens_the_notebook_at_the_same_time_and_an_agent_share_a_kernel(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        making = asyncio.create_task(made(engine, path="report.ipynb"))
        await engine.until(lambda: bool(jp_serverapp.kernel_manager.list_kernel_ids()))
        theirs = await jp_serverapp.session_manager.create_session(
            path="report.ipynb", name="report.ipynb", type="notebook", kernel_name="python3"
        )

        session = await making

        [model] = await jp_serverapp.session_manager.list_sessions()
        assert model["id"] == theirs["id"]
        assert session.kernel_id == theirs["kernel"]["id"]
        assert jp_serverapp.kernel_manager.list_kernel_ids() == [session.kernel_id]
        assert list(Path(jp_serverapp.root_dir, "mcp-sessions").iterdir()) == []


async def test_a_name_that_fits_two_sessions_lists_both(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        for path in ("a/same.ipynb", "b/same.ipynb"):
            await jp_serverapp.session_manager.create_session(
                path=path, name="same.ipynb", type="notebook", kernel_name="python3"
            )

        with pytest.raises(UnknownSession, match=r"fits 2 sessions") as refused:
            await engine.services.sessions.find(ALICE, "same.ipynb")

        assert "a/same.ipynb" in str(refused.value)
        assert "b/same.ipynb" in str(refused.value)


async def test_a_notebook_that_is_not_open_proposes_to_open_it(jp_serverapp: Any) -> None:
    (Path(jp_serverapp.root_dir) / "report.ipynb").write_text("{}")
    async with running(jp_serverapp) as engine:
        await made(engine, name="analysis")

        with pytest.raises(UnknownSession, match=r'create_session\(path="report.ipynb"\)'):
            await engine.services.sessions.find(ALICE, "report.ipynb")
        with pytest.raises(UnknownSession, match=r"'reprot.ipynb'. .* Did you mean 'report'"):
            await engine.services.sessions.find(ALICE, "reprot.ipynb")
        with pytest.raises(UnknownSession, match="Did you mean 'analysis'"):
            await engine.services.sessions.find(ALICE, "anaylsis")
        with pytest.raises(UnknownSession) as refused:
            await engine.services.sessions.find(BOB, "anaylsis")
        assert "analysis" not in str(refused.value)


async def test_a_large_notebook_of_a_session_goes_on_in_another_file(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        await engine.run("'in the first'")
        assert session.story is not None
        await session.story.flush()
        first = Path(jp_serverapp.root_dir, session.notebook)
        node = json.loads(first.read_text())
        note = {"cell_type": "raw", "id": "large", "metadata": {}, "source": "x" * 21_000_000}
        node["cells"].append(note)
        first.write_text(json.dumps(node))

        await engine.run("'in the second'")
        await session.story.flush()

        [second] = {*first.parent.glob("*.ipynb")} - {first}
        assert "in the second" in second.read_text()
        assert "in the second" not in first.read_text()


async def test_another_users_session_is_answered_like_one_that_does_not_exist(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = await made(engine, name="mine", path="mine.ipynb")

        for wanted in (session.id, "mine", "mine.ipynb", session.kernel_id):
            with pytest.raises(UnknownSession, match="There is no session"):
                await engine.services.sessions.find(BOB, wanted)
        assert await engine.services.sessions.listed(BOB) == ()


async def test_a_kernel_name_that_does_not_exist_lists_the_known_ones(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        with pytest.raises(KernelUnavailable, match="python3"):
            await made(engine, kernel_name="fortran77")

        assert await engine.services.sessions.listed(ALICE) == ()


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 65, "a\nb"])
async def test_a_bad_name_is_refused_and_makes_nothing(jp_serverapp: Any, name: str) -> None:
    async with running(jp_serverapp) as engine:
        with pytest.raises(InvalidArgument):
            await made(engine, name=name)

        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


async def test_a_kernel_starts_in_the_folder_that_was_asked_for(
    jp_serverapp: Any, jp_root_dir: Any
) -> None:
    (jp_root_dir / "data").mkdir()
    async with running(jp_serverapp) as engine:
        session = await made(engine, cwd="data")

        where = value(await engine.run("import os; os.getcwd()", session_id=session.id))

        assert where == repr(str(jp_root_dir / "data"))


async def test_a_session_whose_kernel_was_shut_down_gets_a_new_one_and_says_so(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("x = [1]")
        session = await engine.session()
        old = session.kernel_id
        await jp_serverapp.kernel_manager.shutdown_kernel(old)

        execution = await engine.run("'x' in dir()")

        assert value(execution) == "False"  # it was not idle long enough to be saved
        assert session.kernel_id != old
        said = engine.services.sessions.readers.notices(session, ALICE, since=execution.began)
        assert any("its variables are lost" in line for line in said)
        listed = await jp_serverapp.session_manager.list_sessions()
        assert [model["id"] for model in listed] == [session.record.jupyter_id]


async def test_a_loss_is_told_to_a_client_once(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("print('x', flush=True); __import__('os')._exit(3)")
        session = await engine.session()
        engine.services.sessions.readers.notices(session, ALICE, since=None)
        execution = await engine.run("1")

        again = engine.services.sessions.readers.notices(session, ALICE, since=execution.began)

        assert again == ()


async def test_a_session_whose_kernel_was_ended_can_come_back(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await made(engine, name="gone")

        await engine.services.sessions.shutdown(session, by="test", now=False)

        assert jp_serverapp.kernel_manager.list_kernel_ids() == []
        assert await jp_serverapp.session_manager.list_sessions() == []
        assert await engine.services.sessions.find(ALICE, "gone") is session
        assert not engine.services.sessions.is_ready(session)


async def test_an_import_that_always_failed_is_not_reported_when_the_session_comes_back(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        failed = await engine.run("import no_such_module")
        await engine.run("x = 1\nimport json")
        session = await engine.session()
        await engine.services.sessions.shutdown(session, by="test", now=False)

        await engine.run("x")

        assert failed.status == "error"
        assert "came back" in session.continuity.comeback
        assert "no_such_module" not in session.continuity.comeback


async def test_an_import_that_worked_before_its_cell_failed_is_told_when_it_fails_now(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        module = Path(jp_serverapp.root_dir, session.cwd, "here_for_now.py")
        module.write_text("")
        await engine.run("import here_for_now\n1 / 0")
        await engine.run("x = 1")
        module.unlink()
        await engine.services.sessions.shutdown(session, by="test", now=False)

        await engine.run("x")

        assert "here_for_now" in session.continuity.comeback


GATED = """
import os
os.mkfifo("begun"); os.mkfifo("gate")
class Gated:
    def __reduce__(self):
        open("begun", "w").close()
        open("gate").close()
        return int, ()
gated = Gated()
"""


async def test_new_code_neither_ends_a_save_nor_waits_for_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, snapshot_delay=0.01, default_folder="") as engine:
        session = await engine.session()
        folder = Path(jp_serverapp.root_dir, session.cwd)
        await engine.run(GATED)
        await engine.until((folder / "begun").exists)
        await asyncio.to_thread((folder / "begun").read_text)

        execution = await engine.run("del gated; 1 + 1", wait=20)
        assert value(execution) == "2"
        await asyncio.to_thread((folder / "gate").write_text, "")

        index = Path(jp_serverapp.root_dir, session.folder, ".mcp", "snapshot.json")
        await engine.until(lambda: index.exists() and '"after":2' in index.read_text())
        await engine.until(lambda: len(list(index.parent.glob("snapshot*"))) == 2)


async def test_a_save_leaves_the_history_and_the_count_alone(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, snapshot_delay=0.01) as engine:
        await engine.run("x = [1]")
        session = await engine.session()
        index = Path(jp_serverapp.root_dir, session.folder, ".mcp", "snapshot.json")
        await engine.until(index.exists)

        names = value(await engine.run("[n for n in dir() if not n.startswith('_')]"))
        history = value(await engine.run("In"))

        assert names == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit', 'x']"
        assert history.count("x = [1]") == 1
        assert history.startswith("['', 'x = [1]', \"[n for n in dir()")
    # Later saves have ended: their files come and go.
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in index.parent.glob("*")} == {0o600}


async def test_a_session_of_a_later_release_is_named_and_left_alone(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await made(engine, name="later")
        record = Path(jp_serverapp.root_dir, session.folder, ".mcp", "session.json")
    content = {**json.loads(record.read_text()), "version": 2}
    record.write_text(json.dumps(content))

    async with running(jp_serverapp) as engine:
        with pytest.raises(UnknownSession, match="There is no session"):
            await engine.services.sessions.find(ALICE, session.id)

        assert await engine.services.sessions.listed(ALICE) == ()
        assert json.loads(record.read_text()) == content


@pytest.mark.parametrize("limit", ["max_kernels_per_user", "max_kernels"])
async def test_sessions_made_at_once_have_no_more_kernels_than_allowed(
    jp_serverapp: Any, limit: str
) -> None:
    async with running(jp_serverapp, **{limit: 2}) as engine:
        tried = await asyncio.gather(*(made(engine) for _ in range(4)), return_exceptions=True)

        refused = [str(one) for one in tried if isinstance(one, KernelUnavailable)]
        assert len(refused) == 2
        assert all("as many as" in words for words in refused)
        assert len(jp_serverapp.kernel_manager.list_kernel_ids()) == 2


@pytest.mark.parametrize("spare_kernels", [0, 2])
async def test_a_kernel_that_ended_makes_room_for_another(
    jp_serverapp: Any, spare_kernels: int
) -> None:
    traits = {"max_kernels": 1, "spare_kernels": spare_kernels}
    async with running(jp_serverapp, **traits) as engine:
        first = await made(engine, name="first")
        with pytest.raises(KernelUnavailable, match="Try again later"):
            await made(engine, BOB)
        with pytest.raises(KernelUnavailable, match="first"):
            await made(engine)

        await engine.services.sessions.shutdown(first, by="test", now=True)

        assert (await made(engine, BOB)).owner == "bob"


async def test_a_session_whose_folder_another_server_took_is_not_written_any_more(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.disk.held.BEAT", 0.01)
    async with running(jp_serverapp) as engine:
        await engine.run("x = 1")
        session = await engine.session()
        assert session.story is not None
        hidden = session.story.folder.path
        theirs = {"version": 1, "pid": 1, "host": "elsewhere", "heartbeat": time.time() + 60}
        await session.story.flush()

        def is_lost() -> bool:
            # As after this machine slept longer than another server waits.
            (hidden / "lock").write_text(json.dumps(theirs))
            return session.story is None

        await engine.until(is_lost)
        journal = (hidden / "journal.jsonl").read_bytes()

        execution = await engine.run("y = 2")

        assert execution.session_id != session.id
        with pytest.raises(KernelUnavailable, match="process 1 on elsewhere"):
            await engine.services.sessions.resolve(ALICE, session.id)
        assert (hidden / "journal.jsonl").read_bytes() == journal
        assert json.loads((hidden / "lock").read_text()) == theirs


LOCKING = """
import fcntl, subprocess, sys
def locked(path):
    file = open(path, 'a')
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
def locked_elsewhere(path):
    code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(); input()"
    process = subprocess.Popen(
        [sys.executable, '-uc', code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has locked a file")
async def test_code_that_locks_the_folder_of_a_session_is_not_another_server(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        sessions = engine.services.sessions
        session = await engine.session()
        assert session.story is not None
        lock = str(session.story.folder.path / "lock")
        await sessions.shutdown(session, by="test", now=True)
        await made(engine, name="other")
        await engine.run(f"{LOCKING}\nheld = locked({lock!r})", session_id="other")

        assert value(await engine.run("1 + 1", session_id=session.id)) == "2"

        await sessions.shutdown(session, by="test", now=True)
        await engine.run(f"process = locked_elsewhere({lock!r})", session_id="other")
        with pytest.raises(KernelUnavailable, match="which code in a kernel of this server has"):
            await sessions.resolve(ALICE, session.id)


async def test_when_a_session_was_last_used_outlasts_the_server(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        session = await engine.session()
        then = time.time() - 3_600
        session.use("", now=then)

    async with running(jp_serverapp) as engine:
        listed = await engine.services.sessions.listed(ALICE)
        [back] = [each for each in listed if each.id == session.id]

        assert abs(back.last_used - then) < 1
