"""Every named query names the tenant whose rows it reads or changes, or stands here with the reason why not."""

import re
from pathlib import Path

import reelmill.store
from reelmill.store.sql import queries

ROOMS = sorted(path.stem for path in (Path(reelmill.store.__file__).parent / "queries").glob("*.sql"))
# Behind a comparison, or as the column of a row that is written: $1 is the caller's tenant in all of these.
OF_TENANT = re.compile(r"\btenant_id = \$[12]\b")
WRITES = re.compile(r"INSERT INTO \w+ \([^)]*\btenant_id\b")

PART = "a part of others, which are looked at whole"
LEASE = "by a lease: a task's id and fence, which its holder alone was told, and a job by such a task"
CLAIM = "workers take whatever is ready, of all tenants; what they claim says whose it is"
SCHEDULER = "schedulers rescue, wake and expire what is due, of all tenants; they answer no client"
RETENTION = "what is past its time goes, of all tenants"
MESSAGES = "messages and events for our own processes; a client reads none"
COUNTS = "numbers of all tenants for operators' metrics, without an id, a name or a label of anybody"
SENDER = "the sender sends whatever is due, of all tenants, to its own endpoint; it answers no client"
QUEUE = "one queue of all tenants: answers are numbers of tasks before one's own, and of workers"
WORKERS = "workers serve all tenants; who lists them is of the first one (auth/roles.py)"
MEASURES = "what work of a kind takes: rows of no tenant and no job"
FIRST = "before a key is found nobody knows whose it is; its SHA-256 is compared before anything is told"
TENANTS = "the table of tenants itself; $1 is the caller's own, or it may see all"

EXEMPT = {
    "access": {
        "find_keys": FIRST, "keys_and_jobs": FIRST, "delete_audit_events": RETENTION,
        "insert_tenant": TENANTS, "find_tenant": TENANTS, "list_tenants": TENANTS,
        "make_user": "it writes a row of tenant $2",
        "insert_audit_events": "it writes rows, each of the tenant that the guard knows",
    },
    "changes": {"mark": SCHEDULER, "changed_jobs": SCHEDULER},
    "deliveries": {
        **dict.fromkeys(
            (
                *("waiting_webhooks", "claim_deliveries", "record_tries", "postpone_followers", "record_endpoints"),
                *("disable_webhook", "measure_deliveries"),
            ),
            SENDER,
        ),
        "delete_deliveries": RETENTION,
        "delete_secrets": RETENTION,
    },
    "jobs": {
        "insert_jobs": "it writes rows of tenant $1", "insert_idempotency_keys": "it writes rows of tenant $1",
    },
    "leases": {
        **dict.fromkeys(("begin", "finish", "settle", "stop"), PART),
        **dict.fromkeys(("claim_tasks", "oldest_ready"), CLAIM),
        **dict.fromkeys((
            "heartbeat", "report", "complete_tasks", "complete_and_spawn", "first_files",
            "results_before", "lock_task", "lock_job", "is_empty", "completed_job", "retry_task", "release_task",
            "fail_task", "cancel_task",
        ), LEASE),
        **dict.fromkeys(("rescue_tasks", "wake_delayed", "expire_jobs"), SCHEDULER),
    },
    "measures": dict.fromkeys(("add_measurements", "read_measurements", "delete_measurements"), MEASURES),
    "outbox": dict.fromkeys(("lock_outbox", "delete_outbox", "insert_outbox"), MESSAGES),
    "presets": {"lock_presets": "no row of a table", "insert_preset": "it writes a row of tenant $1"},
    "queue": dict.fromkeys(("take_messages", "release_messages", "notify_consumers", "count_messages"), MESSAGES),
    "results": {
        "insert_results": LEASE,
        "insert_digests": "it writes rows of tenant $1",
        "delete_digests": RETENTION,
    },
    "retention": dict.fromkeys((
        "delete_jobs", "delete_old", "delete_unused",
        "delete_idempotency_keys", "delete_stale_outbox", "lock_storage_deletions",
        "finish_storage_deletions", "postpone_storage_deletions", "give_up_storage_deletions",
    ), RETENTION),
    "statistics": dict.fromkeys(
        ("count_open_tasks", "count_by_pool", "count_expired_leases", "measure_outbox"), COUNTS
    ),
    "tasks": {"tasks_before": QUEUE, "able_workers": QUEUE, "ready_tasks": QUEUE},
    "unserved": dict.fromkeys(("find_unserved", "warn_unserved", "unpin"), SCHEDULER),
    "uploads": {"insert_upload": "it writes a row of tenant $2", "delete_old_uploads": RETENTION},
    "webhooks": {
        "insert_job_webhooks": "it writes rows of tenant $1",
        "insert_secret": "it writes a row of tenant $2",
        "get_secrets": SENDER,
    },
    "workers": dict.fromkeys(
        ("announce_worker", "forget_worker", "list_workers", "count_slots", "list_builds", "delete_workers"), WORKERS
    ),
}  # fmt: skip


def bare(query: str) -> str:
    """A query without comments, on one line."""
    return " ".join(re.sub(r"--[^\n]*", "", query).split())


def without_tenant() -> set[tuple[str, str]]:
    """Queries that compare no tenant."""
    return {
        (room, name) for room in ROOMS for name, query in queries(room).items() if not OF_TENANT.search(bare(query))
    }


def test_a_query_names_its_tenant_or_its_reason() -> None:
    known = {(room, name) for room, names in EXEMPT.items() for name in names}
    found = without_tenant()
    assert not found - known, "a query that reads or changes rows of whichever tenant: name the tenant, or say why"
    assert not known - found, "an exemption that is none any more"


def test_what_is_exempt_because_it_writes_a_tenants_row_does() -> None:
    for room, names in EXEMPT.items():
        for name, reason in names.items():
            if reason.startswith("it writes"):
                assert WRITES.search(bare(queries(room)[name])), name


def test_a_query_that_forgets_its_tenant_would_be_found() -> None:
    good = bare(queries("jobs")["get_job"])
    assert OF_TENANT.search(good) and not OF_TENANT.search(good.replace("tenant_id = $1 AND ", ""))
