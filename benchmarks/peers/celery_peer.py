"""Celery: prefork, two processes, Redis as the broker, no result backend; all else by default.

It acknowledges a task before running it, and its Redis forgets all when it stops: both are its
defaults, and both are cheaper than what we promise.
"""

import os
import sys
from collections.abc import Sequence

import celery
import redis

from benchmarks import counting
from benchmarks.peers.base import WORKERS, Peer
from benchmarks.servers import Servers, check_redis

_BROKER = "BENCHMARK_BROKER"

app = celery.Celery("benchmark", broker=os.environ.get(_BROKER))
app.conf.broker_connection_retry_on_startup = True


@app.task(ignore_result=True)
def nothing() -> None:
    """Counted, and else nothing."""
    counting.count()


class CeleryPeer(Peer):
    """Celery on the peers' Redis."""

    name = "celery"

    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self._servers = servers

    def prepare(self) -> None:
        """An empty broker."""
        check_redis(self._servers.peers_redis)
        self._redis = redis.Redis.from_url(self._servers.peers_redis.url)
        self._redis.flushdb()
        app.conf.broker_url = self._servers.peers_redis.url

    def close(self) -> None:
        """Disconnect, so that the next round connects anew."""
        app.close()
        self._redis.close()

    def environment(self) -> dict[str, str]:
        """Where the broker is."""
        return super().environment() | {_BROKER: self._servers.peers_redis.url}

    def commands(self) -> Sequence[Sequence[str]]:
        """One master; its children run the tasks."""
        options = ("worker", f"--concurrency={WORKERS}", "--loglevel=WARNING")
        return [(sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery_peer", *options)]

    def load(self, count: int) -> None:
        """By delay()."""
        for _ in range(count):
            nothing.delay()

    def unfinished(self) -> int:
        """Nothing is recorded: what ran is finished."""
        return 0

    def server_pids(self) -> dict[str, int]:
        """Redis."""
        return {"redis": self._servers.peers_redis.pid}
