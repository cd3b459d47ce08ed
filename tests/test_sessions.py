"""Sessions that last, over real HTTP: through restarts of the server, moves and faults."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from tests.mcp_client import NEW, OLD, McpClient
from tests.servers import JupyterServer, running_server
from tests.users import OPTION

SAVE_SOON = "--McpSessions.snapshot_delay=0.05"


@contextmanager
def serving(folder: Path, *options: str, **more: Any) -> Iterator[tuple[JupyterServer, McpClient]]:
    folder.mkdir(exist_ok=True)
    with running_server(folder, *options, **more) as server:
        yield server, McpClient(server)


def folders(root: Path) -> list[Path]:
    return sorted((root / "root" / "mcp-sessions").glob("*"))


def story(folder: Path) -> list[str]:
    (notebook,) = folder.glob("*.ipynb")
    node = nbformat.reads(notebook.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return [cell.source for cell in node.cells]


def wait_for_snapshot(client: McpClient, folder: Path) -> None:
    """Return when the variables are saved: the file is the only sign of it."""
    for _ in range(400):
        if (folder / ".mcp" / "snapshot.json").exists():
            return
        client.run("None", session_id="other", timeout=5)
    pytest.fail("the variables were not saved")


@pytest.mark.parametrize("era", [OLD, NEW])
def test_an_agent_goes_on_with_its_variables_after_the_server_was_stopped(
    tmp_path: Path, era: str
) -> None:
    with running_server(tmp_path) as server:
        client = McpClient(server, era)
        first = client.run("import math\ndata = [math.pi, 2]\ndef twice(x): return 2 * x")
    with running_server(tmp_path) as server:
        client = McpClient(server, era)
        again = client.run("twice(data[0])")

    assert again.status == "ok"
    assert "6.28" in again.text
    assert again.execution["session_id"] == first.execution["session_id"]
    assert again.execution["execution_id"].endswith("-2")
    told = " ".join(again.notices)
    assert "the server was restarted" in told
    assert "came back" in told
    assert "twice" in told


def test_side_effects_are_not_run_a_second_time(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("open('log.txt', 'a').write('once\\n'); x = [1]")
    with serving(tmp_path) as (_, client):
        assert "[1]" in client.run("x").text

    assert (tmp_path / "root" / "log.txt").read_text() == "once\n"


def test_what_could_not_be_saved_is_named(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("numbers = (n for n in range(3)); kept = [1]")
    with serving(tmp_path) as (_, client):
        result = client.run("kept")

    assert "[1]" in result.text
    assert any("numbers" in notice and "generator" in notice for notice in result.notices)


def test_a_folder_that_is_moved_with_its_key_brings_everything_back(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    key = tmp_path / "key"
    option = f"--McpApp.key_file={key}"
    with serving(one, option) as (_, client):
        made = client.call("create_session", name="churn").meta["jupyter-mcp-ext/session"]
        client.run("big = list(range(5))", session_id="churn")
    (folder,) = folders(one)
    (other / "root" / "mcp-sessions").mkdir(parents=True)
    shutil.copytree(folder, other / "root" / "mcp-sessions" / folder.name)

    with serving(other, option) as (_, client):
        result = client.run("big, __import__('os').getcwd()", session_id="churn")

    assert result.execution["session_id"] == made["session_id"]
    assert "[0, 1, 2, 3, 4]" in result.text
    assert str(other / "root" / "mcp-sessions" / folder.name) in result.text


def test_a_folder_that_is_moved_without_its_key_keeps_notebook_and_definitions(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with serving(one, f"--McpApp.key_file={tmp_path / 'a'}") as (_, client):
        client.call("create_session", name="churn")
        client.run("def f(): return 42\ndata = [1]", session_id="churn")
    (folder,) = folders(one)
    (other / "root" / "mcp-sessions").mkdir(parents=True)
    shutil.copytree(folder, other / "root" / "mcp-sessions" / folder.name)

    with serving(other, f"--McpApp.key_file={tmp_path / 'b'}") as (_, client):
        result = client.run("f(), 'data' in dir()", session_id="churn")

    assert "(42, False)" in result.text
    assert any("key" in notice for notice in result.notices)
    assert len(story(folders(other)[0])) == 2


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
    with serving(tmp_path) as (server, client):
        for number in range(5):
            client.run(f"print({number})")
        client.run("import time; time.sleep(0.5)")
        pid = int(client.run("import os; print(os.getpid())").text.splitlines()[-1])
        server.process.kill()
        server.process.wait()
        (folder,) = folders(tmp_path)
        assert len(story(folder)) >= 5
    with serving(tmp_path) as (server, client):
        result = client.run("'back'")
        client.run("1")

    assert result.execution["execution_id"].endswith("-8")
    assert "print(4)" in story(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_two_servers_on_one_folder_do_not_both_write(tmp_path: Path) -> None:
    key = f"--McpApp.key_file={tmp_path / 'key'}"
    other = tmp_path / "other"
    other.mkdir()
    (other / "root").symlink_to(tmp_path / "root")
    with serving(tmp_path, key) as (server, client):
        client.call("create_session", name="shared")
        client.run("x = [1]", session_id="shared")
        with running_server(other, key) as second:
            late = McpClient(second)
            refused = late.call("execute_code", code="x", session_id="shared")
            listed = late.call("list_sessions").text
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(20)
            taken = late.run("x", session_id="shared")

    assert refused.is_error
    assert "another Jupyter server" in refused.text
    assert "elsewhere" in listed
    assert "[1]" in taken.text


def test_a_session_replays_only_where_that_was_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.call("create_session", name="again", restore="replay")
        client.run("open('log.txt', 'a').write('ran\\n'); x = [1]", session_id="again")
        client.run("1 / 0", session_id="again")
        client.run("y = x + [2]", session_id="again")
    with serving(tmp_path) as (_, client):
        result = client.run("y", session_id="again")

    assert "[1, 2]" in result.text
    (folder,) = folders(tmp_path)
    assert (folder / "log.txt").read_text() == "ran\nran\n"
    assert any("2 successful executions was run again" in notice for notice in result.notices)


def test_a_fresh_session_says_that_nothing_came_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--McpSessions.restore=fresh") as (_, client):
        client.run("def f(): pass\nx = [1]")
    with serving(tmp_path, "--McpSessions.restore=fresh") as (_, client):
        result = client.run("'x' in dir(), 'f' in dir()")

    assert "(False, False)" in result.text
    assert any("variables of before are gone" in notice for notice in result.notices)


def test_a_killed_kernel_comes_back_with_what_was_saved(tmp_path: Path) -> None:
    with serving(tmp_path, SAVE_SOON) as (_, client):
        client.call("create_session", name="other")
        client.call("create_session", name="mine")
        first = client.run("x = [1]; import os; print(os.getpid())", session_id="mine")
        pid = int(first.text.split()[-1])
        wait_for_snapshot(
            client, tmp_path / "root" / "mcp-sessions" / first.execution["session_id"]
        )
        os.kill(pid, signal.SIGKILL)
        result = client.run("x", session_id="mine")
        if result.status == "dead":
            result = client.run("x", session_id="mine")

    assert "[1]" in result.text
    assert any("died" in notice and "came back" in notice for notice in result.notices)


def test_a_copy_begins_with_the_others_variables_and_goes_its_own_way(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.call("create_session", name="main")
        client.run("x = [1]\ndef f(): return len(x)", session_id="main")
        made = client.call("create_session", name="try", copy_of="main")
        tried = client.run("x.append(2); f()", session_id="try")
        kept = client.run("x", session_id="main")

    assert not made.is_error
    assert "came back" in made.text
    assert tried.text.splitlines()[-1] == "2"
    assert "[1]" in kept.text


def test_a_restart_that_was_asked_for_brings_nothing_back(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("x = [1]\ndef f(): pass")
        client.call("restart_kernel")
        client.run("y = [2]")
    with serving(tmp_path) as (_, client):
        result = client.run("'x' in dir(), 'f' in dir(), y")

    assert "(False, False, [2])" in result.text


def test_an_ended_kernel_comes_back_when_its_session_is_used(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("x = [1]")
        ended = client.call("shutdown_kernel", session_id="default")
        listed = client.call("list_sessions").text
        again = client.run("x")

    assert not ended.is_error
    assert "restorable" in listed
    assert "[1]" in again.text


def test_an_idle_kernel_ends_and_its_session_comes_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--McpSessions.idle_timeout=0.3") as (server, client):
        client.call("create_session", name="idle")
        client.run("x = [1]", session_id="idle")
        while "restorable" not in client.call("list_sessions").text:
            pass
        kernels = json.loads(server.request("GET", path="/api/kernels", headers=server.auth).body)
        result = client.run("x", session_id="idle")

    assert kernels == []
    assert "[1]" in result.text
    assert any("nobody used it" in notice for notice in result.notices)


def test_too_many_kernels_are_refused_with_what_could_be_ended(tmp_path: Path) -> None:
    with serving(tmp_path, "--McpSessions.max_kernels_per_user=1") as (_, client):
        client.call("create_session", name="one")
        refused = client.call("create_session", name="two")
        client.call("shutdown_kernel", session_id="one")
        made = client.call("create_session", name="two")

    assert refused.is_error
    assert "one" in refused.text
    assert "shutdown_kernel" in refused.text
    assert not made.is_error


def test_sessions_that_ran_are_brought_back_at_the_start_where_that_is_set(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.run("x = [1]")
    with serving(tmp_path, "--McpSessions.restore_on_start=True") as (_, client):
        while "restorable" in (listed := client.call("list_sessions").text):
            pass
        result = client.run("x")

    assert "idle" in listed or "starting" in listed or "busy" in listed
    assert "[1]" in result.text


def test_twenty_sessions_leave_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        process = psutil.Process(server.process.pid)
        client.call("create_session", name="first")
        client.call("shutdown_kernel", session_id="first")
        files, threads = descriptors(server, process), process.num_threads()
        for number in range(20):
            client.call("create_session", name=f"s{number}")
            client.call("shutdown_kernel", session_id=f"s{number}")
        left = descriptors(server, process) - files
        more = process.num_threads() - threads
        children = process.children(recursive=True)
        runtime = list((tmp_path / "runtime").glob("kernel-*.json"))

    # Some of a kernel's sockets are closed by the garbage collector, not all at once, and the
    # pool of threads grows to its size: what each session left behind would be twenty.
    assert sum(left.values()) < 5, left
    assert more < 5
    assert children == []
    assert runtime == []


def descriptors(server: JupyterServer, process: psutil.Process) -> Counter[str]:
    """How many descriptors of each kind a server has open, clients' connections apart.

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
    """A folder for sessions that takes little, or at least no large file."""
    folder = tmp_path / "root" / "mcp-sessions"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if shutil.which("mount") and subprocess.run(mount, check=False).returncode == 0:
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_code_runs_on_a_full_disk_and_the_result_says_what_is_not_saved(
    tmp_path: Path, small_disk: Path
) -> None:
    with serving(tmp_path) as (_, client):
        results = [client.run(f"x = {n}; print('y' * 19_000); x") for n in range(20)]
        filler = small_disk / "filler"
        if shutil.disk_usage(small_disk).total < 1_000_000:
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
def test_a_name_that_is_none_is_refused_and_makes_nothing(server: JupyterServer, name: str) -> None:
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
        for wanted in (ran.id, f"{ran.id}/1"):
            refusals[wanted] = bob.refused("get_output", output_id=wanted)
        unknown = bob.refused("execute_code", code="1", session_id="nothing")
        copied = bob.refused("create_session", name="mine", copy_of="secret")
        own = bob.call("create_session", name="secret").meta["jupyter-mcp-ext/session"]

    for wanted in ("secret", session["session_id"], session["path"], session["kernel_id"]):
        assert refusals[wanted].replace(repr(wanted), "'nothing'") == unknown
    assert "There is no" in copied
    assert own["session_id"] != session["session_id"]
    assert not own["existing"]


def test_a_person_watches_the_story_and_goes_on_in_it(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        client.call("create_session", name="watched")
        client.run("x = [1]\nx", session_id="watched")
        path = client.call("get_kernel_status", session_id="watched").meta[
            "jupyter-mcp-ext/session"
        ]["path"]
        sessions = json.loads(server.request("GET", path="/api/sessions", headers=server.auth).body)
        while not (server.root_dir / path).exists():
            pass
        shown = client.call("read_notebook", path=path, view="outputs").text

    assert [model["path"] for model in sessions] == [path]
    assert path.endswith("/watched.ipynb")
    assert "x = [1]" in shown
    assert "[1]" in shown
