"""A server process: started until it answers, stopped, killed, paused and started again."""

import contextlib
import fcntl
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import psutil

HOST = "127.0.0.1"


class Child(Protocol):
    """What we use of a subprocess.Popen."""

    pid: int

    def poll(self) -> int | None:
        """Its status, once it ended: negative for a signal."""

    def wait(self, timeout: float | None = None) -> int:
        """Its status. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int, /) -> None:
        """Unless it has ended."""


class MissingError(Exception):
    """A server that is not installed; the message says how to install it."""


_given: set[int] = set()


@cache
def _ports() -> int:
    """A file whose bytes are ports; who was given one holds a lock on its byte to the end of the process."""
    path = Path("/tmp") / f"reelmill-ports-{os.getuid()}"  # one place for all runs, wherever each has its files
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def free_port() -> int:
    """A port that nobody listens on, and that no other call of this user's was given, in any process that lives.

    It lies below those that the kernel gives to outgoing connections: else a client that calls a
    stopped server again and again would be given the server's own port one day, and keep it.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        if port in _given:
            continue
        try:
            fcntl.lockf(_ports(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except BlockingIOError:
            continue
        _given.add(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port


class Server(ABC):
    """A server whose port and folder stay its own until `close`.

    As a context manager it is started and closed. A test that stops, kills or pauses a server
    starts one of its own; those of the session are everyone's.
    """

    name: str
    stop_signal = signal.SIGTERM
    close_signal = signal.SIGKILL  # of `close`: nobody looks at what it would still do
    start_seconds = 120.0  # how long a start may take

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"reelmill-{self.name}-"))
        self.user: str | None = None  # whom it runs as; None: as we do
        self.environment: dict[str, str] | None = None  # None: ours
        self._prepared = False
        self._process: Child | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder; called once, before the first start. Raises MissingError."""

    @abstractmethod
    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves clients now."""

    @property
    def log(self) -> Path:
        """What the server printed, in all its lives."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """The main process. Raises RuntimeError while there is none."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether there is a main process."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until it answers. Raises RuntimeError with the log's end, or MissingError."""
        if not self._prepared:
            self.prepare()
            self._prepared = True
        with self.log.open("ab") as log:
            self._process = self._spawn(self.command(), log.fileno())
        self._guard = _guard(self._process.pid)
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            if (status := self._process.poll()) is not None:
                self._forget()
                raise RuntimeError(f"{self.name} ended with status {status} at its start:\n{self._tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} did not answer within {self.start_seconds:g} s:\n{self._tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop in order, after a minute by force. Bears being called twice."""
        self._end(self.stop_signal)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self.resume()
            self._process.send_signal(number)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()

    def kill(self) -> None:
        """Kill it and its children with -9, and wait until all are gone."""
        if self._process is not None:
            family = _family(self._process.pid)
            _send(family, signal.SIGKILL)
            self._process.wait()
            _wait_gone(family)
        self._forget()

    def restart(self) -> None:
        """Stop in order, and start on the same port and folder."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers, as behind a cut network."""
        frozen: set[psutil.Process] = set()
        while new := set(_family(self.pid)) - frozen:  # one may have been forked meanwhile
            _send(list(new), signal.SIGSTOP)
            frozen |= new

    def resume(self) -> None:
        """Undo `pause`."""
        _send(_family(self.pid), signal.SIGCONT)

    def close(self) -> None:
        """End it at once, and delete the folder. Bears being called twice.

        The log is kept in the folder that REELMILL_TEST_LOGS names, where it is set.
        """
        if self.close_signal == signal.SIGKILL:
            self.kill()
        else:
            self._end(self.close_signal)
        if (kept := os.environ.get("REELMILL_TEST_LOGS")) and self.log.is_file():
            shutil.copy(self.log, Path(kept) / f"{self.folder.name}.log")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, argv: list[str], *, timeout_seconds: float = 60) -> str:
        """Run a tool as the server's user; answers what it printed. Raises RuntimeError where it fails."""
        with tempfile.TemporaryFile() as output:
            status = self._spawn(argv, output.fileno()).wait(timeout_seconds)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if status != 0:
            raise RuntimeError(f"{self.name}: {argv[0]} ended with status {status}:\n{text}")
        return text

    def _spawn(self, argv: list[str], output: int) -> Child:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,  # Ctrl-C at the terminal is for us; we stop servers in order
            user=self.user,
            group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
            extra_groups=None if self.user is None else [],
        )

    def _forget(self) -> None:
        guard, self._guard, self._process = self._guard, None, None
        if guard is not None:
            guard.kill()
            guard.communicate()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """A shell that kills process group `pid` when we are gone, however we went.

    It reads a pipe that ends with us. (The kernel's parent-death signal would come when the thread
    that started the server ends.)
    """
    script = 'read -r _; kill -KILL "-$1"'  # in a form that dash takes too
    return subprocess.Popen(["/bin/sh", "-c", script, "sh", str(pid)], stdin=subprocess.PIPE, start_new_session=True)


def _family(pid: int) -> list[psutil.Process]:
    """The process and all below it; empty once it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def gone(process: psutil.Process) -> bool:
    """Whether a process holds no port and no file any more: a zombie holds none, and init reaps it when it likes."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # meanwhile
        return True


def _wait_gone(processes: list[psutil.Process]) -> None:
    for process in processes:
        while not gone(process):
            time.sleep(0.01)


def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
