"""Runs a kernel under Landlock and seccomp: ``python -I -S launcher.py FD``, with a plan in FD.

It runs alone, without the package, and stays as the kernel's parent. There are four processes:

- this one, the keeper, in a Landlock domain that only keeps its signals in. All that a kernel has
  started is in that domain too, so that ``kill(-1)`` reaches these processes, at once and no other;
- its double, which does that when the keeper is killed;
- the kernel, in a second domain inside of the first, with the rules of files and the filter of
  system calls: what is in it can signal neither keeper nor double;
- whatever the kernel starts, which ends with it.

The keeper ends as the kernel has ended, and ends all when the server dies.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without enum, which takes long to load
import _socket as socket
import ctypes
import marshal
import os
import select
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # it takes long to load
    from typing import Any, NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)

SET_PDEATHSIG, CAPBSET_DROP, SET_SECUREBITS = 1, 24, 28
SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS, CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL = 36, 38, 47, 4
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_FILTER, NEW_LISTENER = 1, 8
SECUREBITS = 0xEF
"""No privileges for root, none kept when the account changes, none added; all of it locked."""
CORE, OPEN_FILES, ONE = 4, 7, struct.pack("QQ", 1, 1)
"""``RLIMIT_CORE``: with 1 no file is written and no program run for what crashes; 0 does less."""
CAPABILITIES = 64
CAPABILITY_VERSION = 0x2008_0522

CREATE_RULESET, ADD_RULE, RESTRICT_SELF, CLOSE_RANGE = 444, 445, 446, 436
PIDFD_OPEN, PIDFD_GETFD, OF_THREAD = 434, 438, 0x80
"""System calls, with the same numbers on all architectures."""
VERSION, PATH_BENEATH, CLOEXEC = 1, 1, 4

NEEDED = 6
"""The first Landlock ABI that keeps signals and abstract sockets in, of Linux 6.12."""
ALL_FILES, ALL_TCP, ABSTRACT, SIGNALS = 0xFFFF, 0b11, 1, 2
OF_FILES = 0xC007
"""Rights that a file can have: execute, write, read, truncate and control a device."""

ASKED = struct.Struct("=QIIiIQ6Q")
"""``struct seccomp_notif``"""
RECEIVE, SEND, ADD_FD, AND_SEND = 0xC050_2100, 0xC018_2101, 0x4018_2103, 2
"""``SECCOMP_IOCTL_NOTIF_RECV`` and so on."""
OTHER_END = 0x5441
"""``TIOCGPTPEER``"""
LEADER, CHARACTERS = os.makedev(5, 2), 0o020000
"""The device ``/dev/ptmx``, and the type of its file."""
NOT_PERMITTED = 1

SECONDS_TO_END = 10
"""How long the keeper waits for processes that it has killed."""


class Unsupported(Exception):
    """This Linux kernel cannot hold what the sandbox promises."""


def checked(result: int, what: str) -> int:
    """The result of a system call; OSError if it is an error."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(what: int, first: Any = 0, second: Any = 0) -> None:
    """``prctl(2)``."""
    first = ctypes.c_ulong(first) if isinstance(first, int) else first
    checked(LIBC.prctl(what, first, second, 0, 0), f"prctl {what}")


def check_abi() -> None:
    """Raise Unsupported if Landlock is not there, or too old."""
    abi = LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)
    if abi < NEEDED:
        has = f"has ABI {abi}" if abi > 0 else "has it not, or not switched on"
        msg = f"Landlock needs ABI {NEEDED} (Linux 6.12 with lsm=landlock), and this Linux {has}"
        raise Unsupported(msg)


def restrict(files: int, tcp: int, scoped: int, rules: list[tuple[str, int]]) -> None:
    """Enter a new Landlock domain, whose rules are paths with the rights below them."""
    handled = struct.pack("QQQ", files, tcp, scoped)
    ruleset = checked(
        LIBC.syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0), "landlock"
    )
    for path, rights in rules:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(f"/proc/self/fd/{fd}"):  # noqa: PTH112
            rights &= OF_FILES  # noqa: PLW2901
        rule = struct.pack("=Qi", rights, fd)
        checked(LIBC.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), f"landlock, {path}")
        os.close(fd)
    checked(LIBC.syscall(RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)


def drop_privileges() -> None:
    """Lose all capabilities for good, those of root too."""
    prctl(SET_NO_NEW_PRIVS, 1)
    prctl(CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL)
    for capability in range(CAPABILITIES):  # fails without CAP_SETPCAP, and after the last
        if LIBC.prctl(CAPBSET_DROP, capability, 0, 0, 0):
            break
    else:
        msg = "there are more capabilities than are known"
        raise Unsupported(msg)
    LIBC.prctl(SET_SECUREBITS, SECUREBITS, 0, 0, 0)
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    checked(LIBC.capset(header, bytes(24)), "capset")


def filter_calls(program: bytes, flags: int = 0) -> int:
    """Install a filter of system calls; with ``NEW_LISTENER`` what it asks is read from the result.

    Raises OSError.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HP", len(program) // 8, ctypes.addressof(instructions))
    return checked(LIBC.syscall(SECCOMP[os.uname().machine], SET_FILTER, flags, filter_), "seccomp")


def is_alone() -> bool:
    """Whether signals stay in this domain: then they cannot reach the parent."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return True
    except ProcessLookupError:  # it has ended just now, and there is another
        return is_alone()
    return False


def end(code: int) -> NoReturn:
    """End all processes of this domain, wait for them, and end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(code))
    signal.alarm(SECONDS_TO_END)
    kill_all()
    try:
        while True:
            os.wait()
    except ChildProcessError:
        os._exit(code)


def kill_all() -> None:
    """Kill all others of this domain, and no process outside of it."""
    if is_alone():
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return


def follow(parent: int, signum: int) -> bool:
    """Get a signal when the parent dies; False if it has died already."""
    prctl(SET_PDEATHSIG, signum)
    return os.getppid() == parent


def start_double() -> int:
    """Start the process that ends all when the keeper is killed."""
    keeper = os.getpid()
    pid = os.fork()
    if not pid:
        if follow(keeper, signal.SIGTERM):
            signal.sigwait({signal.SIGTERM})
        kill_all()
        os._exit(0)
    return pid


def become_kernel(plan: dict[str, Any], keeper: int, go: Any) -> None:
    """Enter the sandbox and run the kernel's command."""
    os.setsid()
    if not follow(keeper, signal.SIGKILL) or not go.recv(1):
        os._exit(1)
    own = [(f"/proc/{os.getpid()}/{name}", rights) for name, rights in plan["own_proc"]]
    os.chdir(plan["cwd"])
    tcp = 0 if plan["has_network"] else ALL_TCP
    restrict(ALL_FILES, tcp, ABSTRACT | SIGNALS, [*plan["rules"], *own])
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    checked(LIBC.syscall(CLOSE_RANGE, 3, 0xFFFF_FFFF, CLOEXEC), "close_range")
    install_filter(plan["filter"], go)
    checked(LIBC.setrlimit(OPEN_FILES, plan["its_files"]), "setrlimit")
    os.execvp(plan["command"][0], plan["command"])  # noqa: S606  # no shell is wanted


def install_filter(program: bytes, to_keeper: Any) -> None:
    """Install the filter, and have the keeper answer for it."""
    try:
        listener = filter_calls(program, NEW_LISTENER)
    except OSError:  # what has started this server listens already: there are no terminals
        filter_calls(program)
    else:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", listener))
        to_keeper.sendmsg([b"x"], [rights])


def start_kernel(plan: dict[str, Any]) -> tuple[int, int]:
    """Start the kernel: its process once its command runs, and its listener. Raises OSError."""
    keeper = os.getpid()
    (failed, failure), (kept, its) = os.pipe(), socket.socketpair()
    pid = os.fork()
    if not pid:
        kept.close()
        try:
            become_kernel(plan, keeper, its)
        except BaseException as err:  # noqa: BLE001  # it must not go on as a second keeper
            os.write(failure, str(err).encode()[:4000])
        os._exit(1)
    its.close()
    # An entry of /proc is made again if it is not in use, and then no rule knows it.
    for path in (*plan["proc"], *(f"/proc/{pid}/{name}" for name, _ in plan["own_proc"])):
        os.open(path, os.O_PATH)
    os.close(failure)
    kept.send(b"x")
    _, rights, _, _ = kept.recvmsg(1, socket.CMSG_SPACE(4))
    with open(failed, "rb") as file:  # noqa: PTH123
        if said := file.read():
            raise OSError(said.decode(errors="replace"))
    return pid, struct.unpack("i", rights[0][2])[0] if rights else -1


def give_terminal(listener: int) -> None:
    """Open the terminal of which a process in the sandbox has the other end, and give it that.

    The filter asks for ``TIOCGPTPEER``. No rule could allow new terminals only, so the sandbox has
    no names for them.
    """
    asked = bytearray(ASKED.size)
    opened: list[int] = []
    try:
        answered(listener, RECEIVE, asked)
        number, thread, _, _, _, _, fd, _, flags, _, _, _ = ASKED.unpack(asked)
        try:
            terminal = other_end(thread, fd & 0xFFFF_FFFF, flags & os.O_NONBLOCK, opened)
        except OSError:
            answer = struct.pack("=QqiI", number, 0, -NOT_PERMITTED, 0)
            answered(listener, SEND, bytearray(answer))
        else:
            answer = struct.pack("=QIIII", number, AND_SEND, terminal, 0, flags & os.O_CLOEXEC)
            answered(listener, ADD_FD, bytearray(answer))
    except OSError:  # who has asked is gone
        return
    finally:
        for each in opened:
            os.close(each)


def other_end(thread: int, fd: int, flags: int, opened: list[int]) -> int:
    """The other end of a thread's descriptor; all that is ``opened`` is put into that list."""
    opened.append(checked(LIBC.syscall(PIDFD_OPEN, thread, OF_THREAD), "pidfd_open"))
    opened.append(checked(LIBC.syscall(PIDFD_GETFD, opened[0], fd, 0), "pidfd_getfd"))
    found = os.fstat(opened[1])
    if found.st_rdev != LEADER or found.st_mode & CHARACTERS != CHARACTERS:
        raise OSError(NOT_PERMITTED, os.strerror(NOT_PERMITTED))
    flags |= os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
    opened.append(checked(LIBC.ioctl(opened[1], OTHER_END, flags), "ioctl"))
    return opened[2]


def answered(listener: int, request: int, data: bytearray) -> None:
    """Make a request about what a filter asks. Raises OSError."""
    buffer = (ctypes.c_char * len(data)).from_buffer(data)
    checked(LIBC.ioctl(listener, ctypes.c_ulong(request), buffer), "seccomp")


def keep(kernel: int, double: int, listener: int) -> int:
    """Wait until the kernel ends, and give out terminals; the exit code that tells how."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = select.poll()
    for fd in (woken, *([listener] if listener >= 0 else [])):
        waiting.register(fd, select.POLLIN)
    while (code := ended(kernel, double)) is None:
        for fd, event in waiting.poll():
            if fd == woken:
                os.read(woken, 64)
            elif event & select.POLLIN:
                give_terminal(listener)
            else:
                waiting.unregister(fd)
    return code


def ended(kernel: int, double: int) -> int | None:
    """How the kernel has ended, None if it runs; others that have ended are reaped."""
    while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        if found.si_pid == double:
            return 128 + int(signal.SIGKILL)
        if found.si_pid == kernel:  # not reaped: its number must not be given to another
            return int(found.si_status) + (0 if found.si_code == os.CLD_EXITED else 128)
        os.waitpid(found.si_pid, 0)
    return None


def main() -> None:
    """Run the plan."""
    with open(int(sys.argv[1]), "rb") as file:  # noqa: PTH123
        plan = marshal.load(file)  # noqa: S302  # of the server
    os.set_inheritable(plan["status"], False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, lambda *_: end(128 + signal.SIGTERM))
    if not follow(plan["server"], signal.SIGTERM):
        return
    check_abi()
    prctl(SET_CHILD_SUBREAPER, 1)
    LIBC.setrlimit(CORE, ONE)  # fails if it is 0
    LIBC.setrlimit(OPEN_FILES, plan["all_files"])
    drop_privileges()
    restrict(0, 0, SIGNALS, [])
    if not is_alone():
        msg = "Landlock does not keep signals in"
        raise Unsupported(msg)
    double = start_double()
    try:
        kernel, listener = start_kernel(plan)
    except OSError as err:
        print(f"landlock: {err}", file=sys.stderr, flush=True)  # noqa: T201
        end(1)
    os.write(plan["status"], b"%d\n" % kernel)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    end(keep(kernel, double, listener))


if __name__ == "__main__":
    try:
        main()
    except (OSError, Unsupported) as err:
        sys.exit(f"landlock: {err}")
