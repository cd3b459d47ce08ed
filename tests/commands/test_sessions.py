"""``jupyter mcp sessions`` works without a server, and leaves what a server uses alone."""

from __future__ import annotations

import json
import logging
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jupyter_mcp_ext.clients.asking import token_header
from jupyter_mcp_ext.clients.servers import running_servers
from jupyter_mcp_ext.commands import people
from jupyter_mcp_ext.commands.people import paths_in_use
from jupyter_mcp_ext.commands.sessions import Sessions
from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.sessions.disk.record import SessionRecord
from jupyter_mcp_ext.sessions.disk.store import Disk, SessionStore
from tests.mcp_client import McpClient
from tests.servers import running_command, running_server
from tests.snippets import block_of

Run = Callable[..., tuple[int, str, str]]

OLD, NEW = "aaaaaaaa", "bbbbbbbb"


async def no_room(path: str) -> None:
    """No notebook is open in a room."""


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    key_file = tmp_path / "key"
    key_file.write_text(secrets.token_hex(32))
    key_file.chmod(0o600)
    key = Keys(key_file, logging.getLogger()).derive
    root = tmp_path / "root"
    root.mkdir()
    store = SessionStore(
        Disk(root=root, key=key, shared_subject="", live=no_room),
        "mcp-sessions",
        logging.getLogger(),
    )
    for number, (session_id, owner) in enumerate([(OLD, "alice"), (NEW, "bob")]):
        folder = store.folder_of(session_id, owner)
        folder.make()
        (root / folder.api_path / "work.ipynb").write_bytes(b"n" * 1_000)
        (folder.path / "snapshot.json").write_bytes(b"s" * 500)
        store.save_in(folder, record(session_id, owner, last_used=1e9 + number))
    return store


def record(session_id: str, owner: str, *, last_used: float) -> SessionRecord:
    return SessionRecord(
        id=session_id,
        jupyter_id=f"{session_id}-0000",
        name="work",
        owner=owner,
        client="tests",
        kernel_name="python3",
        path=f"mcp-sessions/{session_id}/work.ipynb",
        notebook="work.ipynb",
        cwd="",
        restore="snapshot",
        created=1.0,
        last_used=last_used,
        is_at_rest=True,
    )


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))

    def run(*options: str) -> tuple[int, str, str]:
        code = 0
        try:
            command = Sessions()
            place = [f"--root-dir={tmp_path / 'root'}", f"--key-file={tmp_path / 'key'}"]
            command.initialize([*options, *place])
            command.start()
        except SystemExit as err:
            code = int(err.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def folders(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "root" / "mcp-sessions").iterdir()}


def test_both_files_that_the_server_reads_are_read(
    store: SessionStore, run: Run, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_mcp_config.py").write_text("c.McpRetention.max_age = 1")

    code, out, _ = run("expire", "--dry-run")

    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [OLD, NEW]


@pytest.mark.parametrize("command", ["list", "show"])
def test_names_cannot_forge_a_line_or_speak_to_the_terminal(
    store: SessionStore, run: Run, command: str
) -> None:
    forged = replace(record(OLD, "al\x1b[2Jice\nroot", last_used=1e9), name="w\rork\x9b1m")
    store.save_in(store.folder_of(OLD, "alice"), forged)

    _, out, _ = run(command, *([OLD] if command == "show" else []))

    assert "ice" in out
    assert not any(line.startswith("root") for line in out.splitlines())
    assert all(character.isprintable() or character == "\n" for character in out)


def test_sessions_are_listed_with_owner_and_size(store: SessionStore, run: Run) -> None:
    code, out, _ = run("list")

    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [OLD, NEW, "2"]
    assert lines[0].split()[-2:] == ["alice", "work"]
    assert lines[2].startswith("2 sessions, ")


def test_sessions_of_one_user_are_listed_for_programs(store: SessionStore, run: Run) -> None:
    _, out, _ = run("list", "--user", "bob", "--json")

    [found] = json.loads(out)
    assert (found["id"], found["owner"], found["state"]) == (NEW, "bob", "at rest")
    assert found["snapshot_bytes"] == 500


def test_a_session_is_shown(store: SessionStore, run: Run) -> None:
    _, out, _ = run("show", OLD)

    assert f"notebook: mcp-sessions/{OLD}/work.ipynb" in out.splitlines()


def test_a_session_is_deleted(store: SessionStore, run: Run, tmp_path: Path) -> None:
    code, out, _ = run("delete", OLD)

    assert code == 0
    assert out.startswith(f"{OLD}  deleted, 4 files, ")
    assert folders(tmp_path) == {NEW}


def test_the_lines_of_the_page_do_what_they_say(store: SessionStore, run: Run) -> None:
    lines = block_of("sessions", "jupyter mcp sessions list").text.replace("k7m2q9xw", OLD)
    list_, show, delete, expire = [line.split()[3:] for line in lines.splitlines()]

    assert OLD in run(*list_)[1]
    assert json.loads(run(*show)[1])
    assert run(*delete)[0] == 0
    assert NEW in run(*expire)[1]
    assert OLD not in run("list")[1]
    assert NEW in run("list")[1]


def test_what_is_not_there_is_said(store: SessionStore, run: Run, tmp_path: Path) -> None:
    code, _, said = run("delete", OLD, "cccccccc")

    assert code == 1
    assert "There is no session cccccccc" in said
    assert folders(tmp_path) == {OLD, NEW}
    assert run("delete", NEW, "--user", "alice")[0] == 1


def test_what_a_server_holds_stays(store: SessionStore, run: Run, tmp_path: Path) -> None:
    held = store.folder_of(OLD, "alice")
    held.hold()

    code, out, said = run("delete", OLD, NEW)

    assert code == 1
    assert out.startswith(f"{NEW}  deleted")
    assert f"{OLD} stays: a server uses it" in said
    assert folders(tmp_path) == {OLD}
    assert "in use" in run("list")[1]


def test_sessions_expire_by_the_settings(store: SessionStore, run: Run, tmp_path: Path) -> None:
    limit = "--McpRetention.max_sessions=1"
    code, out, _ = run("expire", "--dry-run", limit)
    assert (code, out.split()[0]) == (0, OLD)
    assert (store.folder_of(OLD, "alice").path / "snapshot.json").exists()

    code, out, _ = run("expire", limit)

    assert code == 0
    assert out == f"{OLD}  archived: all users together may have 1 session at most\n"
    assert not (store.folder_of(OLD, "alice").path / "snapshot.json").exists()
    assert "archived" in run("list")[1].splitlines()[0]
    assert run("expire", limit)[1] == ""


@pytest.mark.parametrize("options", [["--usr", "alice"], ["--usr=alice"], ["--dryrun=1"]])
def test_with_an_option_that_is_mistyped_nothing_is_done(
    store: SessionStore, run: Run, tmp_path: Path, options: list[str]
) -> None:
    code, out, said = run("expire", *options, "--McpRetention.max_sessions=1")

    assert code == 2
    assert "There is no option --" in said
    assert out == ""
    assert (store.folder_of(OLD, "alice").path / "snapshot.json").exists()


def test_without_limits_nothing_expires(store: SessionStore, run: Run) -> None:
    code, _, said = run("expire")

    assert code == 2
    assert "McpRetention sets no limit" in said


def test_a_server_that_does_not_tell_what_is_open_keeps_everything(
    store: SessionStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def running() -> list[dict[str, Any]]:
        about = {"url": "http://127.0.0.1:9/", "port": 9, "hostname": "127.0.0.1", "sock": ""}
        about |= {"base_url": "/", "secure": False, "pid": 1, "token": "t"}
        return [{**about, "root_dir": str(tmp_path / "root")}]  # nothing listens there

    monkeypatch.setattr(people, "list_running_servers", running)

    code, _, said = run("delete", OLD)

    assert code == 2
    assert "does not tell what is open" in said
    assert folders(tmp_path) == {OLD, NEW}


def test_what_is_open_on_a_running_server_is_known_and_no_proxy_sees_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        with running_server(tmp_path) as server:
            McpClient(server).run("1", session_id="default")
            [runtime] = {path.parent for path in tmp_path.rglob("jpserver-*.json")}
            monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))

            [path] = paths_in_use(server.root_dir.resolve())

        with pytest.raises(BlockingIOError):
            proxy.accept()

    assert path.startswith("mcp-sessions/")
    with pytest.raises(StopIteration):
        next(paths_in_use(tmp_path / "elsewhere"))


def test_what_is_open_on_a_server_that_listens_on_a_socket_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_command(tmp_path, f"--ServerApp.sock={tmp_path / 'jupyter.sock'}"):
        [there] = running_servers(tmp_path / "runtime")
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
        opened = {"path": "a.ipynb", "name": "a", "type": "notebook"}
        with httpx2.Client(
            transport=httpx2.HTTPTransport(uds=there.socket), headers=token_header(there)
        ) as person:
            made = person.post(f"{there.url}api/sessions", json=opened, timeout=60)
        assert made.status_code == 201, made.text

        assert list(paths_in_use(Path(there.root_dir).resolve())) == ["a.ipynb"]
