"""Attacks from a kernel: each succeeds on a plain kernel, and none in the sandbox but those named.

As root, and as an ordinary user where the tests run as root.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.mcp_client import McpClient
from tests.servers import FRESH, STARTED_KERNELS, JupyterServer, running_server

from . import attacks
from .attacks_page import PAGE, REMAINING, page

USER = 61_234
"""An account without a name."""

SECRET = "secret-of-the-server-3f1c"

WITHOUT = {
    "change how the linux kernel loads modules": "/proc/sys/kernel/modprobe",
    "restart the machine": "/proc/sysrq-trigger",
    "read the memory of the linux kernel": "/proc/kcore",
    "read the keys of the linux kernel": "/proc/keys",
    "move interrupts between processors": "/proc/irq/default_smp_affinity",
    "read the log of the system": "/var/log/dpkg.log",
    "schedule a job": "/etc/cron.d",
    "see the cgroups of the host": "/sys/fs/cgroup",
    "open a socket to the hypervisor": "/proc/sys/net/vsock",
    "connect over ipv6": "/proc/net/if_inet6",
}
"""Attacks that nothing can come of on a machine that does not have this."""

OF_ROOT = {
    *("load a bpf program", "watch with perf events", "handle its own page faults"),
    *("set up io uring", "type into the terminal", "use the keyring", "add a key"),
    *("listen to all packets", "make a user namespace", "make a user namespace with clone"),
    *(
        "see the mounts of the host",
        "open a file by its handle",
        "raise the score of another process",
    ),
    *("trace the server", "trace another kernel", "read the memory of the server"),
    *("read the memory of another kernel by a system call", "take a descriptor of another kernel"),
}
"""Attacks that some machines forbid to accounts other than root."""


class Host:
    """What an attacker finds on the host, and its sockets, files and processes."""

    def __init__(self, folder: Path, stack: ExitStack, user: int) -> None:
        self.folder = folder
        self.stack = stack
        self.user = user
        self.outside = folder / "outside"
        self.outside.mkdir()
        self._files()
        self.facts: dict[str, Any] = {
            "home": str(folder),
            "runtime": str(folder / "runtime"),
            "root": str(folder / "root"),
            "outside": str(self.outside),
            "key_file": str(folder / ".local/share/jupyter/jupyter_mcp_ext.key"),
            "cookie_file": str(folder / "runtime/jupyter_cookie_secret"),
            "cluster_token": str(self.outside / "serviceaccount-token"),
            "secret": SECRET,
            "machine_id": "/etc/hostname",
            "some_account": "daemon",
            "log": "/var/log/dpkg.log",
            "mount": " /sys/fs/cgroup ",
            "hostname": socket.gethostname(),
            **self._sockets(),
            **self._shared(),
            "terminal": self._terminal(),
        }

    def _files(self) -> None:
        texts = {
            ".aws/credentials": "aws_secret",
            ".ssh/id_ed25519": "PRIVATE KEY",
            ".git-credentials": "https://a:b@example.org",
            ".config/pip/pip.conf": "[global]",
            "root/private.txt": "private",
            "root/.git/config": "[core]",
            "outside/serviceaccount-token": "token",
        }
        for name, text in texts.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def _sockets(self) -> dict[str, Any]:
        listening = self.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        named = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        echo = self.stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        datagrams = self.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        path = self.outside / "socket"
        for each, name in ((named, "socket"), (datagrams, "datagrams")):
            each.bind(str(self.outside / name))
            (self.outside / name).chmod(0o777)
        name = f"mcp-attacks-{os.urandom(8).hex()}"
        abstract.bind(f"\0{name}")
        for each in (named, abstract):
            each.listen()
        echo.bind(("127.0.0.1", 0))
        threading.Thread(target=_answer, args=(echo,), daemon=True).start()
        port6 = 1
        if socket.has_ipv6:
            try:
                six = socket.create_server(("::1", 0), family=socket.AF_INET6)
                port6 = self.stack.enter_context(six).getsockname()[1]
            except OSError:
                pass
        return {
            "listening": listening.getsockname()[1],
            "listening6": port6,
            "echo": echo.getsockname()[1],
            "unix": str(path),
            "unix_datagrams": str(self.outside / "datagrams"),
            "abstract": name,
        }

    def _shared(self) -> dict[str, Any]:
        libc = ctypes.CDLL(None, use_errno=True)
        memory = libc.shmget(0, 4096, 0o1666)
        self.stack.callback(libc.shmctl, memory, 0, None)
        name = f"mcp-attacks-{os.urandom(8).hex()}"
        for path in (Path("/dev/shm") / name, Path("/tmp") / name):  # noqa: S108
            path.write_text("shared")
            self.stack.callback(path.unlink)
        bystander = subprocess.Popen(["sleep", "600"], **self._account())
        self.stack.callback(bystander.wait)
        self.stack.callback(bystander.kill)
        return {
            "shared_memory": memory,
            "shm_name": name,
            "temporary": f"/tmp/{name}",  # noqa: S108
            "bystander": bystander.pid,
        }

    def _terminal(self) -> str:
        leader, follower = os.openpty()
        for fd in (leader, follower):
            self.stack.callback(os.close, fd)
        os.fchown(follower, self.user or os.getuid(), -1)
        return os.ttyname(follower)

    def _account(self) -> dict[str, Any]:
        return {"user": self.user, "group": self.user} if self.user else {}

    def attacked(self, server: JupyterServer) -> dict[str, bool]:
        """Which attacks succeed from a kernel of a server."""
        victim, attacker = McpClient(server, name="victim"), McpClient(server, name="attacker")
        victim.run("1")
        pid = _kernel_of(server)
        attacker.run("1")
        own = attacker.call("get_kernel_status")
        status = victim.call("get_kernel_status").meta["jupyter-mcp-ext/session"]
        session = own.meta["jupyter-mcp-ext/session"]["session_id"]
        root = server.root_dir
        facts = {
            **self.facts,
            "server": server.process.pid,
            "port": server.port,
            "token": server.token,
            "victim": pid,
            "victim_file": str(self.folder / f"runtime/kernel-{status['kernel_id']}.json"),
            "other_session": str(root / "mcp-sessions" / status["session_id"]),
            "kept": str(root / "mcp-sessions" / session / ".mcp"),
        }
        source = inspect.getsource(attacks)
        names = [
            name
            for name in attacks.ATTACKS
            if name not in attacks.NEEDS_ROOT or (ROOT and not self.user)
        ]
        code = (
            f"scope = {{'__name__': 'attacks'}}\nexec({source!r}, scope)\n"
            f"import json\nhost = json.loads({json.dumps(facts)!r})\n"
            f"for name in {names!r}: print(scope['attempt'](name, host), name, sep=chr(9))"
        )
        said = attacker.run(code, wait=120).text
        found = dict(line.split("	")[::-1] for line in said.splitlines() if "	" in line)
        return {name: _has_worked(found[name]) for name in names}


def _has_worked(said: str) -> bool:
    """Whether an attack has succeeded that answers this; what it has planted is removed."""
    if not said.startswith("/"):
        return said == "1"
    planted = Path(said)
    is_there = planted.is_file()
    if is_there and planted.suffix == attacks.SETUID:
        is_there = bool(planted.stat().st_mode & (stat.S_ISUID | stat.S_ISGID))
    planted.unlink(missing_ok=True)
    return is_there


def _answer(echo: socket.socket) -> None:
    try:
        while True:
            data, address = echo.recvfrom(64)
            echo.sendto(data, address)
    except OSError:  # closed
        return


def _kernel_of(server: JupyterServer) -> int:
    """The process of the only kernel, as the host sees it."""
    family = psutil.Process(server.process.pid).children(recursive=True)
    return next(one.pid for one in family if "ipykernel_launcher" in " ".join(one.cmdline()))


@contextmanager
def attacked(folder: Path, user: int, options: tuple[str, ...]) -> Iterator[dict[str, bool]]:
    """What succeeds from the kernels of a server with these options."""
    command: tuple[str, ...] = FRESH
    if user:
        command = ("-m", "tests.sandbox.as_user", str(user), str(folder), *FRESH)
    with ExitStack() as stack:
        host = Host(folder, stack, user)
        server = running_server(
            folder, *options, command=command, env={"SECRET_OF_THE_SERVER": SECRET}
        )
        yield host.attacked(stack.enter_context(server))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The results of all attacks, for an account and in a mode; each is run once."""

    @lru_cache
    def of(user: int, mode: str) -> dict[str, bool]:
        options = (f"--McpSandbox.mode={mode}", STARTED_KERNELS)
        with attacked(tmp_path_factory.mktemp("host"), user, options) as found:
            return found

    return of


ROOT = os.geteuid() == 0
TRIED = [
    pytest.param(user, name, id=f"{name}-{'user' if user or not ROOT else 'root'}")
    for user in ((0, USER) if ROOT else (0,))
    for name in attacks.ATTACKS
    if name not in attacks.NEEDS_ROOT or (ROOT and not user)
]


def must_succeed(name: str, *, as_root: bool) -> bool:
    """Whether an attack has to succeed on a plain kernel here."""
    if name in WITHOUT and not Path(WITHOUT[name]).exists():
        return False
    return as_root or name not in OF_ROOT


@pytest.mark.parametrize(("user", "name"), TRIED)
def test_an_attack_succeeds_on_a_plain_kernel_only(results: Any, user: int, name: str) -> None:
    if must_succeed(name, as_root=ROOT and not user):
        assert results(user, "none")[name]
    assert not results(user, "bubblewrap")[name]


@pytest.mark.parametrize(("user", "name"), TRIED)
def test_under_landlock_only_those_succeed_that_are_named(
    results: Any, user: int, name: str
) -> None:
    assert results(user, "landlock")[name] == (name in REMAINING)


def test_the_documentation_lists_the_attacks() -> None:
    """``python -m tests.sandbox.attacks_page`` writes it."""
    assert PAGE.read_text() == page()
