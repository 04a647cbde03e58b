"""The mechanisms of jobs of several tasks, and of the claim, for scripts/mutants.py."""

from mutant import Mutant

LEASES, DATABASE = "src/reelmill/store/queries/leases.sql", "src/reelmill/store/database.py"
GRAPH = "src/reelmill/store/migrations/0002_graph.sql"
LEAN = "src/reelmill/store/migrations/0005_lean.sql"
TESTS = "tests/store/test_store_graph.py tests/store/test_model.py"
CLAIMS = "tests/store/test_store_leases.py tests/store/test_store_claims.py"


def graph(name: str, old: str, new: str, *, within: str = "", file: str = LEASES, tests: str = TESTS) -> Mutant:
    """A mechanism of jobs of several tasks."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


GRAPHS = (
    graph("a folder for each task", r"ELSE task_id \|\| '-' END", "ELSE '' END", file=GRAPH),
    graph(
        "a job that goes on while a sibling runs or something is done",
        r"RETURN EXISTS \(SELECT FROM tasks WHERE job_id = job AND state IN \('RUNNING', 'COMPLETED'\)\);",
        "RETURN false;",
        file=GRAPH,
    ),
    graph(
        "telling a task that was spawned while its job ended",
        r"USING ERRCODE = '40001'",
        "USING ERRCODE = 'RM001'",
        file=LEAN,
    ),
    graph(
        "a job of one task asks for no siblings",
        r"IF NEW\.tasks > 1\n",
        "IF true\n",
        file=LEAN,
        tests="tests/store/test_store_guards.py",
    ),
    graph("repeating a statement that met a new task", r"_TRIES = 5", "_TRIES = 1", file=DATABASE),
    graph(
        "a task depends on what was spawned with it",
        r"OR t\.spawned_by IS NULL OR t\.spawned_by IS DISTINCT FROM d\.spawned_by",
        "",
        file=GRAPH,
    ),
    graph(
        "a worker holds what its slots do",
        r"return self\._slots\.free \+ ahead",
        "return self._slots.free + 16",
        file="src/reelmill/worker/worker.py",
        tests="tests/fault/test_graphs.py -k slots_did",
    ),
    graph("a task depends on what has the smaller id", r"a\.depends_on >= a\.task_id OR ", "", file=GRAPH),
    graph(
        "the switch for graphs",
        r"AND NOT \(SELECT is_on FROM switches WHERE name = 'graphs'\)",
        "AND false",
        file="src/reelmill/store/migrations/0008_pools.sql",
    ),
    graph(
        "a task that waits for two is opened by the second",
        r"CASE WHEN t\.open_dependencies = w\.n THEN 'READY'",
        "CASE WHEN true THEN 'READY'",
        within="-- name: settle\n",
    ),
    graph(
        "a lost lease spawns nothing",
        r"JOIN done ON done\.id = s\.parent AND done\.fence = s\.fence",
        "JOIN tasks done ON done.id = s.parent",
        within="-- name: complete_and_spawn\n",
    ),
    graph("the siblings of a failed task stop", r"held\.id <> mine\.id", "false", within="-- name: fail_task\n"),
    graph(
        "the siblings of a task that crashed too often stop",
        r"WHERE f\.whole AND held\.id NOT IN",
        "WHERE false AND held.id NOT IN",
        within="-- name: rescue_tasks\n",
    ),
    graph(
        "a rescue that can't stop a sibling leaves the task",
        r" AND f\.whole IS NOT FALSE",
        "",
        within="-- name: rescue_tasks\n",
    ),
    graph(
        "the job shows its furthest phase",
        r"ELSE greatest\(j\.phase, \$3::text::job_phase\)",
        "ELSE coalesce($3::text::job_phase, j.phase)",
        within="-- name: report\n",
    ),
    graph(
        "the job shows its highest attempt",
        r"ELSE greatest\(j\.attempt, c\.attempt\)",
        "ELSE c.attempt",
        within="-- name: begin\n",
    ),
    graph(
        "what a lost job's completed tasks wrote goes",
        r"CREATE TRIGGER sweep_completed_tasks .*?;\n",
        "",
        file=GRAPH,
    ),
    graph(
        "a claim takes kinds that the worker knows",
        r" AND kind = k\.kind",
        "",
        within="-- name: claim_tasks\n",
        tests=CLAIMS,
    ),
    graph(
        "a claim takes what is of its places",
        r" AND place = p\.place",
        "",
        within="-- name: claim_tasks\n",
        tests=CLAIMS,
    ),
    graph(
        "a claim takes the most urgent",
        r"ORDER BY priority DESC, ready_time",
        "ORDER BY ready_time",
        within="-- name: claim_tasks\n",
        tests=CLAIMS,
    ),
    graph(
        "a claim begins where the oldest READY task is",
        r" AND ready_time >= \$6",
        " AND $6::timestamptz IS NOT NULL",
        within="-- name: claim_tasks\n",
        tests=CLAIMS,
    ),
    graph(
        "no plan of a claim takes the index by time",
        r"WHERE state = 'READY' AND lease_until IS NULL;",
        "WHERE state = 'READY';",
        file=GRAPH,
        within="CREATE INDEX tasks_ready",
        tests="tests/store/test_store_stale_statistics.py",
    ),
    graph(
        "what a message wakes takes the most urgent task",
        r"self\._claim\(limit\)",
        "self._claim(len(self._uncommitted))",
        file="src/reelmill/worker/intake.py",
        tests="tests/worker/test_worker_sweeps.py tests/worker/test_worker_loop.py",
    ),
    graph(
        "looking from the beginning every five minutes",
        r"_BEGIN_AGAIN_SECONDS = 300\.0",
        "_BEGIN_AGAIN_SECONDS = 1e9",
        file="src/reelmill/worker/intake.py",
        tests="tests/unit/test_loops.py",
    ),
    graph(
        "what a process took of a core is told",
        r"round\(\(used\.ru_utime \+ used\.ru_stime\) \* 1e6\)",
        "0",
        file="src/reelmill/media/sandbox/zygote.py",
        tests="tests/media/test_run.py",
    ),
    graph(
        "older measurements are forgotten",
        r"coalesce\(b\.old, 0\) \* \$7::float8",
        "coalesce(b.old, 0) * greatest(1, $7::float8)",
        file="src/reelmill/store/queries/measures.sql",
        tests="tests/store/test_store_measures.py",
    ),
    graph(
        "the newest build counts most",
        r"2 \*\* -\(row\[\"days_behind\"\] / _HALVED_AFTER_DAYS\)",
        "1.0",
        file="src/reelmill/store/measures.py",
        tests="tests/store/test_store_measures.py",
    ),
    graph(
        "what could not be written is kept",
        r"            for key, bins in measured\.items\(\):\n",
        "            for key, bins in ():\n",
        file="src/reelmill/worker/history.py",
        tests="tests/worker/test_worker_media.py",
    ),
    graph(
        "tasks that wait count for the time to go",
        r"waits \* factor",
        "0.0",
        file="src/reelmill/jobs/progress.py",
        tests="tests/unit/test_progress_of_jobs.py",
    ),
    graph(
        "a place in the queue is by priority",
        r"bisect_right\(line\.priorities, -job\.priority, key=lambda priority: -priority\)",
        "len(line.priorities)",
        file="src/reelmill/api/outlook.py",
        tests="tests/api/test_outlook.py",
    ),
    graph(
        "nobody waits for a place in the queue where the database is away",
        r" and now < self\._patient_until:[^\n]*\n[^\n]*",
        ":\n                await asyncio.wait([self._reading], timeout=_PATIENCE_SECONDS)",
        file="src/reelmill/api/outlook.py",
        tests="tests/api/test_outlook.py",
    ),
    graph(
        "a part expects the input that the plan found",
        r"expected_inputs\(spec\)\.get\(item\.name\)",
        "None",
        file="src/reelmill/worker/sourcing.py",
        tests="tests/worker/test_worker_media.py",
    ),
    graph(
        "an input that is read where it lies is looked at again",
        r" +await sourcing\.check_unchanged\(\)\n(?= +if not stage\.later)",
        "",
        file="src/reelmill/worker/media_executor.py",
        tests="tests/worker/test_worker_media.py",
    ),
    graph(
        "a fetch of another file than before is refused",
        r"if expected is not None and",
        "if False and",
        file="src/reelmill/storage/fetch.py",
        tests="tests/contract/test_fetch.py tests/contract/test_storage.py",
    ),
    graph(
        "a download that came short is told",
        r"if came != found.size_bytes:",
        "if False:",
        file="src/reelmill/storage/inputs.py",
        tests="tests/contract/test_storage_kinds.py",
    ),
    graph(
        "a task waits for workers that live",
        r"w\.seen_time > clock_timestamp\(\) - \$3::interval\n    AND ",
        "$3::interval IS NOT NULL AND ",
        file="src/reelmill/store/queries/tasks.sql",
        tests="tests/store/test_store_tasks.py",
    ),
    graph(
        "a task waits for workers with its labels",
        r"AND worker\.labels @> \(string_to_array\(place, ' '\)\)\[2:\]",
        "",
        file="src/reelmill/store/migrations/0008_pools.sql",
        tests="tests/store/test_store_tasks.py tests/store/test_store_pools.py",
    ),
    graph(
        "a page of tasks ends at its bytes",
        r"WHERE bytes_before < \$5",
        "WHERE $5::bigint > 0",
        file="src/reelmill/store/queries/tasks.sql",
        tests="tests/store/test_store_tasks.py",
    ),
    graph(
        "a part that is tried again is shown where it was",
        r"if task\.part and task\.fence > 1:",
        "if False:",
        file="src/reelmill/worker/worker.py",
        tests="tests/worker/test_worker_graph.py",
    ),
    graph(
        "the progress of an output never goes back",
        r"max\(percent, self\._outputs\.get\(name, 0\.0\)\)",
        "percent",
        file="src/reelmill/worker/attempt.py",
        tests="tests/unit/test_media_lengths.py",
    ),
    graph(
        "counting an end once",
        r"for s in stored if not s\.already",
        "for s in stored",
        file="src/reelmill/announce.py",
        tests="tests/unit/test_announce.py",
    ),
)
