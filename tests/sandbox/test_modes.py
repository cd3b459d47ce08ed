"""Which mode is in force, on machines that can do it and on those that cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

NAMESPACES = "filter_calls(seccomp.program(has_inet=True))"
"""Forbids user namespaces and mounts, as the profiles of most containers do."""

LANDLOCK = """filter_calls(b"".join(struct.pack("=HBBI", *one) for one in [
    (seccomp.LOAD, 0, 0, seccomp.NUMBER), (seccomp.EQUAL, 0, 1, 444),
    (seccomp.RETURN, 0, 0, seccomp.MISSING), (seccomp.RETURN, 0, 0, seccomp.ALLOW)]))"""
"""Takes Landlock away, as a Linux kernel that was built without it."""

BUBBLEWRAP = "bubblewrap.PLACES = ('/nowhere',)"
"""Looks for bubblewrap where it is not."""


def without(*taken: str) -> tuple[str, str]:
    """What a new Python runs so that a server does not have this."""
    lines = (
        "import struct",
        "from jupyter_mcp_ext.sandbox import bubblewrap, seccomp",
        "from jupyter_mcp_ext.sandbox.launcher import SET_NO_NEW_PRIVS, filter_calls, prctl",
        "prctl(SET_NO_NEW_PRIVS, 1)",
        *taken,
        "from jupyter_server.serverapp import main; main()",
    )
    return "-c", "\n".join(lines)


def in_force(server: JupyterServer) -> str:
    """The mode that the status of a kernel names."""
    client = McpClient(server)
    assert client.run("6 * 7").text.endswith("42")
    found = re.search(r"sandbox: (\w+)", client.call("get_kernel_status").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("taken", "expected"),
    [((), "bubblewrap"), ((NAMESPACES,), "landlock"), ((BUBBLEWRAP,), "landlock")],
    ids=["nothing is missing", "user namespaces are forbidden", "bubblewrap is missing"],
)
def test_auto_is_the_best_that_the_machine_can_do(
    tmp_path: Path, taken: tuple[str, ...], expected: str
) -> None:
    options = ("--McpSandbox.mode=auto", STARTED_KERNELS)
    with running_server(tmp_path, *options, command=without(*taken)) as server:
        assert in_force(server) == expected


@pytest.mark.parametrize(
    ("taken", "mode", "why"),
    [
        ((NAMESPACES,), "bubblewrap", ["bubblewrap does not work here", "Allow user namespaces"]),
        ((BUBBLEWRAP,), "bubblewrap", ["bubblewrap is not installed", "Install the package"]),
        ((LANDLOCK,), "landlock", ["Landlock needs ABI 6 (Linux 6.12 with lsm=landlock)"]),
        ((NAMESPACES, LANDLOCK), "auto", ["Allow user namespaces", "Landlock needs ABI 6"]),
    ],
    ids=["user namespaces", "bubblewrap", "Landlock", "both"],
)
def test_what_the_machine_cannot_do_leaves_no_endpoint_and_a_line_that_says_why(
    tmp_path: Path, taken: tuple[str, ...], mode: str, why: list[str]
) -> None:
    options = (f"--McpSandbox.mode={mode}", STARTED_KERNELS)
    running = running_server(tmp_path, *options, command=without(*taken), ready="MCP is not served")
    with running as server:
        server.until_answered()

        [line] = [line for line in server.log if "MCP is not served" in line]
        assert all(words in line for words in why)
        assert server.request("POST", b"{}", server.auth).status == 404


def test_hosts_cannot_be_allowed_where_there_are_no_network_namespaces(tmp_path: Path) -> None:
    options = ("--McpSandbox.mode=landlock", "--McpSandbox.allow_hosts=pypi.org:443")
    with running_server(tmp_path, *options, ready="MCP is not served") as server:
        line = next(line for line in server.log if "MCP is not served" in line)

    assert "allow_hosts needs network namespaces, which Landlock has not" in line


@pytest.mark.parametrize("mode", ["bubblewrap", "landlock"])
def test_the_network_of_the_host_is_all_that_a_mode_gives_if_it_is_allowed(
    tmp_path: Path, mode: str
) -> None:
    options = (f"--McpSandbox.mode={mode}", "--McpSandbox.network=host", STARTED_KERNELS)
    with running_server(tmp_path, *options) as server:
        client = McpClient(server)
        said = client.run(f"import socket; socket.create_connection(('127.0.0.1', {server.port}))")
        denied = client.run(f"open({str(server.root_dir.parent)!r} + '/runtime/x', 'w')")

        assert said.status == "ok"
        # Under bubblewrap the folder is there too, but it is another one.
        assert mode == "bubblewrap" or "PermissionError" in denied.text
        assert not (server.root_dir.parent / "runtime/x").exists()
        assert f"sandbox: {mode}, the host's network" in client.call("get_kernel_status").text
