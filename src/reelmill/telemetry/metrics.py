"""All metrics. Labels come from closed sets only: no id, host, tenant or path is ever one.

Each process shows those of its own part (`expose`), so that what is not there is away, not zero.
Children are looked up once, here: what runs often only adds.
"""

import math
import platform
import resource
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from reelmill.jobs.codes import CODES, Category
from reelmill.jobs.operations import OPERATIONS, operation_of
from reelmill.jobs.states import FINAL_JOB_STATES, JobState, TaskState
from reelmill.v1.jobs_pb2 import Job

PRIORITIES = ("high", "normal", "low")
OUTCOMES = ("completed", "failed", "retried", "released", "cancelled", "discarded")
DEPENDENCIES = ("database", "queue", "cache", "storage")
OPEN_STATES = (TaskState.DELAYED, TaskState.READY, TaskState.RUNNING)
_LATENCY = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_WAIT = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)
_RUN = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)

_PARTS = CollectorRegistry()
_API = CollectorRegistry()
_GATEWAY = CollectorRegistry()
_WORKER = CollectorRegistry()
_SCHEDULER = CollectorRegistry()
_ENDS = CollectorRegistry()
_LIFE = CollectorRegistry()
_BY_PROCESS: Mapping[str, tuple[CollectorRegistry, ...]] = {
    "api": (_LIFE, _PARTS, _ENDS, _API),
    "gateway": (_LIFE, _GATEWAY),
    "worker": (_LIFE, _PARTS, _ENDS, _WORKER),
    "scheduler": (_LIFE, _PARTS, _ENDS, _SCHEDULER),
    "up": (_LIFE, _PARTS, _ENDS, _API, _GATEWAY, _WORKER, _SCHEDULER),
}


_BUILD = Gauge("reelmill_build_info", "1; what runs here", ["process", "version", "python"], registry=None)
_shown: list[Collector] = []


def expose(process: str) -> None:
    """Show the metrics of a kind of process at /metrics. Bears being called again, for another kind too."""
    _BUILD.labels(process, version("reelmill"), platform.python_version()).set(1)
    for part in (_BUILD, *_BY_PROCESS.get(process, _BY_PROCESS["up"])):
        if part not in _shown:
            _shown.append(part)
            REGISTRY.register(part)


# Parts that live as long as their process.

PART_ENDS = Counter(
    "reelmill_part_ends_total", "Unforeseen ends of a part; it was started again", ["part"], registry=_LIFE
)


# Jobs.

_SUBMITTED = Counter("reelmill_jobs_submitted_total", "Jobs stored", ["operation"], registry=_API)
SUBMITTED = {operation: _SUBMITTED.labels(operation) for operation in OPERATIONS}
_FINISHED = Counter(
    "reelmill_jobs_finished_total",
    "Jobs that ended here; category: whose fault a failure is",
    ["operation", "state", "category"],
    registry=_ENDS,
)
_END_CATEGORIES = {state: ("NONE",) for state in FINAL_JOB_STATES} | {JobState.FAILED: tuple(Category)}
_ENDED = {
    (operation, Job.State.Value(state), category): _FINISHED.labels(operation, state, category)
    for operation in OPERATIONS
    for state in sorted(FINAL_JOB_STATES)
    for category in _END_CATEGORIES[state]
}
_FAILED, _FINAL = Job.State.Value("FAILED"), frozenset(map(Job.State.Value, FINAL_JOB_STATES))


def count_ends(jobs: Iterable[Job]) -> None:
    """Count those of the jobs that have ended."""
    for job in jobs:
        if job.state in _FINAL:
            category = CODES[job.error.code].category if job.state == _FAILED else "NONE"
            _ENDED[operation_of(job), job.state, category].inc()


# What the scheduler samples: each shows the whole system's, so that a query takes the max of them.

_JOBS = Gauge("reelmill_jobs", "Jobs that have not ended, in the database", ["state", "operation"], registry=_SCHEDULER)
JOBS = {(s, o): _JOBS.labels(s, o) for s in (JobState.QUEUED, JobState.PROCESSING) for o in OPERATIONS}
_TASKS = Gauge(
    "reelmill_tasks", "Tasks in the database that have not ended", ["state", "priority"], registry=_SCHEDULER
)
TASKS = {(s, p): _TASKS.labels(s, p) for s in OPEN_STATES for p in PRIORITIES}
_OLDEST_READY = Gauge(
    "reelmill_tasks_oldest_ready_seconds",
    "How long the oldest READY task has waited; 0 where there is none",
    ["priority"],
    registry=_SCHEDULER,
)
OLDEST_READY = {p: _OLDEST_READY.labels(p) for p in PRIORITIES}
POOL_TASKS = Gauge(
    "reelmill_pool_tasks",
    "Tasks that wait for a worker or run; pool: the default, one of living workers or of metric_pools, else other",
    ["pool", "state"],
    registry=_SCHEDULER,
)
POOL_OLDEST_READY = Gauge(
    "reelmill_pool_oldest_ready_seconds",
    "How long a pool's oldest READY task has waited; 0 where there is none",
    ["pool"],
    registry=_SCHEDULER,
)
UNSERVED = Gauge(
    "reelmill_tasks_unserved",
    "READY tasks that no living worker can take: none is of their pool and has the labels that they need",
    registry=_SCHEDULER,
)
_LAG = Gauge(
    "reelmill_queue_lag_messages",
    "Messages of ready tasks that no worker has taken: the lag of the workers' group",
    ["priority"],
    registry=_SCHEDULER,
)
LAG = {p: _LAG.labels(p) for p in PRIORITIES}
EXPIRED_LEASES = Gauge("reelmill_leases_expired", "Leases that have ended and were not rescued", registry=_SCHEDULER)
OUTBOX = Gauge("reelmill_outbox_messages", "Messages that the relay has not sent", registry=_SCHEDULER)
OUTBOX_OLDEST = Gauge("reelmill_outbox_oldest_seconds", "Age of the oldest of them", registry=_SCHEDULER)
_UP = Gauge("reelmill_dependency_up", "1 while it answers the scheduler, else 0", ["dependency"], registry=_SCHEDULER)
UP = {name: _UP.labels(name) for name in DEPENDENCIES}
SAMPLED = Gauge(
    "reelmill_scheduler_last_sample_timestamp_seconds", "When the database was last counted", registry=_SCHEDULER
)
RESCUED = Counter("reelmill_scheduler_rescued_jobs_total", "Jobs taken back from silent workers", registry=_SCHEDULER)


# Webhooks: schedulers tell them.

WEBHOOK_OUTCOMES = (
    *("delivered", "rejected", "error", "timeout", "throttled", "gone", "unreachable", "forbidden", "unsigned"),
)
_WEBHOOK_TRIES = Counter(
    "reelmill_webhook_tries_total",
    "Messages that were sent to webhooks, or tried, by outcome",
    ["outcome"],
    registry=_SCHEDULER,
)
WEBHOOK_TRIES = {outcome: _WEBHOOK_TRIES.labels(outcome) for outcome in WEBHOOK_OUTCOMES}
WEBHOOKS_DISABLED = Counter(
    "reelmill_webhooks_disabled_total",
    "Webhooks that are told nothing any more, for they took nothing",
    registry=_SCHEDULER,
)
WEBHOOK_OLDEST_DUE = Gauge(
    "reelmill_webhook_oldest_due_seconds",
    "For how long the oldest message has been due at a webhook that takes messages; 0 where there is none",
    registry=_SCHEDULER,
)
WEBHOOKS_FAILING = Gauge(
    "reelmill_webhooks_failing", "Webhooks with messages to come that took none lately", registry=_SCHEDULER
)


def forget_counts() -> None:
    """Show no number of what can't be counted now: an old one would look like news."""
    for gauge in (*JOBS.values(), *TASKS.values(), *OLDEST_READY.values(), EXPIRED_LEASES, OUTBOX, OUTBOX_OLDEST):
        gauge.set(math.nan)
    show_pools(())


def show_pools(pools: Iterable[tuple[str, int, int, float]]) -> None:
    """Show these pools (name, tasks READY and RUNNING, seconds of the oldest READY one) and no others."""
    POOL_TASKS.clear()
    POOL_OLDEST_READY.clear()
    for pool, ready, running, oldest_seconds in pools:
        POOL_TASKS.labels(pool, TaskState.READY).set(ready)
        POOL_TASKS.labels(pool, TaskState.RUNNING).set(running)
        POOL_OLDEST_READY.labels(pool).set(oldest_seconds)


def forget_lag() -> None:
    """Show no lag: it can't be asked now."""
    for gauge in LAG.values():
        gauge.set(math.nan)


# Workers.

SLOTS = Gauge("reelmill_worker_slots", "Tasks that this worker may hold", registry=_WORKER)
RUNNING = Gauge("reelmill_worker_running_tasks", "Tasks that this worker holds", registry=_WORKER)
_QUEUE_WAIT = Histogram(
    "reelmill_worker_queue_wait_seconds",
    "From READY to the claim, by the database's clock",
    ["priority"],
    buckets=_WAIT,
    registry=_WORKER,
)
QUEUE_WAIT = {p: _QUEUE_WAIT.labels(p) for p in PRIORITIES}
_ATTEMPTS = Counter("reelmill_worker_attempts_total", "Attempts that ended", ["outcome"], registry=_WORKER)
ATTEMPTS = {outcome: _ATTEMPTS.labels(outcome) for outcome in OUTCOMES}
_CLAIMED = Counter("reelmill_worker_claimed_tasks_total", "Tasks taken, by what led to them", ["by"], registry=_WORKER)
CLAIMED = {by: _CLAIMED.labels(by) for by in ("message", "sweep")}
_FAILURES = Counter(
    "reelmill_worker_failures_total", "Attempts that failed, by error", ["code", "category"], registry=_WORKER
)
FAILURES = {code: _FAILURES.labels(code, meaning.category) for code, meaning in CODES.items()}
_OUTPUT_FAILURES = Counter(
    "reelmill_worker_output_failures_total",
    "Optional outputs that failed while their jobs went on, by error",
    ["code", "category"],
    registry=_WORKER,
)
OUTPUT_FAILURES = {code: _OUTPUT_FAILURES.labels(code, meaning.category) for code, meaning in CODES.items()}
_RUN_TIME = Histogram(
    "reelmill_worker_attempt_duration_seconds",
    "Time from claim to end",
    ["operation"],
    buckets=_RUN,
    registry=_WORKER,
)
RUN_TIME = {operation: _RUN_TIME.labels(operation) for operation in OPERATIONS}
_EARLY_STOPS = Counter(
    "reelmill_worker_early_stops_total",
    "Encodings that were stopped, for their files could not keep their contracts any more",
    ["field"],
    registry=_WORKER,
)
EARLY_STOPS = {field: _EARLY_STOPS.labels(field) for field in ("max_size_ratio", "max_peak_bitrate_bps")}
SPARED_CPU_SECONDS = Counter(
    "reelmill_worker_spared_cpu_seconds_total",
    "What encodings that were stopped would still have taken",
    registry=_WORKER,
)
INPUT_BYTES = Counter("reelmill_worker_input_bytes_total", "Bytes of inputs that were brought here", registry=_WORKER)
_KEPT_READS = Counter(
    "reelmill_worker_kept_input_reads_total",
    "Inputs of jobs of several tasks, from elsewhere: hit where they were here already",
    ["result"],
    registry=_WORKER,
)
KEPT_HITS, KEPT_MISSES = _KEPT_READS.labels("hit"), _KEPT_READS.labels("miss")
KEPT_BYTES = Gauge("reelmill_worker_kept_input_bytes", "Size of the inputs that are kept", registry=_WORKER)
KEPT_EVICTIONS = Counter(
    "reelmill_worker_kept_input_evictions_total", "Kept inputs that were removed", registry=_WORKER
)
JOINS_REFUSED = Counter(
    "reelmill_worker_joins_refused_total", "Videos whose chunks did not fit together: made whole", registry=_WORKER
)
_REUSE = Counter(
    "reelmill_worker_reused_outputs_total",
    "Outputs that might be there already: hit where an earlier job's was taken",
    ["result"],
    registry=_WORKER,
)
REUSE_HITS, REUSE_MISSES = _REUSE.labels("hit"), _REUSE.labels("miss")
OUTPUT_BYTES = Counter("reelmill_worker_output_bytes_total", "Bytes of outputs that were stored", registry=_WORKER)
DISK_FREE = Gauge("reelmill_worker_disk_free_bytes", "Free space where attempts work", registry=_WORKER)
DISK_RESERVE = Gauge("reelmill_worker_disk_reserve_bytes", "Free space that attempts must leave", registry=_WORKER)

running_ffmpegs: set[int] = set()
"""Ids of this process's ffmpegs."""


def _cpu_seconds(pid: int) -> float:
    import psutil  # late: a start needs none of it, and registers what collects

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


class _ChildrenCpu:
    """CPU seconds of ended children (ffmpeg, and the prober at its end) and of the ffmpegs that run."""

    def __init__(self) -> None:
        self._shown = 0.0

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counter."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime + sum(map(_cpu_seconds, list(running_ffmpegs)))
        # One that ends between the two looks is in neither: a counter must not go back for it.
        self._shown = max(self._shown, seconds)
        yield CounterMetricFamily("reelmill_worker_ffmpeg_cpu_seconds", "CPU time of ffmpeg", value=self._shown)


_WORKER.register(_ChildrenCpu())


# Parts that several processes have.

_READS = Counter("reelmill_cache_reads_total", "Reads of cached statuses by result", ["result"], registry=_PARTS)
CACHE_HITS, CACHE_MISSES = _READS.labels("hit"), _READS.labels("miss")
CACHE_STALE = Counter(
    "reelmill_cache_stale_total", "Statuses removed that a change had gone by without telling", registry=_PARTS
)
CACHE_ERRORS = Counter("reelmill_cache_errors_total", "Calls of the cache that failed", ["server"], registry=_PARTS)
CACHE_BREAKER = Gauge(
    "reelmill_cache_breaker_open", "1 while calls are kept from a cache that is away", ["server"], registry=_PARTS
)
POOL_CONNECTIONS = Gauge("reelmill_database_pool_connections", "Open connections of the database pool", registry=_PARTS)
POOL_USED = Gauge("reelmill_database_pool_used_connections", "Those of them that are lent", registry=_PARTS)
POOL_MAX = Gauge("reelmill_database_pool_max_connections", "Most connections of the pool", registry=_PARTS)
POOL_WAIT = Histogram(
    "reelmill_database_pool_wait_seconds",
    "Time until the pool lent a connection",
    buckets=(0.001, 0.01, 0.1, 1, 10),
    registry=_PARTS,
)

# Calls.

_HEARD = Counter(
    "reelmill_api_watched_changes_total", "Changes of watched jobs, by what told of them", ["by"], registry=_API
)
HEARD = {by: _HEARD.labels(by) for by in ("wakeup", "poll")}
_CALLS = Counter("reelmill_api_requests_total", "gRPC calls answered", ["method", "code"], registry=_API)
_CALL_TIME = Histogram(
    "reelmill_api_request_duration_seconds",
    "Time to answer a unary gRPC call",
    ["method", "code"],
    buckets=_LATENCY,
    registry=_API,
)
_REQUESTS = Counter(
    "reelmill_gateway_requests_total", "HTTP requests answered", ["method", "route", "code"], registry=_GATEWAY
)
_REQUEST_TIME = Histogram(
    "reelmill_gateway_request_duration_seconds",
    "Time until the answer to an HTTP request began",
    ["method", "route", "code"],
    buckets=_LATENCY,
    registry=_GATEWAY,
)


@cache
def api_calls(method: str, code: str) -> Counter:
    """The counter of a gRPC method's calls that ended with `code`."""
    return _CALLS.labels(method, code)


@cache
def api_seconds(method: str, code: str) -> Histogram:
    """The latency of a unary gRPC method's calls that ended with `code`."""
    return _CALL_TIME.labels(method, code)


@cache
def gateway_requests(method: str, route: str, code: int) -> tuple[Counter, Histogram]:
    """Counter and latency of HTTP requests by a route's template."""
    return _REQUESTS.labels(method, route, code), _REQUEST_TIME.labels(method, route, code)
