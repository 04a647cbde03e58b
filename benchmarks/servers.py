"""Servers of a benchmark's own, each proven to be ours before anything is written to it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import redis
from services.kafka import Kafka
from services.postgres import Postgres
from services.process import Server
from services.redis import Redis


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Running servers. Both PostgreSQL users share one, fsync on; each Redis user has one of its own."""

    postgres: Postgres
    kafka: Kafka
    redis: Redis
    peers_redis: Redis


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    """Start all, check whose they are, and stop them at the end."""
    with Postgres(durable=True) as postgres, Kafka() as kafka, Redis() as ours, Redis() as theirs:
        servers = Servers(postgres=postgres, kafka=kafka, redis=ours, peers_redis=theirs)
        for server in (postgres, kafka, ours, theirs):
            check_listener(server)
        for server in (ours, theirs):
            check_redis(server)
        yield servers


def check_listener(server: Server) -> None:
    """Raise RuntimeError unless the process that we started, in its own folder, owns the port."""
    process = psutil.Process(server.pid)
    ports = {c.laddr.port for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    if server.port not in ports or not Path(process.cwd()).is_relative_to(server.folder.resolve()):
        raise RuntimeError(f"port {server.port} is not that of the {server.name} in {server.folder}")


def check_redis(server: Redis) -> None:
    """Raise RuntimeError unless the Redis that answers keeps its files in our folder."""
    client = redis.Redis.from_url(server.url)
    try:
        told = client.config_get("dir")["dir"]
    finally:
        client.close()
    if Path(told) != server.folder.resolve():
        raise RuntimeError(f"the Redis at {server.url} uses {told}, not {server.folder}")


async def check_postgres(url: str, server: Postgres) -> None:
    """Raise RuntimeError unless the PostgreSQL at `url` runs on our folder, with fsync."""
    connection = await asyncpg.connect(url)
    try:
        folder = await connection.fetchval("SHOW data_directory")
        fsync, commit = await connection.fetchval("SHOW fsync"), await connection.fetchval("SHOW synchronous_commit")
    finally:
        await connection.close()
    if Path(folder) != server.folder.resolve() / "data":
        raise RuntimeError(f"the PostgreSQL at {url} uses {folder}, not {server.folder}")
    if (fsync, commit) != ("on", "on"):
        raise RuntimeError(f"PostgreSQL has fsync={fsync} and synchronous_commit={commit}: no fair comparison")


def own_cpu_seconds(pid: int) -> float:
    """User and system time of a process without its children; 0 where it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(psutil.Process(pid).cpu_times()[:2])
    return 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, those that ended included."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
    return total
