"""A server that the bridge starts: one for all bridges of a folder, and it goes on."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.clients.bridge import starting
from jupyter_mcp_ext.clients.servers import NoServer, Server, running_servers
from tests.mcp_client import NEW
from tests.snippets import block_of

from .bridges import bridged


@contextmanager
def ended_afterwards(folder: Path) -> Iterator[None]:
    """End the servers that were started."""
    try:
        yield
    finally:
        for server in running_servers(folder / "runtime"):
            process = psutil.Process(server.pid)
            os.kill(server.pid, signal.SIGTERM)
            process.wait(30)


def servers(folder: Path) -> tuple[Server, ...]:
    return running_servers(folder / "runtime")


def test_a_server_is_started_once_for_two_bridges_and_goes_on_after_them(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    line = block_of("bridge", "--start").text.replace("~", str(tmp_path))
    jupyter, mcp, bridge, *options = line.split()
    assert (jupyter, mcp, bridge) == ("jupyter", "mcp", "bridge")
    with ended_afterwards(tmp_path):
        with (
            bridged(tmp_path, *options, version=NEW, name="one") as one,
            bridged(tmp_path, *options, version=NEW, name="two") as two,
        ):
            first, second = one.send("server/discover"), two.send("server/discover")
            assert "execute_code" in one.answer(first)["result"]["instructions"]
            assert "execute_code" in two.answer(second)["result"]["instructions"]
            [server] = servers(tmp_path)
            assert Path(server.root_dir) == work
            assert one.call("execute_code", code="x = 42").status == "ok"
            assert one.end() == 0
        assert [each.pid for each in servers(tmp_path)] == [server.pid]
        with bridged(tmp_path, *options, version=NEW, name="one") as later:
            assert later.call("execute_code", code="x").text.endswith("\n42")

            process = psutil.Process(server.pid)
            process.kill()
            process.wait(30)
            assert later.call("execute_code", code="1 + 1").text.endswith("\n2")
            assert [each.pid for each in servers(tmp_path)] != [server.pid]


def test_what_kernels_print_beside_their_messages_does_not_end_them(tmp_path: Path) -> None:
    spec = tmp_path / ".jupyter-data" / "kernels" / "wrapped"
    spec.mkdir(parents=True)
    python = f"exec {sys.executable} -m ipykernel_launcher -f $0"
    argv = ["/bin/sh", "-c", f"echo It starts.; {python}", "{connection_file}"]
    about = {"argv": argv, "display_name": "wrapped", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(about))
    options = ("--start", "--root-dir", str(tmp_path))
    path = {"JUPYTER_PATH": str(tmp_path / ".jupyter-data")}
    with ended_afterwards(tmp_path), bridged(tmp_path, *options, version=NEW, env=path) as bridge:
        made = bridge.call("create_session", name="it", kernel_name="wrapped")

        assert not made.is_error, made.text
        assert bridge.call("execute_code", code="1 + 1", session_id="it").text.endswith("\n2")


def test_modules_in_the_folder_of_a_server_are_not_loaded_by_it(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("runpy", "tornado", "jupyter_server"):
        (work / f"{name}.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\n")
    options = ("--start", "--root-dir", str(work))
    with ended_afterwards(tmp_path), bridged(tmp_path, *options, version=NEW) as bridge:
        told = bridge.call("list_sessions")

        assert not told.is_error, told.text
        assert not (tmp_path / "loaded").exists()


def test_a_server_that_does_not_get_ready_is_ended_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("CONFIG", "config"), ("RUNTIME", "runtime")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / folder))
    hangs = "import threading\nthreading.Event().wait()\n"
    (tmp_path / "config" / "jupyter_server_config.py").write_text(hangs)

    with pytest.raises(NoServer, match="was not ready within 1 s, and was ended"):
        starting.Starter(tmp_path, within=1).started()

    assert servers(tmp_path) == ()
    left = (each.info["cmdline"] or () for each in psutil.process_iter(["cmdline"]))
    assert not any(f"--root-dir={tmp_path}" in line for line in left)


def test_a_server_that_cannot_be_started_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / ".jupyter").mkdir()
    (tmp_path / ".jupyter" / "jupyter_server_config.py").write_text("c.McpApp.path = 5\n")
    with bridged(tmp_path, "--start", "--root-dir", str(tmp_path), version=NEW) as bridge:
        told = bridge.call("execute_code", code="1")

    assert told.is_error
    assert "could not be started" in told.text
    assert "McpApp" in told.text
    assert servers(tmp_path) == ()


def test_a_runtime_directory_that_cannot_be_made_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file/runtime"))

    with pytest.raises(NoServer) as told:
        starting.Starter(tmp_path).started()

    assert f"{tmp_path}/file/runtime: Not a directory. Let your account write" in str(told.value)
    assert str(told.value).endswith("or name another folder with JUPYTER_RUNTIME_DIR.")


def test_the_folder_is_the_current_one_but_not_the_root_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert starting.folder("") == tmp_path
    monkeypatch.chdir("/")

    assert starting.folder("") == tmp_path
    assert starting.folder("~") == tmp_path
    with pytest.raises(NoServer, match="--root-dir"):
        starting.folder("/nowhere/at/all")
