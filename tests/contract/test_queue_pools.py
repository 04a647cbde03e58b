"""Pools on a queue: the workers of each hear of their own tasks, whoever else listens."""

import asyncio
from uuid import uuid4

from contract.conftest import Join
from waiting import PATIENCE_SECONDS, patient

from reelmill.queue.port import Message, Queue, parse_task_ready, pool_told, task_ready
from reelmill.queue.postgres import PostgresQueue
from reelmill.store.database import Database

POOLS = ("default", "stills", "gpu")


async def test_each_pool_hears_of_its_own_tasks_though_others_listen_too(queue: Queue, join: Join) -> None:
    ids = [uuid4() for _ in range(12)]
    sent = [
        task_ready(task_id=task_id, job_id=task_id, priority=50, place=f"{POOLS[i % 3]} x")
        for i, task_id in enumerate(ids)
    ]
    consumers = {pool: join(pool=pool) for pool in POOLS}
    await queue.publish(sent)

    async def heard(pool: str) -> set[int]:
        """Places in `ids` of what a pool's workers would heed."""
        found: set[int] = set()
        async with patient():
            while len(found) < len(ids) / len(POOLS):
                received = await consumers[pool].receive(2, PATIENCE_SECONDS)
                ours = [d.message for d in received if pool_told(d.message) == pool]
                found |= {ids.index(parse_task_ready(m.value)) for m in ours}
                await consumers[pool].commit(received)
        return found

    assert await asyncio.gather(*map(heard, POOLS)) == [{0, 3, 6, 9}, {1, 4, 7, 10}, {2, 5, 8, 11}]


async def test_postgresql_keeps_a_message_for_its_pool_and_anybody_removes_it_once_it_is_old(
    database: Database,
) -> None:
    queue = PostgresQueue(database)
    task_id = uuid4()
    message: Message = task_ready(task_id=task_id, job_id=task_id, priority=50, place="stills")
    await queue.publish([message])
    default, stills = queue.consumer(), queue.consumer(pool="stills")
    try:
        assert await default.receive(9, 0.01) == []
        [held] = await stills.receive(9, PATIENCE_SECONDS)
        assert held.message == message
        await stills.stop()  # gives it back
        assert await default.receive(9, 0.01) == []
        async with database.connection() as connection:
            await connection.execute("UPDATE outbox SET create_time = create_time - interval '11 s'")
        await queue.wake()
        [old] = await default.receive(9, PATIENCE_SECONDS)
        await default.commit([old])
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    finally:
        await default.stop()
        await stills.stop()
