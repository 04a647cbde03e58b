"""The mechanisms of pools, and of the ffmpeg that a job is pinned to, for scripts/mutants.py."""

from mutant import Mutant

QUERIES, MIGRATION = "src/reelmill/store/queries", "src/reelmill/store/migrations/0008_pools.sql"
STORE, WORKER = "tests/store/test_store_pools.py", "tests/worker/test_worker_pools.py"
QUEUE = "tests/contract/test_queue_pools.py"


def pool(name: str, old: str, new: str, *, file: str, within: str = "", tests: str = STORE) -> Mutant:
    """A mechanism of pools."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


POOLS = (
    pool(
        "a job's task goes where the job says",
        r"place\(i\.job\.pool or DEFAULT_POOL, i\.job\.requires\)",
        "place()",
        file="src/reelmill/store/jobs.py",
    ),
    pool(
        "what a task spawns goes where the task does",
        r"coalesce\(s\.place, done\.place\)",
        "coalesce(s.place, 'default')",
        file=f"{QUERIES}/leases.sql",
    ),
    pool(
        "a message names its pool", r"jsonb_build_object\('pool', split_part\(place, ' ', 1\)\)", "'{}'", file=MIGRATION
    ),
    pool(
        "a task that comes back names its pool again",
        r"task_ready_headers\(NEW\.traceparent, NEW\.place\)",
        "task_ready_headers(NEW.traceparent, 'default')",
        file=MIGRATION,
    ),
    pool(
        "PostgreSQL keeps a message for its pool",
        r"coalesce\(headers ->> 'pool', 'default'\) = \$4 OR",
        "$4::text IS NOT NULL OR",
        file=f"{QUERIES}/queue.sql",
        tests=QUEUE,
    ),
    pool(
        "messages of pools without workers go away",
        r" OR create_time < clock_timestamp\(\) - interval '10 s'",
        "",
        file=f"{QUERIES}/queue.sql",
        tests=QUEUE,
    ),
    pool(
        "a message for another pool asks nothing",
        r" and pool_told\(d\.message\) == self\._abilities\.pool",
        "",
        file="src/reelmill/worker/intake.py",
        tests=WORKER,
    ),
    pool(
        "who drains tells that it takes nothing",
        r"0 if self\._draining else ",
        "",
        file="src/reelmill/worker/worker.py",
        tests=WORKER,
    ),
    pool("who drains serves nobody", r"worker\.slots > 0\s+AND ", "", file=MIGRATION),
    pool(
        "a log tells once what nobody takes",
        r"WHERE NOT EXISTS \(SELECT FROM job_logs.*?\);",
        ";",
        file=f"{QUERIES}/unserved.sql",
        within="-- name: warn_unserved\n",
    ),
    pool(
        "a part waits for its ffmpeg while no other could take it",
        r" if u\.served_otherwise",
        "",
        file="src/reelmill/store/unserved.py",
    ),
    pool(
        "a part that has begun keeps its ffmpeg",
        r"t\.state IN \('WAITING', 'DELAYED', 'READY'\)",
        "t.state NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')",
        file=f"{QUERIES}/unserved.sql",
        within="-- name: unpin\n",
    ),
    pool(
        "parts need the ffmpeg that planned them",
        r"if self\._limits\.engine:\n            where",
        "if False:\n            where",
        file="src/reelmill/worker/media_executor.py",
        tests=WORKER,
    ),
)
