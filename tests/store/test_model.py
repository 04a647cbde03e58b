"""The store against a small model of it: random calls by many workers, most of them late.

`make long` runs 100,000 steps; REELMILL_TEST_SEED repeats a run (its seed is printed).
"""

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from effort import short_or_long
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from services.databases import Databases
from store.kit import AWAY, BAD_INPUT, TABLES, TENANT, USER, Store, made, new_job

from reelmill.jobs.errors import Conflict, WrongState
from reelmill.jobs.states import FINAL_JOB_STATES, Phase
from reelmill.store.database import Database
from reelmill.store.leases import FinishedTask
from reelmill.store.records import ClaimedTask, Lease, StoredJob
from reelmill.v1.jobs_pb2 import Job

MAX_CRASHES = 2
STEPS_IN_A_RUN = 50
STEPS = short_or_long(3_000, 100_000)
SEED = int(os.environ.get("REELMILL_TEST_SEED") or ("1" if os.environ.get("CI") else secrets.randbelow(2**32)))

numbers = st.integers(0, 99)
several = st.lists(numbers, min_size=1, max_size=5)


@dataclass(slots=True)
class Model:
    """What a job and its one task must be."""

    id: UUID
    task_id: UUID
    priority: int
    state: str = "QUEUED"
    task: str = "READY"
    phase: str | None = None
    version: int = 1
    attempt: int = 0
    fence: int = 0
    crashes: int = 0
    to_stop: bool = False
    expired: bool = False
    past_deadline: bool = False
    announced: int = 1
    dead_letters: int = 0
    wasted: int = 0  # folders to delete
    frozen: Any = None
    """The rows of a job that has ended, and of its files: they never change."""

    @property
    def over(self) -> bool:
        return self.state in FINAL_JOB_STATES

    def held(self, lease: Lease) -> bool:
        return self.task == "RUNNING" and self.task_id == lease.task_id and self.fence == lease.fence

    def becomes(self, state: str, task: str, phase: str | None = None) -> None:
        """A change of the job, which is one event, and of its task."""
        self.state, self.phase, self.version = state, phase, self.version + 1
        self.lets_go(task)

    def lets_go(self, task: str) -> None:
        """The task alone changes."""
        if task == "READY" and self.task != "READY":
            self.announced += 1
        self.task, self.expired = task, False


class StoreMachine(RuleBasedStateMachine):
    """Runs each call against PostgreSQL and the model."""

    store: Store
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[UUID, Model] = {}  # by task
        self.leases: list[Lease] = []  # ever given, in their order
        self.keys: dict[str, tuple[str, UUID]] = {}
        self.do(self.store.rows(f"TRUNCATE {', '.join(TABLES)}"))

    def do(self, call: Any) -> Any:
        return self.runner.run(call)

    def model(self, number: int) -> Model:
        return list(self.models.values())[number % len(self.models)]

    def lease(self, number: int) -> Lease:
        """Small numbers are the newest leases; the others are stale, or of tasks that ended."""
        return self.leases[-1 - number % len(self.leases)]

    def of(self, lease: Lease) -> Model | None:
        """The model that this lease holds now."""
        model = self.models.get(lease.task_id)
        return model if model and model.held(lease) else None

    def agree(self, stored: StoredJob | None, model: Model | None) -> None:
        """A write by a lease that holds is answered with the job, another with None."""
        assert (stored is None) == (model is None)
        if stored and model:
            assert (UUID(stored.job.id), Job.State.Name(stored.job.state)) == (model.id, model.state)
            assert stored.job.version == model.version

    @rule(priorities=st.lists(st.integers(0, 100), min_size=1, max_size=4))
    def submit(self, priorities: list[int]) -> None:
        new = [new_job(priority=p) for p in priorities]
        self.do(self.store.jobs.create(TENANT, USER, new))
        self.models |= {n.task_id: Model(id=n.id, task_id=n.task_id, priority=n.job.priority) for n in new}

    @rule(key=st.sampled_from("kl"), body=st.sampled_from("ab"))
    def submit_with_key(self, key: str, body: str) -> None:
        new = new_job(key=key, body=body)
        [answer] = self.do(self.store.jobs.create(TENANT, USER, [new]))
        if key not in self.keys:
            self.keys[key] = (body, new.id)
            self.models[new.task_id] = Model(id=new.id, task_id=new.task_id, priority=new.job.priority)
        used, job_id = self.keys[key]
        assert isinstance(answer, Conflict) == (used != body)
        if isinstance(answer, StoredJob):
            assert UUID(answer.job.id) == job_id

    @precondition(lambda self: self.models)
    @rule(chosen=several, limit=st.integers(1, 3))
    def claim(self, chosen: list[int], limit: int) -> None:
        ids = {self.model(n).task_id for n in chosen}
        claimed = self.do(self.store.leases.claim(list(ids), "me", limit=limit))
        self.claimed(claimed, [self.models[i] for i in ids], limit)

    @rule(limit=st.integers(1, 3))
    def claim_swept(self, limit: int) -> None:
        self.claimed(self.do(self.store.leases.claim_swept(0, "me", limit=limit)), list(self.models.values()), limit)

    def claimed(self, claimed: list[ClaimedTask], offered: list[Model], limit: int) -> None:
        ready = sorted((m for m in offered if m.task == "READY"), key=lambda m: (-m.priority, m.task_id))
        assert [t.id for t in claimed] == [m.task_id for m in ready[:limit]]
        for task, model in zip(claimed, ready, strict=False):
            model.becomes("PROCESSING", "RUNNING", "PROBING")
            model.fence, model.attempt = model.fence + 1, model.attempt + 1
            assert (task.fence, task.job.attempt, task.crashes) == (model.fence, model.attempt, model.crashes)
            self.leases.append(task.lease)

    @precondition(lambda self: self.leases)
    @rule(chosen=several)
    def heartbeat(self, chosen: list[int]) -> None:
        leases = {self.lease(n) for n in chosen}
        held = {lease: model for lease in leases if (model := self.of(lease))}
        assert self.do(self.store.leases.heartbeat(list(leases))) == {x: m.to_stop for x, m in held.items()}
        for model in held.values():
            model.expired = False

    @precondition(lambda self: self.leases)
    @rule(number=numbers, phase=st.sampled_from([Phase.TRANSCODING, Phase.UPLOADING]))
    def report(self, number: int, phase: Phase) -> None:
        lease = self.lease(number)
        model = self.of(lease)
        if model and model.over:  # a deadline passed; the holder has not heard
            model = None
        stored = self.do(self.store.leases.report(lease, phase, []))
        if model and model.phase != phase:
            model.phase, model.version = phase, model.version + 1
        self.agree(stored, model)

    @precondition(lambda self: self.leases)
    @rule(chosen=several)
    def complete(self, chosen: list[int]) -> None:
        leases = {self.lease(n) for n in chosen}
        done = {lease: m for lease in leases if (m := self.of(lease)) and not m.to_stop}
        answer = self.do(self.store.leases.complete([FinishedTask(lease=x, files=(made(),)) for x in leases]))
        assert set(answer) == set(done)
        for lease, model in done.items():
            model.becomes("COMPLETED", "COMPLETED")
            self.agree(answer[lease], model)

    @precondition(lambda self: self.leases)
    @rule(number=numbers, end=st.sampled_from(["retry", "fail", "release", "cancelled"]))
    def end_attempt(self, number: int, end: str) -> None:
        lease = self.lease(number)
        model = self.of(lease)
        if model and model.to_stop != (end == "cancelled"):
            model = None
        calls: dict[str, Any] = {
            "retry": lambda: self.store.leases.retry(lease, AWAY, wait_seconds=3600),
            "fail": lambda: self.store.leases.fail(lease, BAD_INPUT),
            "release": lambda: self.store.leases.release(lease),
            "cancelled": lambda: self.store.leases.cancelled(lease),
        }
        stored = self.do(calls[end]())
        if model:
            model.wasted += 1
            if end == "cancelled" and model.over:  # FAILED by its deadline before
                model.lets_go("CANCELLED")
                model = None
            elif end == "release":
                model.attempt -= 1
                model.becomes("QUEUED", "READY")
            elif end == "fail":
                model.dead_letters += 1
                model.becomes("FAILED", "FAILED")
            else:
                model.becomes(*(("QUEUED", "DELAYED") if end == "retry" else ("CANCELLED", "CANCELLED")))
        self.agree(stored, model)

    @precondition(lambda self: self.models)
    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        model = self.model(number)
        if model.over:
            self.cancel_late(model)
            return
        stored = self.do(self.store.jobs.cancel(TENANT, model.id, ""))
        if model.task != "RUNNING":
            model.becomes("CANCELLED", "CANCELLED")
        elif not model.to_stop:
            model.version += 1
        model.to_stop = True
        self.agree(stored, model)

    def cancel_late(self, model: Model) -> None:
        try:
            self.do(self.store.jobs.cancel(TENANT, model.id, ""))
            assert model.state == "CANCELLED"
        except WrongState:
            assert model.state in ("COMPLETED", "FAILED")

    @precondition(lambda self: self.models)
    @rule(number=numbers)
    def silence(self, number: int) -> None:
        model = self.model(number)
        if model.task == "RUNNING":
            self.do(self.store.end_lease(model.task_id))
            model.expired = True

    @rule()
    def rescue(self) -> None:
        rescued = self.do(self.store.rescue(max_crashes=MAX_CRASHES))
        expected = set()
        for model in self.models.values():
            if not model.expired:
                continue
            model.crashes, model.wasted = model.crashes + 1, model.wasted + 1
            if model.over:
                model.lets_go("CANCELLED")
                continue
            expected.add(str(model.id))
            if model.to_stop:
                model.becomes("CANCELLED", "CANCELLED")
            elif model.crashes >= MAX_CRASHES:
                model.dead_letters += 1
                model.becomes("FAILED", "FAILED")
            else:
                model.becomes("QUEUED", "READY")
        assert {s.job.id for s in rescued} == expected

    @rule()
    def wake(self) -> None:
        self.do(self.store.rows("UPDATE tasks SET run_at = '-infinity' WHERE state = 'DELAYED'"))
        due = [m for m in self.models.values() if m.task == "DELAYED"]
        assert len(self.do(self.store.leases.wake_delayed(limit=99))) == len(due)
        for model in due:
            model.lets_go("READY")

    @precondition(lambda self: self.models)
    @rule(number=numbers)
    def pass_deadline(self, number: int) -> None:
        model = self.model(number)
        if model.over:
            return
        self.do(self.store.rows("UPDATE jobs SET deadline = '-infinity' WHERE id = $1", model.id))
        [expired] = self.do(self.store.leases.expire(limit=99))
        model.dead_letters, model.to_stop = model.dead_letters + 1, True
        expired_lease = model.expired
        model.becomes("FAILED", "RUNNING" if model.task == "RUNNING" else "CANCELLED")
        model.expired = expired_lease  # telling a worker to stop renews nothing
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
        kept = [str(m.id) for m in self.models.values()]
        self.do(self.store.rows("DELETE FROM outbox WHERE key <> ALL ($1)", kept))

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        rows = self.do(self.store.rows(_STATE))
        assert len(rows) == len(self.models)
        for row in rows:
            model = self.models[row["task_id"]]
            assert dict(row) == {
                "task_id": model.task_id,
                "job_id": model.id,
                "state": model.state,
                "task": model.task,
                "phase": model.phase,
                "version": model.version,
                "attempt": model.attempt,
                "fence": model.fence,
                "crashes": model.crashes,
                "to_stop": model.to_stop,
                "events": list(range(1, model.version + 1)),
                "last": [model.state, model.phase, str(model.attempt)],
                "files": int(model.state == "COMPLETED"),
                "announced": model.announced,
                "dead_letters": model.dead_letters,
                "wasted": model.wasted,
                "frozen": model.frozen or row["frozen"],
            }
            if model.over and row["frozen"]:
                model.frozen = row["frozen"]


# One row for each job: its own, its task's, and what was written about it.
_STATE = """
SELECT t.id AS task_id, j.id AS job_id, j.state, t.state AS task, j.phase, j.version, j.attempt, t.fence, t.crashes,
    t.cancel_requested AS to_stop,
    (SELECT array_agg(seq ORDER BY seq) FROM job_events WHERE job_id = j.id) AS events,
    (SELECT ARRAY[state::text, phase::text, attempt::text] FROM job_events WHERE job_id = j.id AND seq = j.version)
        AS last,
    (SELECT count(*) FROM output_files WHERE job_id = j.id) AS files,
    (SELECT count(*) FROM outbox WHERE key = j.id::text AND starts_with(topic, 'tasks')) AS announced,
    (SELECT count(*) FROM outbox WHERE key = j.id::text AND topic = 'dead-letter') AS dead_letters,
    (SELECT count(*) FROM storage_deletions WHERE starts_with(uri, j.output_prefix)) AS wasted,
    CASE WHEN j.end_time IS NOT NULL THEN j.xmin::text || j::text END AS frozen
FROM jobs j JOIN tasks t ON t.job_id = j.id
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
