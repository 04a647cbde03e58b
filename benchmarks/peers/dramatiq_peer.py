"""Dramatiq: two processes with its default number of threads, Redis as the broker; all else by default."""

import os
import sys
from collections.abc import Sequence

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from benchmarks import counting
from benchmarks.peers.base import WORKERS, Peer
from benchmarks.servers import Servers, check_redis

_BROKER = "BENCHMARK_BROKER"


def declare(url: str) -> dramatiq.Actor:
    """The broker and its one task, of this process."""
    dramatiq.set_broker(RedisBroker(url=url))
    return dramatiq.actor(counting.count, actor_name="nothing")


if _BROKER in os.environ:  # dramatiq's command line has imported us
    declare(os.environ[_BROKER])


class DramatiqPeer(Peer):
    """Dramatiq on the peers' Redis."""

    name = "dramatiq"

    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self._servers = servers

    def prepare(self) -> None:
        """An empty broker."""
        check_redis(self._servers.peers_redis)
        url = self._servers.peers_redis.url
        self._redis = redis.Redis.from_url(url)
        self._redis.flushdb()
        self._actor = declare(url)

    def close(self) -> None:
        """Disconnect."""
        self._actor.broker.close()
        self._redis.close()

    def environment(self) -> dict[str, str]:
        """Where the broker is."""
        return super().environment() | {_BROKER: self._servers.peers_redis.url}

    def commands(self) -> Sequence[Sequence[str]]:
        """One master; its children run the tasks."""
        return [(sys.executable, "-m", "dramatiq", "--processes", str(WORKERS), "benchmarks.peers.dramatiq_peer")]

    def load(self, count: int) -> None:
        """By send()."""
        for _ in range(count):
            self._actor.send()

    def unfinished(self) -> int:
        """Nothing is recorded: what ran is finished."""
        return 0

    def server_pids(self) -> dict[str, int]:
        """Redis."""
        return {"redis": self._servers.peers_redis.pid}
