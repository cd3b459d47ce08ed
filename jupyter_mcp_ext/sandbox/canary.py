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

from . import bubblewrap, directories, seccomp
from .confinement import Confinement, Network
from .memory import memory_files
from .prefixes import NoPrefix, readable

SECONDS = 20.0
"""For the canary to answer."""

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
    return os.path.exists("/proc/%d/stat" % host["pid"]) and host["pid"] > 100

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


def check(*, secrets: Sequence[Path], network: Network) -> None:
    """Try to get out of a sandbox as kernels get it. Blocks. Raises Escaped."""
    bwrap = bubblewrap.program()
    if bwrap is None:
        places = ", ".join(bubblewrap.PLACES)
        msg = f"bubblewrap is not installed: no {bubblewrap.NAME} in {places}. Install the package"
        raise Escaped(msg)
    with (
        _directory() as inside,
        _directory() as outside,
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        name = f"jmcp-{os.getpid()}-{os.urandom(8).hex()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        host = {
            "files": [str(path) for path in secrets],
            "outside": str(outside),
            "inside": str(inside),
            "pid": os.getpid(),
            "port": port.getsockname()[1] if network == "none" else 0,
            "abstract": name if network == "none" else "",
        }
        said = _run(bwrap, inside, network, host)
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


def _run(bwrap: str, folder: Path, network: Network, host: object) -> str:
    try:
        programs = readable([sys.executable], os.defpath, never=())
    except NoPrefix as err:
        raise Escaped(str(err)) from err
    confinement = Confinement(folder=folder, cwd=folder, programs=programs, network=network)
    with memory_files(seccomp.program(has_inet=True), *bubblewrap.accounts()) as files:
        arguments = bubblewrap.arguments(
            confinement, filter_fd=files[0], accounts_fds=(files[1], files[2])
        )
        command = [sys.executable, "-I", "-c", SCRIPT, json.dumps(host)]
        done = subprocess.run(  # noqa: S603  # bubblewrap, found by PATH
            # As the first process there it is reaped by bubblewrap, also if this is process 1.
            [bwrap, *arguments, "--as-pid-1", "--", *command],
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={"PATH": os.defpath},
            check=False,
        )
    if done.returncode:
        raise Escaped(_advice(done.stderr.strip()[-300:]))
    return done.stdout


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
