"""Faults as a tired hand makes them, one at a time: each had passed all tests once. See mutants.py."""

from mutant import Mutant

_LEASES, _RETENTION = "src/reelmill/store/queries/leases.sql", "src/reelmill/store/queries/retention.sql"
_SCHEDULER = "src/reelmill/scheduler/scheduler.py"
_RULES, _UNIT = "src/reelmill/api/validation.py", "tests/unit"
_SOURCES = "src/reelmill/media/sources.py"


def fault(name: str, file: str, old: str, new: str, tests: str, *, within: str = "") -> Mutant:
    """A mutant whose name says what would happen."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests, within=within)


FAULTS = (
    fault(
        "an attempt's folder is deleted while no lease is renewed",
        "src/reelmill/storage/workdir.py",
        r"await asyncio\.to_thread\(self\._made\.remove\)",
        "self._made.remove()",
        "tests/worker/test_worker_stages.py",
    ),
    fault(
        "a download's range goes past the file's end",
        "src/reelmill/gateway/ranges.py",
        r"min\(int\(last\) \+ 1, size_bytes\)",
        "int(last) + 1",
        "tests/unit/test_gateway_ranges.py",
    ),
    fault(
        "a heartbeat waits for three leases",
        "src/reelmill/store/leases.py",
        r"total_seconds\(\) / 3",
        "total_seconds() * 3",
        "tests/store/test_store_leases.py",
    ),
    fault(
        "idempotency keys live for two hours",
        "src/reelmill/store/retention.py",
        r"_KEY_LIFE = timedelta\(days=2\)",
        "_KEY_LIFE = timedelta(hours=2)",
        "tests/store/test_store_retention.py",
    ),
    fault(
        "one key for all jobs of a client's batch",
        "src/reelmill/client/calls.py",
        r"\[_new_request_id\(\) for _ in new\]",
        "[_new_request_id()] * len(new)",
        "tests/unit/test_client_calls.py",
    ),
    fault(
        "uploads go with the jobs' retention",
        _SCHEDULER,
        r"_storage\.delete_uploads\(config\.upload_retention\)",
        "_storage.delete_uploads(config.job_retention)",
        "tests/scheduler/test_scheduler_loops.py",
    ),
    fault(
        "uploads' rows go with the jobs' retention",
        _SCHEDULER,
        r"delete_uploads\(config\.upload_retention, limit",
        "delete_uploads(config.job_retention, limit",
        "tests/scheduler/test_scheduler_loops.py",
    ),
    fault(
        "the outbox is sent newest first",
        "src/reelmill/store/queries/outbox.sql",
        r"ORDER BY id LIMIT",
        "ORDER BY id DESC LIMIT",
        "tests/scheduler/test_relay.py",
    ),
    fault(
        "a retry's wait does not grow",
        "src/reelmill/jobs/retry.py",
        r" \* 2\.0 \*\* min\(attempt - 1, 32\)",
        "",
        "tests/unit/test_jobs_rules_of_life.py",
    ),
    fault(
        "a retry waits for nothing",
        "src/reelmill/jobs/retry.py",
        r"return rng\.uniform\(0, min\(window, self\.max_backoff_seconds\)\)",
        "return 0.0",
        "tests/unit/test_jobs_rules_of_life.py",
    ),
    fault(
        "the client's wait does not grow",
        "src/reelmill/client/backoff.py",
        r" \* 2 \*\* \(attempt - 1\)",
        "",
        "tests/unit/test_client_backoff.py",
    ),
    fault(
        "the client waits for nothing",
        "src/reelmill/client/backoff.py",
        r"random\.uniform\(0, longest\)",
        "0.0",
        "tests/unit/test_client_backoff.py",
    ),
    fault(
        "crashes are charged as attempts",
        "src/reelmill/worker/worker.py",
        r"policy\.backoff_seconds\(task\.charged_attempts",
        "policy.backoff_seconds(task.job.attempt",
        "tests/worker/test_worker_loop.py",
    ),
    fault(
        "RetryJob keeps a deadline that has passed",
        "src/reelmill/api/jobs_service.py",
        r'job\.ClearField\("deadline"\)',
        "pass",
        "tests/api/test_jobs.py",
    ),
    fault(
        "stderr_tail is told with its secrets",
        "src/reelmill/jobs/errors.py",
        r"redacted\(self\.stderr_tail\)",
        "self.stderr_tail",
        "tests/unit/test_jobs_rules_of_life.py",
    ),
    fault(
        "api_key= is no secret",
        "src/reelmill/redaction.py",
        r"\|api\[_-\]\?key",
        "",
        "tests/unit/test_redaction.py",
    ),
    fault(
        "a zombie's folder is swept at once",
        _LEASES,
        r"clock_timestamp\(\) \+ \$4::interval",
        "clock_timestamp()",
        "tests/store/test_store_leases.py",
        within="-- name: rescue_tasks",
    ),
    fault(
        "a zombie's folder is swept after no lease",
        _SCHEDULER,
        r"6 \* config\.lease_seconds",
        "0 * config.lease_seconds",
        "tests/scheduler/test_scheduler_loops.py",
    ),
    fault(
        "a truncation of a fifth passes as whole",
        "src/reelmill/media/promises.py",
        r"0\.01 \* seconds",
        "0.2 * seconds",
        "tests/unit/test_media_lengths.py",
    ),
    fault(
        "a round of the relay is one batch",
        "src/reelmill/relay.py",
        r"while await self\.run_once\(\) == _BATCH:\n +pass",
        "await self.run_once()",
        "tests/scheduler/test_relay.py",
    ),
    fault(
        "a round of retirement is one batch",
        _SCHEDULER,
        r"while deleted == _BATCH:",
        "for _ in range(1):",
        "tests/scheduler/test_scheduler_loops.py",
    ),
    fault(
        "progress has the id 0 in a stream",
        "src/reelmill/gateway/streaming.py",
        r"if sequence > 0 else",
        "if sequence >= 0 else",
        "tests/unit/test_gateway_answers.py",
    ),
    fault("a number's maximum is exclusive", _RULES, r"low <= value <= high", "low <= value < high", _UNIT),
    fault("a fraction's maximum is exclusive", _RULES, r"low <= v <= high", "low <= v < high", _UNIT),
    fault("a duration's maximum is exclusive", _RULES, r"nanos / 1e9 <= high", "nanos / 1e9 < high", _UNIT),
    fault("a text's longest is too long", _RULES, r"len\(value\) <= longest", "len(value) < longest", _UNIT),
    fault(
        "a list's most are too many", _RULES, r"fewest <= len\(items\) <= most", "fewest <= len(items) < most", _UNIT
    ),
    fault(
        "a map's most are too many",
        _RULES,
        r"if len\(items\) > most",
        "if len(items) >= most",
        _UNIT,
        within="def _map_check",
    ),
    fault("a label's longest is too long", _RULES, r"len\(key\) > longest", "len(key) >= longest", _UNIT),
    fault(
        "504 is told as 500",
        "src/reelmill/gateway/problems.py",
        r"DEADLINE_EXCEEDED: 504",
        "DEADLINE_EXCEEDED: 500",
        "tests/unit/test_gateway_answers.py",
    ),
    fault(
        "the in-process cache's two times to live are swapped",
        "src/reelmill/cache/memory.py",
        r"self\._final_ttl_seconds if status\.final else self\._status_ttl_seconds",
        "self._status_ttl_seconds if status.final else self._final_ttl_seconds",
        "tests/contract/test_memory_cache.py",
    ),
    fault(
        "the progress of several commands does not add up",
        "src/reelmill/worker/meter.py",
        r"self\._done \+= expected",
        "self._done = expected",
        "tests/unit/test_media_lengths.py",
    ),
    fault(
        "the progress of a command begins anew",
        "src/reelmill/worker/meter.py",
        r"done \+= self\._share",
        "done = self._share",
        "tests/unit/test_media_lengths.py",
    ),
)
