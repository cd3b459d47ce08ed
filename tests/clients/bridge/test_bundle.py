"""The bundle for Claude Desktop: valid for its own tool, and what it starts is the bridge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tomllib

from jupyter_mcp_ext import __version__
from jupyter_mcp_ext.clients.bridge import bundle
from tests.npm import binaries
from tests.servers import environment, running_server
from tests.snippets import block_of

from .bridges import Bridge

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]


def test_the_official_tool_finds_the_bundle_valid(tmp_path: Path) -> None:
    found, path = binaries(HERE, "mcpb")
    made = tmp_path / "jupyter.mcpb"
    python, *command = block_of("bridge", "clients.bridge.bundle").text.split()
    assert python == "python"
    ran = subprocess.run(
        [sys.executable, *command],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == made.name

    out = str(tmp_path / "out")
    for command in (["unpack", str(made), out], ["validate", out]):
        done = subprocess.run(
            [str(found / "mcpb"), *command],
            env=environment(tmp_path, {"PATH": path}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_bundle_with_a_wheel_has_it_and_installs_it(tmp_path: Path) -> None:
    wheel = tmp_path / "jupyter_mcp_ext-0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")

    bundle.write(tmp_path / "a.mcpb", wheel)
    bundle.write(tmp_path / "b.mcpb", wheel)

    assert (tmp_path / "a.mcpb").read_bytes() == (tmp_path / "b.mcpb").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.mcpb") as made:
        assert made.read(wheel.name) == b"a wheel"
        project = tomllib.loads(made.read("pyproject.toml").decode())
        assert json.loads(made.read("manifest.json"))["version"] == __version__
    assert project["project"]["dependencies"] == ["jupyter-mcp-ext"]
    assert project["tool"]["uv"]["sources"]["jupyter-mcp-ext"] == {"path": wheel.name}


def test_a_file_that_cannot_be_used_is_named_and_the_bundle_that_was_there_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "jupyter.mcpb"
    made.write_text("made before")
    missing = tmp_path / "none" / "a"

    for options in ([str(made), f"--wheel={missing}"], [str(missing)]):
        with pytest.raises(SystemExit, match="2"):
            bundle.main(options)
        assert f"{missing} cannot be used: No such file or directory. Name" in (
            capsys.readouterr().err
        )

    assert made.read_text() == "made before"


def test_what_the_bundle_starts_serves_with_the_settings_of_the_person(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(bundle.MAIN)
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    unset = {"BRIDGE_FOLDER": "${user_config.folder}", "BRIDGE_TOKEN": ""}
    with running_server(tmp_path) as server:
        process = subprocess.Popen(
            [sys.executable, tmp_path / "main.py", allowed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path, {"BRIDGE_SERVER": str(server.port), **unset}),
        )
        with process:
            bridge = Bridge(process=process, version="2025-11-25")
            assert "execute_code" in bridge.initialize()["result"]["instructions"]
            tools = {t["name"]: t for t in bridge.ask("tools/list")["result"]["tools"]}
            assert str(allowed) in tools["upload_file"]["description"]
            assert bridge.end() == 0


@pytest.mark.timeout(400)  # its uv makes an environment
def test_an_installed_bundle_serves_a_client_that_starts_it_as_claude_desktop(
    tmp_path: Path,
) -> None:
    found, path = binaries(HERE, "mcpb")
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/data.csv").write_text("a,b\n1,2\n")
    bundle.write(tmp_path / "jupyter.mcpb", _wheel(tmp_path / "wheel"))
    out = tmp_path / "extensions" / "jupyter"
    # uv knows its own certificates only, and those of a proxy are among the system's.
    more = {"PATH": path, "UV_SYSTEM_CERTS": "1", "UV_CACHE_DIR": _uv_cache(path)}
    env = {k: v for k, v in environment(tmp_path, more).items() if k != "PYTHONPATH"}
    _done([str(found / "mcpb"), "unpack", str(tmp_path / "jupyter.mcpb"), str(out)], env)

    with running_server(tmp_path) as server:
        settings = {"server": str(server.port), "allowed": [str(tmp_path / "allowed")]}
        said = _done(["node", str(HERE / "desktop.mjs"), str(out), json.dumps(settings)], env)
        seen = json.loads(said.splitlines()[-1])

        assert seen["command"] == "uv"
        assert seen["args"][-2:] == ["server/main.py", str(tmp_path / "allowed")]
        assert {"execute_code", "upload_file", "download_file"} <= set(seen["tools"])
        assert "from Desktop" in seen["run"]
        assert (server.root_dir / "data.csv").read_text() == "a,b\n1,2\n", seen["sent"]
    assert (out / ".venv").is_dir()  # the bridge has run from the bundle's own environment


def _wheel(folder: Path) -> Path:
    """A wheel of the project as it is."""
    _done([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    [wheel] = folder.glob("*.whl")
    return wheel


def _uv_cache(path: str) -> str:
    """Where uv keeps packages of this account: those of another home would be fetched again."""
    return _done(["uv", "cache", "dir"], {**os.environ, "PATH": path}).strip()


def _done(command: list[str], env: dict[str, str] | None = None) -> str:
    """What a command that must succeed has printed."""
    done = subprocess.run(
        command,
        env=env or dict(os.environ),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
