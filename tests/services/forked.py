"""Processes of Reelmill that are forked from one that has imported its modules: half of a start's CPU is imports.

What a user starts, imports: cli, deploy, and `up` in e2e begin so. Where processes are started by the dozen, they are
forked here. They differ in nothing else: each is a child of ours, in a session of its own, with our
environment but for variables of REELMILL_, and begins as `python -m` does.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import platform
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

_MODULES = (
    *("reelmill.app.api", "reelmill.app.gateway", "reelmill.app.scheduler", "reelmill.app.worker"),
    *("reelmill.app.health", "reelmill.cli.serve", "reelmill.parts", "reelmill.process", "uvloop"),
    # What these import late.
    *("reelmill.cache.redis", "reelmill.cli.configuration", "reelmill.cli.display", "reelmill.cli.processes"),
    *("reelmill.console", "reelmill.gateway.connections", "reelmill.queue.kafka", "reelmill.serving"),
    *("reelmill.storage.guarded_http", "reelmill.system", "reelmill.telemetry.otlp", "reelmill.webhooks.sender"),
    *("anyio._backends._asyncio", "imageio_ffmpeg", "tomllib"),
)
_ORDER_BYTES = 2**17
_CLONE_PARENT = 0x00008000
_CLONE_NUMBERS = {"x86_64": 56, "aarch64": 220}


class Forked:
    """A child of ours, as subprocess.Popen has it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its status, once it ended: negative for a signal."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its status. Raises subprocess.TimeoutExpired."""
        if (status := self.poll()) is not None:
            return status
        descriptor = os.pidfd_open(self.pid)
        try:
            ended, _, _ = select.select([descriptor], [], [], timeout)
        finally:
            os.close(descriptor)
        status = self.poll() if ended else None
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def possible(argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command is one of our Python's modules, with an environment that differs in our settings alone."""
    return (
        list(argv[:2]) == [sys.executable, "-m"]
        and (platform.system(), platform.machine() in _CLONE_NUMBERS) == ("Linux", True)
        and _others(environment) == _others(os.environ)
    )


def _others(environment: Mapping[str, str]) -> dict[str, str]:
    ours = ("REELMILL_", "PYTEST_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


def fork(argv: Sequence[str], environment: Mapping[str, str], folder: str, output: int) -> Forked:
    """Start `python -m MODULE ...`, which writes to an open file."""
    order = json.dumps([argv[2:], dict(environment), folder]).encode()
    with _lock:  # several threads start what a test needs
        if not _asked:
            _asked.append(_server())
        [connection] = _asked
        socket.send_fds(connection, [order], [output])
        if not (told := connection.recv(32)):
            raise RuntimeError("the process that forks has ended: does an import fail?")
        return Forked(int(told))


_lock = threading.Lock()
_asked: list[socket.socket] = []


def _server() -> socket.socket:
    """A connection to the process that forks: it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _ORDER_BYTES)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REELMILL_")}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=theirs.fileno(), env=environment, cwd="/", start_new_session=True
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve() -> list[str]:
    """In the process that forks: until the other end closes. In each child: returns its arguments."""
    # As reelmill.cli.entry sets them before its imports.
    os.environ |= {"GRPC_ENABLE_FORK_SUPPORT": "0", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
    sys.path[:] = sys.path[1:]  # this file's folder
    gc.disable()
    for module in _MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    asker = socket.socket(fileno=0)
    while True:
        order, descriptors, *_ = socket.recv_fds(asker, _ORDER_BYTES, 1)
        if not order:
            sys.exit()
        (output,) = descriptors
        pid = _cloned()
        if pid == 0:
            asker.detach()
            return _become(order, output)
        os.close(output)
        asker.send(str(pid).encode())


def _cloned() -> int:
    """As os.fork(), but the child is one of who started us, and so is waited for there."""
    python, system = ctypes.pythonapi, ctypes.PyDLL(None, use_errno=True)
    python.PyOS_BeforeFork()
    flags = _CLONE_PARENT | signal.SIGCHLD
    pid: int = system.syscall(_CLONE_NUMBERS[platform.machine()], flags, 0, 0, 0, 0)
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return pid


def _become(order: bytes, output: int) -> list[str]:
    arguments, environment, folder = json.loads(order)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)
    importlib.import_module("reelmill.points")._SOCKET = os.environ.get("REELMILL_TEST_POINTS")  # type: ignore[attr-defined]
    gc.enable()
    return list(arguments)


if __name__ == "__main__":
    _module, *_arguments = _serve()
    sys.argv = [_module, *_arguments]
    runpy.run_module(_module, run_name="__main__", alter_sys=True)
