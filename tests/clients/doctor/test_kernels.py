"""What is wrong with kernels, the sandbox and the disk is named; what was started is removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.doctor.state import LITTLE
from jupyter_mcp_ext.clients.doctor.trial import Trial, judged
from tests.clients.doctor.examined import examined, looked
from tests.disks import small_disk
from tests.kernelspecs import add_kernelspec
from tests.sandbox.test_attacks import USER
from tests.servers import FRESH, STARTED_KERNELS, JupyterServer, running_server


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


def test_a_kernel_that_never_answers_is_named(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server("--MultiKernelManager.default_kernel_name=silent", STARTED_KERNELS)
    add_kernelspec(server, "silent", "import signal; signal.pause()")

    found = examined(server.root_dir.parent, start=2)

    assert found.troubles == {("kernel", "fault")}
    [fault] = found.of("kernel")
    assert fault["what"] == "A kernel does not start, or does not answer, in time."
    assert "jupyter kernelspec list" in fault["do"]
    assert not list(server.root_dir.glob("mcp-sessions/*"))


def test_a_server_without_kernels_is_named(start_server: Callable[..., JupyterServer]) -> None:
    server = start_server(
        "--KernelSpecManager.allowed_kernelspecs=none",
        "--KernelSpecManager.ensure_native_kernel=False",
    )

    found = examined(server.root_dir.parent)

    assert found.troubles == {("kernel", "fault")}
    assert "This server has no kernels." in found.one("kernel")["what"]
    assert "pip install ipykernel" in found.one("kernel")["do"]


def test_a_root_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(0o555)
    command = FRESH
    if not os.geteuid():
        command = ("-m", "tests.sandbox.as_user", str(USER), str(tmp_path), *FRESH)  # type: ignore[assignment]
    with running_server(tmp_path, command=command) as server:
        found = examined(tmp_path, f"http://127.0.0.1:{server.port}/", token=server.token)
    root.chmod(0o755)

    [unsaved] = [line for line in found.of("kernel") if "is lost with their kernel" in line["what"]]
    assert unsaved["level"] == "warning"
    assert "its folder cannot be written" in unsaved["what"]
    assert "write into its root folder" in unsaved["do"]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "root", kilobytes=2_000, file_bytes=2_000) as disk,
        running_server(tmp_path),
    ):
        is_full = shutil.disk_usage(disk).free < LITTLE
        with suppress(OSError), (disk / "filler").open("wb") as filler:
            filler.write(b"x" * 4_000_000)
        found = examined(tmp_path)

    assert (("state", "fault") in found.troubles) == is_full
    if is_full:
        assert found.of("state")[1]["what"].startswith("Only 0 B are free")
