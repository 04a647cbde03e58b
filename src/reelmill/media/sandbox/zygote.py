"""The fork server: a small process without threads that starts the children which read foreign bytes.

Code of Python between fork and exec crashes beside the threads of gRPC, so it runs here, in a process that has none. It
is asked by packets on its stdin, each with descriptors: the order, where to tell of the child (twice: one that only the
child keeps until its program runs), the child's stdout and stderr, and its stdin if it has one. It ends, and its
children with it, when the asker ends. It imports little: the less it has, the sooner it is forked.

Given a module it is a template: it loads that once, shuts itself in, and a child of its is no other program but goes on
with the module's main(), within the same walls. It never reads a foreign byte itself.
"""

import _socket
import gc
import importlib
import marshal
import os
import resource
import select
import signal
import sys
from typing import TYPE_CHECKING

from reelmill.media.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

PID, FAULT, STATUS = b"p", b"f", b"s"
"""The first byte of what is told of a child, a line each: its id, why it did not start, how it ended.

The last is its status, as by wait, and the CPU time that it took, in microseconds.
"""
_MOST_DESCRIPTORS = 6
_INT_BYTES = 4


def main() -> None:
    """Serve until the other end of stdin closes.

    Arguments: the id of who asks, the walls (order.encoded_walls), and of a template the module: its prepare() runs
    once, and its main() in each child.
    """
    asker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, 0)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    walls = marshal.loads(bytes.fromhex(sys.argv[2]))  # noqa: S302 - from who started us
    if walls["user"] is not None:
        kernel.become(walls["user"])
    if sys.platform == "linux":
        kernel.die_with(int(sys.argv[1]))  # after the change of user, which would undo it
        kernel.gain_nothing()
    if walls["common"]:
        kernel.filter_calls(walls["common"])
    gc.disable()  # modules stay, and a child's first act would be to look through all that it was forked with
    loaded = _loaded(sys.argv[3], walls) if len(sys.argv) > 3 else None
    gc.collect()
    gc.freeze()
    serve(asker, wake, walls, loaded)


def _loaded(module: str, walls: "dict[str, Any]") -> "Callable[[], None]":
    """What a template's children do. From here on it opens and runs nothing any more, and no more do they."""
    found = importlib.import_module(module)
    found.prepare()
    if walls["user"] is not None:
        kernel.keep_nothing()
    if walls["handled"]:
        kernel.restrict(kernel.ruleset(walls["handled"], []))
    if walls["sealed"]:
        kernel.filter_calls(walls["sealed"])

    def act() -> None:
        if sys.platform == "linux":
            kernel.be_called(module.rpartition(".")[2])
        found.main()

    return act


def serve(
    asker: "_socket.socket", wake: int, walls: "dict[str, Any]", loaded: "Callable[[], None] | None" = None
) -> None:
    """Start what is asked for, and tell how it ended."""
    tellers: dict[int, int] = {}
    poll = select.poll()
    poll.register(asker, select.POLLIN)
    poll.register(wake, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if wake in ready:
            os.read(wake, 4096)
            _reap(tellers)
        if asker.fileno() in ready:
            descriptors = _received(asker)
            if not descriptors:
                break
            _start(descriptors, tellers, walls, loaded)
    for pid in tellers:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            continue


def _received(asker: "_socket.socket") -> list[int]:
    """The descriptors of a packet; none at the end."""
    try:
        _, sent, _, _ = asker.recvmsg(1, _socket.CMSG_LEN(_MOST_DESCRIPTORS * _INT_BYTES))
    except ConnectionResetError:
        return []
    packed = b"".join(data for _, _, data in sent)
    return [
        int.from_bytes(packed[at : at + _INT_BYTES], sys.byteorder, signed=True)
        for at in range(0, len(packed), _INT_BYTES)
    ]


def _start(
    descriptors: list[int],
    tellers: dict[int, int],
    walls: "dict[str, Any]",
    loaded: "Callable[[], None] | None",
) -> None:
    order, teller, fault, *pipes = descriptors
    us = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        _tell(fault, FAULT, f"{error.errno} {error.strerror}")
        for descriptor in descriptors:
            os.close(descriptor)
        return
    if pid == 0:
        _become(order, fault, pipes, walls, us, loaded)
    tellers[pid] = teller
    _tell(teller, PID, str(pid))
    for descriptor in (order, fault, *pipes):
        os.close(descriptor)


def _reap(tellers: dict[int, int]) -> None:
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        teller = tellers.pop(pid, None)
        if teller is not None:
            _tell(teller, STATUS, f"{status} {round((used.ru_utime + used.ru_stime) * 1e6)}")
            os.close(teller)


def _tell(teller: int, what: bytes, text: str) -> None:
    try:
        os.write(teller, what + text.encode(errors="replace") + b"\n")
    except OSError:  # nobody listens any more
        return


def _become(
    order: int,
    fault: int,
    pipes: list[int],
    walls: "dict[str, Any]",
    parent: int,
    loaded: "Callable[[], None] | None",
) -> "NoReturn":
    """In the child: shut everything, then become the program, or act as what was loaded."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would the program
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # a process group of its own, to be killed whole
        wanted = marshal.loads(os.pread(order, os.fstat(order).st_size, 0))  # noqa: S302 - from who started us
        _place(fault, pipes)
        fault = 3
        _shut(wanted, walls, parent)
        if loaded is None:
            os.execve(wanted["argv"][0], wanted["argv"], wanted["environment"])  # noqa: S606 - no shell
        os.close(fault)
        _act(loaded)
    except OSError as error:
        _tell(fault, FAULT, f"{error.errno} {error.strerror}")
    except BaseException as error:
        _tell(fault, FAULT, f"0 {type(error).__name__}: {error}")
    os._exit(127)


def _act(loaded: "Callable[[], None]") -> "NoReturn":
    code = 1
    try:
        gc.enable()
        loaded()
        sys.stdout.flush()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _place(fault: int, pipes: list[int]) -> None:
    """0, 1 and 2, the way back until the program runs, and no other descriptor."""
    stdout, stderr, *stdin = pipes
    os.dup2(stdin[0] if stdin else os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.dup2(fault, 3, inheritable=False)
    os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _shut(order: "dict[str, Any]", walls: "dict[str, Any]", parent: int) -> None:
    """From here on the process has what the order names, and can't have more again."""
    folder = order["folder"]
    os.chdir(folder or "/")
    for kind, value in order["limits"]:
        most = resource.getrlimit(kind)[1]
        least = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (least, least))
    rules = kernel.ruleset(walls["handled"], order["rules"]) if walls["handled"] else None
    if walls["user"] is not None:
        if folder:
            _give(folder, walls["user"])
        _keep_what_it_needs(order["reads"])
    if sys.platform != "linux":
        return
    kernel.die_with(parent)
    if rules is not None:
        kernel.restrict(rules)
    if walls["own"]:
        kernel.filter_calls(*walls["own"][order["receives"]])


def _give(folder: str, user: int) -> None:
    """Let a user write to a folder, and to those in it."""
    os.chown(folder, user, user, follow_symlinks=False)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _give(entry.path, user)


def _keep_what_it_needs(reads: tuple[str, ...]) -> None:
    """The right to read what Landlock allows, where modes of files would keep the new user from some of it.

    (People run us as root on files of theirs, below folders that they closed to others.)
    """
    for path in reads:
        if not os.access(path, os.R_OK):  # asks as a user without rights of its own
            kernel.keep_reading()
            return
    kernel.keep_nothing()
