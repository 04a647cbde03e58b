"""Jobs of several tasks, by real workers: tasks that spawn others, and what ends them all."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
import uuid_utils.compat as uuid_utils
from store.kit import AWAY, BAD_INPUT, TENANT, made
from waiting import patient
from worker.kit import Rig

from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.states import Phase
from reelmill.store.leases import MadeFile, NewTask
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job, Progress
from reelmill.worker.attempt import Attempt

PARTS = 5
FAR = 600.0  # seconds between looks that no message brings: longer than a test


class Cutting:
    """Plans PARTS tasks and a last one that waits for them all; each makes a file."""

    def __init__(self, *, fails: str = "", failure: str = BAD_INPUT.code) -> None:
        self.begun: Counter[str] = Counter()
        self.attempts: dict[str, Attempt] = {}
        self.ended: list[str] = []
        self.go_on = asyncio.Event()
        self.percent = 50.0
        self._fails, self._failure = fails, failure

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        name = attempt.task.spec.decode() or "plan"
        self.begun[name] += 1
        self.attempts[name] = attempt
        if name == "plan":
            ids = sorted(uuid_utils.uuid7() for _ in range(PARTS + 1))
            parts = [NewTask(id=task_id, kind="run_job", spec=b"part%d" % i) for i, task_id in enumerate(ids[:-1])]
            last = NewTask(id=ids[-1], kind="run_job", spec=b"join", depends_on=tuple(ids[:-1]))
            attempt.spawned, attempt.result = (*parts, last), b"planned"
            return ()
        await attempt.enter(Phase.TRANSCODING)
        if self.begun[name] == 1:
            attempt.advance(Progress(percent=self.percent), {name: self.percent})
        await attempt.unless_stopped(self.go_on.wait())
        if name == self._fails and self.begun[name] == 1:
            raise AttemptFailed(self._failure, "as the test says")
        self.ended.append(name)
        return (made(f"{name}.mp4", position=PARTS if name == "join" else int(name[-1])),)

    async def discard(self, attempt: Attempt) -> None:
        raise AssertionError("nobody lost a lease")

    async def all_begun(self) -> None:
        async with patient():
            while sum(self.begun.values()) < PARTS + 1:
                await asyncio.sleep(0.01)


@pytest.fixture
async def graphs(rig: Rig) -> Rig:
    """Graphs are switched on."""
    await rig.store.turn(GRAPHS, on=True)
    return rig


async def test_parts_run_side_by_side_and_the_last_one_ends_the_job(graphs: Rig) -> None:
    cutting = Cutting()
    for owner in ("one", "other"):
        graphs.start_worker(cutting, owner=owner, slots=3, sweep_seconds=FAR)
    new = await graphs.submit()
    await cutting.all_begun()
    async with patient():
        while not (data := await graphs.cache.get_progress(TENANT, new.id)) or Progress.FromString(data).percent < 40:
            await asyncio.sleep(0.01)
    cutting.go_on.set()
    job = await graphs.until(new, "COMPLETED")
    assert [file.uri.rpartition("/")[2] for file in job.outputs[0].files] == [
        *(f"part{i}.mp4" for i in range(PARTS)),
        "join.mp4",
    ]
    assert cutting.ended[-1] == "join"
    assert set(cutting.begun.values()) == {1}
    owners = await graphs.store.rows("SELECT owner, count(*) FROM tasks GROUP BY owner")
    assert {row["owner"] for row in owners} == {"one", "other"}
    # QUEUED, PROCESSING, its two phases, COMPLETED: seven tasks make no more events than one.
    assert job.version <= 6


async def test_a_part_that_fails_for_good_ends_the_others(graphs: Rig) -> None:
    cutting = Cutting(fails="part2")
    graphs.start_worker(cutting, slots=PARTS + 1, sweep_seconds=FAR)
    new = await graphs.submit()
    await cutting.all_begun()
    failing = cutting.attempts["part2"]
    cutting.go_on = asyncio.Event()  # the others wait on, until they are told to stop
    held = {name for name in cutting.attempts if name not in ("plan", "part2")}
    await graphs.store.leases.fail(failing.task.lease, BAD_INPUT)
    job = await graphs.until(new, "FAILED")
    assert job.error.code == BAD_INPUT.code
    async with patient():
        while await graphs.store.value(
            "SELECT count(*) FROM tasks WHERE state NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"
        ):
            await asyncio.sleep(0.01)
    assert all(cutting.attempts[name].stop.is_set() for name in held)
    assert cutting.ended == []


async def test_a_part_is_tried_again_while_the_others_go_on(graphs: Rig) -> None:
    cutting = Cutting(fails="part1", failure=AWAY.code)
    graphs.start_worker(cutting, slots=PARTS + 1, sweep_seconds=0.05)
    new = await graphs.submit()
    await cutting.all_begun()
    cutting.go_on.set()
    async with patient():
        while not await graphs.store.leases.wake_delayed(limit=1):
            await asyncio.sleep(0.01)
    job = await graphs.until(new, "COMPLETED")
    assert cutting.begun == Counter(plan=1, join=1, **{f"part{i}": 1 + (i == 1) for i in range(PARTS)})
    assert (job.attempt, job.HasField("error")) == (2, False)


async def test_what_is_told_of_outputs_has_a_phase_and_never_goes_back_though_a_part_is_tried_again(
    graphs: Rig,
) -> None:
    cutting = Cutting(fails="part1", failure=AWAY.code)
    graphs.start_worker(cutting, slots=PARTS + 1, sweep_seconds=0.05)
    new = await graphs.submit()
    await cutting.all_begun()

    async def told() -> Progress:
        return Progress.FromString(await graphs.cache.get_progress(TENANT, new.id) or b"")

    async with patient():
        while len((await told()).outputs) < PARTS:
            await asyncio.sleep(0.01)
    before = await told()
    assert [(one.output, one.percent, one.phase) for one in before.outputs] == [
        (f"part{i}", 50, Job.TRANSCODING) for i in range(PARTS)
    ]
    first, cutting.go_on = cutting.go_on, asyncio.Event()  # who comes again waits
    first.set()
    async with patient():
        while cutting.begun["part1"] < 2:
            await graphs.store.leases.wake_delayed(limit=1)
            await asyncio.sleep(0.01)
    task_id = cutting.attempts["part1"].task.id
    for _ in range(3):
        progress = Progress.FromString((await graphs.cache.get_task_progress(TENANT, new.id))[task_id])
        assert (progress.percent, [(one.output, one.percent) for one in progress.outputs]) == (50, [("part1", 50)])
        assert (await told()).percent >= before.percent
        await asyncio.sleep(0.01)
    cutting.go_on.set()
    await graphs.until(new, "COMPLETED")


async def test_a_cancellation_reaches_all_parts(graphs: Rig) -> None:
    cutting = Cutting()
    graphs.start_worker(cutting, slots=PARTS + 1, sweep_seconds=FAR)
    new = await graphs.submit()
    await cutting.all_begun()
    await graphs.store.jobs.cancel(TENANT, new.id, "")
    await graphs.until(new, "CANCELLED")
    assert all(attempt.stop.is_set() for name, attempt in cutting.attempts.items() if name != "plan")
    written = {row["uri"] for row in await graphs.store.rows("SELECT uri FROM storage_deletions")}
    assert written == {attempt.task.output_prefix for attempt in cutting.attempts.values()}


async def test_parts_of_a_worker_that_drains_are_run_by_another_and_shown_where_they_were(
    graphs: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[UUID] = []
    ask = graphs.cache.get_task_progress

    async def noted(tenant_id: UUID, job_id: UUID) -> dict[UUID | None, bytes]:
        asked.append(job_id)
        return await ask(tenant_id, job_id)

    monkeypatch.setattr(graphs.cache, "get_task_progress", noted)
    first, second = Cutting(), Cutting()
    graphs.start_worker(first, slots=PARTS + 1, sweep_seconds=FAR)
    new = await graphs.submit()
    await first.all_begun()
    async with patient():
        while len(Progress.FromString(await graphs.cache.get_progress(TENANT, new.id) or b"").outputs) < PARTS:
            await asyncio.sleep(0.01)
    await graphs.stop()  # at once
    assert asked == [], "nothing was claimed before"
    second.percent = 10.0
    graphs.start_worker(second, slots=1, sweep_seconds=FAR)
    async with patient():
        while not (name := next(iter(second.attempts), "")):
            await asyncio.sleep(0.01)
    task = second.attempts[name].task
    shown = Progress.FromString((await ask(TENANT, new.id))[task.id])
    assert (task.attempt, [(one.output, one.percent) for one in shown.outputs]) == (1, [(name, 50)])
    second.go_on.set()
    job = await graphs.until(new, "COMPLETED")
    assert asked == [new.id] * PARTS, "the last one was claimed once"
    assert first.ended == []
    assert second.begun == Counter(join=1, **{f"part{i}": 1 for i in range(PARTS)})
    assert job.attempt == 1
    assert UUID(job.id) == new.id
