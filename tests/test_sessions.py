"""Sessions that last, over real HTTP: through restarts of the server and moves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.mcp_client import NEW, OLD, McpClient
from tests.servers import running_server
from tests.stories import folders, serving, story, wait_for_snapshot

SAVE_SOON = "--McpSessions.snapshot_delay=0.05"


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
    (told,) = [notice for notice in again.notices if "restarted" in notice]
    assert told.startswith("the server was restarted: 3 variables came back")
    assert "waited" not in told


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
    assert repr(str(other / "root")) in result.text


def test_of_a_folder_that_is_moved_without_its_key_only_the_notebook_stays(
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
        result = client.run("'f' in dir(), 'data' in dir()", session_id="churn")

    assert "(False, False)" in result.text
    assert any("not signed by this server's key" in notice for notice in result.notices)
    assert len(story(folders(other)[0])) == 2


def test_a_culled_kernel_comes_back_and_saving_did_not_keep_it(tmp_path: Path) -> None:
    culls = "--MappingKernelManager.cull_idle_timeout=3", "--MappingKernelManager.cull_interval=1"
    with serving(tmp_path, SAVE_SOON, *culls) as (server, client):
        client.run("x = [1]\nn = (i for i in x)")
        while server.request("GET", path="/api/kernels", headers=server.auth).body != b"[]":
            pass
        result = client.run("x")

    assert "[1]" in result.text
    assert any("culls" in told and "came back" in told for told in result.notices), result.text


def test_replay_runs_each_cell_by_itself_and_names_those_that_failed(tmp_path: Path) -> None:
    with serving(tmp_path, "--McpSessions.restore=replay") as (_, client):
        client.run("%%bash\necho ran >> log.txt")
        client.run("import os; once = not os.path.exists('flag'); open('flag', 'w')")
        client.run("assert once; y = 5")
        client.run("y += 1")
    with serving(tmp_path, "--McpSessions.restore=replay") as (_, client):
        result = client.run("'y' in dir()")

    assert "False" in result.text
    assert (tmp_path / "root" / "log.txt").read_text() == "ran\nran\n"
    [told] = [line for line in result.notices if "run again" in line]
    assert "-3 (AssertionError)" in told
    assert "-4 (NameError)" in told


def test_a_session_replays_only_where_that_was_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        client.call("create_session", name="again", restore="replay")
        client.run("open('log.txt', 'a').write('ran\\n'); x = [1]", session_id="again")
        client.run("1 / 0", session_id="again")
        client.run("y = x + [2]", session_id="again")
    with serving(tmp_path) as (_, client):
        result = client.run("y", session_id="again")

    assert "[1, 2]" in result.text
    assert (tmp_path / "root" / "log.txt").read_text() == "ran\nran\n"
    assert any("2 successful executions was run again" in notice for notice in result.notices)


def test_a_fresh_session_says_that_nothing_came_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--McpSessions.restore=fresh") as (_, client):
        client.run("def f(): pass\nx = [1]")
    with serving(tmp_path, "--McpSessions.restore=fresh") as (_, client):
        result = client.run("'x' in dir(), 'f' in dir()")

    assert "(False, False)" in result.text
    assert any("its variables are lost" in notice for notice in result.notices)


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
    assert re.search(r"restorable, made .+, used .+, [\d.]+ [kMG]?B on disk", listed)
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
    assert any("was not used" in notice for notice in result.notices)


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
