"""Limits of several kernels together, whom limits concern, and what is left of control groups."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.sandbox.limits.means import HAS_GROUPS
from tests.sandbox.test_endings import living
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

MB = 1 << 20
OPTIONS = ("--McpSessions.spare_kernels=0", STARTED_KERNELS)
WHOSE = {"per_user": "a user's kernels may use", "in_all": "all kernels of agents may use"}
TOGETHER = 1 if HAS_GROUPS else 2
"""Cores of two kernels that may use one in all: without control groups each has a whole one."""

START = """
import subprocess, time
started = []
def start(most):
    while len(started) < most:
        started.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
def stay(do):
    for _ in range(3):
        try:
            do()
            time.sleep(30)
        except KeyboardInterrupt:  # a look was taken
            pass
"""
WRITE = """
import os
os.chdir({folder!r})
def write(most):
    for number in range(most):
        with open("many-%s" % number, "wb") as file:
            file.write(bytes(100_000))
"""
SPIN = """
import os, pathlib
def spin(mine, other, is_ready):
    while not is_ready():
        pass
    pathlib.Path(mine).touch()
    while not os.path.exists(other):
        pass
def has_half(quotas):
    if quotas:
        return all(pathlib.Path(each).read_text().split()[0] == "50000" for each in quotas)
    return len(os.sched_getaffinity(0)) == 1
"""
USED = """
import subprocess, sys, time
began = time.monotonic()
code = "import time; end = time.monotonic() + 1\\nwhile time.monotonic() < end: pass"
spinning = [subprocess.Popen([sys.executable, "-I", "-S", "-c", code]) for _ in range(2)]
for each in spinning:
    each.wait()
print(began, time.monotonic(), os.times().children_user)
"""


def limits(suffix: str) -> tuple[str, ...]:
    """The options of a server that limits several kernels together."""
    values = {"memory": 600 * MB, "processes": 70, "disk": 24 * MB, "cpu": 1}
    return (*(f"--McpLimits.{name}_{suffix}={value}" for name, value in values.items()), *OPTIONS)


@pytest.fixture(scope="module")
def per_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("per_user"), *limits("per_user")) as running:
        yield running


@pytest.fixture(scope="module")
def in_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("in_all"), *limits("in_all")) as running:
        yield running


@pytest.fixture(params=list(WHOSE))
def suffix(request: pytest.FixtureRequest) -> str:
    """The end of the settings' names."""
    found: str = request.param
    return found


@pytest.fixture
def server(request: pytest.FixtureRequest, suffix: str) -> JupyterServer:
    found: JupyterServer = request.getfixturevalue(suffix)
    return found


@pytest.fixture
def client(server: JupyterServer) -> Iterator[McpClient]:
    """A client whose sessions have no kernels, neither before nor after."""
    client = McpClient(server)
    yield client
    for name in ("default", "small"):
        client.call("shutdown_kernel", session_id=name, force=True)


def command_of(process: psutil.Process) -> str:
    """Its command; empty if it is ending."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def groups(server: JupyterServer) -> list[Path]:
    """The control groups of a server's kernels."""
    return list(Path("/sys/fs/cgroup").rglob(f"jmcp-*-{server.process.pid}/k*/"))


def said(name: str, suffix: str) -> str:
    """A pattern of the words for a limit that was hit."""
    setting = rf"\(McpLimits.{name}_{suffix}\)"
    return rf"{name} [0-9.]+( [MG]B)? of [0-9]+( MB)? that {WHOSE[suffix]} {setting}"


def small(client: McpClient, code: str) -> None:
    """Have a session whose kernel uses little."""
    client.call("create_session", name="small")
    client.run(f"{code}\nx = 41", session_id="small")


def is_there(client: McpClient) -> bool:
    """Whether that session has its variables."""
    return client.run("x + 1", session_id="small").text.splitlines()[-1] == "42"


def test_processes_of_several_kernels_are_limited(client: McpClient, suffix: str) -> None:
    small(client, f"{START}\nstart(10)")

    ended = client.run(f"{START}\nstay(lambda: start(60))")

    is_refused = HAS_GROUPS and suffix == "in_all"
    how = "could not be started: " if is_refused else "the kernel was ended: "
    assert re.search(how + said("processes", suffix), ended.text)
    assert is_there(client)


def test_memory_of_several_kernels_is_limited(client: McpClient, suffix: str) -> None:
    small(client, "much = b'1' * (200 << 20)")

    ended = client.run(f"{START}\nmuch = []\nstay(lambda: much or much.append(b'1' * (350 << 20)))")

    assert re.search("the kernel was ended: " + said("memory", suffix), ended.text)
    assert is_there(client)


def writing(server: JupyterServer, client: McpClient, session: str) -> str:
    """Code that can write into its session's folder."""
    name, _, _ = client.run("1", session_id=session).id.rpartition("-")
    return WRITE.format(folder=str(server.root_dir / "mcp-sessions" / name))


def test_code_that_fills_the_disk_is_stopped_and_not_what_has_filled_it(
    server: JupyterServer, client: McpClient, suffix: str
) -> None:
    small(client, "")
    client.run(f"{writing(server, client, 'small')}\nwrite(160)", session_id="small")

    stopped = client.run(
        f"{writing(server, client, 'default')}\nwrite(120)\nimport time; time.sleep(60)"
    )

    assert stopped.status == "interrupted", stopped.text
    assert re.search(said("disk", suffix), stopped.text)
    assert is_there(client)
    for name in ("default", "small"):
        client.run("import glob\nfor path in glob.glob('many-*'): os.remove(path)", session_id=name)


def together(client: McpClient, code: str, folder: Path) -> list[str]:
    """What code puts out in two kernels at the same time; it is given the names of two files."""
    small(client, SPIN)
    client.run(SPIN)
    names = str(folder / "a"), str(folder / "b")
    begun = client.begin(code.format(*names), session_id="small")
    second = client.run(code.format(*reversed(names)))
    first = client.call("get_output", execution_id=begun.id, wait=60)
    return [each.text.splitlines()[-1] for each in (first, second)]


def test_cores_are_divided_between_the_kernels_that_are_busy(
    client: McpClient, server: JupyterServer, suffix: str, tmp_path: Path
) -> None:
    small(client, "")
    client.run("1")
    files = [folder / name for folder in groups(server) for name in ("cpu.max", "cpu.cfs_quota_us")]
    # The group of all kernels is limited by Linux, and each may have all of it.
    half = [str(file) for file in files if file.exists()] if suffix == "per_user" else []
    is_ready = "True" if HAS_GROUPS and suffix == "in_all" else f"has_half({half})"

    lines = together(client, f"spin({{!r}}, {{!r}}, lambda: {is_ready})\n{USED}", tmp_path)

    began, ended, used = zip(*(map(float, line.split()) for line in lines), strict=True)
    assert sum(used) / (max(ended) - min(began)) < TOGETHER + 0.3


def test_kernels_of_people_are_not_limited(in_all: JupyterServer) -> None:
    path = f"{in_all.base_url}api/kernels"
    made = in_all.request("POST", b"{}", in_all.auth, path=path).json()
    own = Path("/proc/self/cgroup").read_text()

    persons = [
        process
        for process in psutil.Process(in_all.process.pid).children()
        if f"kernel-{made['id']}.json" in command_of(process)
    ]

    assert [Path(f"/proc/{each.pid}/cgroup").read_text() for each in persons] == [own]


def test_a_kernelspec_with_a_provisioner_of_its_own_is_refused(in_all: JupyterServer) -> None:
    add_kernelspec(in_all, "odd", "")
    spec = next(in_all.root_dir.parent.rglob("kernels/odd/kernel.json"))
    other = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "metadata": other}))

    said = McpClient(in_all).refused("create_session", name="odd", kernel_name="odd")

    assert "cannot be limited: its kernelspec has a provisioner of its own" in said


def test_groups_go_with_their_kernels_and_those_of_a_killed_server_with_the_next(
    in_all: JupyterServer, tmp_path: Path
) -> None:
    client = McpClient(in_all)
    client.run("import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)")
    left = psutil.Process(int(client.run("p.pid").text.splitlines()[-1]))
    assert bool(groups(in_all)) is HAS_GROUPS
    client.call("shutdown_kernel", session_id="default")
    assert not groups(in_all)
    assert not HAS_GROUPS or not living([left])  # without one it is found if there was a look

    with running_server(tmp_path, *limits("in_all")) as killed:
        McpClient(killed).run("1")
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(10)
    assert bool(groups(killed)) is HAS_GROUPS
    with running_server(tmp_path, *limits("in_all")):
        assert not groups(killed)
