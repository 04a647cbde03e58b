"""What keeps tenants apart, taken away one at a time. See mutants.py."""

from mutant import Mutant


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
        "a watch is its tenant's",
        "src/reelmill/api/watching.py",
        r"self\._followers\.get\(\(tenant_id, job_id\)\)",
        "next((f for f in self._followers.values() if f.job_id == job_id), None)",
        "tests/api/test_tenants.py",
    ),
)
