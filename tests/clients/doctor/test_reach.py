"""What keeps a client from reaching MCP is named: no server, another one, no extension, TLS."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import write_certificate
from tests.clients.doctor.examined import looked, run
from tests.ports import free_port
from tests.servers import FRESH, JupyterServer, running_command, running_server

NO_EXTENSION = "--ServerApp.jpserver_extensions=jupyter_mcp_ext=False"


def test_no_server_is_a_fault_that_says_how_to_start_one(tmp_path: Path) -> None:
    port = free_port()

    found = looked(tmp_path, str(port))

    assert not found.is_good
    fault = found.one("server")
    assert fault["what"] == f"Nothing listens at http://127.0.0.1:{port}/."
    assert "jupyter mcp" in fault["do"]
    assert "mcp" in found.whole["not_looked_at"]


@contextmanager
def other_program(folder: Path) -> Iterator[int]:
    """A plain web server."""
    code = (
        "import http.server, sys;"
        "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler);"
        "print(s.server_port, flush=True); s.serve_forever()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def test_another_program_at_the_port_is_named(tmp_path: Path) -> None:
    with other_program(tmp_path) as port:
        found = looked(tmp_path, str(port))

    assert not found.is_good
    assert "Another program answers" in found.one("server")["what"]
    assert "SimpleHTTP" in found.one("server")["what"]


def test_a_server_without_the_extension_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    with running_server(tmp_path, NO_EXTENSION, ready="is running at") as server:
        server.until_answered()
        without = looked(tmp_path)
    refusing = tmp_path / "refusing"
    refusing.mkdir()
    option = "--McpPolicy.disabled_tools=no_tool"
    with running_server(refusing, option, ready="MCP is not served") as server:
        server.until_answered()
        loaded = looked(refusing)

    assert not without.is_good
    assert not loaded.is_good
    assert "is not enabled" in without.one("mcp")["what"]
    assert "extension enable jupyter_mcp_ext" in without.one("mcp")["do"]
    assert "is loaded and does not serve" in loaded.one("mcp")["what"]
    assert "MCP is not served:" in loaded.one("mcp")["do"]


def test_a_sandbox_that_cannot_be_had_is_named_as_wanted(tmp_path: Path) -> None:
    options = ("--McpSandbox.mode=landlock", "--McpSandbox.read_only_paths=/no/such/folder")
    with running_server(tmp_path, *options, command=FRESH, ready="MCP is not served") as server:
        server.until_answered()
        found = looked(tmp_path)

    assert "It is to have the sandbox 'landlock'" in found.one("mcp")["what"]


def test_another_path_is_found_in_the_command_line_and_in_the_configuration(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path, "--McpApp.path=/agents", command=FRESH) as server:
        by_process = looked(tmp_path)
        named = looked(tmp_path, path="/agents")
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_mcp_config.json").write_text(json.dumps({"McpApp": {"path": "/ai"}}))
    env = {"JUPYTER_CONFIG_DIR": str(config)}
    with running_server(tmp_path, env=env) as other:
        by_config = run(tmp_path, "--no-kernel", env=env)

    assert by_process.is_good, by_process.whole
    assert by_config.returncode == 0, by_config.stdout
    warned = by_process.of("mcp")[0]
    assert warned["level"] == "warning"
    assert f"http://127.0.0.1:{server.port}/agents" in warned["do"]
    assert f"MCP is served at http://127.0.0.1:{other.port}/ai." in by_config.stdout
    assert named.troubles == set()


def test_another_base_url_is_told_with_the_right_address(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(base_url="/deep/a%40b/")

    found = looked(server.root_dir.parent, f"http://localhost:{server.port}/mcp")

    fault = found.one("server")
    assert "with the base URL /deep/a%40b/ and not /" in fault["what"]
    assert f"Use http://localhost:{server.port}/deep/a%40b/mcp." in fault["do"]


def test_a_certificate_that_is_not_trusted_or_for_another_name_is_named(
    tmp_path: Path,
) -> None:
    trust = {"cafile": str(tmp_path / "ca.pem")}
    with running_server(tmp_path, *write_certificate(tmp_path)) as server:
        url = f"https://localhost:{server.port}/"
        untrusted = looked(tmp_path, url)
        trusted = looked(tmp_path, url, token=server.token, **trust)
        misnamed = looked(tmp_path, f"https://127.0.0.1:{server.port}/", **trust)
        plain = looked(tmp_path, f"http://localhost:{server.port}/")

    assert "is not trusted here" in untrusted.one("server")["what"]
    assert "--cafile" in untrusted.one("server")["do"]
    assert trusted.troubles == set()
    assert "is not for the name 127.0.0.1" in misnamed.one("server")["what"]
    assert "use https://" in plain.one("server")["do"]


def test_a_certificate_that_has_expired_is_named(tmp_path: Path) -> None:
    ended = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    with running_server(tmp_path, *write_certificate(tmp_path, not_after=ended)) as server:
        found = looked(
            tmp_path, f"https://localhost:{server.port}/", cafile=str(tmp_path / "ca.pem")
        )

    assert "has expired" in found.one("server")["what"]


def test_https_to_a_server_without_it_is_named(server: JupyterServer) -> None:
    found = looked(server.root_dir.parent, f"https://localhost:{server.port}/")

    assert "does not speak TLS" in found.one("server")["what"]


def test_a_name_that_is_not_known_is_named(tmp_path: Path) -> None:
    found = looked(tmp_path, "http://no-such-host.invalid/")

    assert "'no-such-host.invalid' is not known here" in found.one("server")["what"]


def test_a_server_on_a_unix_socket_and_one_on_ipv6_are_examined(tmp_path: Path) -> None:
    port = free_port()
    for options in ([f"--ServerApp.sock={tmp_path}/jupyter.sock"], ["--ip=::1", f"--port={port}"]):
        with running_command(tmp_path, *options):
            found = looked(tmp_path)
        assert found.troubles == set(), found.whole
        assert found.is_good
