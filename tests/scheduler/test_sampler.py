"""What a scheduler samples: the database's counts, the queue's lag, who answers."""

import math
from collections.abc import Iterator

import asyncpg
import pytest
from store.kit import Store, new_job
from structlog.testing import capture_logs

from reelmill.jobs.errors import Unavailable
from reelmill.queue.postgres import PostgresQueue
from reelmill.scheduler.sampler import Sampler
from reelmill.store.statistics import StatisticsStore
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.telemetry import metrics
from reelmill.v1.jobs_pb2 import Output
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail

SOUND, STILL = Output(name="a", audio=AudioExtract()), Output(name="b", thumbnail=Thumbnail())


@pytest.fixture
def sampler(store: Store) -> Iterator[Sampler]:
    async def away() -> None:
        raise Unavailable("away")

    checks = {"database": store.database.check, "cache": away}
    queue = PostgresQueue(store.database)
    yield Sampler(StatisticsStore(store.database), queue, checks, interval_seconds=60)
    metrics.forget_counts()
    metrics.forget_lag()


def values(gauges: dict[tuple[str, str], metrics.Gauge]) -> dict[tuple[str, str], float]:
    """The gauges' values that are not 0."""
    found = {key: gauge._value.get() for key, gauge in gauges.items()}
    return {key: value for key, value in found.items() if value}


async def submit(store: Store, priority: int, *outputs: Output) -> None:
    who = DEFAULT_IDENTITY
    await store.jobs.create(who.tenant_id, who.user_id, [new_job(priority=priority, outputs=outputs)])


async def test_open_jobs_are_counted_by_state_operation_and_priority(store: Store, sampler: Sampler) -> None:
    await submit(store, 90, SOUND)
    [_] = await store.leases.claim("me", limit=1)
    for outputs in ((SOUND,), (STILL,), (STILL,), (SOUND, STILL)):
        await submit(store, 10, *outputs)
    await sampler.sample()
    assert values(metrics.JOBS) == {
        ("PROCESSING", "audio"): 1,
        ("QUEUED", "audio"): 1,
        ("QUEUED", "thumbnail"): 2,
        ("QUEUED", "several"): 1,
    }
    assert values(metrics.TASKS) == {("RUNNING", "high"): 1, ("READY", "low"): 4}
    assert metrics.OLDEST_READY["low"]._value.get() > metrics.OLDEST_READY["high"]._value.get() == 0
    assert {p: gauge._value.get() for p, gauge in metrics.LAG.items()} == {"high": 1, "normal": 0, "low": 4}


async def test_leases_that_have_ended_are_counted(store: Store, sampler: Sampler, database_url: str) -> None:
    await submit(store, 50, SOUND)
    await store.leases.claim("me", limit=1)
    await sampler.sample()
    assert metrics.EXPIRED_LEASES._value.get() == 0
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE tasks SET lease_until = now() - interval '1 s'")
    await connection.close()
    await sampler.sample()
    assert metrics.EXPIRED_LEASES._value.get() == 1


async def test_who_answers_is_told_and_what_cannot_be_asked_has_no_number(store: Store, sampler: Sampler) -> None:
    await sampler.sample()
    assert (metrics.UP["database"]._value.get(), metrics.UP["cache"]._value.get()) == (1, 0)
    await store.database.stop()
    await sampler.sample()
    assert metrics.UP["database"]._value.get() == 0
    assert math.isnan(metrics.OUTBOX._value.get()) and math.isnan(metrics.LAG["high"]._value.get())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unavailable("gone"), ("warning", "can't measure now", "gone")),
        (TimeoutError(), ("warning", "can't measure now", "TimeoutError")),
        (KeyError("odd"), ("error", "can't measure; it goes on", None)),
    ],
)
async def test_what_could_not_be_measured_is_logged_with_its_reason(
    store: Store, sampler: Sampler, monkeypatch: pytest.MonkeyPatch, error: Exception, told: tuple[str, str, str | None]
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(PostgresQueue, "lag", fails)
    monkeypatch.setattr(StatisticsStore, "read", fails)
    with capture_logs() as lines:
        await sampler.sample()
    mine = {line["what"]: line for line in lines if "what" in line}
    assert sorted(mine) == ["jobs", "lag"]
    for line in mine.values():
        assert (line["log_level"], line["event"], line.get("reason")) == told
