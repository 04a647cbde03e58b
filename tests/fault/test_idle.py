"""Nobody calls for long: every connection is idle at once, is closed by its server or forgotten without a word."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from e2e.test_parts import process, quick_job, settings
from effort import short_or_long
from fault.kit.proxy import Proxy
from services.kafka import Kafka
from services.process import HOST, free_port
from services.redis import Redis
from waiting import PATIENCE_SECONDS, patient

from reelmill.client import AsyncClient
from reelmill.telemetry.metrics import CACHE_ERRORS

SERVERS_SECONDS = 2  # after which each server closes a connection that is idle
# By what befell the connections. A silent one is noticed within 10 s (gRPC's keepalive; Redis's and PostgreSQL's within
# 7 s). In the long run: longer than any time-out of ours and of libraries, of which Kafka's 60 s of a request was the
# longest.
IDLE_SECONDS = {
    "closed by the servers": short_or_long(6, 70),
    "forgotten without a word": short_or_long(13, 70),
}
# What is not woken waits for this poll, and a request on a connection that nobody knows to be dead for seven seconds or
# more: so much later than what is as it should be that a busy machine makes no difference.
POLL_SECONDS = 60.0
JOB_SECONDS = 30.0  # a tiny job: it takes less than one; with PostgreSQL's queue nobody finds it who is not woken
LATE_SECONDS = 20.0
FIRST_SECONDS = 6.0


@pytest.fixture(scope="module")
def idle_redis() -> Iterator[Redis]:
    """A Redis that closes what is idle."""
    with Redis(more={"timeout": str(SERVERS_SECONDS)}) as server:
        yield server


@pytest.fixture
async def doors() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opens."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.mark.parametrize("queue", ["postgres", "kafka"])
async def test_after_a_long_silence_the_first_request_works_and_events_come_at_once(
    database_url: str,
    idle_redis: Redis,
    doors: AsyncExitStack,
    clip: Path,
    tmp_path: Path,
    queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for poll in ("queue.postgres._POLL_SECONDS", "api.watching.POLL_SECONDS"):
        monkeypatch.setattr(f"reelmill.{poll}", POLL_SECONDS)  # as sweeps, it would hide who hears nothing
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE \"{name}\" SET idle_session_timeout = '{SERVERS_SECONDS}s'")
    await connection.close()
    parts = urlsplit(database_url)
    # Kafka's client takes longer to notice (docs/architecture.md): sweeps find its tasks until then.
    chosen = settings(tmp_path, sweep_seconds=600 if queue == "postgres" else 1)
    grpc = Proxy(chosen.grpc_port)
    http_port = free_port()
    proxies = {
        "database": Proxy(parts.port or 0),
        "redis": Proxy(idle_redis.port),
        "grpc": grpc,
        "http": Proxy(http_port),
    }
    queue_url = "postgres:"
    if queue == "kafka":
        kafka_port = free_port()
        options = {"connections.max.idle.ms": str(SERVERS_SECONDS * 1000)}
        broker = await asyncio.to_thread(_started, kafka_port, options)
        doors.callback(broker.close)
        proxies["kafka"] = Proxy(broker.port, port=kafka_port)
        queue_url = f"kafka://{HOST}:{kafka_port}"
    for proxy in proxies.values():
        await doors.enter_async_context(proxy)
    chosen = chosen.model_copy(
        update={
            "database_url": database_url.replace(f":{parts.port}/", f":{proxies['database'].port}/"),
            "cache_url": f"redis://{HOST}:{proxies['redis'].port}/0",
            "queue_url": queue_url,
            "api_target": f"{HOST}:{grpc.port}",
            "http_port": http_port,
        }
    )
    for kind in ("api", "gateway", "worker", "scheduler"):
        await doors.enter_async_context(process(kind, chosen))
    client = await doors.enter_async_context(AsyncClient(f"{HOST}:{grpc.port}"))
    http = await doors.enter_async_context(
        httpx.AsyncClient(base_url=f"http://{HOST}:{proxies['http'].port}", timeout=PATIENCE_SECONDS)
    )

    async def works() -> tuple[float, float, float]:
        began = time.monotonic()
        answer = await http.get("/v1/jobs", timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text
        first = time.monotonic() - began
        late = await quick_job(client, tmp_path / "clip.mp4", tmp_path / "out")
        return first, late, time.monotonic() - began - first

    async with patient():
        while not await _ready(http):
            await asyncio.sleep(0.05)

    async def all_work() -> tuple[float, ...]:
        """The longest of each; of more than one, for each pool has more than one connection."""
        return tuple(map(max, zip(*await asyncio.gather(*(works() for _ in range(3))), strict=True)))

    for _ in range(2):
        await all_work()
    for how, seconds in IDLE_SECONDS.items():
        if how.startswith("forgotten"):
            for proxy in proxies.values():
                proxy.forget()
        await asyncio.sleep(seconds)  # the silence itself is what is tested
        errors = cache_errors()
        try:
            first, late, taken = await all_work()
        except Exception as error:
            pytest.fail(f"{how}: {error!r}")
        assert first < FIRST_SECONDS, f"{how}: the first request took {first:.1f} s"
        assert late < LATE_SECONDS, f"{how}: an event came {late:.1f} s late"
        assert taken < JOB_SECONDS, f"{how}: a tiny job took {taken:.1f} s: no worker was woken"
        assert cache_errors() == errors, f"{how}: a call of Redis failed, which costs its callers 0.5 s"


def cache_errors() -> float:
    """Calls of Redis that failed, in all processes, which are one here."""
    return sum(sample.value for sample in next(iter(CACHE_ERRORS.collect())).samples if sample.name.endswith("_total"))


def _started(port: int, options: dict[str, str]) -> Kafka:
    broker = Kafka(advertised_port=port, more=options)
    broker.start()
    return broker


async def _ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz", timeout=PATIENCE_SECONDS)).status_code == 200
    except httpx.TransportError:
        return False
