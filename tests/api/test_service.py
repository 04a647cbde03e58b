"""The service in the test's own process: what it tells to cache, relay and metrics, and how much it answers at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import grpc
import pytest
from google.rpc.status_pb2 import Status as RpcStatus
from jobs import job
from prometheus_client import REGISTRY
from waiting import soon

from reelmill.api.checks import Checks
from reelmill.api.interceptors import Guard
from reelmill.api.jobs_service import JobService
from reelmill.api.outlook import Outlook
from reelmill.api.submission import Submitter
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import CANCELS
from reelmill.capacity import Limits
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.jobs.states import Phase
from reelmill.queue.postgres import PostgresQueue
from reelmill.relay import Relay
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.leases import FinishedTask, LeaseStore
from reelmill.store.measures import MeasureStore
from reelmill.store.outbox import OutboxStore
from reelmill.store.records import ClaimedTask
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.store.waiting import WaitingStore
from reelmill.telemetry import metrics
from reelmill.telemetry.metrics import SUBMITTED, expose
from reelmill.v1 import jobs_pb2 as pb

NO_PLANNER: Any = None  # who asks for no steps needs none
NO_ESTIMATOR: Any = None

TENANT = DEFAULT_IDENTITY.tenant_id


class Context:
    """What a method asks of a call."""

    def __init__(self, **metadata: str) -> None:
        self._metadata = tuple(metadata.items())
        self.aborted: tuple[grpc.StatusCode, str, RpcStatus] | None = None

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
        self.aborted = code, details, RpcStatus.FromString(dict(trailing_metadata)["grpc-status-details-bin"])
        raise grpc.aio.AbortError


CONTEXT = Context()


class OpenDoor:
    """Lets everybody in, as the one user of the one tenant."""

    identity = DEFAULT_IDENTITY

    async def enter(self, path: str, context: Any) -> "OpenDoor":
        return self

    async def check(self, request: Any) -> None:
        """Of nobody in particular."""

    def stream(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def ended(self, request: Any, answer: Any, outcome: str) -> None:
        """Nothing is recorded."""

    async def run(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


OPEN = OpenDoor()


class Nudged(Relay):
    """A relay that counts its nudges."""

    nudges = 0

    def nudge(self) -> None:
        self.nudges += 1


class Api(NamedTuple):
    """A service and what is around it."""

    service: JobService
    database: Database
    cache: MemoryCache
    relay: Nudged

    async def create(self, **fields: Any) -> pb.Job:
        return await self.service.CreateJob(pb.CreateJobRequest(job=job(**fields)), CONTEXT)

    async def claim(self) -> ClaimedTask:
        [task] = await LeaseStore(self.database, lease_seconds=60).claim("me", limit=1)
        return task

    async def rows(self, query: str, *arguments: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetch(query, *arguments)


def outlook_on(database: Database) -> Outlook:
    """What is known of how things go there."""
    return Outlook(WaitingStore(database), MeasureStore(database), silent_seconds=60)


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    cache = MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
    storage = Storage.from_settings(Settings(data_dir=tmp_path))
    relay = Nudged(OutboxStore(database), PostgresQueue(database), interval_seconds=60)
    jobs = JobStore(database)
    submitter, outlook = Submitter(jobs, cache, storage, relay, keys=Keys([bytes(32)])), outlook_on(database)
    service = JobService(jobs, cache, submitter, NO_PLANNER, NO_ESTIMATOR, outlook, lambda _: DEFAULT_IDENTITY)
    yield Api(service, database, cache, relay)


async def cached(api: Api, job_id: str) -> pb.Job | None:
    status = await api.cache.get(TENANT, UUID(job_id))
    return pb.Job.FromString(status.job) if status else None


async def test_a_new_job_is_told_to_the_cache_the_relay_and_the_metrics_once(api: Api) -> None:
    before = SUBMITTED["audio"]._value.get()
    request = pb.CreateJobRequest(job=job(), request_id=str(uuid4()))
    made = await api.service.CreateJob(request, CONTEXT)
    assert await cached(api, made.id) == made
    assert (api.relay.nudges, SUBMITTED["audio"]._value.get()) == (1, before + 1)
    assert (await api.service.CreateJob(request, CONTEXT)).id == made.id
    assert SUBMITTED["audio"]._value.get() == before + 1, "the same job again is no new one"
    assert made.priority == 50


async def test_calls_that_arrive_together_share_a_transaction_and_answer_each_its_own(api: Api) -> None:
    labels = [f"job-{i}" for i in range(20)]
    made = await asyncio.gather(*(api.create(labels={"name": name}) for name in labels))
    assert [m.labels["name"] for m in made] == labels
    [row] = await api.rows("SELECT count(DISTINCT xmin::text) AS transactions, count(*) AS jobs FROM jobs")
    assert row["jobs"] == 20 and row["transactions"] < 20


async def test_a_trace_goes_with_the_task(api: Api) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    await api.service.CreateJob(pb.CreateJobRequest(job=job()), Context(traceparent=parent))
    [row] = await api.rows("SELECT traceparent FROM tasks")
    assert row["traceparent"].split("-")[1] == "a" * 32


async def test_a_batch_tells_all_that_it_made(api: Api) -> None:
    requests = [pb.CreateJobRequest(job=job(priority=p)) for p in (1, 2)]
    answer = await api.service.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=requests), CONTEXT)
    for result, priority in zip(answer.results, (1, 2), strict=True):
        told = await cached(api, result.job.id)
        assert told is not None and told.priority == priority == result.job.priority
    assert api.relay.nudges == 1


def ended(state: str) -> float:
    """How many jobs were counted as ended so."""
    samples = (sample for metric in metrics._FINISHED.collect() for sample in metric.samples)
    return sum(s.value for s in samples if s.name.endswith("_total") and s.labels["state"] == state)


async def test_a_cancellation_is_told_to_the_cache_and_to_all_workers(api: Api) -> None:
    made = await api.create()
    before = ended("CANCELLED")
    async with api.cache.subscribe(CANCELS) as cancels:
        stopped = await api.service.CancelJob(pb.CancelJobRequest(id=made.id, reason="why"), CONTEXT)
        assert await cancels.wait(0)
    assert await cached(api, made.id) == stopped
    assert stopped.state == pb.Job.CANCELLED
    [line] = await api.rows("SELECT message FROM job_logs")
    assert line["message"] == "cancellation accepted: why"
    again = await api.service.CancelJob(pb.CancelJobRequest(id=made.id), CONTEXT)
    assert (again, ended("CANCELLED") - before) == (stopped, 1), "an end is counted once"


async def test_a_retry_is_told_like_a_new_job(api: Api) -> None:
    made = await api.create()
    await api.service.CancelJob(pb.CancelJobRequest(id=made.id), CONTEXT)
    nudges = api.relay.nudges
    again = await api.service.RetryJob(pb.RetryJobRequest(id=made.id), CONTEXT)
    assert (again.retry_of, api.relay.nudges) == (made.id, nudges + 1)
    assert await cached(api, again.id) == again


async def test_progress_shows_while_a_job_runs_and_not_before_or_after(api: Api) -> None:
    made = await api.create()
    await api.cache.put_progress(TENANT, UUID(made.id), 1, pb.Progress(percent=42).SerializeToString())
    for view in (pb.BASIC, pb.FULL):
        assert (await api.service.GetJob(pb.GetJobRequest(id=made.id, view=view), CONTEXT)).progress.percent == 0
    task = await api.claim()
    for view in (pb.FULL, pb.BASIC):
        found = await api.service.GetJob(pb.GetJobRequest(id=made.id, view=view), CONTEXT)
        assert (found.state, found.progress.percent) == (pb.Job.PROCESSING, 42)
    await LeaseStore(api.database, lease_seconds=60).complete([FinishedTask(lease=task.lease)])
    assert (await api.service.GetJob(pb.GetJobRequest(id=made.id, view=pb.FULL), CONTEXT)).progress.percent == 100


async def test_a_basic_view_comes_from_the_cache_and_a_full_one_from_the_database(api: Api) -> None:
    made = await api.create()
    await api.claim()  # of which nobody told the cache
    assert (await api.service.GetJob(pb.GetJobRequest(id=made.id), CONTEXT)).state == pb.Job.QUEUED
    full = await api.service.GetJob(pb.GetJobRequest(id=made.id, view=pb.FULL), CONTEXT)
    assert full.state == pb.Job.PROCESSING
    assert await cached(api, made.id) == full, "what was told once is told to everybody"


async def test_a_page_has_50_jobs_unless_told_and_tells_them_to_the_cache(api: Api) -> None:
    requests = [pb.CreateJobRequest(job=job())] * 51
    await api.service.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=requests), CONTEXT)
    task = await api.claim()
    page = await api.service.ListJobs(pb.ListJobsRequest(), CONTEXT)
    assert len(page.jobs) == 50 and page.next_page_token
    rest = await api.service.ListJobs(pb.ListJobsRequest(page_token=page.next_page_token), CONTEXT)
    assert len(rest.jobs) == 1 and not rest.next_page_token
    told = await cached(api, task.job.id)
    assert told is not None and told.state == pb.Job.PROCESSING
    assert len((await api.service.ListJobs(pb.ListJobsRequest(page_size=7), CONTEXT)).jobs) == 7


async def test_a_page_of_history_has_100_lines_unless_told(api: Api) -> None:
    made = await api.create()
    lines = "SELECT $1, $2, 'INFO', 1, n::text FROM generate_series(1, 101) AS n"
    insert = f"INSERT INTO job_logs (job_id, tenant_id, level, attempt, message) {lines}"
    await api.rows(insert, UUID(made.id), TENANT)
    page = await api.service.ListJobLogs(pb.ListJobLogsRequest(id=made.id), CONTEXT)
    assert [line.message for line in page.logs] == [str(n) for n in range(1, 101)]
    assert page.next_after_sequence == page.logs[-1].sequence
    request = pb.ListJobLogsRequest(id=made.id, after_sequence=page.next_after_sequence)
    rest = await api.service.ListJobLogs(request, CONTEXT)
    assert ([line.message for line in rest.logs], rest.next_after_sequence) == (["101"], 0)


async def test_a_page_of_events_has_what_it_is_told(api: Api) -> None:
    made = await api.create()
    task = await api.claim()
    await LeaseStore(api.database, lease_seconds=60).report(task.lease, Phase.TRANSCODING, [])
    page = await api.service.ListJobEvents(pb.ListJobEventsRequest(id=made.id, page_size=2), CONTEXT)
    assert ([e.sequence for e in page.events], page.next_after_sequence) == ([1, 2], 2)
    request = pb.ListJobEventsRequest(id=made.id, after_sequence=2)
    rest = await api.service.ListJobEvents(request, CONTEXT)
    assert ([e.sequence for e in rest.events], rest.next_after_sequence) == ([3], 0)


@pytest.mark.parametrize("method", ["ListJobEvents", "ListJobLogs"])
async def test_the_history_of_no_job_is_not_found_and_of_a_quiet_one_is_empty(api: Api, method: str) -> None:
    call, request = getattr(api.service, method), getattr(pb, f"{method}Request")
    with pytest.raises(NotFound):
        await call(request(id=str(uuid4())), CONTEXT)
    assert not (await call(request(id=(await api.create()).id, after_sequence=9), CONTEXT)).ListFields()


async def test_a_watch_tells_events_once_and_progress_as_it_comes(api: Api) -> None:
    made = await api.create()
    job_id = UUID(made.id)
    watch = api.service.WatchJob(pb.WatchJobRequest(id=made.id), CONTEXT)
    first = await anext(watch)
    assert (first.sequence, first.state) == (1, pb.Job.QUEUED)
    task, leases = await api.claim(), LeaseStore(api.database, lease_seconds=60)
    coming = asyncio.ensure_future(anext(watch))
    await api.cache.put_progress(TENANT, job_id, 1, pb.Progress(percent=10).SerializeToString())
    told = [await soon(coming)]
    while told[-1].sequence:
        told.append(await soon(anext(watch)))
    assert [e.state for e in told] == [pb.Job.PROCESSING] * len(told)
    assert (told[-1].job_id, told[-1].progress.percent, told[-1].attempt) == (made.id, 10, 1)
    assert abs((told[-1].time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)).total_seconds()) < 60
    coming = asyncio.ensure_future(anext(watch))
    await api.cache.put_progress(TENANT, job_id, 1, pb.Progress(percent=10).SerializeToString())  # no news
    await leases.complete([FinishedTask(lease=task.lease)])
    last = await soon(coming)
    assert (last.sequence, last.state) == (3, pb.Job.COMPLETED)
    assert [event async for event in watch] == []


# Around every call.


class Details(NamedTuple):
    method: str


def guard() -> Guard:
    checks = Checks(Storage.from_settings(Settings()))
    return Guard(checks, Limits(request_max_bytes=2**20, batch_max_bytes=2**22), OPEN)


async def guarded(method: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """A unary method behind the guard, as grpc calls it."""

    async def continuation(details: Details) -> Any:
        return grpc.unary_unary_rpc_method_handler(method, pb.GetJobRequest.FromString)

    handler: Any = await guard().intercept_service(continuation, Details("/reelmill.v1.JobService/GetJob"))
    return handler.unary_unary


def sample(kind: str, code: str) -> float:
    return REGISTRY.get_sample_value(f"reelmill_api_request{kind}", {"method": "GetJob", "code": code}) or 0


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, "OK"), (NotFound("no"), "NOT_FOUND"), (Unavailable("x"), "UNAVAILABLE"), (ZeroDivisionError(), "INTERNAL")],
)
async def test_a_call_is_counted_and_timed_by_its_code(error: Exception | None, code: str) -> None:
    async def method(request: Any, context: Any) -> pb.Job:
        if error:
            raise error
        return pb.Job(id=request.id)

    expose("api")
    before = {c: (sample("s_total", c), sample("_duration_seconds_count", c)) for c in ("OK", code, "UNKNOWN")}
    call, context = await guarded(method), Context()
    if error is None:
        assert (await call(pb.GetJobRequest(id="x").SerializeToString(), context)).id == "x"
    else:
        with pytest.raises(grpc.aio.AbortError):
            await call(pb.GetJobRequest(id="x").SerializeToString(), context)
        assert context.aborted is not None
        assert (context.aborted[0].name, context.aborted[1]) == (code, context.aborted[2].message)
        assert "ZeroDivision" not in context.aborted[1]
    for c, (count, timed) in before.items():
        assert (sample("s_total", c), sample("_duration_seconds_count", c)) == (
            count + (c == code),
            timed + (c == code),
        )


async def test_a_request_that_breaks_a_rule_never_reaches_its_method() -> None:
    async def method(request: Any, context: Any) -> pb.Job:
        raise AssertionError("reached")

    call, context = await guarded(method), Context()
    with pytest.raises(grpc.aio.AbortError):
        await call(b"", context)
    assert context.aborted is not None and context.aborted[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_that_is_cancelled_is_counted_as_that() -> None:
    reached = asyncio.Event()

    async def method(request: Any, context: Any) -> pb.Job:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    expose("api")
    before = sample("s_total", "CANCELLED")
    task = asyncio.ensure_future((await guarded(method))(pb.GetJobRequest(id="x").SerializeToString(), Context()))
    await reached.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sample("s_total", "CANCELLED") == before + 1


async def test_what_grpc_brings_along_is_decoded_by_us_and_else_left_alone() -> None:
    async def method(request: Any, context: Any) -> Any:
        return request

    async def continuation(details: Details) -> Any:
        return grpc.unary_unary_rpc_method_handler(method, pb.GetJobRequest.FromString)

    handler: Any = await guard().intercept_service(continuation, Details("/grpc.health.v1.Health/Check"))
    assert await handler.unary_unary(pb.GetJobRequest(id="x").SerializeToString(), Context()) == pb.GetJobRequest(
        id="x"
    )
    context = Context()
    with pytest.raises(grpc.aio.AbortError):
        await handler.unary_unary(b"\xff", context)
    assert context.aborted is not None and context.aborted[0] is grpc.StatusCode.INVALID_ARGUMENT
