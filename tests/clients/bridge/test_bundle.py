"""The bundle for Claude Desktop: valid for its own tool, and what it starts is the bridge."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import tomllib

from jupyter_mcp_ext import __version__
from jupyter_mcp_ext.clients.bridge import bundle
from tests.npm import binaries
from tests.servers import environment, running_server
from tests.snippets import block_of

from .bridges import Bridge

HERE = Path(__file__).parent


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
