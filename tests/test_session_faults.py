"""Faults of sessions, over real HTTP: killed servers, forged files, other users, full disks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mcp_ext.sessions.story.history import RESERVED
from tests import disks
from tests.mcp_client import McpClient
from tests.servers import FRESH, JupyterServer, running_server
from tests.stories import folders, serving, story
from tests.users import OPTION


def test_a_snapshot_dropped_into_the_folder_is_not_loaded(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("x = [1]")
    (folder,) = folders(tmp_path)
    (data,) = (folder / ".mcp").glob("snapshot-*.pickle")
    data.write_bytes(b"cos\nsystem\n(S'touch stolen'\ntR.")

    with serving(tmp_path) as (_, client):
        result = client.run("'x' in dir()")

    assert "False" in result.text
    assert not (tmp_path / "root" / "stolen").exists()
    assert any("could not be loaded" in notice for notice in result.notices)


def test_code_dropped_into_the_journal_is_not_run_on_replay(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.call("create_session", name="again", restore="replay")
        client.run("x = 7", session_id="again")
    (folder,) = folders(tmp_path)
    code = f"open({str(tmp_path / 'stolen')!r}, 'w')"
    forged = [
        {"begin": 2, "execution_id": f"{folder.name}-2", "code": code, "client": "", "created": 1},
        {"end": 2, "status": "ok", "execution_count": 2, "ended": 2, "outputs": []},
    ]
    with (folder / ".mcp" / "journal.jsonl").open("a") as journal:
        journal.writelines(json.dumps({"version": 1, **line}) + "\n" for line in forged)

    with serving(tmp_path) as (_, client):
        result = client.run("x", session_id="again")

    assert result.text.endswith("7")
    assert not (tmp_path / "stolen").exists()
    assert any("not signed by this server's key" in notice for notice in result.notices)


def test_an_owner_that_was_forged_is_not_believed(tmp_path: Path) -> None:
    with serving(tmp_path, OPTION) as (server, _):
        alice = McpClient(server, headers={"Authorization": "Bearer alice"})
        alice.call("create_session", name="secret")
        alice.run("x = 1", session_id="secret")
    (folder,) = folders(tmp_path)
    record = folder / ".mcp" / "session.json"
    record.write_text(record.read_text().replace('"alice"', '"bob"'))

    with serving(tmp_path, OPTION) as (server, _):
        bob = McpClient(server, headers={"Authorization": "Bearer bob"})
        assert bob.call("execute_code", code="x", session_id="secret").is_error
        assert "secret" not in bob.call("list_sessions").text


def test_a_server_that_is_killed_loses_nothing_that_had_ended(tmp_path: Path) -> None:
    with serving(tmp_path, command=FRESH) as (server, client):
        for number in range(5):
            client.run(f"print({number})")
        client.run("import time; time.sleep(0.5)")
        pid = int(client.run("import os; print(os.getpid())").text.splitlines()[-1])
        kernel = psutil.Process(pid)
        server.process.kill()
        server.process.wait()
        (folder,) = folders(tmp_path)
        before = story(folder) if list(folder.glob("*.ipynb")) else []  # whole, and valid
    with serving(tmp_path) as (server, client):
        result = client.run("'back'")
        client.run("1")

    assert 7 < int(result.execution["execution_id"].rpartition("-")[2]) <= 7 + 2 * RESERVED
    told = story(folder)
    assert told[: len(before)] == before
    assert [f"print({number})" for number in range(5)] == told[:5]
    psutil.wait_procs([kernel], timeout=60)  # it looks for its server each second
    assert not kernel.is_running()


def test_a_server_that_is_killed_while_it_writes_loses_a_second_at_most(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        client.run("import time")
        ended: list[tuple[str, float]] = []
        while len(ended) < 40:
            code = f"print('{len(ended)}' * 50_000); time.sleep({0.15 if len(ended) > 30 else 0})"
            client.run(code)
            ended.append((code, time.monotonic()))
        server.process.kill()
        killed = time.monotonic()
        server.process.wait()
    (folder,) = folders(tmp_path)
    before = story(folder)  # whole, and valid
    with serving(tmp_path) as (_, client):
        client.run("'back'")
    told = story(folder)

    assert told[: len(before)] == before
    assert [code for code, when in ended if killed - when > 1 and code not in told] == []
    assert len(set(told)) == len(told)
    assert told[-1] == "'back'"


def test_two_servers_on_one_folder_do_not_both_write(tmp_path: Path) -> None:
    key = f"--McpApp.key_file={tmp_path / 'key'}"
    other = tmp_path / "other"
    other.mkdir()
    (other / "root").symlink_to(tmp_path / "root")
    with serving(tmp_path, key) as (server, client):
        client.call("create_session", name="shared")
        client.run("x = [1]", session_id="shared")
        (folder,) = folders(tmp_path)
        while not list(folder.glob("*.ipynb")):
            pass  # written after the journal, which waits a moment for further entries
        with running_server(other, key) as second:
            late = McpClient(second)
            refused = late.call("execute_code", code="x", session_id="shared")
            listed = late.call("list_sessions").text
            status = late.call("get_kernel_status", session_id="shared").text
            path = late.call("get_kernel_status", session_id="shared").meta[
                "jupyter-mcp-ext/session"
            ]["path"]
            read = late.call("read_notebook", path=path).text
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            taken = late.run("x", session_id="shared")

    assert refused.is_error
    assert "another Jupyter server" in refused.text
    assert "elsewhere" in listed
    assert "another Jupyter server" in status
    assert "x = [1]" in read
    assert "[1]" in taken.text


def test_the_folder_of_a_server_that_was_killed_is_taken_over_at_once(tmp_path: Path) -> None:
    key = f"--McpApp.key_file={tmp_path / 'key'}"
    other = tmp_path / "other"
    other.mkdir()
    (other / "root").symlink_to(tmp_path / "root")
    with serving(tmp_path, key) as (server, client), running_server(other, key) as second:
        late = McpClient(second)
        client.call("create_session", name="shared")
        client.run("def f(): return 'known'", session_id="shared")
        (folder,) = folders(tmp_path)
        # Written after the journal, which waits a moment for further entries.
        while not list(folder.glob("*.ipynb")) or not story(folder):
            pass
        refused = late.refused("execute_code", code="f()", session_id="shared")
        server.process.kill()
        server.process.wait()
        taken = late.run("f()", session_id="shared")

    assert "another Jupyter server" in refused
    assert "known" in taken.text
    assert story(folder) == ["def f(): return 'known'", "f()"]


POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads to which the pool of an event loop grows (`concurrent.futures.ThreadPoolExecutor`)."""


def test_twenty_sessions_leave_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        process = psutil.Process(server.process.pid)
        client.call("create_session", name="first")
        client.call("shutdown_kernel", session_id="first")
        children = set(process.children(recursive=True))
        files, threads = descriptors(server, process), process.num_threads()
        for number in range(20):
            client.call("create_session", name=f"s{number}")
            client.call("shutdown_kernel", session_id=f"s{number}")
        left = descriptors(server, process) - files
        more = process.num_threads() - threads
        born = set(process.children(recursive=True)) - children
        runtime = list((tmp_path / "runtime").glob("kernel-*.json"))

    # Some of a kernel's sockets are closed by the garbage collector, not all at once: what each
    # session left behind would be twenty.
    assert sum(left.values()) < 5, left
    assert more < POOL
    assert born == set()
    assert runtime == []


def descriptors(server: JupyterServer, process: psutil.Process) -> Counter[str]:
    """How many descriptors of each kind a server has open, without clients' connections.

    The server closes those a moment after its clients have.
    """
    clients = {c.fd for c in process.net_connections() if c.laddr.port == server.port}
    found: Counter[str] = Counter()
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        if int(fd.name) not in clients:
            with suppress(FileNotFoundError):
                found[re.sub(r"\d+", "", str(fd.readlink()))] += 1
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of sessions."""
    folder = tmp_path / "root" / "mcp-sessions"
    with disks.small_disk(folder, kilobytes=200, file_bytes=100_000) as small:
        yield small


def test_code_runs_on_a_full_disk_and_the_result_says_what_is_not_saved(
    tmp_path: Path, small_disk: Path
) -> None:
    with serving(tmp_path) as (_, client):
        results = [client.run(f"x = {n}; print('y' * 19_000); x") for n in range(20)]
        filler = small_disk / "filler"
        if shutil.disk_usage(small_disk).total < 1_000_000:
            with suppress(OSError):  # the server may have taken some of it: then it is full too
                filler.write_bytes(b"z" * shutil.disk_usage(small_disk).free)
        results += [client.run(f"x = {n}; print('y' * 19_000); x") for n in range(20, 25)]
        said = [line for result in results for line in result.notices if "not being saved" in line]

    assert all(result.status == "ok" for result in results)
    assert said
    assert any("disk is full" in line or "too large" in line for line in said)


def test_a_folder_that_cannot_be_made_leaves_a_session_that_works(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mcp-sessions").write_text("a file in the way")
    with serving(tmp_path) as (_, client):
        made = client.call("create_session", name="here")
        result = client.run("1 + 1", session_id="here")

    assert not made.is_error
    assert "2" in result.text.splitlines()[-1]
    assert "not being saved" in made.text + result.text


@pytest.mark.parametrize("name", ["a/b", "../up", "..", "x" * 300, "a\x00b", " ", "none"])
def test_an_invalid_name_is_refused_and_makes_nothing(server: JupyterServer, name: str) -> None:
    client = McpClient(server)

    refusal = client.refused("create_session", name=name)

    assert "name" in refusal
    assert not list((server.root_dir / "mcp-sessions").glob("*/*.ipynb"))


def test_an_emoji_is_a_name(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        made = client.call("create_session", name="plots \N{BAR CHART}")
        client.run("x = [1]", session_id="plots \N{BAR CHART}")
    with serving(tmp_path) as (_, client):
        again = client.run("x", session_id="plots \N{BAR CHART}")

    assert not made.is_error
    assert "[1]" in again.text
    (folder,) = folders(tmp_path)
    assert len(story(folder)) == 2


def test_a_notebook_edited_into_nonsense_is_named_in_the_result(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("x = 1")
        (folder,) = folders(tmp_path)
        while not list(folder.glob("*.ipynb")):
            pass
        (notebook,) = folder.glob("*.ipynb")
        notebook.write_text("nonsense")
        client.run("x = 2")
        said = ""
        while "not being saved" not in said:
            result = client.run("x")
            said = " ".join(result.notices)
            assert result.status == "ok"

    assert notebook.read_text() == "nonsense"


def test_a_default_session_that_another_server_holds_is_not_waited_for(tmp_path: Path) -> None:
    key = f"--McpApp.key_file={tmp_path / 'key'}"
    other = tmp_path / "other"
    other.mkdir()
    (other / "root").symlink_to(tmp_path / "root")
    with serving(tmp_path, key) as (_, client):
        first = client.run("x = 1")
        with running_server(other, key) as second:
            result = McpClient(second).run("'x' in dir()")

    assert "False" in result.text
    assert result.execution["session_id"] != first.execution["session_id"]


def test_ids_of_one_user_tell_another_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, OPTION) as (server, _):
        alice = McpClient(server, headers={"Authorization": "Bearer alice"})
        bob = McpClient(server, headers={"Authorization": "Bearer bob"})
        made = alice.call("create_session", name="secret")
        session = made.meta["jupyter-mcp-ext/session"]
        ran = alice.run("print('hidden')", session_id="secret")
        refusals = {
            wanted: bob.refused("execute_code", code="1", session_id=wanted)
            for wanted in ("secret", session["session_id"], session["path"], session["kernel_id"])
        }
        prefix = session["kernel_id"][:8]
        wanted_of: dict[str, dict[str, Any]] = {
            "execute_code": {"code": "1"},
            "get_kernel_status": {},
            "interrupt_kernel": {},
            "restart_kernel": {"force": True},
            "shutdown_kernel": {"force": True},
            "get_output": {},
            "list_files": {},
        }
        told = {
            (tool, wanted): bob.refused(tool, session_id=wanted, **more)
            for tool, more in wanted_of.items()
            for wanted in (session["session_id"], prefix, session["path"], "secret", "nothing")
        }
        ids = {
            (tool, wanted): bob.refused(tool, **{argument: wanted})
            for tool, argument in (
                ("get_output", "output_id"),
                ("interrupt_kernel", "execution_id"),
            )
            for wanted in (ran.id, f"{session['session_id']}-99", "aaaaaaaa-1")
        }
        output = bob.refused("get_output", output_id=f"{ran.id}/1")
        no_output = bob.refused("get_output", output_id="aaaaaaaa-1/1")
        still = alice.run("1", session_id="secret")
        unknown = bob.refused("execute_code", code="1", session_id="nothing")
        copied = bob.refused("create_session", name="mine", copy_of="secret")
        own = bob.call("create_session", name="secret").meta["jupyter-mcp-ext/session"]

    for wanted in ("secret", session["session_id"], session["path"], session["kernel_id"]):
        assert refusals[wanted].replace(repr(wanted), "'nothing'") == unknown
    for (tool, wanted), words in told.items():
        assert words.replace(repr(wanted), "'nothing'") == told[tool, "nothing"], tool
    for (tool, wanted), words in ids.items():
        assert words.replace(wanted, "aaaaaaaa-1") == ids[tool, "aaaaaaaa-1"], tool
    assert output.replace(ran.id, "aaaaaaaa-1") == no_output
    assert still.status == "ok"
    assert still.notices == []
    assert "There is no" in copied
    assert own["session_id"] != session["session_id"]
    assert not own["existing"]


def test_a_kernel_stays_its_owners_however_others_list_it(tmp_path: Path) -> None:
    with serving(tmp_path, OPTION) as (server, _):
        alice = McpClient(server, headers={"Authorization": "Bearer alice"})
        bob = McpClient(server, headers={"Authorization": "Bearer bob"})
        made = alice.call("create_session", name="secret").meta["jupyter-mcp-ext/session"]
        alice.run("x = 'hidden'", session_id="secret")
        bob.call("create_notebook", path="mine.ipynb")
        listed = _listed_on(server, "bob", "mine.ipynb", made["kernel_id"])
        wanted = (listed["id"], listed["id"][:8], "mine.ipynb", made["kernel_id"][:8])
        calls: dict[str, dict[str, Any]] = {
            "execute_code": {"code": "x"},
            "get_variables": {},
            "inspect_variable": {"name": "x"},
            "get_kernel_status": {},
            "restart_kernel": {"force": True},
            "shutdown_kernel": {"force": True},
        }
        told = {
            (tool, one): bob.refused(tool, session_id=one, **more)
            for tool, more in calls.items()
            for one in wanted
        }
        bobs = bob.call("list_sessions").text
        own = bob.call("create_session", path="mine.ipynb").meta["jupyter-mcp-ext/session"]
        alices = alice.call("execute_code", code="x", session_id="mine.ipynb").text

    assert [words for words in told.values() if "There is no session" not in words] == []
    assert "mine.ipynb" not in bobs
    assert own["kernel_id"] != made["kernel_id"]
    assert "hidden" in alices


def _listed_on(server: JupyterServer, user: str, path: str, kernel_id: str) -> dict[str, Any]:
    """A session that Jupyter lists on a kernel at a user's request."""
    body = {"path": path, "name": "", "type": "notebook", "kernel": {"id": kernel_id}}
    headers = {"Authorization": f"Bearer {user}"}
    answer = server.request(
        "POST", json.dumps(body).encode(), headers, path=f"{server.base_url}api/sessions"
    )
    assert answer.status == 201, answer.body
    return dict(answer.json())


def test_folders_of_one_users_sessions_are_not_there_for_another(tmp_path: Path) -> None:
    with serving(tmp_path, OPTION) as (server, _):
        alice = McpClient(server, headers={"Authorization": "Bearer alice"})
        bob = McpClient(server, headers={"Authorization": "Bearer bob"})
        session = alice.call("create_session", name="secret").meta["jupyter-mcp-ext/session"]
        folder = session["path"].rpartition("/")[0]
        alice.run("1", session_id="secret")
        alice.call("write_file", path=f"{folder}/a.txt", content="hidden")
        (tmp_path / "root" / "link").symlink_to(tmp_path / "root" / folder)
        nowhere = "mcp-sessions/aaaaaaaa"
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("list_files", {"path": "{}"}),
            ("read_file", {"path": "{}/a.txt"}),
            ("read_file", {"path": "{}/secret.ipynb"}),
            ("write_file", {"path": "{}/b.txt", "content": "x"}),
            ("write_file", {"path": "{}", "content": "x"}),
            ("edit_file", {"path": "{}/a.txt", "old_string": "h", "new_string": "x"}),
            ("download_file", {"path": "{}/a.txt"}),
            ("read_notebook", {"path": "{}/secret.ipynb"}),
            ("read_notebook", {"path": "{}/secrets"}),
            ("create_notebook", {"path": "{}/new.ipynb"}),
            ("create_session", {"path": "{}/secret.ipynb"}),
            ("create_session", {"name": "mine", "cwd": "{}"}),
        )
        told = [
            (tool, wanted, words)
            for tool, arguments in calls
            for wanted in (folder, "link", str(tmp_path / "root" / folder))
            if (words := _told_of(bob, tool, arguments, wanted, folder))
            != _told_of(bob, tool, arguments, nowhere, nowhere)
        ]
        listed = [bob.call("list_files", path=path).text for path in ("mcp-sessions", ".")]
        found = bob.call("list_files", glob="**/*").text
        own = alice.call("read_file", path=f"{folder}/a.txt")
        mine = bob.call("create_session", name="mine").meta["jupyter-mcp-ext/session"]
        mine_folder = mine["path"].rpartition("/")[0]
        bob.call("write_file", path=f"{mine_folder}/c.txt", content="mine")
        theirs = bob.call("read_file", path=f"{mine['path'].rpartition('/')[0]}/c.txt")

    assert told == []
    assert "hidden" in own.text
    assert "mine" in theirs.text
    for words in (*listed, found):
        assert folder.rpartition("/")[2] not in words
    assert sorted(path.name for path in (tmp_path / "root" / folder).iterdir()) == [
        ".mcp",
        "a.txt",
        "secret.ipynb",
    ]


def _told_of(
    client: McpClient, tool: str, arguments: dict[str, Any], wanted: str, folder: str
) -> str:
    """The message with which a call is refused, without the folder's name."""
    given = {name: value.replace("{}", wanted) for name, value in arguments.items()}
    words = client.refused(tool, **given)
    return words.replace(wanted, "…").replace(folder, "…")
