"""Reelmill's own processes as a user starts them: the full set-up, or `reelmill up`."""

import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.databases import Databases
from services.process import free_port

from benchmarks.peers.base import spawn, stop
from benchmarks.peers.reelmill_peer import variables
from benchmarks.servers import Servers, check_listener, check_postgres, check_redis
from reelmill.client import Client

_START_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """A running Reelmill that was proven to answer."""

    target: str
    """Of gRPC, host:port."""
    folder: Path
    """Inputs may lie in it."""
    pids: tuple[int, ...]
    """Of its own processes."""
    database_url: str = ""
    """Of the full set-up, to look behind the api's back."""
    metrics: tuple[str, ...] = ()
    """Addresses of its processes' metrics."""

    def counted(self, name: str, **labels: str) -> float:
        """The sum of a counter over its processes."""
        line = name + "".join(f'{{{key}="{value}"}}' for key, value in labels.items()) + " "
        total = 0.0
        for address in self.metrics:
            with urllib.request.urlopen(address) as answer:
                for found in answer.read().decode().splitlines():
                    total += float(found.removeprefix(line)) if found.startswith(line) else 0
        return total


@contextlib.contextmanager
def full(
    servers: Servers, *, workers: int, options: dict[str, str] | None = None, python: str = sys.executable
) -> Iterator[System]:
    """An api, `workers` and a scheduler, on PostgreSQL, Kafka and Redis; `options` are REELMILL_* variables.

    `python`: of an environment that has another checkout's code.
    """
    databases = Databases(servers.postgres.url)
    folder, port = Path(tempfile.mkdtemp(prefix="reelmill-bench-")), free_port()
    processes = []
    try:
        with asyncio.Runner() as runner:
            url = runner.run(databases.create())
            runner.run(check_postgres(url, servers.postgres))
            check_listener(servers.kafka)
            check_redis(servers.redis)
            chosen = variables(servers, url, full=True, folder=str(folder)) | (options or {})
            chosen["REELMILL_GRPC_PORT"] = str(port)
            names, ports = ("api", "scheduler", *["worker"] * workers), []
            for name in names:
                argv = (python, "-m", "reelmill", name)
                ports.append(free_port())
                told = chosen | {"REELMILL_HEALTH_PORT": str(ports[-1])}
                processes.append(spawn(argv, told, folder / f"{name}.log"))
            target = f"127.0.0.1:{port}"
            _wait_until_answers(target)
            yield System(
                target=target,
                folder=folder,
                pids=tuple(p.pid for p in processes),
                database_url=url,
                metrics=tuple(map(_metrics, ports)),
            )
            stop(processes)
            runner.run(databases.drop_all())
    finally:
        stop(processes)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def up() -> Iterator[System]:
    """`reelmill up` on an empty data folder, a server of its own in it."""
    folder, http = Path(tempfile.mkdtemp(prefix="reelmill-bench-")), free_port()
    roots = f'["{folder}"]'
    environment = {
        "REELMILL_READ_ROOTS": roots,
        "REELMILL_WRITE_ROOTS": roots,
        "COLUMNS": "200",
        "REELMILL_REUSE_DAYS": "0",
    }
    argv = (sys.executable, "-m", "reelmill", "up", "--data", str(folder / "data"), "--http", str(http), "--grpc", "0")
    process = spawn(argv, environment, folder / "up.log")
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not (found := re.search(r"^gRPC +(\S+)", (folder / "up.log").read_text(), re.MULTILINE)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"reelmill up did not start:\n{(folder / 'up.log').read_text()[-3000:]}")
            time.sleep(0.01)
        yield System(target=found[1], folder=folder, pids=(process.pid,), metrics=(_metrics(http),))
    finally:
        stop([process])
        shutil.rmtree(folder, ignore_errors=True)


def _metrics(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics"


def _wait_until_answers(target: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with Client(target) as client:
        while True:
            try:
                client.presets()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
