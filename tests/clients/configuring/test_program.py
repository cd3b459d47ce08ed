"""The command in an entry starts the bridge, also where its environment does not stay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.configuring.program import by_uvx, is_cached, program, source_of
from tests.servers import environment, running_server

PROJECT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")


def test_the_program_is_this_environments_own(tmp_path: Path) -> None:
    script = tmp_path / "jupyter-mcp"

    unsafe = ["-P"] if sys.version_info >= (3, 11) else []

    assert [*program([str(tmp_path)])] == [sys.executable, *unsafe, "-m", "jupyter_mcp_ext"]
    script.touch()
    assert program(["/nowhere", str(tmp_path)]) == (str(script),)
    ran = subprocess.run(
        [*program(), "bridge", "--help"], capture_output=True, text=True, check=True
    )
    assert "usage: jupyter mcp bridge" in ran.stdout


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 always looks there first")
def test_modules_of_the_folder_in_which_a_client_starts_it_are_not_loaded(tmp_path: Path) -> None:
    for name in ("jupyter_mcp_ext.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('loaded')")
    ran = subprocess.run(
        [*program([]), "bridge", "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert "usage: jupyter mcp bridge" in ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("prefix", "goes"),
    [
        ("cache/uv/archive-v0/VnGt", True),
        ("cache/uv/environments-v2/jupyter-mcp-1a2b", True),
        ("cache/uv/builds-v0/.tmpX", True),
        ("share/uv/tools/jupyter-mcp-ext", False),
        ("share/pipx/venvs/jupyter-mcp-ext", False),
        ("miniforge3/envs/work", False),
        ("miniforge3", False),
        ("work/.venv", False),
        ("archive-v0/.venv", False),
    ],
)
def test_only_environments_in_the_cache_of_uv_are_taken_to_go(
    tmp_path: Path, prefix: str, goes: bool
) -> None:
    (tmp_path / prefix).mkdir(parents=True)
    for tagged in ("cache/uv", "work/.venv", "miniforge3"):
        (tmp_path / tagged).mkdir(parents=True, exist_ok=True)
        (tmp_path / tagged / "CACHEDIR.TAG").touch()

    assert is_cached(tmp_path / prefix) == goes


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("", "jupyter-mcp-ext==1.2"),
        ("{", "jupyter-mcp-ext==1.2"),
        ('{"url": "file:///my%20files/x.whl", "archive_info": {}}', "/my files/x.whl"),
        ('{"url": "https://h/x.whl", "archive_info": {}}', "https://h/x.whl"),
        (
            '{"url": "https://h/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "git+https://h/x.git@abc",
        ),
    ],
)
def test_a_package_is_named_by_where_it_came_from(tmp_path: Path, url: str, source: str) -> None:
    info = tmp_path / "jupyter_mcp_ext-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyter-mcp-ext\nVersion: 1.2\n")
    if url:
        (info / "direct_url.json").write_text(url)

    assert source_of(Distribution.at(info)) == source


def test_uvx_is_that_of_the_uv_that_runs_this(tmp_path: Path) -> None:
    (tmp_path / "uvx").touch()

    assert by_uvx({"UV": str(tmp_path / "uv")})[0] == str(tmp_path / "uvx")
    assert by_uvx({"UV": "/nowhere/uv"})[0] in (shutil.which("uvx"), "uvx")
    assert by_uvx({})[1:2] == ("--from",)
    assert by_uvx({})[3:] == ("jupyter-mcp",)


@pytest.mark.skipif(os.name == "nt", reason="the paths are those of POSIX")
def test_an_entry_that_uvx_writes_starts_the_bridge_with_uvx_again(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    cache = subprocess.check_output([UV, "cache", "dir"], text=True).strip()
    env = environment(tmp_path, {"UV_CACHE_DIR": cache, "UV_SYSTEM_CERTS": "1"})
    del env["PYTHONPATH"]
    with running_server(tmp_path) as server:
        connect = ["jupyter-mcp", "connect", "cursor", "--print"]
        shown = subprocess.run(
            [UV, "tool", "run", "--from", str(wheel), *connect],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.returncode == 0, shown.stderr
        entry = json.loads(shown.stdout)["mcpServers"]["jupyter"]
        initialize = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
        begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize}
        with subprocess.Popen(
            [entry["command"], *entry["args"]],
            env={**env, **entry["env"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as bridge:
            assert bridge.stdin is not None
            assert bridge.stdout is not None
            bridge.stdin.write(json.dumps(begin) + "\n")
            bridge.stdin.flush()
            answer = json.loads(bridge.stdout.readline())
            bridge.stdin.close()

    assert entry["command"] == str(UV.with_name("uvx"))
    assert entry["args"][:4] == ["--from", str(wheel), "jupyter-mcp", "bridge"]
    assert entry["args"][-1] == str(server.port)
    assert not [text for text in entry["args"] if cache in text]
    assert answer["id"] == 1
