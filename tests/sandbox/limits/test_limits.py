"""Real kernels that hit each limit, by each means, plain and in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.mcp_client import McpClient
from tests.sandbox.limits.means import HAS_GROUPS, IS_ROOT
from tests.sandbox.test_attacks import USER
from tests.sandbox.test_endings import family
from tests.servers import FRESH, STARTED_KERNELS, JupyterServer, running_server

MB = 1 << 20
LIMITS = (
    f"--McpLimits.memory={400 * MB}",
    "--McpLimits.processes=60",
    f"--McpLimits.file_bytes={8 * MB}",
    f"--McpLimits.disk={24 * MB}",
    "--McpLimits.cpu_seconds=1.5",
    "--McpLimits.cpu=1",
    "--McpSessions.spare_kernels=0",
    STARTED_KERNELS,
)
WATCHED = ("--McpLimits.use_cgroups=False",)
CONFINED = ("--McpSandbox.mode=bubblewrap",)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How kernels are limited and confined."""

    options: tuple[str, ...]
    is_user: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether the watchdog is all there is."""
        return self.is_user or WATCHED[0] in self.options


IN_GROUPS = {
    "control groups": Way(options=()),
    "control groups, bubblewrap": Way(options=CONFINED),
}
WAYS = {
    **(IN_GROUPS if HAS_GROUPS else {}),
    "watchdog": Way(options=WATCHED),
    "ordinary user, bubblewrap": Way(
        options=CONFINED if IS_ROOT else (*CONFINED, *WATCHED), is_user=True
    ),
}


@pytest.fixture(scope="module", params=list(WAYS.values()), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture(scope="module")
def server(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp("limited")
    command: tuple[str, ...] = FRESH
    if way.is_user and IS_ROOT:
        command = ("-m", "tests.sandbox.as_user", str(USER), str(folder), *FRESH)
    with running_server(folder, *LIMITS, *way.options, command=command) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    return McpClient(server)


def value(client: McpClient, code: str) -> str:
    """The last line that code puts out."""
    return client.run(code).text.splitlines()[-1]


def test_the_status_names_the_limits_and_their_means(client: McpClient, way: Way) -> None:
    client.run("x = 41")

    said = client.call("get_kernel_status").text

    means = "rlimits and watchdog" if way.is_watched else "cgroup v"
    limits = "limits: memory 400 MB, CPU 1 core, CPU time 1.50 s, processes 60, file size 8 MB"
    assert limits in said
    assert means in said


def test_memory_that_one_process_asks_for_is_refused(client: McpClient) -> None:
    client.run("x = 41")

    refused = client.run("much = bytearray(500_000_000)")

    assert "MemoryError" in refused.text
    assert "400 MB (McpLimits.memory)" in refused.text
    assert value(client, "x + 1") == "42"


def test_memory_of_many_processes_is_limited_and_no_other_kernel_ends(client: McpClient) -> None:
    client.call("create_session", name="other")
    client.run("x = 41", session_id="other")

    bombed = client.run(
        """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a little more than the limit it is interrupted
hold, let_go = os.pipe()
for _ in range(6):
    if not os.fork():
        os.close(let_go)
        much = b"1" * (120 << 20)
        os.read(hold, 1)
        os._exit(0)
os.wait()  # for one that was ended, if not all were
os.close(let_go)
for _ in range(5):
    os.wait()
"""
    )

    assert re.search(r"was ended: memory [0-9.]+ MB of 400 MB \(McpLimits.memory\)", bombed.text)
    assert client.run("x + 1", session_id="other").text.splitlines()[-1] == "42"
    client.call("shutdown_kernel", session_id="other")


def test_processes_are_limited(client: McpClient, way: Way) -> None:
    client.run("x = 41")

    bombed = client.run(
        """
import subprocess, time
started = []
try:
    for _ in range(100):
        started.append(subprocess.Popen(["sleep", "600"]))
    time.sleep(20)
finally:
    for each in started:
        each.kill()
"""
    )

    assert re.search(r"processes [0-9]+ of 60 \(McpLimits.processes\)", bombed.text)
    if way.is_user or not way.is_watched:
        assert "BlockingIOError" in bombed.text
        assert value(client, "x + 1") == "42"


def test_processes_that_multiply_end_with_their_kernel(
    server: JupyterServer, client: McpClient
) -> None:
    bombed = client.run(
        """
import os
os.nice(19)
for _ in range(7):
    try:
        os.fork()
    except OSError:
        pass
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""
    )

    assert bombed.status == "dead"
    assert "the kernel was ended: " in bombed.text
    assert value(client, "6 * 7") == "42"
    assert [each for each in family(server) if each.nice() == 19] == []


def test_cpu_time_is_limited_by_an_interrupt(client: McpClient) -> None:
    client.run("x = 41")

    stopped = client.run("while True: pass")

    assert stopped.status == "interrupted"
    words = r"interrupted at a limit: CPU time [0-9.]+ s of 1.50 s \(McpLimits.cpu_seconds\)"
    assert re.search(words, stopped.text)
    assert value(client, "x + 1") == "42"


def test_code_that_ignores_that_interrupt_ends_its_kernel(client: McpClient) -> None:
    ended = client.run(
        """
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""
    )

    assert ended.status == "dead"
    assert "the kernel was ended: CPU time" in ended.text
    assert value(client, "6 * 7") == "42"


def test_the_size_of_a_file_is_limited(client: McpClient) -> None:
    client.run("x = 41")

    cut = client.run("import tempfile; tempfile.TemporaryFile().write(bytes(20_000_000))")

    assert "OSError: [Errno 27]" in cut.text
    assert "file size 8 MB of 8 MB (McpLimits.file_bytes)" in cut.text
    assert value(client, "x + 1") == "42"


def test_many_files_in_the_sessions_folder_are_stopped_and_stay(
    server: JupyterServer, client: McpClient
) -> None:
    session, _, _ = client.run("x = 41").id.rpartition("-")
    folder = server.root_dir / "mcp-sessions" / session
    (folder / "mine.txt").write_text("a person's")

    stopped = client.run(
        f"""
import os
os.chdir({str(folder)!r})
n = 0
while True:
    with open(f"many-{{n}}", "wb") as file:
        file.write(bytes(100_000))
    n += 1
"""
    )

    assert stopped.status == "interrupted"
    assert re.search(r"at a limit: disk [0-9.]+ [MG]B of 24 MB \(McpLimits.disk\)", stopped.text)
    assert len(list(folder.glob("many-*"))) > 200
    assert (folder / "mine.txt").read_text() == "a person's"
    assert value(client, "x + 1") == "42"
    client.run("import glob\nfor path in glob.glob('many-*'): os.remove(path)")


def test_files_without_a_name_are_stopped_too(client: McpClient) -> None:
    client.call("create_session", name="nameless")
    client.run("x = 41", session_id="nameless")

    stopped = client.run(
        """
import os, time
held = []
for _ in range(100):
    held.append(open("nameless", "wb", buffering=0))
    os.unlink("nameless")
    held[-1].write(bytes(1_000_000))
time.sleep(60)
""",
        session_id="nameless",
    )

    assert stopped.status == "interrupted", stopped.text
    assert re.search(r"at a limit: disk [0-9.]+ [MG]B of 24 MB \(McpLimits.disk\)", stopped.text)
    after = client.run("held.clear(); x + 1", session_id="nameless")
    assert after.text.splitlines()[-1] == "42"
    client.call("shutdown_kernel", session_id="nameless", force=True)


def test_a_kernel_uses_so_many_cores_and_no_more(client: McpClient) -> None:
    used = value(
        client,
        """
import os, subprocess, sys, time
began, before = time.monotonic(), os.times()
spin = "import time; end = time.monotonic() + 0.5\\nwhile time.monotonic() < end: pass"
spinning = [subprocess.Popen([sys.executable, "-I", "-S", "-c", spin]) for _ in range(3)]
for each in spinning:
    each.wait()
after = os.times()
print((after.children_user - before.children_user) / (time.monotonic() - began))
""",
    )

    assert float(used) < 1.3  # of two cores at least
