"""The store against a small model of it: random calls by many workers, most of them late.

`make long` runs 100,000 steps; REELMILL_TEST_SEED repeats a run (its seed is printed).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import uuid_utils.compat as uuid_utils
from effort import SEED, short_or_long
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from services.databases import Databases
from store.kit import AWAY, BAD_INPUT, TABLES, TENANT, USER, Store, made, new_job

from reelmill.jobs.errors import Conflict, WrongState
from reelmill.jobs.states import FINAL_JOB_STATES, Phase
from reelmill.store.database import Database
from reelmill.store.jobs import NewJob
from reelmill.store.leases import KINDS, FinishedTask, NewTask
from reelmill.store.records import Lease, StoredJob
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job

MAX_CRASHES = 2
MAX_TASKS = 8  # of a job
STEPS_IN_A_RUN = 50
STEPS = short_or_long(3_000, 100_000)

numbers = st.integers(0, 99)
several = st.lists(numbers, min_size=1, max_size=5)
graphs = st.just([]) | st.lists(st.lists(numbers, max_size=3), max_size=4)  # of each task, what it waits for


_calls = [0]  # to the store, by which is known what became READY first


@dataclass(slots=True)
class Task:
    """What a task must be."""

    id: UUID
    job: "Model"
    waits_for: set[UUID] = field(default_factory=set)
    state: str = "READY"
    ready_since: int = field(default_factory=lambda: _calls[0])
    phase: str | None = None
    attempt: int = 0
    fence: int = 0
    crashes: int = 0
    to_stop: bool = False
    expired: bool = False

    @property
    def open(self) -> bool:
        return self.state in ("WAITING", "DELAYED", "READY", "RUNNING")

    def becomes(self, state: str) -> None:
        if state == "READY" and self.state != "READY":
            self.job.announced += 1
            self.ready_since = _calls[0]
        self.state, self.expired, self.phase = state, False, "PROBING" if state == "RUNNING" else None

    def told_to_stop(self) -> None:
        """By a cancellation, a deadline, or a sibling's failure."""
        if self.open:
            self.to_stop = True
            if self.state != "RUNNING":
                self.becomes("CANCELLED")

    @property
    def row(self) -> tuple[object, ...]:
        return (
            *(self.id, self.state, self.phase, self.attempt, self.fence, self.crashes, self.to_stop),
            len(self.waits_for),
        )


@dataclass(slots=True)
class Model:
    """What a job and its tasks must be."""

    id: UUID
    priority: int
    tasks: list[Task] = field(default_factory=list)
    state: str = "QUEUED"
    phase: str | None = None
    error: str = ""
    next_attempt: object = None
    cancelled: bool = False
    version: int = 1
    attempt: int = 0
    files: int = 0
    announced: int = 1
    dead_letters: int = 0
    wasted: int = 0  # folders to delete
    frozen: Any = None
    """The rows of a job that has ended, and of its files: they never change."""

    @property
    def over(self) -> bool:
        return self.state in FINAL_JOB_STATES

    @property
    def open(self) -> list[Task]:
        return [task for task in self.tasks if task.open]

    @property
    def under_way(self) -> bool:
        return any(task.state in ("RUNNING", "COMPLETED") for task in self.tasks)

    def _shown(self) -> tuple[object, ...]:
        return (self.state, self.phase, self.attempt, self.error, self.next_attempt, self.cancelled)

    @contextmanager
    def changed(self) -> Iterator[None]:
        """By one statement: one event, where anything that shows has changed."""
        before = self._shown()
        yield
        self.version += self._shown() != before

    def ends(self, state: str, error: str | None = None) -> None:
        self.state, self.phase = state, None
        if state != "COMPLETED" and len(self.tasks) > 1:
            self.wasted += sum(task.state == "COMPLETED" for task in self.tasks)
        if error is not None:
            self.error = error
        if state == "FAILED":
            self.dead_letters += 1
            for task in self.tasks:
                task.told_to_stop()

    def goes_back(self, error: str | None = None, *, wait: bool = False) -> None:
        """One of its tasks does; the job too, unless something is done or another runs."""
        if not self.under_way:
            self.state, self.phase = "QUEUED", None
            if error is not None:
                self.error = error
            if wait:
                self.next_attempt = object()


class StoreMachine(RuleBasedStateMachine):
    """Runs each call against PostgreSQL and the model."""

    store: Store
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[UUID, Model] = {}
        self.tasks: dict[UUID, Task] = {}
        self.leases: list[Lease] = []  # ever given, in their order
        self.keys: dict[str, tuple[str, UUID]] = {}
        self.do(self.store.turn(GRAPHS, on=True))
        self.do(self.store.rows(f"TRUNCATE {', '.join(TABLES)} CASCADE"))

    def do(self, call: Any) -> Any:
        _calls[0] += 1
        return self.runner.run(call)

    def model(self, number: int) -> Model:
        return list(self.models.values())[number % len(self.models)]

    def task(self, number: int) -> Task:
        return list(self.tasks.values())[number % len(self.tasks)]

    def lease(self, number: int) -> Lease:
        """Small numbers are the newest leases; the others are stale, or of tasks that ended."""
        return self.leases[-1 - number % len(self.leases)]

    def of(self, lease: Lease) -> Task | None:
        """The task that this lease holds now."""
        task = self.tasks.get(lease.task_id)
        return task if task and task.state == "RUNNING" and task.fence == lease.fence else None

    def agree(self, stored: StoredJob | None, model: Model | None) -> None:
        """A write by a lease that holds is answered with the job, another with None."""
        assert (stored is None) == (model is None)
        if stored and model:
            assert (UUID(stored.job.id), Job.State.Name(stored.job.state)) == (model.id, model.state)
            assert stored.job.version == model.version

    def added(self, new: NewJob) -> None:
        model = Model(id=new.id, priority=new.job.priority)
        self.models[new.id] = model
        self.grown(model, Task(id=new.task_id, job=model))

    def grown(self, model: Model, task: Task) -> None:
        model.tasks.append(task)
        self.tasks[task.id] = task

    @initialize(
        graph=st.lists(st.lists(numbers, max_size=3), min_size=2, max_size=MAX_TASKS - 1), limit=st.integers(1, 3)
    )
    def begin_with_a_graph(self, graph: list[list[int]], limit: int) -> None:
        """Else most runs are over before one is spawned, and its tasks are claimed."""
        self.submit([50])
        self.claim(1)
        self.complete([0], graph)
        self.claim(limit)

    @rule(priorities=st.lists(st.integers(0, 100), min_size=1, max_size=2))
    def submit(self, priorities: list[int]) -> None:
        new = [new_job(priority=p) for p in priorities]
        self.do(self.store.jobs.create(TENANT, USER, new))
        for job in new:
            self.added(job)

    @rule(key=st.sampled_from("kl"), body=st.sampled_from("ab"))
    def submit_with_key(self, key: str, body: str) -> None:
        new = new_job(key=key, body=body)
        [answer] = self.do(self.store.jobs.create(TENANT, USER, [new]))
        if key not in self.keys:
            self.keys[key] = (body, new.id)
            self.added(new)
        used, job_id = self.keys[key]
        assert isinstance(answer, Conflict) == (used != body)
        if isinstance(answer, StoredJob):
            assert UUID(answer.job.id) == job_id

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        claimed = self.do(self.store.leases.claim("me", limit=limit))

        def rank(task: Task) -> tuple[int, int]:
            return -task.job.priority, task.ready_since

        every = sorted((t for t in self.tasks.values() if t.state == "READY"), key=rank)
        ready = [self.tasks[task.id] for task in claimed]
        assert {task.state for task in ready} <= {"READY"}
        assert len({task.id for task in ready}) == len(ready)
        # Which of those that became ready in one step comes first, nobody says.
        assert [rank(task) for task in ready] == [rank(task) for task in every[:limit]]
        with ExitStack() as stack:
            for model in {task.job.id: task.job for task in ready}.values():
                stack.enter_context(model.changed())
            for task in ready:
                task.becomes("RUNNING")
                task.fence, task.attempt = task.fence + 1, task.attempt + 1
                job = task.job
                job.state, job.phase, job.next_attempt = "PROCESSING", job.phase or "PROBING", None
                job.attempt = task.attempt if len(job.tasks) == 1 else max(job.attempt, task.attempt)
        for got, task in zip(claimed, ready, strict=True):
            assert (got.fence, got.attempt, got.crashes) == (task.fence, task.attempt, task.crashes)
            assert got.job.attempt == task.job.attempt
            name = str(got.fence) if task is task.job.tasks[0] else f"{task.id}-{got.fence}"
            assert got.output_prefix == f"file:///out/{task.job.id}-{name}/"
            self.leases.append(got.lease)

    @precondition(lambda self: self.leases)
    @rule(chosen=several)
    def heartbeat(self, chosen: list[int]) -> None:
        leases = {self.lease(n) for n in chosen}
        held = {lease: task for lease in leases if (task := self.of(lease))}
        assert self.do(self.store.leases.heartbeat(list(leases))) == {x: t.to_stop for x, t in held.items()}
        for task in held.values():
            task.expired = False

    @precondition(lambda self: self.leases)
    @rule(number=numbers, phase=st.sampled_from([Phase.TRANSCODING, Phase.UPLOADING]))
    def report(self, number: int, phase: Phase) -> None:
        lease = self.lease(number)
        task = self.of(lease)
        stored = self.do(self.store.leases.report(lease, phase, []))
        model = task.job if task else None
        if task:
            task.phase = phase
        if model and model.over:  # a deadline passed; the holder has not heard
            model = None
        if model:
            with model.changed():
                several = len(model.tasks) > 1
                model.phase = max(model.phase or "", phase, key=list(Phase).index) if several else phase
        self.agree(stored, model)

    @precondition(lambda self: self.leases)
    @rule(chosen=several, graph=graphs)
    def complete(self, chosen: list[int], graph: list[list[int]]) -> None:
        """Each by its lease; the first that holds spawns the graph."""
        leases = list({self.lease(n) for n in chosen})
        done = {lease: task for lease in leases if (task := self.of(lease)) and not task.to_stop}
        new = _new_tasks(graph)
        parent = next((x for x, t in done.items() if len(t.job.tasks) + len(new) <= MAX_TASKS), None)
        finished = [
            FinishedTask(
                lease=x,
                files=(made(position=list(self.tasks).index(x.task_id)),) if x.task_id in self.tasks else (),
                spawned=new if x == parent else (),
            )
            for x in leases
        ]
        answer = self.do(self.store.leases.complete(finished))
        assert set(answer) == set(done)
        with ExitStack() as stack:
            for model in {task.job.id: task.job for task in done.values()}.values():
                stack.enter_context(model.changed())
            for lease, task in done.items():
                task.becomes("COMPLETED")
                task.job.files += 1
                for more in new if lease == parent else ():
                    state = "WAITING" if more.depends_on else "READY"
                    self.grown(task.job, Task(id=more.id, job=task.job, waits_for=set(more.depends_on), state=state))
                    task.job.announced += state == "READY"
                for other in task.job.tasks:
                    other.waits_for.discard(task.id)
                    if other.state == "WAITING" and not other.waits_for:
                        other.becomes("READY")
            for task in done.values():
                if not task.job.open and not task.job.over:
                    task.job.ends("COMPLETED", "")
        for lease, task in done.items():
            self.agree(answer[lease], task.job)

    @precondition(lambda self: self.leases)
    @rule(number=numbers, end=st.sampled_from(["retry", "fail", "release", "cancelled"]))
    def end_attempt(self, number: int, end: str) -> None:
        lease = self.lease(number)
        task = self.of(lease)
        if task and task.to_stop != (end == "cancelled"):
            task = None
        calls: dict[str, Any] = {
            "retry": lambda: self.store.leases.retry(lease, AWAY, wait_seconds=3600),
            "fail": lambda: self.store.leases.fail(lease, BAD_INPUT),
            "release": lambda: self.store.leases.release(lease),
            "cancelled": lambda: self.store.leases.cancelled(lease),
        }
        stored = self.do(calls[end]())
        model = task.job if task else None
        if task and model:
            model.wasted += 1
            over = model.over
            with model.changed():
                self.ended(task, end)
            if over:  # FAILED before, by its deadline or a sibling
                model = None
        self.agree(stored, model)

    def ended(self, task: Task, end: str) -> None:
        model = task.job
        task.becomes({"retry": "DELAYED", "fail": "FAILED", "release": "READY", "cancelled": "CANCELLED"}[end])
        if end == "retry":
            model.goes_back("INPUT_UNAVAILABLE", wait=True)
        elif end == "release":
            task.attempt -= 1
            model.attempt = max(t.attempt for t in model.tasks)
            model.goes_back()
        elif end == "fail":
            model.ends("FAILED", "INPUT_CORRUPT")
        elif not model.over and not model.open:
            model.ends("CANCELLED")

    @precondition(lambda self: self.models)
    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        model = self.model(number)
        if model.over:
            self.cancel_late(model)
            return
        stored = self.do(self.store.jobs.cancel(TENANT, model.id, ""))
        with model.changed():
            model.cancelled = True
            for task in model.tasks:
                task.told_to_stop()
            if not model.open:
                model.ends("CANCELLED")
                model.next_attempt = None
        self.agree(stored, model)

    def cancel_late(self, model: Model) -> None:
        try:
            self.do(self.store.jobs.cancel(TENANT, model.id, ""))
            assert model.state == "CANCELLED"
        except WrongState:
            assert model.state in ("COMPLETED", "FAILED")

    @precondition(lambda self: self.tasks)
    @rule(chosen=several)
    def silence(self, chosen: list[int]) -> None:
        for task in map(self.task, chosen):
            if task.state == "RUNNING":
                self.do(self.store.end_lease(task.id))
                task.expired = True

    @rule()
    def rescue(self) -> None:
        rescued = self.do(self.store.rescue(max_crashes=MAX_CRASHES))
        expected = set()
        for model in self.models.values():
            if expired := [task for task in model.tasks if task.expired]:
                if not model.over:
                    expected.add(str(model.id))
                with model.changed():
                    self.rescued(model, expired)
        assert {s.job.id for s in rescued} == expected

    def rescued(self, model: Model, expired: list[Task]) -> None:
        model.wasted += len(expired)
        for task in expired:
            task.crashes += 1
        fatal = [task for task in expired if not task.to_stop and task.crashes >= MAX_CRASHES]
        if fatal:
            for task in expired:
                task.to_stop = task.to_stop or task not in fatal
                task.becomes("FAILED" if task in fatal else "CANCELLED")
            model.ends("FAILED", "WORKER_LOST")
            return
        for task in expired:
            task.becomes("CANCELLED" if task.to_stop else "READY")
        if model.over:
            return
        if not model.open:
            model.ends("CANCELLED")
        elif any(task.state == "READY" for task in expired):
            model.goes_back("WORKER_LOST")

    @rule()
    def wake(self) -> None:
        self.do(self.store.rows("UPDATE tasks SET run_at = '-infinity' WHERE state = 'DELAYED'"))
        due = [task for task in self.tasks.values() if task.state == "DELAYED"]
        assert len(self.do(self.store.leases.wake_delayed(limit=99))) == len(due)
        for task in due:
            task.becomes("READY")

    @precondition(lambda self: self.models)
    @rule(number=numbers)
    def pass_deadline(self, number: int) -> None:
        model = self.model(number)
        if model.over:
            return
        self.do(self.store.rows("UPDATE jobs SET deadline = '-infinity' WHERE id = $1", model.id))
        [expired] = self.do(self.store.leases.expire(limit=99))
        with model.changed():
            model.ends("FAILED", "DEADLINE_EXCEEDED")
            model.next_attempt = None
        self.agree(expired, model)

    @rule()
    def relay(self) -> None:
        self.do(self._relay())
        for model in self.models.values():
            model.announced = model.dead_letters = 0

    async def _relay(self) -> None:
        async with self.store.outbox.batch(10_000):
            pass

    @rule()
    def retire(self) -> None:
        self.do(self.store.retention.delete_jobs(timedelta(0), own_storage="file:///none", limit=999))
        self.models = {i: m for i, m in self.models.items() if not m.over}
        self.tasks = {task.id: task for model in self.models.values() for task in model.tasks}
        kept = [str(m.id) for m in self.models.values()]
        self.do(self.store.rows("DELETE FROM outbox WHERE key <> ALL ($1)", kept))

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        rows = self.do(self.store.rows(_STATE))
        assert len(rows) == len(self.models)
        for row in rows:
            model = self.models[row["id"]]
            assert dict(row) == {
                "id": model.id,
                "state": model.state,
                "phase": model.phase,
                "version": model.version,
                "attempt": model.attempt,
                "open": row["open"] if model.state == "FAILED" else len(model.open),
                "waits": model.next_attempt is not None,
                "tasks": sorted(task.row for task in model.tasks),
                "events": list(range(1, model.version + 1)),
                "last": [model.state, model.phase, str(model.attempt)],
                "files": model.files,
                "announced": model.announced,
                "dead_letters": model.dead_letters,
                "wasted": model.wasted,
                "frozen": model.frozen or row["frozen"],
            }
            if model.over and row["frozen"]:
                model.frozen = row["frozen"]


def _new_tasks(graph: list[list[int]]) -> tuple[NewTask, ...]:
    """A task for each list, which says on which of those before it depends."""
    ids = sorted(uuid_utils.uuid7() for _ in graph)
    return tuple(
        NewTask(id=ids[i], kind=KINDS[0], depends_on=tuple({ids[n % i] for n in before} if i else ()))
        for i, before in enumerate(graph)
    )


# One row for each job: its own, its tasks', and what was written about it.
_STATE = """
SELECT j.id, j.state, j.phase, j.version, j.attempt, j.open_tasks AS open, j.next_attempt_time IS NOT NULL AS waits,
    (SELECT array_agg((t.id, t.state::text, t.phase::text, t.attempt, t.fence, t.crashes, t.cancel_requested,
                       t.open_dependencies) ORDER BY t.id) FROM tasks t WHERE t.job_id = j.id) AS tasks,
    (SELECT array_agg(seq ORDER BY seq) FROM job_events WHERE job_id = j.id) AS events,
    (SELECT ARRAY[state::text, phase::text, attempt::text] FROM job_events WHERE job_id = j.id AND seq = j.version)
        AS last,
    (SELECT count(*) FROM output_files WHERE job_id = j.id) AS files,
    (SELECT count(*) FROM outbox WHERE key = j.id::text AND starts_with(topic, 'tasks')) AS announced,
    (SELECT count(*) FROM outbox WHERE key = j.id::text AND topic = 'dead-letter') AS dead_letters,
    (SELECT count(*) FROM storage_deletions WHERE starts_with(uri, j.output_prefix)) AS wasted,
    CASE WHEN j.end_time IS NOT NULL THEN j.xmin::text || j::text END AS frozen
FROM jobs j
"""


@pytest.mark.timeout(60 + STEPS // 10)
def test_the_store_does_what_its_model_does(
    databases: Databases, record_property: Callable[[str, object], None]
) -> None:
    record_property("figures", f"REELMILL_TEST_SEED={SEED}: {STEPS} steps")
    with asyncio.Runner() as runner:
        url = runner.run(databases.create())
        database = Database(url, pool_size=2, publish_events=False, application="test")
        runner.run(database.start())
        machine = type("Machine", (StoreMachine,), {"store": Store(database), "runner": runner})
        try:
            run_state_machine_as_test(
                seed(SEED)(machine),
                settings=settings(
                    max_examples=max(1, STEPS // STEPS_IN_A_RUN),
                    stateful_step_count=STEPS_IN_A_RUN,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.stop())
            runner.run(databases.drop(url))
