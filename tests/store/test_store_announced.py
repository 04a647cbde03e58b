"""What others are told of by the store's statements: dead letters, points, refusals, logs of every level."""

from datetime import UTC, datetime, timedelta

import pytest
from store.kit import BAD_INPUT, TENANT, Store

from reelmill.jobs.errors import Failure
from reelmill.jobs.states import Phase
from reelmill.store import leases
from reelmill.store.records import LogLine, error_from_bytes
from reelmill.store.switches import GRAPHS, OlderWorkers, is_on, turn
from reelmill.v1.messages_pb2 import DeadLetter


async def letters(store: Store) -> list[tuple[str, str]]:
    rows = await store.rows("SELECT key, value, headers FROM outbox WHERE topic = 'dead-letter' ORDER BY id")
    assert [row["headers"] for row in rows] == ["{}"] * len(rows)
    found = [DeadLetter.FromString(row["value"]) for row in rows]
    assert [row["key"] for row in rows] == [letter.job_id for letter in found]
    assert {letter.version for letter in found} <= {1}
    return [(letter.job_id, letter.reason.partition(":")[0]) for letter in found]


async def test_whatever_fails_a_job_writes_one_dead_letter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    async def reach(name: str) -> None:
        reached.append(name)

    monkeypatch.setattr(leases, "reach", reach)
    bad, lost, late = await store.running(), await store.running(), await store.running()
    await store.leases.fail(bad.lease, BAD_INPUT)
    assert await store.leases.rescue(limit=9, max_crashes=1, sweep_after_seconds=0) == []
    assert reached == [], "nothing was taken back"
    await store.rows("UPDATE tasks SET lease_until = now() - interval '1 second' WHERE id = $1", lost.id)
    [rescued] = await store.leases.rescue(limit=9, max_crashes=1, sweep_after_seconds=0)
    assert reached == ["rescue.committing"]
    await store.rows("UPDATE jobs SET deadline = now() - interval '1 second' WHERE id::text = $1", late.job.id)
    [expired] = await store.leases.expire(limit=9)
    assert (rescued.job.error.code, expired.job.error.code) == ("WORKER_LOST", "DEADLINE_EXCEEDED")
    assert rescued.job.error.message == (
        "the worker fell silent while running this job; after 1 times the job is FAILED"
    )
    assert expired.job.error.message == "the job's deadline passed before it was done"
    assert await letters(store) == [
        (bad.job.id, "INPUT_CORRUPT"),
        (lost.job.id, "WORKER_LOST"),
        (late.job.id, "DEADLINE_EXCEEDED"),
    ]


async def test_a_lease_that_ended_once_of_three_times_makes_no_letter(store: Store) -> None:
    await store.running()
    await store.rows("UPDATE tasks SET lease_until = now() - interval '1 second'")
    [rescued] = await store.leases.rescue(limit=9, max_crashes=3, sweep_after_seconds=0)
    assert (rescued.job.state, await letters(store)) == (1, [])


async def test_lines_of_each_level_come_back_as_they_were_written(store: Store) -> None:
    task = await store.running()
    began = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    lines = [
        LogLine(time=began + timedelta(seconds=i), level=level, message=f"m{i}", output=f"o{i}", command=f"c{i}")
        for i, level in enumerate(("INFO", "WARNING", "ERROR"))
    ]
    await store.leases.report(task.lease, Phase.TRANSCODING, lines)
    job_id = (await store.task(task.id))["job_id"]
    found = await store.jobs.logs(TENANT, job_id, after=0, limit=9)
    assert [
        (x.time.ToDatetime(UTC), x.Level.Name(x.level), x.message, x.output, x.command, x.attempt) for x in found
    ] == [(x.time, x.level, x.message, x.output, x.command, 1) for x in lines]
    assert [x.message for x in await store.jobs.logs(TENANT, job_id, after=found[0].sequence, limit=1)] == ["m1"]


def test_the_basic_view_of_an_error_has_neither_command_nor_its_words() -> None:
    failure = Failure(code="FFMPEG_FAILED", message="m", output="o", command="ffmpeg -i", stderr_tail="tail")
    data = failure.to_proto().SerializeToString()
    full, basic = (error_from_bytes(data, full=whole) for whole in (True, False))
    assert (full.command, full.stderr_tail, basic.command, basic.stderr_tail) == ("ffmpeg -i", "tail", "", "")
    assert (basic.code, basic.message, basic.output, basic.category) == ("FFMPEG_FAILED", "m", "o", full.category)


async def test_a_switch_stays_off_while_an_older_worker_runs(store: Store) -> None:
    async with store.database.connection() as connection:
        await connection.execute("SET application_name = 'reelmill worker'")
        with pytest.raises(OlderWorkers) as told:
            await turn(connection, GRAPHS, on=True)
        assert str(told.value) == (
            "graphs stays off: a worker of a release before still runs; stop it, or wait with --wait"
        )
        await turn(connection, GRAPHS, on=False)
        await connection.execute("SET application_name = 'reelmill worker 1.2'")
        assert not await is_on(connection, GRAPHS)
        await turn(connection, GRAPHS, on=True)
        assert await is_on(connection, GRAPHS)
        assert not await is_on(connection, "none")
        with pytest.raises(ValueError, match="this database has no switch 'none': `reelmill migrate` first"):
            await turn(connection, "none", on=True)
