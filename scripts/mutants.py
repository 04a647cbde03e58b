"""Remove one mechanism at a time from a copy of the tree, and show which test goes red.

`make mutants` runs all; --only NAME runs those whose name contains NAME. --results FILE keeps each result as a line of
JSON, [name, test, seconds], and runs none again that was killed there: so a run may be broken off, or be run in parts
side by side. --write puts the table into docs/guarantees.md: what was run, what FILE knows, and else what stood there.
--known runs nothing. Exit status 1 where a mutant survives: a test is missing.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from access import ACCESS
from chunks import CHUNKS
from consoles import CONSOLES
from encrypting import ENCRYPTION
from explaining import EXPLAINED
from faults import FAULTS
from folders import FOLDERS
from graphs import GRAPHS
from inputs import INPUTS
from mutant import ROOT, Mutant, apply, copy_tree, red_test
from optional import OPTIONAL
from packages import PACKAGES
from pictures import MEDIA
from pools import POOLS
from presets import PRESETS
from probing import PROBING
from reuse import REUSE
from sandbox_walls import SANDBOX
from secrets_of_jobs import SECRETS_OF_JOBS
from small_jobs import SMALL_JOBS
from speech import SPEECH
from stages import STAGES
from steps import STEP_MECHANISMS
from tenants import TENANTS
from timelines import TIMELINES
from walls import WALLS
from webhooks import WEBHOOKS

from clients import CLIENTS

PAGE = ROOT / "docs" / "guarantees.md"
BEGIN, END = "<!-- mutants: written by make mutants -->", "<!-- end of mutants -->"
LEASES, MIGRATION = "src/reelmill/store/queries/leases.sql", "src/reelmill/store/migrations/0001_initial.sql"


def fenceless(statement: str, alias: str = "") -> Mutant:
    """A statement that takes any fence for the newest."""
    return Mutant(
        name=f"the fence in {statement}",
        file=LEASES,
        within=f"-- name: {statement}\n",
        old=rf"({alias}fence = (lease\.fence|held\.fence|\$2))( AND )",
        new=r"(\1 OR true)\3",
        tests="tests/store/test_store_leases.py",
    )


def stateless(statement: str) -> Mutant:
    """A statement that takes any state for RUNNING."""
    return Mutant(
        name=f"the state guard in {statement}",
        file=LEASES,
        within=f"-- name: {statement}\n",
        old=r"((?:t\.)?state(?:::text)? = 'RUNNING')",
        new=r"(\1 OR true)",
        tests="tests/store",
    )


def untriggered(trigger: str, tests: str = "tests/store/test_store_guards.py") -> Mutant:
    """A database without one of its triggers."""
    return Mutant(
        name=f"the trigger {trigger}",
        file=MIGRATION,
        old=rf"CREATE TRIGGER {trigger} (BEFORE|AFTER) .*?;\n",
        new="",
        tests=tests,
    )


MUTANTS = (
    *(
        fenceless(s)
        for s in ("heartbeat", "report", "finish", "retry_task", "release_task", "fail_task", "cancel_task")
    ),
    *(stateless(s) for s in ("heartbeat", "retry_task", "fail_task")),
    Mutant(
        name="the re-check of the lease in the rescue",
        file=LEASES,
        within="-- name: rescue_tasks\n",
        old=r"lease_until < clock_timestamp\(\)",
        new="true",
        tests="tests/store/test_store_leases.py",
    ),
    Mutant(
        name="SKIP LOCKED in the claim",
        file=LEASES,
        within="-- name: claim_tasks\n",
        old=r" FOR UPDATE SKIP LOCKED",
        new="",
        tests="tests/store/test_store_leases.py tests/store/test_store_hammer.py",
    ),
    Mutant(
        name="the transaction around job and outbox",
        file="src/reelmill/store/jobs.py",
        within="async def create",
        old=r"_database\.transaction\(\)",
        new="_database.connection()",
        tests="tests/store/test_store_submission.py",
    ),
    Mutant(
        name="the idempotency fingerprint",
        file="src/reelmill/store/jobs.py",
        old=r"if fingerprint != item\.fingerprint:",
        new="if False:",
        tests="tests/store/test_store_submission.py",
    ),
    Mutant(
        name="the outbox's lock (two relays send the same)",
        file="src/reelmill/store/queries/outbox.sql",
        old=r" FOR UPDATE SKIP LOCKED",
        new="",
        tests="tests/scheduler/test_relay.py",
    ),
    Mutant(
        name="deleting from the outbox only what was delivered",
        file="src/reelmill/store/outbox.py",
        within="async def batch",
        old=r"_database\.transaction\(\)",
        new="_database.connection()",
        tests="tests/scheduler/test_relay.py",
    ),
    Mutant(
        name="the version guard of the in-process cache",
        file="src/reelmill/cache/memory.py",
        old=r"kept is None or kept\.version < status\.version",
        new="True",
        tests="tests/contract/test_cache.py",
    ),
    Mutant(
        name="the version guard in Redis",
        file="src/reelmill/cache/redis.py",
        old=r"not kept or tonumber\(kept\) < tonumber\(version\)",
        new="true",
        tests="tests/contract/test_cache.py",
    ),
    Mutant(
        name="what Redis missed is told it again",
        file="src/reelmill/cache/redis.py",
        old=r"if not done and self._started:",
        new="if False:",
        tests="tests/api/test_slow_loop.py",
    ),
    Mutant(
        name="the watermark's guard of a long life",
        file="src/reelmill/cache/redis.py",
        old=r"accepts and tonumber\(known\) >= accepts",
        new="accepts",
        tests="tests/contract/test_watermark.py",
    ),
    Mutant(
        name="a long life ends with the watermark",
        file="src/reelmill/cache/redis.py",
        old=r"queued and since and tonumber\(known\) >= since",
        new="queued",
        tests="tests/contract/test_watermark.py",
    ),
    Mutant(
        name="a watermark is replaced by who saw it alone",
        file="src/reelmill/cache/redis.py",
        old=r"redis.call\('GET', KEYS\[1\]\) ~= ARGV\[1\]",
        new="false",
        tests="tests/contract/test_watermark.py",
    ),
    Mutant(
        name="a status that a change went by is removed",
        file="src/reelmill/cache/redis.py",
        old=r"tonumber\(kept\) < tonumber\(ARGV\[i \+ 2\]\)",
        new="false",
        tests="tests/contract/test_watermark.py",
    ),
    Mutant(
        name="transactions that were open at a reading come after it",
        file="src/reelmill/store/queries/changes.sql",
        old=r"SELECT min\(xact_start\) FROM",
        new="SELECT max(clock_timestamp()) FROM",
        tests="tests/store/test_store_changes.py",
    ),
    Mutant(
        name="not telling an older status than before",
        file="src/reelmill/api/statuses.py",
        old=r"known <= status\.version < GONE_VERSION",
        new="status.version < GONE_VERSION",
        tests="tests/api/test_statuses.py",
    ),
    Mutant(
        name="the duration check after ffmpeg",
        file="src/reelmill/media/verify.py",
        old=r"length is not None and abs\(",
        new="False and abs(",
        tests="tests/media/test_bad_inputs.py tests/unit",
    ),
    Mutant(
        name="the kill of ffmpeg's process group",
        file="src/reelmill/media/child.py",
        old=r"os\.killpg\(self\.pid, signal\.SIGKILL\)",
        new="os.kill(self.pid, signal.SIGKILL)",
        tests="tests/media/test_run.py",
    ),
    Mutant(
        name="ffmpeg dying with its worker",
        file="src/reelmill/media/sandbox/zygote.py",
        old=r"kernel\.die_with\(parent\)",
        new="pass",
        tests="tests/media/test_sandbox.py",
    ),
    Mutant(
        name="the drain's release",
        file="src/reelmill/worker/worker.py",
        old=r"tell_to_stop\(StopReason\.DRAINING\)",
        new="tell_to_stop(StopReason.LOST)",
        tests="tests/worker/test_worker_loop.py",
    ),
    Mutant(
        name="an attempt that is given back is not charged",
        file=LEASES,
        within="-- name: release_task\n",
        old=r"attempt = attempt - 1",
        new="attempt = attempt",
        tests="tests/store/test_store_leases.py",
    ),
    Mutant(
        name="starting a part again that ended",
        file="src/reelmill/supervise.py",
        within="async def _forever",
        old=r"        wait_seconds = part\.ended\(error\)",
        new="        return",
        tests="tests/unit/test_supervise.py tests/e2e/test_parts.py",
    ),
    untriggered("guard_job"),
    untriggered("guard_job_deletion"),
    untriggered("guard_task"),
    untriggered("append_only"),
    untriggered("announce_task"),
    untriggered("announce_new_tasks", "tests/store"),
    untriggered("write_events_updated"),
    untriggered("write_events_inserted", "tests/store"),
)


ALL = (
    *MUTANTS,
    *GRAPHS,
    *CHUNKS,
    *ENCRYPTION,
    *EXPLAINED,
    *FOLDERS,
    *INPUTS,
    *POOLS,
    *PRESETS,
    *OPTIONAL,
    *PACKAGES,
    *REUSE,
    *STAGES,
    *TENANTS,
    *SPEECH,
    *WEBHOOKS,
    *ACCESS,
    *CONSOLES,
    *CLIENTS,
    *FAULTS,
    *WALLS,
    *MEDIA,
    *SANDBOX,
    *STEP_MECHANISMS,
    *SECRETS_OF_JOBS,
    *SMALL_JOBS,
    *PROBING,
    *TIMELINES,
)


def main() -> int:
    """Run the mutants; answers the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    parser.add_argument("--results", type=Path, help="file that results are kept in")
    parser.add_argument("--known", action="store_true", help="run nothing: for --write")
    parser.add_argument("--write", action="store_true", help="put the table into docs/guarantees.md")
    options = parser.parse_args()
    results: dict[str, str | None] = {}
    if options.results and options.results.exists():
        results = {name: red for name, red, _ in map(json.loads, options.results.read_text().splitlines())}
    wanted = [m for m in ALL if options.only in m.name]
    for mutant in wanted:
        if options.known or results.get(mutant.name):
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="reelmill-mutant-") as folder:
            copy_tree(Path(folder))
            apply(mutant, Path(folder))
            red = results[mutant.name] = red_test(Path(folder), mutant.tests)
        print(f"{'killed' if red else 'SURVIVED'}: {mutant.name}: {red or mutant.tests}", flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps([mutant.name, red, round(time.monotonic() - began, 1)]) + "\n")
    if options.write:
        PAGE.write_text(with_table(PAGE.read_text(), results))
    return 1 if any(results.get(m.name, "") is None for m in wanted) else 0


def with_table(page: str, results: Mapping[str, str | None]) -> str:
    """The page with a row for each mutant that has a result, or had one: those that are no more are left out."""
    before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
    stood: dict[str, str | None] = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", page[before:after], re.MULTILINE))
    rows = {**stood, **results}
    table = ["| removed | test that goes red |", "|---|---|"]
    for name in (mutant.name for mutant in ALL if mutant.name in rows):
        table.append(f"| {name} | {f'`{rows[name]}`' if rows[name] else '**none**'} |")
    return page[:before] + "\n" + "\n".join(table) + "\n" + page[after:]


if __name__ == "__main__":
    raise SystemExit(main())
