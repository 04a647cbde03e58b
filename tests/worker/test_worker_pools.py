"""Workers of several pools beside each other: who is woken by what, and what a worker tells of itself."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from waiting import patient
from worker import test_worker_media
from worker.kit import Rig, until_stopped
from worker.test_worker_media import NINE, SMALL, SPREAD, Media

from reelmill.jobs.places import ENGINE
from reelmill.queue.port import Delivery, Message, task_ready
from reelmill.store.leases import MadeFile
from reelmill.store.switches import GRAPHS
from reelmill.worker.attempt import Attempt
from reelmill.worker.intake import Abilities, Intake

media, source = test_worker_media.media, test_worker_media.source  # the fixtures


async def nothing(attempt: Attempt) -> tuple[MadeFile, ...]:
    return ()


class Heard:
    """A consumer that has some messages, and a store that counts claims."""

    def __init__(self, *messages: Message) -> None:
        self.left = [Delivery(message=m, receipt=i) for i, m in enumerate(messages)]
        self.committed: list[Any] = []
        self.claims = 0

    async def receive(self, limit: int, timeout_seconds: float) -> list[Delivery]:
        taken, self.left = self.left[:limit], self.left[limit:]
        return taken

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        self.committed += [d.receipt for d in deliveries]

    async def claim(self, owner: str, **_: Any) -> list[Any]:
        self.claims += 1
        return []

    async def ready_since(self, since: Any) -> Any:
        return since


async def test_a_message_for_another_pool_is_taken_away_and_asks_postgresql_nothing() -> None:
    task = {"task_id": uuid4(), "job_id": uuid4(), "priority": 50}
    places = ["stills gpu", "default", "stills", "default", "gpu"]
    heard: Any = Heard(*(task_ready(**task, place=where) for where in places))
    intake = Intake(heard, heard, owner="me", sweep_seconds=600, abilities=Abilities(pool="stills"))
    await intake.take(heard, 1, lambda task: None)  # the first sweep
    assert heard.claims == 1
    claims = []
    while heard.left:
        await intake.take(heard, 1, lambda task: None)
        claims.append(heard.claims)
    assert claims == [2, 2, 3, 3, 3]
    assert heard.committed == [0, 1, 2, 3, 4]


async def test_light_tasks_of_a_pool_go_on_beside_encodes_that_fill_another(rig: Rig) -> None:
    encodes = [await rig.submit() for _ in range(5)]
    busy = rig.start(until_stopped, slots=2, sweep_seconds=600)
    running = {(await busy.next()).task.job.id for _ in range(2)}
    light = rig.start(nothing, slots=1, sweep_seconds=600, abilities=Abilities(pool="stills", labels=("small",)))
    stills = [await rig.submit(pool="stills", requires=["small"] * (i % 2)) for i in range(5)]
    for job in stills:
        await rig.until(job, "COMPLETED")
    assert light.most == 1 and running <= {str(job.id) for job in encodes}
    states = await rig.store.rows(
        "SELECT state::text, count(*) FROM tasks WHERE place = 'default' GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in states] == [("READY", 3), ("RUNNING", 2)]


async def test_a_worker_that_drains_tells_that_it_has_no_slots(rig: Rig) -> None:
    async def ends_when_let(attempt: Attempt) -> tuple[MadeFile, ...]:
        await drained.wait()
        return ()

    drained = asyncio.Event()
    script = rig.start(ends_when_let, slots=3, drain_seconds=60, abilities=Abilities(labels=(f"{ENGINE}a",)))
    await rig.submit()
    await script.next()
    stopping = asyncio.create_task(rig.stop())
    async with patient():
        while (seen := await rig.store.workers.page(after="", limit=9))[0].worker.slots:
            await asyncio.sleep(0.01)
    assert (seen[0].worker.running, seen[0].worker.labels) == (1, (f"{ENGINE}a",))
    drained.set()
    await stopping


async def test_the_parts_of_a_job_need_its_pool_its_labels_and_the_ffmpeg_that_planned_them(
    media: Media, source: Path
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(
        spreads=True,
        worth=SPREAD,
        engine=f"{ENGINE}x",
        abilities=Abilities(pool="films", labels=("gpu", "small")),
    )
    await media.submit(NINE, SMALL, source=source, pool="films", requires=["gpu"])
    query = "SELECT place, count(*) FROM tasks GROUP BY place ORDER BY place"
    async with patient():
        while len(places := [tuple(row) for row in await media.rig.store.rows(query)]) < 2:
            await asyncio.sleep(0.01)
    assert places == [("films engine=x gpu", 2), ("films gpu", 1)]
