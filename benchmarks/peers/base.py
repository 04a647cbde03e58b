"""What every system under comparison does: two worker processes, loaded, frozen, let go."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks import counting
from benchmarks.servers import cpu_seconds
from reelmill.media.launcher import tied

WORKERS = 2
WARM_UP = 20
_TIMEOUT_SECONDS = 120
_IDLE_SECONDS, _IDLE_SHARE = 0.5, 0.1  # at most this share of a core for so long: what starts took its CPU


class Peer(ABC):
    """A system with its workers running, while the context is open."""

    name: str

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"reelmill-bench-{self.name}-"))
        self.counters = self.folder / "counters"
        self.counters.mkdir()
        self._processes: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def prepare(self) -> None:
        """Make the queue ready, empty."""

    @abstractmethod
    def commands(self) -> Sequence[Sequence[str]]:
        """An argv for each process of workers; together they are WORKERS processes that run tasks."""

    @abstractmethod
    def load(self, count: int) -> None:
        """Put `count` tasks that do nothing into the queue; return when all are in."""

    @abstractmethod
    def unfinished(self) -> int:
        """Tasks whose end is not recorded yet, as this system records ends."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Release what `prepare` made."""

    def settle(self) -> None:  # noqa: B027 - most are settled once they have run something
        """Return once the workers have shared the work out among them."""

    def server_pids(self) -> dict[str, int]:
        """The servers that it uses, for the account of CPU time."""
        return {}

    def environment(self) -> dict[str, str]:
        """Variables for its workers."""
        return counting.environment(self.counters)

    def drain(self, count: int) -> tuple[float, dict[str, float]]:
        """Seconds from letting the workers go until `count` ends are recorded, and CPU seconds by process.

        The tasks are loaded while the workers are frozen: they are connected and warm, and idle.
        """
        self.load(WARM_UP)
        self.finish(WARM_UP)
        self.settle()
        self._wait(self._idle, seconds=0)
        done = counting.total(self.counters)
        self._send(signal.SIGSTOP)
        try:
            self.load(count)
            before = self._cpu()
        finally:
            started = time.monotonic()
            self._send(signal.SIGCONT)
        self.finish(done + count)
        seconds = time.monotonic() - started
        return seconds, {name: used - before[name] for name, used in self._cpu().items()}

    def finish(self, goal: int) -> None:
        """Return once `goal` tasks ran and their ends are recorded. Raises TimeoutError, RuntimeError."""
        self.wait_for_runs(goal)
        self._wait(lambda: self.unfinished() == 0, seconds=0.01)

    def wait_for_runs(self, goal: int) -> None:
        """Return once tasks were begun `goal` times. Raises TimeoutError, RuntimeError."""
        self._wait(lambda: counting.total(self.counters) >= goal, seconds=0.005)

    def _wait(self, done: Callable[[], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not done():
            if any(process.poll() not in (None, -signal.SIGKILL) for process in self._processes):
                raise RuntimeError(f"{self.name}: a worker has ended")
            if time.monotonic() > deadline:
                ran, left = counting.total(self.counters), self.unfinished()
                raise TimeoutError(f"{self.name}: {ran} tasks ran, the ends of {left} are not recorded")
            time.sleep(seconds)

    def _idle(self) -> bool:
        """Whether the workers, and what they start beside their work, came to rest."""
        before = self._cpu()["workers"]
        time.sleep(_IDLE_SECONDS)
        return self._cpu()["workers"] - before <= _IDLE_SHARE * _IDLE_SECONDS

    def _cpu(self) -> dict[str, float]:
        used = {name: cpu_seconds(pid) for name, pid in self.server_pids().items()}
        return {"workers": sum(cpu_seconds(p.pid) for p in self._processes)} | used

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            root = psutil.Process(process.pid)
            for one in (*root.children(recursive=True), root):
                one.send_signal(number)

    def __enter__(self) -> Self:
        try:
            self.prepare()
            for argv in self.commands():
                self._processes.append(spawn(argv, self.environment(), self.folder / "workers.log"))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self._processes)
        self.close()
        if error is not None:
            print((self.folder / "workers.log").read_text()[-3000:], file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)


def spawn(argv: Sequence[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that can import us, in a group of its own; it ends with us, however we go."""
    path = os.pathsep.join(p for p in sys.path if p)
    with log.open("ab") as output:
        return subprocess.Popen(
            tied(tuple(argv)),
            env=os.environ | {"PYTHONPATH": path} | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """TERM, and after 10 s KILL, to processes and their groups."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
