"""What keeps tenants apart, taken away one at a time. See mutants.py."""

from mutant import Mutant

_ACCESS, _UPLOADS = "src/reelmill/storage/access.py", "src/reelmill/store/queries/uploads.sql"


def apart(name: str, file: str, old: str, new: str, tests: str, *, within: str = "") -> Mutant:
    """A mutant whose name is what stays a tenant's own."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests, within=within)


TENANTS = (
    apart(
        "progress in Redis is a tenant's own",
        "src/reelmill/cache/redis.py",
        r"progress:\{tenant_id\}:",
        "progress:",
        "tests/contract/test_cache.py",
        within="def progress_key",
    ),
    apart(
        "progress in a process is a tenant's own",
        "src/reelmill/cache/memory.py",
        r"self\._progress\.get\(\(tenant_id, job_id\)\)",
        "next((item for key, (_, item) in self._progress._items.items() if key[1] == job_id), {})",
        "tests/contract/test_cache.py",
        within="async def get_progress",
    ),
    apart(
        "tasks are a tenant's own",
        "src/reelmill/store/queries/tasks.sql",
        r"WHERE tenant_id = \$1 AND id = \$2",
        "WHERE $1::uuid IS NOT NULL AND id = $2",
        "tests/store/test_store_tasks.py",
        within="-- name: job_of_tasks",
    ),
    apart(
        "a watch is woken by its tenant's jobs alone",
        "src/reelmill/cache/port.py",
        r"job:\{tenant_id\}:",
        "job:",
        "tests/contract/test_cache.py",
    ),
    apart(
        "what was told is known for its tenant",
        "src/reelmill/api/statuses.py",
        r"\(tenant_id, job_id\), 0",
        "next((k for k in self._told if k[1] == job_id), None), 0",
        "tests/unit/test_loops.py",
    ),
    apart(
        "a batch of submissions is one tenant's",
        "src/reelmill/api/submission.py",
        r"if who not in self\._batchers:",
        "who = next(iter(self._batchers), who)\n        if who not in self._batchers:",
        "tests/api/test_tenants.py",
    ),
    apart(
        "a tenant reads its own files alone",
        _ACCESS,
        r"return None if anybodys or not self\._anothers\(name, parts\) else",
        "return None if True else",
        "tests/contract/test_access.py",
    ),
    apart(
        "a tenant reads its own objects alone",
        _ACCESS,
        r"if anybodys or not self\._anothers\(name, parts\):",
        "if True:",
        "tests/contract/test_access.py",
    ),
    apart(
        "all that a tenant has is never deleted at once",
        _ACCESS,
        r"if kept or whole else",
        "if kept else",
        "tests/contract/test_access.py",
    ),
    apart(
        "an executor reads for its job's tenant",
        "src/reelmill/worker/sourcing.py",
        r"self\.fetcher\.storage\.of\(self\.attempt\.task\.tenant_id\)",
        "self.fetcher.storage",
        "tests/worker/test_worker_media.py",
    ),
    apart(
        "an upload is read by its row",
        "src/reelmill/storage/uploads.py",
        r"if not found:\n            raise",
        "if False:\n            raise",
        "tests/contract/test_storage.py",
    ),
    apart(
        "an upload is whole before it is read",
        _UPLOADS,
        r" AND state = 'COMPLETE'\) AS complete",
        ") AS complete",
        "tests/store/test_store_uploads.py",
    ),
    apart(
        "an upload of another tenant is none of a release before",
        "src/reelmill/store/uploads.py",
        r' and not row\["of_tenant"\]',
        "",
        "tests/store/test_store_uploads.py",
    ),
    apart(
        "an upload that came to nothing leaves its file to the scheduler",
        _UPLOADS,
        r"INSERT INTO storage_deletions \(uri, not_before\) SELECT uri, clock_timestamp\(\) FROM gone RETURNING uri",
        "SELECT uri FROM gone",
        "tests/store/test_store_uploads.py",
        within="-- name: delete_upload",
    ),
    apart(
        "an old upload leaves its file to the scheduler",
        _UPLOADS,
        r"INSERT INTO storage_deletions \(uri, not_before\) SELECT uri, clock_timestamp\(\) FROM gone RETURNING uri",
        "SELECT uri FROM gone",
        "tests/store/test_store_uploads.py",
        within="-- name: delete_old_uploads",
    ),
    apart(
        "an api of the release before takes uploads",
        "src/reelmill/gateway/files.py",
        r"if problem\.status != _NOT_THERE:",
        "if True:",
        "tests/gateway/test_files.py",
    ),
    apart(
        "a watch is its tenant's",
        "src/reelmill/api/watching.py",
        r"self\._followers\.get\(\(tenant_id, job_id\)\)",
        "next((f for f in self._followers.values() if f.job_id == job_id), None)",
        "tests/api/test_tenants.py",
    ),
)
