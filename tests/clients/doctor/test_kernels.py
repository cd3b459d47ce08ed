"""What is wrong with kernels, the sandbox and the disk is named; what was started is removed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.doctor.state import LITTLE
from jupyter_mcp_ext.clients.doctor.trial import Trial, judged
from tests.clients.doctor.examined import examined, looked
from tests.disks import small_disk
from tests.kernelspecs import add_kernelspec
from tests.servers import STARTED_KERNELS, JupyterServer, running_server


@pytest.mark.parametrize(
    ("name", "what"), [("missing", "missing"), ("dying", "exit code"), ("no-program", "program")]
)
def test_a_kernel_that_is_missing_or_dies_at_its_start_is_named(
    start_server: Callable[..., JupyterServer], name: str, what: str
) -> None:
    default = f"--MultiKernelManager.default_kernel_name={name}"
    server = start_server(default, STARTED_KERNELS)
    add_kernelspec(server, "dying", "raise SystemExit(3)")
    add_kernelspec(server, "no-program", "", argv=["/no/such/program"])

    found = examined(server.root_dir.parent)

    assert not found.is_good
    assert found.troubles == {("kernel", "fault")}
    [fault] = found.of("kernel")
    assert fault["what"].startswith("The server does not run code: ")
    assert what in fault["what"]
    assert fault["do"]
    assert not list(server.root_dir.glob("mcp-sessions/*"))


def test_a_kernel_that_never_answers_is_told_from_one_of_another_language() -> None:
    silent = Trial(era="2026-07-28", said="[queued] k7m2q9xw-1: the kernel starts")
    bash = Trial(era="2026-07-28", said="[error] k7m2q9xw-1 In[1] 0.02 s (bash)")

    [never] = judged(silent, "")
    [other] = judged(bash, "")

    assert never.level == "fault"
    assert "The kernel does not answer" in never.what
    assert other.level == "warning"
    assert "another language" in other.do


def test_the_sandbox_in_force_is_told(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server("--McpSandbox.mode=auto", STARTED_KERNELS)
    health = server.request("GET", None, server.auth, path="/mcp/health").json()

    found = examined(server.root_dir.parent)

    assert found.troubles == set(), found.whole
    assert str(health["sandbox"]) in found.one("state")["what"]
    assert found.of("kernel")


def test_a_configured_sandbox_that_is_not_in_force_is_a_fault(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server()

    found = looked(server.root_dir.parent, configured={"McpSandbox.mode": "auto"})

    assert found.troubles == {("state", "fault")}
    assert "configured and not in force" in found.one("state")["what"]


def test_a_disk_that_is_almost_full_is_warned_of(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "root", kilobytes=100_000, file_bytes=100_000_000) as disk,
        running_server(tmp_path),
    ):
        is_small = shutil.disk_usage(disk).free < LITTLE
        found = looked(tmp_path)

    assert (("state", "warning") in found.troubles) == is_small
