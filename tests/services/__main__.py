"""`python -m services` runs all three until Ctrl-C; `python -m services install [PART…]` prepares."""

import contextlib
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from services.install import USUAL, install
from services.kafka import Kafka
from services.postgres import Postgres
from services.process import MissingError, Server
from services.redis import Redis


def run() -> int:
    """Start all, print how to use them, and stop them on SIGINT or SIGTERM; answers the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        servers: list[Server] = [Postgres(), Kafka(), Redis()]
        for server in servers:
            stack.callback(server.close)
        with ThreadPoolExecutor() as pool:
            starts = [pool.submit(server.start) for server in servers]
        for start in starts:
            try:
                start.result()
            except (MissingError, RuntimeError) as error:
                print(error, file=sys.stderr)
                return 1
        print_use(*(server.url for server in servers))
        signal.pause()
    return 0


def print_use(database: str, queue: str, cache: str) -> None:
    """The lines that make Reelmill, and its tests, use the servers."""
    print("# PostgreSQL, Kafka and Redis run until Ctrl-C. In another terminal:")
    print(f"export REELMILL_DATABASE_URL={database}")
    print(f"export REELMILL_QUEUE_URL={queue}")
    print(f"export REELMILL_CACHE_URL={cache}")
    print("# And for `make test` to use them instead of its own:")
    print(f"export REELMILL_TEST_DATABASE_URL={database}")
    print(f"export REELMILL_TEST_KAFKA_URL={queue}")
    print(f"export REELMILL_TEST_REDIS_URL={cache}", flush=True)


def prepare(*parts: str) -> int:
    """Install what is missing of some parts, or of all usual ones.

    Answers the exit status: what is missing still is fatal in CI only.
    """
    problems = install(parts or USUAL)
    for problem in problems:
        print(f"{problem}\nTests that need it are skipped, and fail where CI is set.", file=sys.stderr)
    return 1 if problems and os.environ.get("CI") else 0


if __name__ == "__main__":
    raise SystemExit(prepare(*sys.argv[2:]) if sys.argv[1:2] == ["install"] else run())
