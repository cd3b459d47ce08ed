"""A few escapes that are tried when the server starts: a sandbox that does not hold is not used.

That a program is installed says little: in most containers user namespaces are forbidden, and a
host may have been configured so that they give away what they should not.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import bubblewrap, directories, landlock, seccomp
from .confinement import Confinement, Mode, Network
from .memory import memory_files
from .prefixes import NoPrefix, readable

SECONDS = 20.0
"""For the canary to answer."""

LOW = 100

SCRIPT = """
import ctypes, json, os, socket, sys
host = json.loads(sys.argv[1])
found = []

def escapes(name):
    def try_it(attempt):
        try:
            if attempt():
                found.append(name)
        except OSError:
            pass
    return try_it

@escapes("it read a file that it was not given")
def _():
    return any(open(path, "rb").read(1) or True for path in host["files"] if os.access(path, 4))

@escapes("it wrote outside its folder")
def _():
    return bool(os.open(host["outside"] + "/escaped", os.O_CREAT | os.O_WRONLY))

@escapes("it saw a process of the host")
def _():
    return host["pid"] and open("/proc/%d/stat" % host["pid"]).read()

@escapes("it signalled a process of the host")
def _():
    if host["pid"]:
        os.kill(host["pid"], 0)
        return True

@escapes("it reached a port of the host")
def _():
    if host["port"]:
        socket.create_connection(("127.0.0.1", host["port"]), timeout=2).close()
        return True

@escapes("it reached a socket of the host in the abstract namespace")
def _():
    if host["abstract"]:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect("\\0" + host["abstract"])
        return True

@escapes("it reached a socket of the host in the file system")
def _():
    if host["socket"]:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(host["socket"])
        return True

libc = ctypes.CDLL(None, use_errno=True)

@escapes("it made a user namespace")
def _():
    return libc.unshare(0x10000000) == 0

@escapes("it has capabilities")
def _():
    status = open("/proc/self/status").read()
    return int(status.partition("CapEff:")[2].split()[0], 16) != 0

@escapes("it can get new privileges")
def _():
    return libc.prctl(39, 0, 0, 0, 0) != 1

@escapes("its system calls are not filtered")
def _():
    return libc.prctl(21, 0, 0, 0, 0) != 2

open(host["inside"] + "/works", "w").close()
print(json.dumps(found))
"""


class Escaped(Exception):
    """The sandbox cannot be made, or does not hold; the message says what to do."""


def check(mode: Mode, *, secrets: Sequence[Path], network: Network) -> None:
    """Try to get out of a sandbox as kernels get it. Blocks. Raises Escaped."""
    with (
        _directory() as inside,
        _directory() as outside,
        _directory() as own,
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        name, path = f"jmcp-{os.getpid()}-{os.urandom(8).hex()}", str(outside / "socket")
        for each, address in ((abstract, f"\0{name}"), (named, path)):
            each.bind(address)
            each.listen()
        is_closed, has_own_numbers = network == "none", mode == "bubblewrap"
        host = {
            "files": [str(each) for each in secrets],
            "outside": str(outside),
            "inside": str(inside),
            # A low number may be that of another process in a namespace.
            "pid": 0 if has_own_numbers and os.getpid() <= LOW else os.getpid(),
            "port": port.getsockname()[1] if is_closed else 0,
            "abstract": name if is_closed or mode == "landlock" else "",
            "socket": path if is_closed or mode == "bubblewrap" else "",
        }
        said = _run(_confinement(mode, inside, network), own, host)
        escapes = json.loads(said)
        if escapes or not (inside / "works").is_file():
            msg = f"a program got out of the sandbox ({', '.join(escapes) or 'it did not answer'})"
            raise Escaped(msg)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    made = directories.make()
    try:
        yield made
    finally:
        directories.remove(made)


def _confinement(mode: Mode, folder: Path, network: Network) -> Confinement:
    try:
        programs = readable([sys.executable], os.defpath, never=())
    except NoPrefix as err:
        raise Escaped(str(err)) from err
    return Confinement(mode=mode, folder=folder, cwd=folder, programs=programs, network=network)


def _run(confinement: Confinement, own: Path, host: object) -> str:
    """What the script says in a sandbox; ``own`` is a directory for the program in it."""
    command = [sys.executable, "-I", "-c", SCRIPT, json.dumps(host)]
    if confinement.mode == "landlock":
        return _under_landlock(confinement, own, command)
    return _under_bubblewrap(confinement, command)


def _under_bubblewrap(confinement: Confinement, command: Sequence[str]) -> str:
    bwrap = bubblewrap.program()
    if bwrap is None:
        places = ", ".join(bubblewrap.PLACES)
        msg = f"bubblewrap is not installed: no {bubblewrap.NAME} in {places}. Install the package"
        raise Escaped(msg)
    with memory_files(seccomp.program(has_inet=True), *bubblewrap.made()) as files:
        arguments = bubblewrap.arguments(confinement, filter_fd=files[0], made_fds=files[1:])
        # As the first process there it is reaped by bubblewrap, also if this is process 1.
        done = _output_of([bwrap, *arguments, "--as-pid-1", "--", *command], files)
    if done.returncode:
        raise Escaped(_advice(done.stderr.strip()[-300:]))
    return done.stdout


def _under_landlock(confinement: Confinement, own: Path, command: Sequence[str]) -> str:
    landlock.prepare(own)
    with memory_files(b"") as (status_fd,):
        plan = landlock.plan(confinement, own, command, status_fd=status_fd)
        with memory_files(plan) as (plan_fd,):
            done = _output_of(landlock.command(plan_fd), (status_fd, plan_fd))
    if done.returncode:
        raise Escaped(done.stderr.strip()[-300:] or "Landlock does not work here")
    return done.stdout


def _output_of(command: Sequence[str], files: Sequence[int]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # of this module
        command,
        pass_fds=files,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PATH": os.defpath},
        check=False,
    )


def _advice(said: str) -> str:
    """What an operator can do where bubblewrap fails with these words."""
    what = f"bubblewrap does not work here ({said or 'it said nothing'})"
    if "Unknown option" in said:
        return f"{what}. Install bubblewrap 0.8 or later"
    if any(word in said for word in ("namespace", "Operation not permitted", "uid map", "proc")):
        return (
            f"{what}. Allow user namespaces: sysctl user.max_user_namespaces and "
            "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns on a "
            "host; in a container a seccomp profile that allows unshare and mount, and an unmasked "
            "/proc"
        )
    return what
