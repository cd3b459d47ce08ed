"""The filter of system calls that kernels in a sandbox get, as a classic BPF program.

A program is what ``seccomp(2)`` and bubblewrap's ``--seccomp`` take: instructions of eight bytes
over ``struct seccomp_data``. What is not named here is allowed; the namespaces, mounts and dropped
capabilities of the sandbox are what holds, and this takes away the parts of the Linux kernel in
which holes are found most often and that no notebook needs.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: ``struct sock_filter``."""

LOAD = 0x20
"""``BPF_LD | BPF_W | BPF_ABS``"""
EQUAL = 0x15
"""``BPF_JMP | BPF_JEQ | BPF_K``"""
AT_LEAST = 0x35
"""``BPF_JMP | BPF_JGE | BPF_K``"""
ANY_BIT = 0x45
"""``BPF_JMP | BPF_JSET | BPF_K``"""
AND = 0x54
"""``BPF_ALU | BPF_AND | BPF_K``"""
RETURN = 0x06
"""``BPF_RET | BPF_K``"""

NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16
"""Offsets in ``struct seccomp_data``; arguments have eight bytes each, the lower half first."""

ALLOW = 0x7FFF_0000
KILL = 0x8000_0000
REFUSE = 0x0005_0000 | errno.EPERM
MISSING = 0x0005_0000 | errno.ENOSYS
IGNORE = 0x0005_0000
"""Succeeds and does nothing."""
ASK = 0x7FC0_0000
"""The process that listens to the filter answers; without a listener the call is missing."""
NO_PROTOCOL = 0x0005_0000 | errno.EPROTONOSUPPORT
UNSUPPORTED = 0x0005_0000 | errno.EOPNOTSUPP
"""For families of sockets, since libzmq ends its process for other errors, and attributes."""

X32 = 0x4000_0000
"""System calls of the x32 ABI, with other numbers, that x86-64 has too."""

NAMESPACES = 0x7E02_0080
"""``CLONE_NEW*``: time, mount, cgroup, UTS, IPC, user, PID and network."""

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
"""Address families (``AF_*``). libzmq cannot do without netlink."""

ROUTE = 0
"""The protocol of netlink (``NETLINK_ROUTE``) that libraries list interfaces with."""

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
"""Protocols of the internet (``IPPROTO_*``)."""

PROTOCOLS = {
    NETLINK: (ROUTE,),
    **dict.fromkeys((INET, INET6), (0, ICMP, TCP, UDP, ICMP6)),
}
"""Those that are allowed; for some others Linux loads modules that hardly any program needs."""

STREAM, SEQPACKET = 1, 5
"""Types of sockets (``SOCK_*``) that reach no other without being connected to it."""
SOCKET_TYPE = 0xF
"""Those bits of a type that are no flags."""

INTERFACES = (0x8910, 0x89FF)
"""``SIOCGIFNAME`` and so on: any socket can tell and change the interfaces of its network."""

OTHER_END = 0x5441
"""``TIOCGPTPEER``: opens a terminal from its other end, without its name."""

OF_TERMINALS = (0x5412, 0x541C, 0x5423)
"""``TIOCSTI`` and ``TIOCLINUX``, which are input for the terminal that the server may have, and
``TIOCSETD``, for which Linux loads modules."""

SUBVOLUMES = (0x5000_9401, 0x5000_940E, 0x5000_9417, 0x5000_9418)
"""``BTRFS_IOC_SNAP_CREATE``, ``BTRFS_IOC_SUBVOL_CREATE`` and their second versions. A snapshot has
all that is hidden in what is shown, and before Linux 6.8 all of the subvolume that this is in."""

FILE_FLAGS = (0x401C_5820, 0x4008_6602)
"""``FS_IOC_FSSETXATTR`` and ``FS_IOC_SETFLAGS``: the project whose quota a file counts for."""

LEASES = (1024, 1026, 1040)
"""``F_SETLEASE``, ``F_NOTIFY`` and ``F_SETDELEG``, on all that can be read: others that open it
wait for a minute, or are seen."""

OPENAT2 = 437
"""On all machines."""

MAKES_A_FILE = 0x40_0040
"""``O_CREAT`` and the bit of ``O_TMPFILE`` that is its own: what is opened gets a mode."""

SET_ID = 0o6000
"""``S_ISUID | S_ISGID``: the program runs as the account that owns it, for all that start it."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The system calls of an architecture; ``code`` is its ``AUDIT_ARCH_*``."""

    code: int
    refused: Sequence[int]
    shared: Sequence[int]
    """What reaches others of the same account, where no namespace holds it."""
    attributes: Sequence[int]
    """The same, for what file systems need not have: then programs set modes instead."""
    of_process: Sequence[int]
    """The same, if the first argument names another process; 0 is one's own."""
    scheduling: Sequence[int]
    """The same, for what libzmq does to its threads and ends its process if it cannot."""
    modes: Sequence[tuple[int, int]]
    """What sets the mode of a file, and which argument the mode is."""
    opens: Sequence[tuple[int, int]]
    """What opens files, and which argument the flags are, which a mode follows."""
    connect: int
    setpriority: int
    clone: int
    clone3: int
    socket: int
    socketpair: int
    ioctl: int
    fcntl: int


X86_64 = Machine(
    code=0xC000_003E,
    refused=(
        *(101, 310, 311, 312, 438),  # ptrace, process_vm_readv, _writev, kcmp, pidfd_getfd
        *(248, 249, 250),  # add_key, request_key, keyctl
        *(425, 426, 427, 206),  # io_uring_setup, _enter, _register, io_setup
        *(321, 298, 323),  # bpf, perf_event_open, userfaultfd
        *(165, 166, 155, 161),  # mount, umount2, pivot_root, chroot
        *(428, 429, 430, 431, 432, 433, 442),  # open_tree, move_mount, fsopen … mount_setattr
        *(467, 470),  # open_tree_attr, listns
        *(272, 308),  # unshare, setns
        *(303, 304),  # name_to_handle_at, open_by_handle_at
        *(175, 313, 176, 246, 320),  # init_module, finit_module, delete_module, kexec_*
        *(163, 167, 168, 169, 179, 443),  # acct, swapon, swapoff, reboot, quotactl, quotactl_fd
        *(103, 164, 227, 159, 305),  # syslog, settimeofday, clock_settime, adjtimex, clock_adjtime
        *(172, 173, 154, 135),  # iopl, ioperm, modify_ldt, personality
        *(134, 180, 212, 139, 136),  # uselib, nfsservctl, lookup_dcookie, sysfs, ustat
        *(256, 279),  # migrate_pages, move_pages
        *(300, 301, 447, 153),  # fanotify_init, fanotify_mark, memfd_secret, vhangup
        *(253, 294, 254),  # inotify_init, inotify_init1, inotify_add_watch
    ),
    shared=(
        *(29, 30, 31, 64, 65, 66, 220),  # shmget, shmat, shmctl, semget, semop, semctl, semtimedop
        *(68, 69, 70, 71, 240, 241),  # msgget, msgsnd, msgrcv, msgctl, mq_open, mq_unlink
        *(251, 440),  # ioprio_set, process_madvise
        *(457, 458, 469),  # statmount, listmount, file_setattr
    ),
    attributes=(188, 189, 190, 197, 198, 199, 463, 466),  # setxattr …, removexattr …
    of_process=(203, 302),  # sched_setaffinity, prlimit64
    scheduling=(144, 142, 314),  # sched_setscheduler, sched_setparam, sched_setattr
    # chmod, fchmod, fchmodat, fchmodat2, creat, mknod, mknodat
    modes=((90, 1), (91, 1), (268, 2), (452, 2), (85, 1), (133, 1), (259, 2)),
    opens=((2, 1), (257, 2)),  # open, openat
    connect=42,
    setpriority=141,
    clone=56,
    clone3=435,
    socket=41,
    socketpair=53,
    ioctl=16,
    fcntl=72,
)

AARCH64 = Machine(
    code=0xC000_00B7,
    refused=(
        *(117, 270, 271, 272, 438),
        *(217, 218, 219),
        *(425, 426, 427, 0),
        *(280, 241, 282),
        *(40, 39, 41, 51),
        *(428, 429, 430, 431, 432, 433, 442),
        *(467, 470),
        *(97, 268),
        *(264, 265),
        *(105, 273, 106, 104, 294),
        *(89, 224, 225, 142, 60, 443),
        *(116, 170, 112, 171, 266),
        *(92, 42, 18),
        *(238, 239),
        *(262, 263, 447, 58),
        *(26, 27),
    ),
    shared=(
        *(194, 196, 195, 190, 193, 191, 192),
        *(186, 189, 188, 187, 180, 181),
        *(30, 440),
        *(457, 458, 469),
    ),
    attributes=(5, 6, 7, 14, 15, 16, 463, 466),
    of_process=(122, 261),
    scheduling=(119, 118, 274),
    modes=((52, 1), (53, 2), (452, 2), (33, 2)),
    opens=((56, 2),),
    connect=203,
    setpriority=140,
    clone=220,
    clone3=435,
    socket=198,
    socketpair=199,
    ioctl=29,
    fcntl=25,
)

MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}


class UnknownMachine(Exception):
    """There is no table of system calls for this architecture."""


def program(*, has_inet: bool, has_namespaces: bool = True, machine: str = "") -> bytes:
    """The filter for an architecture, this machine's by default.

    With ``has_inet`` sockets of the internet's families can be made: only where a network namespace
    holds them, or where nothing is to. Without ``has_namespaces`` it also refuses what namespaces
    would hold. Raises UnknownMachine.
    """
    name = machine or platform.machine()
    if name not in MACHINES:
        msg = f"no table of system calls is known for {name}"
        raise UnknownMachine(msg)
    rules = _rules(MACHINES[name], has_inet=has_inet, has_namespaces=has_namespaces)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in rules)


def _rules(calls: Machine, *, has_inet: bool, has_namespaces: bool) -> Iterator[Instruction]:
    yield LOAD, 0, 0, ARCHITECTURE
    yield EQUAL, 1, 0, calls.code
    yield RETURN, 0, 0, KILL
    yield LOAD, 0, 0, NUMBER
    if calls is X86_64:
        yield AT_LEAST, 0, 1, X32
        yield RETURN, 0, 0, KILL
    for number in (*calls.refused, *(() if has_namespaces else calls.shared)):
        yield from _refused(number)
    # Their flags are behind a pointer. Programs then use clone and openat, whose can be read.
    for number in (calls.clone3, OPENAT2):
        yield from _refused(number, MISSING)
    yield from _without_set_id(calls)
    yield from _with_argument(calls.fcntl, 1, _none_of(LEASES))
    yield from _with_argument(calls.clone, 0, [(ANY_BIT, 0, 1, NAMESPACES), REFUSED])
    if has_namespaces:
        families = (UNIX, NETLINK, INET, INET6) if has_inet else (UNIX, NETLINK)
        yield from _sockets(calls.socket, families)
        yield from _with_argument(calls.ioctl, 1, _none_of(OF_TERMINALS + SUBVOLUMES))
    else:
        yield from _instead_of_namespaces(calls, has_inet=has_inet)
    yield from _with_argument(calls.socketpair, 0, _one_of((UNIX,)))
    yield RETURN, 0, 0, ALLOW


def _without_set_id(calls: Machine) -> Iterator[Instruction]:
    """What keeps a kernel from leaving programs on the host that run as its account."""
    without = [(ANY_BIT, 0, 1, SET_ID), REFUSED]
    for number, index in calls.modes:
        yield from _with_argument(number, index, without)
    for number, index in calls.opens:
        mode = (LOAD, 0, 0, ARGUMENT + 8 * (index + 1))
        made = [(ANY_BIT, 0, 1 + len(without), MAKES_A_FILE), mode, *without]
        yield from _with_argument(number, index, made)


def _instead_of_namespaces(calls: Machine, *, has_inet: bool) -> Iterator[Instruction]:
    """What holds a program to its own processes, and to sockets that it alone can reach."""
    for number in calls.of_process:
        yield from _with_argument(number, 0, _one_of((0,)))
    for number in calls.attributes:
        yield from _refused(number, UNSUPPORTED)
    for number in calls.scheduling:
        yield from _with_argument(number, 0, _one_of((0,), else_=IGNORE))
    for index in (0, 1):
        yield from _with_argument(calls.setpriority, index, _one_of((0,)), goes_on=True)
    shut = _none_of(OF_TERMINALS + SUBVOLUMES + FILE_FLAGS)
    asked = [*shut, (EQUAL, 0, 1, OTHER_END), (RETURN, 0, 0, ASK)]
    if has_inet:
        yield from _sockets(calls.socket, (UNIX, NETLINK, INET, INET6))
        yield from _with_argument(calls.ioctl, 1, asked)
        return
    # The address is behind a pointer: nothing is connected, and no datagram sent.
    yield from _refused(calls.connect)
    only_unix = _one_of((UNIX,), else_=UNSUPPORTED)
    types = [(AND, 0, 0, SOCKET_TYPE), *_one_of((STREAM, SEQPACKET))]
    for number in (calls.socket, calls.socketpair):
        yield from _with_argument(number, 0, only_unix, goes_on=True)
        yield from _with_argument(number, 1, types)
    first, last = INTERFACES
    interfaces = [(AT_LEAST, 0, 2, first), (AT_LEAST, 1, 0, last + 1), REFUSED]
    yield from _with_argument(calls.ioctl, 1, [*interfaces, *asked])


def _sockets(call: int, families: Sequence[int]) -> Iterator[Instruction]:
    """Allow sockets of these families only, with the protocols of each."""
    yield from _with_argument(call, 0, _one_of(families, else_=UNSUPPORTED), goes_on=True)
    for family, known in PROTOCOLS.items():
        checks = [(LOAD, 0, 0, ARGUMENT + 16), *_one_of(known, else_=NO_PROTOCOL)]
        yield from _with_argument(call, 0, [(EQUAL, 0, len(checks), family), *checks], goes_on=True)


REFUSED: Instruction = (RETURN, 0, 0, REFUSE)


def _refused(call: int, how: int = REFUSE) -> Iterator[Instruction]:
    yield EQUAL, 0, 1, call
    yield RETURN, 0, 0, how


def _with_argument(
    call: int, index: int, checks: Sequence[Instruction], *, goes_on: bool = False
) -> Iterator[Instruction]:
    """Checks over the lower half of an argument of one system call.

    What they do not refuse is allowed, or ``goes_on`` to the next instruction.
    """
    yield EQUAL, 0, len(checks) + 2, call
    yield LOAD, 0, 0, ARGUMENT + 8 * index
    yield from checks
    yield (LOAD, 0, 0, NUMBER) if goes_on else (RETURN, 0, 0, ALLOW)


def _one_of(values: Sequence[int], else_: int = REFUSE) -> list[Instruction]:
    """Refuse an argument that is none of these."""
    left = range(len(values), 0, -1)
    jumps = [(EQUAL, jump, 0, value) for jump, value in zip(left, values, strict=True)]
    return [*jumps, (RETURN, 0, 0, else_)]


def _none_of(values: Sequence[int]) -> list[Instruction]:
    """Refuse an argument that is one of these."""
    return [part for value in values for part in ((EQUAL, 0, 1, value), REFUSED)]
