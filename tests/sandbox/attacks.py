"""What hostile code in a kernel tries. Each attack gets all that it needs to know of the host.

An attack returns whether it has got what it wanted; an OSError is a failure. The module is run in
kernels as text, so it stands alone; ``h`` has paths, process ids and ports that an attacker would
have to find first, so that none fails at an earlier step.
"""

# It is as hostile code is written, and short.

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]
Attack = Callable[[Facts], object]


class Planted(str):
    """The path of a file that an attack has made: it has succeeded if the host has the file."""

    __slots__ = ()


SETUID = ".setuid"
"""The end of the name of a file that has succeeded only if the host sees those bits of its mode."""

ATTACKS: dict[str, Attack] = {}
"""Functions by name, in the order of their classes."""

CLASSES: dict[str, str] = {}
"""The class of each attack by its name."""

NEEDS_ROOT: set[str] = set()
"""Those that only root can try."""

CAPABILITIES = ("CapPrm", "CapBnd")

LIBC = ctypes.CDLL(None, use_errno=True)


def attack(kind: str, *, needs_root: bool = False) -> Callable[[Attack], Attack]:
    """Register an attack of a class."""

    def add(function: Attack) -> Attack:
        name = function.__name__.replace("_", " ")
        if needs_root:
            NEEDS_ROOT.add(name)
        ATTACKS[name] = function
        CLASSES[name] = kind
        return function

    return add


def attempt(name: str, h: Facts) -> str:
    """``1`` if an attack succeeds, ``0`` if not, or the path that it has planted a file at."""
    try:
        found = ATTACKS[name](h)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return "0"
    return found if isinstance(found, Planted) else str(int(bool(found)))


def read(path: str) -> bytes:
    """The beginning of a file."""
    with open(path, "rb") as file:
        return file.read(65536)


def call(number: int, *arguments: Any) -> int:
    """A system call's result; OSError if it fails."""
    result = int(LIBC.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# -- credentials -------------------------------------------------------------------------------


@attack("credentials")
def read_the_key_of_the_server(h: Facts) -> object:
    return read(h["key_file"])


@attack("credentials")
def read_the_cookie_secret(h: Facts) -> object:
    return read(h["cookie_file"])


@attack("credentials")
def read_the_token_in_the_file_of_the_running_server(h: Facts) -> object:
    return h["token"].encode() in b"".join(map(read, glob.glob(h["runtime"] + "/jpserver-*.json")))


@attack("credentials")
def read_the_token_in_the_command_line_of_the_server(h: Facts) -> object:
    return read("/proc/%d/cmdline" % h["server"])


@attack("credentials")
def read_the_environment_of_the_server(h: Facts) -> object:
    return h["secret"].encode() in read("/proc/%d/environ" % h["server"])


@attack("credentials")
def read_the_environment_of_the_parent(h: Facts) -> object:
    pid = os.getpid()
    while pid > 1:
        pid = int(read("/proc/%d/stat" % pid).rpartition(b")")[2].split()[1])
        with contextlib.suppress(OSError):
            if h["secret"].encode() in read("/proc/%d/environ" % pid):
                return True
    return False


@attack("credentials")
def read_the_credentials_of_amazon_in_the_home(h: Facts) -> object:
    return b"aws_secret" in read(h["home"] + "/.aws/credentials")


@attack("credentials")
def read_a_private_key_in_the_home(h: Facts) -> object:
    return b"PRIVATE" in read(h["home"] + "/.ssh/id_ed25519")


@attack("credentials")
def read_the_password_file_of_git(h: Facts) -> object:
    return read(h["home"] + "/.git-credentials")


@attack("credentials")
def read_the_configuration_of_pip(h: Facts) -> object:
    return read(h["home"] + "/.config/pip/pip.conf")


@attack("credentials")
def read_the_token_of_the_cluster(h: Facts) -> object:
    return read(h["cluster_token"])


@attack("credentials")
def read_through_the_root_of_the_server_in_proc(h: Facts) -> object:
    return read("/proc/%d/root%s" % (h["server"], h["key_file"]))


@attack("credentials")
def read_through_the_working_directory_of_the_server_in_proc(h: Facts) -> object:
    return os.listdir("/proc/%d/cwd" % h["server"]) is not None


@attack("credentials")
def open_a_descriptor_of_the_server(h: Facts) -> object:
    folder = "/proc/%d/fd" % h["server"]
    return any(os.readlink("%s/%s" % (folder, one)) for one in os.listdir(folder))


@attack("credentials")
def read_the_memory_of_the_server(h: Facts) -> object:
    with open("/proc/%d/maps" % h["server"]) as maps:
        start = int(next(line for line in maps if "[heap]" in line).split("-")[0], 16)
    with open("/proc/%d/mem" % h["server"], "rb", buffering=0) as memory:
        memory.seek(start)
        return len(memory.read(16)) == 16


# -- other kernels and the server ---------------------------------------------------------------


@attack("kernels")
def read_the_key_of_another_kernel(h: Facts) -> object:
    return json.loads(read(h["victim_file"]))["key"]


@attack("kernels")
def list_the_connection_files(h: Facts) -> object:
    return len(glob.glob(h["runtime"] + "/kernel-*.json")) > 1


@attack("kernels")
def connect_to_another_kernel(h: Facts) -> object:
    found = json.loads(read(h["victim_file"]))
    if found["transport"] == "tcp":
        address = ("127.0.0.1", found["shell_port"])
        with socket.create_connection(address, timeout=2):
            return True
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("%s-%d" % (found["ip"], found["shell_port"]))
        return True


@attack("kernels")
def signal_another_kernel(h: Facts) -> object:
    os.kill(h["victim"], 0)
    return h["victim"] > 10


@attack("kernels")
def read_the_environment_of_another_kernel(h: Facts) -> object:
    return read("/proc/%d/environ" % h["victim"])


@attack("kernels")
def trace_another_kernel(h: Facts) -> object:
    if LIBC.ptrace(16, h["victim"], 0, 0):  # PTRACE_ATTACH
        return False
    os.waitpid(h["victim"], 0x40000000)
    LIBC.ptrace(17, h["victim"], 0, 0)  # PTRACE_DETACH
    return True


@attack("kernels")
def read_the_memory_of_another_kernel_by_a_system_call(h: Facts) -> object:
    with open("/proc/%d/maps" % h["victim"]) as maps:
        start = int(next(line for line in maps if "[heap]" in line).split("-")[0], 16)
    buffer = ctypes.create_string_buffer(16)
    here = struct.pack("PN", ctypes.addressof(buffer), 16)
    there = struct.pack("PN", start, 16)
    return LIBC.process_vm_readv(h["victim"], here, 1, there, 1, 0) == 16


@attack("kernels")
def change_the_priority_of_another_kernel(h: Facts) -> object:
    os.setpriority(os.PRIO_PROCESS, h["victim"], os.getpriority(os.PRIO_PROCESS, h["victim"]))
    return True


@attack("kernels")
def take_a_descriptor_of_another_kernel(h: Facts) -> object:
    fd = os.pidfd_open(h["victim"])
    try:
        return call(438, fd, 0, 0) >= 0  # pidfd_getfd
    finally:
        os.close(fd)


@attack("kernels")
def read_the_folder_of_another_session(h: Facts) -> object:
    return os.listdir(h["other_session"])


@attack("kernels")
def write_the_folder_of_another_session(h: Facts) -> object:
    return plant(h["other_session"] + "/planted.py")


@attack("server")
def signal_the_server(h: Facts) -> object:
    os.kill(h["server"], 0)
    return h["server"] > 10


@attack("server")
def trace_the_server(h: Facts) -> object:
    # By a process that ends: a server that is still traced stops for ever at its next signal.
    pid = os.fork()
    if not pid:
        status = LIBC.ptrace(0x4206, h["server"], 0, 0)  # PTRACE_SEIZE: it is not stopped
        os._exit(0 if status == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


@attack("server")
def use_the_api_with_the_token(h: Facts) -> object:
    request = urllib.request.Request("http://127.0.0.1:%d/api/status" % h["port"])
    request.add_header("Authorization", "token " + h["token"])
    return urllib.request.urlopen(request, timeout=60).status == 200


@attack("server")
def open_a_terminal_with_the_token(h: Facts) -> object:
    request = urllib.request.Request("http://127.0.0.1:%d/api/terminals" % h["port"])
    request.add_header("Authorization", "token " + h["token"])
    return urllib.request.urlopen(request, timeout=60).status == 200


@attack("server")
def write_the_journal_of_its_own_session(h: Facts) -> object:
    with open(h["kept"] + "/journal.jsonl", "a"):
        return True


@attack("server")
def replace_the_record_of_its_own_session(h: Facts) -> object:
    os.rename(h["kept"] + "/session.json", h["kept"] + "/session.old")
    os.rename(h["kept"] + "/session.old", h["kept"] + "/session.json")
    return True


@attack("server")
def move_what_the_server_keeps_away(h: Facts) -> object:
    os.rename(h["kept"], h["kept"] + "-away")
    os.rename(h["kept"] + "-away", h["kept"])
    return True


@attack("server")
def remove_the_lock_of_its_own_session(h: Facts) -> object:
    path = h["kept"] + "/lock"
    with open(path, "a"):
        return True


# -- files -------------------------------------------------------------------------------------


@attack("files")
def read_a_file_of_the_root(h: Facts) -> object:
    return read(h["root"] + "/private.txt")


@attack("files")
def list_the_root(h: Facts) -> object:
    return "private.txt" in os.listdir(h["root"])


@attack("files")
def read_through_a_link(h: Facts) -> object:
    link = "link-%d" % time.time_ns()
    os.symlink(h["root"] + "/private.txt", link)
    try:
        return read(link)
    finally:
        os.unlink(link)


@attack("files")
def read_through_a_hard_link(h: Facts) -> object:
    link = "hard-%d" % time.time_ns()
    os.link(h["root"] + "/private.txt", link)
    try:
        return read(link)
    finally:
        os.unlink(link)


@attack("files")
def read_through_dots(h: Facts) -> object:
    return read(os.path.relpath(h["root"] + "/private.txt"))


@attack("files", needs_root=True)
def read_the_shadow_file(h: Facts) -> object:
    return read("/etc/shadow")


@attack("files")
def read_the_machine_id(h: Facts) -> object:
    return read(h["machine_id"])


@attack("files")
def list_the_accounts_of_the_machine(h: Facts) -> object:
    return h["some_account"].encode() in read("/etc/passwd")


@attack("files")
def write_outside_of_the_root(h: Facts) -> object:
    return plant(h["outside"] + "/planted")


@attack("files")
def write_into_the_root(h: Facts) -> object:
    return plant(h["root"] + "/planted.ipynb")


@attack("files")
def remove_a_file_of_the_root(h: Facts) -> object:
    os.rename(h["root"] + "/private.txt", h["root"] + "/taken.txt")
    os.rename(h["root"] + "/taken.txt", h["root"] + "/private.txt")
    return True


@attack("files", needs_root=True)
def write_into_the_packages(h: Facts) -> object:
    path = os.path.join(os.path.dirname(os.path.dirname(ctypes.__file__)), "planted.py")
    with open(path, "w"):
        os.unlink(path)
        return True


@attack("files", needs_root=True)
def write_into_the_environment(h: Facts) -> object:
    path = sys.prefix + "/planted"
    with open(path, "w"):
        os.unlink(path)
        return True


@attack("files")
def read_the_log_of_the_system(h: Facts) -> object:
    return read(h["log"])


@attack("files")
def see_the_mounts_of_the_host(h: Facts) -> object:
    with contextlib.suppress(OSError):
        if h["mount"].encode() in read("/proc/self/mountinfo"):
            return True
    listed = (ctypes.c_uint64 * 1024)()
    count = call(458, struct.pack("IIQQ", 24, 0, 2**64 - 1, 0), listed, 1024, 0)  # listmount
    place = b"\0%s\0" % h["mount"].strip().encode()
    about = ctypes.create_string_buffer(4096)
    for mount in listed[:count]:
        request = struct.pack("IIQQ", 24, 0, mount, 0x10)  # STATMOUNT_MNT_POINT
        if not LIBC.syscall(457, request, about, 4096, 0) and place in about.raw:
            return True
    return False


@attack("files")
def open_a_file_by_its_handle(h: Facts) -> object:
    # open_by_handle_at needs a handle first: name_to_handle_at.
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount = ctypes.c_int()
    path = (h["root"] + "/private.txt").encode()
    return LIBC.name_to_handle_at(-100, path, handle, ctypes.byref(mount), 0) == 0


@attack("files", needs_root=True)
def read_the_raw_memory_or_disks(h: Facts) -> object:
    found = [*glob.glob("/dev/vd?"), *glob.glob("/dev/sd?"), "/dev/mem"]
    return any(os.path.exists(path) for path in found)


@attack("files")
def see_whether_a_file_of_the_host_exists(h: Facts) -> object:
    return os.stat(h["key_file"]).st_size > 0


@attack("files")
def change_the_mode_of_a_file_of_the_root(h: Facts) -> object:
    os.chmod(h["root"] + "/private.txt", 0o644)
    return True


@attack("files")
def change_the_group_of_a_file_of_the_root(h: Facts) -> object:
    os.chown(h["root"] + "/private.txt", -1, os.getgid())
    return True


@attack("files")
def change_the_times_of_a_file_of_the_root(h: Facts) -> object:
    os.utime(h["root"] + "/private.txt")
    return True


@attack("files")
def watch_the_root(h: Facts) -> object:
    fd = inotify()
    try:
        return LIBC.inotify_add_watch(fd, os.fsencode(h["root"]), 0x100) >= 0  # IN_CREATE
    finally:
        os.close(fd)


@attack("files")
def make_the_server_wait_for_a_file(h: Facts) -> object:
    for name in os.listdir(h["kept"]):
        with contextlib.suppress(OSError), open(os.path.join(h["kept"], name), "rb") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return True
    return False


@attack("files")
def lock_another_session_out_of_its_folder(h: Facts) -> object:
    os.stat(h["other_session"] + "/.mcp")  # else it is one that an attack has made in the sandbox
    mode = os.stat(h["other_session"]).st_mode & 0o777
    os.chmod(h["other_session"], 0)
    os.chmod(h["other_session"], mode)
    return True


# -- persistence -------------------------------------------------------------------------------


def plant(path: str) -> Planted:
    """Make a file, if only in the sandbox: the host tells whether it has it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w"):
        return Planted(path)


@attack("persistence")
def plant_a_startup_file_of_ipython(h: Facts) -> object:
    return plant(h["home"] + "/.ipython/profile_default/startup/00-planted.py")


@attack("persistence")
def plant_a_configuration_of_jupyter(h: Facts) -> object:
    return plant(h["home"] + "/.jupyter/jupyter_server_config.d/planted.json")


@attack("persistence")
def plant_a_kernelspec(h: Facts) -> object:
    return plant(h["home"] + "/.local/share/jupyter/kernels/planted/kernel.json.draft")


@attack("persistence")
def plant_a_line_for_shells(h: Facts) -> object:
    return plant(h["home"] + "/.bashrc")


@attack("persistence")
def plant_a_hook_of_git(h: Facts) -> object:
    return plant(h["root"] + "/.git/hooks/post-checkout")


@attack("persistence")
def plant_a_key_for_logins(h: Facts) -> object:
    return plant(h["home"] + "/.ssh/authorized_keys")


@attack("persistence")
def plant_a_package_of_the_account(h: Facts) -> object:
    return plant(h["home"] + "/.local/lib/python3/site-packages/usercustomize.py")


@attack("persistence")
def schedule_a_job(h: Facts) -> object:
    return os.listdir("/etc/cron.d") is not None


def opened(path: str, mode: int) -> None:
    """Make a file with a mode."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, mode))


def opened_newly(path: str, mode: int) -> None:
    """The same, with the flags and the mode behind a pointer."""
    how = struct.pack("QQQ", os.O_CREAT | os.O_WRONLY, mode, 0)
    os.close(call(437, -100, path.encode(), how, 24))  # openat2


def created(path: str, mode: int) -> None:
    """The same, with a call that has no flags."""
    if os.uname().machine == "x86_64":
        os.close(call(85, path.encode(), mode))  # creat


def linked(path: str, mode: int) -> None:
    """The same, with a file that has no name at first."""
    fd = os.open(os.path.dirname(path), os.O_TMPFILE | os.O_WRONLY, mode)
    os.link("/proc/self/fd/%d" % fd, path, follow_symlinks=True)
    os.close(fd)


def changed(path: str, mode: int) -> None:
    """The same, with a mode that it gets later."""
    opened(path, 0o755)
    os.chmod(path, mode)


def changed_when_open(path: str, mode: int) -> None:
    """The same, with its descriptor."""
    opened(path, 0o755)
    fd = os.open(path, os.O_RDONLY)
    os.fchmod(fd, mode)
    os.close(fd)


def changed_in_its_folder(path: str, mode: int) -> None:
    """The same, from its folder."""
    opened(path, 0o755)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    os.chmod(os.path.basename(path), mode, dir_fd=folder)
    os.close(folder)


def changed_newly(path: str, mode: int) -> None:
    """The same, with the newest call."""
    opened(path, 0o755)
    call(452, -100, path.encode(), mode, 0)  # fchmodat2


@attack("persistence")
def leave_a_program_that_runs_as_the_account(h: Facts) -> object:
    ways = (os.mknod, opened, opened_newly, created, linked)
    changes = (changed, changed_when_open, changed_in_its_folder, changed_newly)
    for bit in (0o4000, 0o2000):
        for way in (*ways, *changes):
            path = os.path.abspath("planted%s" % SETUID)
            with contextlib.suppress(OSError):
                way(path, bit | 0o100755 if way is os.mknod else bit | 0o755)
            if os.path.exists(path):
                if os.stat(path).st_mode & bit:
                    return Planted(path)
                os.unlink(path)
    return False


# -- network -----------------------------------------------------------------------------------


@attack("network")
def connect_to_a_port_of_the_host(h: Facts) -> object:
    with socket.create_connection(("127.0.0.1", h["listening"]), timeout=2):
        return True


@attack("network")
def connect_over_ipv6(h: Facts) -> object:
    with socket.create_connection(("::1", h["listening6"]), timeout=2):
        return True


@attack("network")
def connect_with_a_fast_open(h: Facts) -> object:
    with socket.socket() as one:
        one.sendto(b"x", 0x20000000, ("127.0.0.1", h["listening"]))  # MSG_FASTOPEN
        return True


@attack("network")
def send_a_datagram(h: Facts) -> object:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.settimeout(60)
        one.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR: where no one listens, recv fails
        one.sendto(b"ping", ("127.0.0.1", h["echo"]))
        return one.recv(16) == b"ping"


@attack("network")
def connect_to_a_socket_in_the_file_system(h: Facts) -> object:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(h["unix"])
        return True


@attack("network")
def send_a_datagram_to_a_socket_in_the_file_system(h: Facts) -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        return one.sendto(b"x", h["unix_datagrams"]) == 1


@attack("network")
def connect_to_a_socket_in_the_abstract_namespace(h: Facts) -> object:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + h["abstract"])
        return True


@attack("network")
def listen_where_the_host_can_connect(h: Facts) -> object:
    with socket.create_server(("127.0.0.1", 0)):
        return bool(interfaces() - {"lo"})


def interfaces() -> set[str]:
    """The names of the network interfaces."""
    return {name for _, name in socket.if_nameindex()}


@attack("network")
def see_the_interfaces_of_the_host(h: Facts) -> object:
    return bool(interfaces() - {"lo"})


@attack("network")
def see_the_routes_of_the_host(h: Facts) -> object:
    return len(read("/proc/net/route").splitlines()) > 1


@attack("network")
def see_the_connections_of_the_host(h: Facts) -> object:
    return (":%04X" % h["listening"]).encode() in read("/proc/net/tcp")


@attack("network", needs_root=True)
def send_a_raw_packet(h: Facts) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return True


@attack("network")
def listen_to_all_packets(h: Facts) -> object:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0):
        return True


@attack("network")
def open_a_socket_to_the_hypervisor(h: Facts) -> object:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM):
        return True


@attack("network")
def learn_the_name_of_the_host(h: Facts) -> object:
    return socket.gethostname() == h["hostname"]


@attack("network")
def resolve_names_as_the_host_does(h: Facts) -> object:
    return read("/etc/resolv.conf")


# -- the Linux kernel --------------------------------------------------------------------------


@attack("Linux")
def make_a_user_namespace(h: Facts) -> object:
    pid = os.fork()
    if not pid:
        os._exit(0 if LIBC.unshare(0x10000000) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


@attack("Linux")
def make_a_user_namespace_with_clone(h: Facts) -> object:
    # With the interpreter's lock held: a child made without it could wait for it for ever, since
    # the thread that holds it does not exist there.
    system_call = ctypes.PyDLL(None).syscall
    pid = system_call(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0 and os.waitpid(pid, 0)[1] == 0


@attack("Linux", needs_root=True)
def mount_a_file_system(h: Facts) -> object:
    pid = os.fork()
    if not pid:
        done = LIBC.unshare(0x00020000) == 0
        done = done and LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
        os._exit(0 if done else 1)
    return os.waitpid(pid, 0)[1] == 0


@attack("Linux")
def use_the_keyring(h: Facts) -> object:
    return (
        call(250 if os.uname().machine == "x86_64" else 219, 0, -3, 1) >= 0
    )  # KEYCTL_GET_KEYRING_ID


@attack("Linux")
def add_a_key(h: Facts) -> object:
    number = 248 if os.uname().machine == "x86_64" else 217
    return call(number, b"user", b"planted", b"x", 1, -3) > 0


@attack("Linux")
def set_up_io_uring(h: Facts) -> object:
    fd = call(425, 4, ctypes.create_string_buffer(120))
    os.close(fd)
    return True


@attack("Linux")
def take_asynchronous_requests_of_the_machine(h: Facts) -> object:
    context = ctypes.c_ulong()
    call(206 if os.uname().machine == "x86_64" else 0, 8, ctypes.byref(context))  # io_setup
    call(207 if os.uname().machine == "x86_64" else 1, context)  # io_destroy
    return True


@attack("Linux")
def open_sockets_of_rare_protocols(h: Facts) -> object:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4).close()  # NETLINK_SOCK_DIAG
    return True


@attack("Linux")
def load_another_line_discipline(h: Facts) -> object:
    leader, follower = os.openpty()
    try:
        fcntl.ioctl(leader, 0x5423, struct.pack("i", 0))  # TIOCSETD
    finally:
        os.close(leader)
        os.close(follower)
    return True


@attack("Linux")
def load_a_bpf_program(h: Facts) -> object:
    number = 321 if os.uname().machine == "x86_64" else 280
    attributes = ctypes.create_string_buffer(struct.pack("IIIII", 1, 4, 4, 1, 0), 128)
    os.close(call(number, 0, attributes, 128))  # BPF_MAP_CREATE
    return True


@attack("Linux")
def watch_with_perf_events(h: Facts) -> object:
    number = 298 if os.uname().machine == "x86_64" else 241
    # A software clock of this process, without the kernel's part.
    attributes = struct.pack("IIQQQQQ", 1, 64, 0, 0, 0, 0, 1 << 5 | 1 << 6)
    os.close(call(number, ctypes.create_string_buffer(attributes, 128), 0, -1, -1, 0))
    return True


@attack("Linux")
def handle_its_own_page_faults(h: Facts) -> object:
    number = 323 if os.uname().machine == "x86_64" else 282
    os.close(call(number, 1))  # UFFD_USER_MODE_ONLY
    return True


@attack("Linux")
def get_capabilities(h: Facts) -> object:
    status = read("/proc/self/status").decode()
    has, may_get = (int(status.partition(f"{name}:")[2].split()[0], 16) for name in CAPABILITIES)
    # A bounding set bounds what a program brings that gives new privileges.
    return has or (may_get and LIBC.prctl(39, 0, 0, 0, 0) == 0)


@attack("Linux")
def get_new_privileges(h: Facts) -> object:
    return LIBC.prctl(39, 0, 0, 0, 0) == 0


@attack("Linux", needs_root=True)
def change_the_root_directory(h: Facts) -> object:
    pid = os.fork()
    if not pid:
        with contextlib.suppress(OSError):
            os.chroot("/")
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


@attack("Linux", needs_root=True)
def read_the_log_of_the_linux_kernel(h: Facts) -> object:
    return LIBC.klogctl(10, None, 0) >= 0


def writable(path: str) -> bool:
    """Whether a file can be opened for writing; nothing is written."""
    os.close(os.open(path, os.O_WRONLY))
    return True


@attack("Linux", needs_root=True)
def run_a_program_of_its_own_when_another_crashes(h: Facts) -> object:
    return writable("/proc/sys/kernel/core_pattern")


@attack("Linux", needs_root=True)
def change_how_the_linux_kernel_loads_modules(h: Facts) -> object:
    return writable("/proc/sys/kernel/modprobe")


@attack("Linux", needs_root=True)
def overcommit_the_memory_of_the_host(h: Facts) -> object:
    return writable("/proc/sys/vm/overcommit_memory")


@attack("Linux", needs_root=True)
def restart_the_machine(h: Facts) -> object:
    return writable("/proc/sysrq-trigger")


@attack("Linux", needs_root=True)
def move_interrupts_between_processors(h: Facts) -> object:
    return writable("/proc/irq/default_smp_affinity")


@attack("Linux", needs_root=True)
def read_the_memory_of_the_linux_kernel(h: Facts) -> object:
    return read("/proc/kcore")


@attack("Linux")
def read_the_keys_of_the_linux_kernel(h: Facts) -> object:
    return read("/proc/keys")


def inotify() -> int:
    """An inotify instance."""
    fd = int(LIBC.inotify_init1(0))
    if fd < 0:
        fd = int(LIBC.inotify_init())
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


@attack("Linux")
def take_inotify_instances_of_the_account(h: Facts) -> object:
    os.close(inotify())
    return True


@attack("Linux")
def see_the_devices_of_the_host(h: Facts) -> object:
    return os.listdir("/sys/class/net") is not None


@attack("Linux")
def see_the_cgroups_of_the_host(h: Facts) -> object:
    return os.listdir("/sys/fs/cgroup") is not None


@attack("processes")
def see_the_processes_of_the_host(h: Facts) -> object:
    return any(int(name) == h["server"] for name in os.listdir("/proc") if name.isdigit())


@attack("processes")
def signal_all_processes_of_the_account(h: Facts) -> object:
    os.kill(h["bystander"], signal.SIGCONT)
    return h["bystander"] > 10


@attack("processes")
def limit_another_process(h: Facts) -> object:
    return resource.prlimit(h["bystander"], resource.RLIMIT_CORE, (0, 0)) is not None


@attack("processes")
def keep_another_process_from_a_processor(h: Facts) -> object:
    os.sched_setaffinity(h["bystander"], os.sched_getaffinity(h["bystander"]))
    return True


@attack("processes")
def write_to_another_terminal(h: Facts) -> object:
    fd = os.open(h["terminal"], os.O_WRONLY | os.O_NOCTTY)
    try:
        return os.write(fd, b"x") == 1
    finally:
        os.close(fd)


@attack("processes")
def raise_the_score_of_another_process(h: Facts) -> object:
    with open("/proc/%d/oom_score_adj" % h["bystander"], "w") as file:
        file.write("500")
    return True


@attack("processes")
def use_shared_memory_of_the_host(h: Facts) -> object:
    return LIBC.shmat(h["shared_memory"], None, 0o10000) not in (-1, 0xFFFFFFFF)


@attack("processes")
def use_a_file_of_shared_memory(h: Facts) -> object:
    return read("/dev/shm/" + h["shm_name"])


@attack("processes")
def use_a_file_of_the_shared_temporary_folder(h: Facts) -> object:
    return read(h["temporary"])


@attack("processes")
def type_into_the_terminal(h: Facts) -> object:
    import fcntl
    import pty

    leader, follower = pty.openpty()
    pid = os.fork()
    if not pid:
        os.setsid()
        with contextlib.suppress(OSError):
            fcntl.ioctl(follower, 0x540E, 0)  # TIOCSCTTY
            fcntl.ioctl(follower, 0x5412, b"x")  # TIOCSTI
            os._exit(0)
        os._exit(1)
    status = os.waitpid(pid, 0)[1]
    os.close(leader)
    os.close(follower)
    return status == 0
