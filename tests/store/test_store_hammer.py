"""Everything at once on the same jobs: no deadlock, and the books still balance."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
import uuid_utils.compat as uuid_utils
from store.kit import AWAY, BAD_INPUT, TENANT, USER, Store, made, new_job, past
from waiting import soon

from reelmill.jobs.errors import WrongState
from reelmill.jobs.states import Phase
from reelmill.store.database import Database
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS

JOBS = 40
BALANCED = {
    "events without a gap": "SELECT count(*) FROM jobs j WHERE version <>"
    " (SELECT count(*) FROM job_events e WHERE e.job_id = j.id AND e.seq <= j.version)",
    "the last event is the job's state": "SELECT count(*) FROM jobs j JOIN job_events e"
    " ON e.job_id = j.id AND e.seq = j.version WHERE e.state <> j.state OR e.attempt <> j.attempt",
    "one end": "SELECT count(*) FROM (SELECT job_id FROM job_events"
    " WHERE state IN ('COMPLETED', 'FAILED', 'CANCELLED') GROUP BY job_id HAVING count(*) > 1) twice",
    "files of completed tasks alone": "SELECT count(*) FROM jobs j WHERE"
    " (SELECT count(*) FROM tasks t WHERE t.job_id = j.id AND t.state = 'COMPLETED') <>"
    " (SELECT count(*) FROM output_files f WHERE f.job_id = j.id)",
    "completed jobs of completed tasks alone": "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
    " WHERE j.state = 'COMPLETED' AND t.state <> 'COMPLETED'",
    "all tasks are counted": "SELECT count(*) FROM jobs j"
    " WHERE j.tasks <> (SELECT count(*) FROM tasks t WHERE t.job_id = j.id)",
    "nobody waits for what is done": "SELECT count(*) FROM tasks t WHERE t.state = 'WAITING' AND t.open_dependencies <>"
    " (SELECT count(*) FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on"
    " WHERE d.task_id = t.id AND b.state <> 'COMPLETED')",
    "nothing ready waits for another": "SELECT count(*) FROM tasks t JOIN task_dependencies d ON d.task_id = t.id"
    " JOIN tasks b ON b.id = d.depends_on WHERE t.state IN ('READY', 'RUNNING', 'COMPLETED')"
    " AND b.state <> 'COMPLETED'",
    "no job over while its task is not": "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
    " WHERE (j.end_time IS NOT NULL) AND t.state NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'RUNNING')",
    "no end after a cancellation but CANCELLED or FAILED": "SELECT count(*) FROM jobs"
    " WHERE cancel_time IS NOT NULL AND state = 'COMPLETED'",
    "nothing of a winner is to be deleted": "SELECT count(*) FROM storage_deletions s JOIN jobs j"
    " ON starts_with(s.uri, j.output_prefix) JOIN tasks t ON t.job_id = j.id"
    " WHERE t.state = 'COMPLETED' AND j.state NOT IN ('FAILED', 'CANCELLED')"
    " AND s.uri = attempt_prefix(j.output_prefix, t.id, t.spawned_by, t.fence)",
    "what completed tasks of a lost job wrote is to be deleted": "SELECT count(*) FROM jobs j"
    " JOIN tasks t ON t.job_id = j.id WHERE t.state = 'COMPLETED' AND j.state IN ('FAILED', 'CANCELLED') AND NOT EXISTS"
    " (SELECT FROM storage_deletions s WHERE s.uri = attempt_prefix(j.output_prefix, t.id, t.spawned_by, t.fence))",
}


class _Hammer:
    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.held: list[ClaimedTask] = []  # ever: most of them stale
        self.files = 0

    def some(self, most: int = 8) -> list[ClaimedTask]:
        """Leases, in any order."""
        return self.random.sample(self.held, min(len(self.held), self.random.randint(1, most)))

    async def claim(self) -> None:
        self.held += await self.store.leases.claim("me", limit=5)

    async def heartbeat(self) -> None:
        await self.store.leases.heartbeat([t.lease for t in self.some(30)])

    async def complete(self) -> None:
        """Each has a file; one in three spawns others, which wait for one another."""
        await self.store.leases.complete([self.finished(task) for task in self.some(3)])

    def finished(self, task: ClaimedTask) -> FinishedTask:
        new: list[NewTask] = []
        if self.random.random() < 1 / 3 and not task.spec:  # what was spawned spawns nothing: else no job ends
            for _ in range(self.random.randint(1, 5)):
                waits = self.random.sample([n.id for n in new], self.random.randint(0, len(new)))
                new.append(NewTask(id=uuid_utils.uuid7(), kind="run_job", spec=b"spawned", depends_on=tuple(waits)))
        self.files += 1
        return FinishedTask(lease=task.lease, files=(made(position=self.files),), spawned=tuple(new))

    async def end(self) -> None:
        for task in self.some(1):
            ends: list[Callable[[], Awaitable[object]]] = [
                lambda: self.store.leases.retry(task.lease, AWAY, wait_seconds=0),  # noqa: B023
                lambda: self.store.leases.fail(task.lease, BAD_INPUT),  # noqa: B023
                lambda: self.store.leases.release(task.lease),  # noqa: B023
                lambda: self.store.leases.cancelled(task.lease),  # noqa: B023
                lambda: self.store.leases.report(task.lease, Phase.UPLOADING, []),  # noqa: B023
            ]
            await self.random.choice(ends)()

    async def cancel(self) -> None:
        for job_id in await self.pick(1):
            try:
                await self.store.jobs.cancel(TENANT, job_id, "")
            except WrongState:
                return

    async def silence(self) -> None:
        await self.store.rows(
            "UPDATE tasks SET lease_until = '-infinity' WHERE state = 'RUNNING' AND id IN"
            " (SELECT id FROM tasks WHERE state = 'RUNNING' ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED)"
        )
        await self.store.rescue(max_crashes=9)

    async def expire(self) -> None:
        await self.store.rows(
            "UPDATE jobs SET deadline = now() WHERE end_time IS NULL AND id IN"
            " (SELECT id FROM jobs WHERE end_time IS NULL ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED)"
        )
        await self.store.leases.expire(limit=100)

    async def wake(self) -> None:
        await self.store.leases.wake_delayed(limit=9)

    async def pick(self, limit: int) -> list:
        rows = await self.store.rows("SELECT id FROM jobs ORDER BY random() LIMIT $1", limit)
        return [row["id"] for row in rows]


async def test_everything_at_once_neither_deadlocks_nor_unbalances(store: Store) -> None:
    await store.turn(GRAPHS, on=True)
    await store.jobs.create(TENANT, USER, [new_job() for _ in range(JOBS)])
    hammer = _Hammer(store, seed=1)
    blows = [hammer.claim] * 3 + [hammer.heartbeat] * 3 + [hammer.complete] * 3
    blows += [hammer.end] * 2 + [hammer.cancel, hammer.silence, hammer.expire, hammer.wake]

    async def worker() -> None:
        for _ in range(150):
            await hammer.random.choice(blows)()  # Unavailable, which a deadlock raises, fails the test
            if hammer.random.random() < 0.2:
                await store.jobs.create(TENANT, USER, [new_job() for _ in range(3)])

    await asyncio.gather(*(worker() for _ in range(8)))
    found = {name: await store.value(query) for name, query in BALANCED.items()}
    assert found == dict.fromkeys(BALANCED, 0)
    states = {r["state"] for r in await store.rows("SELECT DISTINCT state FROM jobs WHERE end_time IS NOT NULL")}
    assert states == {"COMPLETED", "FAILED", "CANCELLED"}
    spawned = {r["state"] for r in await store.rows("SELECT DISTINCT state FROM tasks WHERE spawned_by IS NOT NULL")}
    assert "COMPLETED" in spawned


async def test_a_cancellation_and_a_completion_at_once_end_in_one_of_both(store: Store) -> None:
    for _ in range(25):
        task = await store.running(deadline=past(-3600))
        job_id = (await store.task(task.id))["job_id"]
        cancel = store.jobs.cancel(TENANT, job_id, "")
        cancelled, completed = await asyncio.gather(cancel, store.complete(task, made()), return_exceptions=True)
        assert isinstance(cancelled, WrongState) == (completed is not None)
        assert (await store.job(job_id))["state"] == ("COMPLETED" if completed else "PROCESSING")


@pytest.fixture
async def hashed(database_url: str) -> AsyncIterator[Store]:
    """A store whose statements are planned without an index's order."""
    url = f"{database_url}?enable_nestloop=off&enable_mergejoin=off"
    planned = Database(url, pool_size=1, publish_events=False, application="test")
    await planned.start()
    yield Store(database=planned)
    await planned.stop()


@pytest.mark.parametrize("statement", ["heartbeat", "complete"])
async def test_statements_that_wait_for_several_tasks_lock_them_in_one_order(
    store: Store, hashed: Store, statement: str
) -> None:
    """One holds the first task by id: others, whatever their plan and order, wait for it and hold nothing."""
    tasks = sorted([await store.running() for _ in range(5)], key=lambda t: t.id)
    # The rows' place in the table is the other order, and a plan that reads the table finds them in it.
    for task in reversed(tasks):
        await store.rows("UPDATE tasks SET priority = priority WHERE id = $1", task.id)
    leases = [t.lease for t in reversed(tasks)]
    async with store.database.transaction() as holder:
        await holder.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", tasks[0].id)
        statements: dict[str, Callable[[], Awaitable[object]]] = {
            "heartbeat": lambda: hashed.leases.heartbeat(leases),
            "complete": lambda: hashed.leases.complete([FinishedTask(lease=t, files=(made(),)) for t in leases]),
        }
        call = asyncio.ensure_future(statements[statement]())
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not await store.value(waiting):
            assert not call.done()
        try:
            await holder.fetch(
                "SELECT FROM tasks WHERE id = ANY($1::uuid[]) FOR UPDATE NOWAIT", [t.id for t in tasks[1:]]
            )
        except asyncpg.LockNotAvailableError:
            raise AssertionError(f"{statement} locked a later task first") from None
    assert len(await soon(call)) == 5
