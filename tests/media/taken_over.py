"""Stands in for an ffmpeg that a file took over: tries what it could do from there, and tells what it could.

A program of its own, with nothing but Python's standard library: `python -I -S taken_over.py TARGETS`, where TARGETS is
a JSON object that names what it is after. It prints a JSON object: what it tried, and whether that worked.
"""

import ctypes
import errno
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
TARGETS: dict[str, Any] = {}
X86 = os.uname().machine == "x86_64"
ATTEMPTS: dict[str, Callable[[], object]] = {}
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV)
"""An error of another kind shows that the kernel began to do it."""


def attempt(kind: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Try a function; it hits where it returns anything but False."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        ATTEMPTS[f"{kind}: {function.__name__}"] = function
        return function

    return register


def call(name: str, x86: int, aarch64: int, *arguments: object) -> None:
    """A system call of that name is tried."""

    def function() -> None:
        ctypes.set_errno(0)
        if LIBC.syscall(x86 if X86 else aarch64, *arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    ATTEMPTS[f"calls: {name}"] = function


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(100)


@attempt("always")
def find_a_descriptor_of_ours() -> object:
    found = []
    for descriptor in range(3, 4096):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(descriptor)
    return bool(found)


@attempt("files")
def read_a_secret() -> object:
    return read(TARGETS["secret"])


@attempt("files")
def read_another_jobs_folder() -> object:
    return read(TARGETS["other"] + "/input-0")


@attempt("files")
def read_it_by_a_relative_path() -> object:
    return read("../other/input-0")


@attempt("files")
def list_uploads() -> object:
    return os.listdir(TARGETS["uploads"])


@attempt("files")
def list_the_root() -> object:
    return os.listdir("/")


@attempt("files")
def read_who_has_an_account() -> object:
    return read("/etc/passwd")


@attempt("files")
def read_the_workers_environment() -> object:
    return read(f"/proc/{TARGETS['worker']}/environ")


@attempt("files")
def read_the_servers_environment() -> object:
    return read(f"/proc/{os.getppid()}/cmdline")


@attempt("files")
def read_the_workers_memory() -> object:
    return os.open(f"/proc/{TARGETS['worker']}/mem", os.O_RDWR)


@attempt("files")
def look_at_the_workers_descriptors() -> object:
    return os.listdir(f"/proc/{TARGETS['worker']}/fd")


@attempt("files")
def write_outside() -> None:
    with open(TARGETS["other"] + "/planted", "w"):
        pass


@attempt("files")
def write_to_the_input() -> object:
    return os.open(TARGETS["input"], os.O_WRONLY)


@attempt("files")
def make_a_folder_outside() -> None:
    os.mkdir(TARGETS["other"] + "/folder")


@attempt("files")
def remove_of_others() -> None:
    os.unlink(TARGETS["other"] + "/to-remove")


@attempt("files")
def move_to_others() -> None:
    with open("moved", "w"):
        pass
    os.rename("moved", TARGETS["other"] + "/moved")


@attempt("files")
def take_from_others() -> None:
    os.rename(TARGETS["other"] + "/to-take", "taken")


@attempt("both")
def link_a_secret() -> None:
    os.link(TARGETS["secret"], "linked")


@attempt("both")
def point_to_a_secret() -> None:
    os.symlink(TARGETS["secret"], "pointing")


@attempt("both")
def make_a_pipe() -> None:
    os.mkfifo("pipe")


@attempt("both")
def connect_by_tcp() -> None:
    socket.create_connection(("127.0.0.1", TARGETS["tcp"]), 5)


@attempt("both")
def listen_by_tcp() -> None:
    socket.socket().bind(("127.0.0.1", 0))


@attempt("both")
def connect_by_an_abstract_name() -> None:
    socket.socket(socket.AF_UNIX).connect("\0" + TARGETS["abstract"])


@attempt("both")
def signal_the_worker() -> None:
    os.kill(TARGETS["worker"], 0)


@attempt("both")
def signal_the_server() -> None:
    os.kill(os.getppid(), 0)


@attempt("calls")
def truncate_the_input() -> object:
    return os.open(TARGETS["input"], os.O_RDONLY | os.O_TRUNC)


@attempt("calls")
def truncate_a_secret() -> None:
    os.truncate(TARGETS["secret"], 0)


@attempt("calls")
def change_modes() -> None:
    os.chmod(TARGETS["input"], 0o777)


@attempt("calls")
def change_times() -> None:
    os.utime(TARGETS["other"])


@attempt("calls")
def change_attributes() -> None:
    os.setxattr(".", "user.a", b"b")


@attempt("calls")
def send_by_udp() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"secret", ("127.0.0.1", TARGETS["udp"]))


@attempt("calls")
def connect_by_a_path() -> None:
    socket.socket(socket.AF_UNIX).connect(TARGETS["unix"])


@attempt("calls")
def make_a_pair_of_sockets() -> object:
    return socket.socketpair()


for family in ("AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH"):
    if hasattr(socket, family):

        def _socket(family: int = getattr(socket, family)) -> object:
            return socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_DGRAM)

        ATTEMPTS[f"calls: a socket of {family}"] = _socket


@attempt("calls")
def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@attempt("calls")
def spawn() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)


@attempt("calls")
def live_longer_than_the_server() -> object:
    return LIBC.prctl(1, 0, 0, 0, 0) == 0


@attempt("calls")
def be_seen_by_others() -> object:
    return LIBC.prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0) == 0


@attempt("calls")
def have_the_worker_signalled() -> None:
    import fcntl

    fcntl.fcntl(1, fcntl.F_SETOWN, TARGETS["worker"])


@attempt("calls")
def limit_the_worker() -> None:
    resource.prlimit(TARGETS["worker"], resource.RLIMIT_CORE, resource.prlimit(TARGETS["worker"], resource.RLIMIT_CORE))


@attempt("calls")
def slow_the_worker() -> None:
    os.setpriority(os.PRIO_PROCESS, TARGETS["worker"], 0)


@attempt("calls")
def move_the_worker() -> None:
    os.sched_setaffinity(TARGETS["worker"], os.sched_getaffinity(0))


@attempt("always")
def raise_its_limits() -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most + 1, most + 1))


@attempt("always")
def find_a_secret_in_its_environment() -> object:
    return "SECRET" in str(dict(os.environ))


@attempt("always")
def gain_privileges_by_a_program() -> object:
    return LIBC.prctl(39, 0, 0, 0, 0) == 0


@attempt("user")
def be_root() -> object:
    return os.geteuid() == 0


@attempt("user")
def become_root() -> None:
    os.setresuid(0, 0, 0)


@attempt("user")
def have_groups() -> object:
    return bool(os.getgroups())


call("ptrace", 101, 117, 0x4206, os.getppid(), 1, 0)  # PTRACE_SEIZE, wrongly: else it would stop
call("process_vm_readv", 310, 270, os.getppid(), 0, 0, 0, 0, 0)
call("pidfd_open", 434, 434, os.getppid(), 0)
call("unshare a user namespace", 272, 97, 0x10000000)
call("setns", 308, 268, -1, 0)
call("mount", 165, 40, 0, 0, 0, 0, 0)
call("umount2", 166, 39, 0, 0)
call("pivot_root", 155, 41, 0, 0)
call("chroot", 161, 51, b"/nowhere")
call("open_tree", 428, 428, -100, b"/", 0)
call("fsopen", 430, 430, b"tmpfs", 0)
call("bpf", 321, 280, 0, 0, 0)
call("perf_event_open", 298, 241, 0, 0, -1, -1, 0)
call("io_uring_setup", 425, 425, 1, 0)
call("userfaultfd", 323, 282, 1)
call("keyctl", 250, 219, 0, -3, 0)
call("add_key", 248, 217, b"user", b"a", b"b", 1, -3)
call("memfd_create", 319, 279, b"a", 0)
call("shmget", 29, 194, 0, 0, 0)
call("msgget", 68, 186, 123456, 0)
call("semget", 64, 190, 0, -1, 0)
call("mq_open", 240, 180, b"none", 0, 0, 0)
call("inotify_init1", 294, 26, 0)
call("fanotify_init", 300, 262, 0, 0)
call("name_to_handle_at", 303, 264, -100, b"/etc/passwd", 0, 0, 0)
call("open_by_handle_at", 304, 265, -100, 0, 0)
call("init_module", 175, 105, 0, 0, 0)
call("kexec_load", 246, 104, 0, 0, 0, 1)
call("syslog", 103, 116, 3, 0, 0)
call("personality", 135, 92, 0xFFFFFFFF)
call("clone3", 435, 435, 0, 0)
call("pidfd_send_signal", 424, 424, -1, 0, 0, 0)
call("a call that the kernel learnt later", 463, 463, 0, 0, 0, 0, 0, 0)


@attempt("last")
def run_a_shell() -> None:
    """Where it works nothing comes after it: so the shell finishes what is told."""
    sys.stdout.flush()
    os.execv("/bin/sh", ["sh", "-c", "echo '\"last: run_a_shell\": true}'"])


def prepare() -> None:
    """Where a template loads this, the targets come through stdin: there, later, nothing can be loaded."""
    import fcntl  # noqa: F401

    "a".encode("idna")


def main() -> None:
    TARGETS.update(json.loads(sys.argv[1] if sys.argv[1].startswith("{") else os.read(0, 65536)))
    print("{", end="")
    for name, function in ATTEMPTS.items():
        try:
            hit = function() is not False
        except OSError as error:
            hit = error.errno not in REFUSALS
        except ValueError:  # setrlimit's EPERM
            hit = False
        print(f"{json.dumps(name)}: {json.dumps(hit)}", end="," if name != next(reversed(ATTEMPTS)) else "}\n")


if __name__ == "__main__":
    main()
