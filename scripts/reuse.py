"""The mechanisms of reuse and of deletion, for scripts/mutants.py."""

from mutant import Mutant

PURE, STORE, STORAGE = (
    "tests/unit/test_media_reuse.py",
    "tests/store/test_store_results.py",
    "tests/contract/test_storage.py",
)
TOLD, ESTIMATES = "src/reelmill/api/reusing.py", "tests/api/test_reusing.py"
WORKER, DELETION = "tests/worker/test_worker_reuse.py", "tests/store/test_store_deletion.py"
KEYS, TAKING = "src/reelmill/media/reuse.py", "src/reelmill/storage/taking.py"
RESULTS, RETENTION = "src/reelmill/store/queries/results.sql", "src/reelmill/store/queries/retention.sql"
REUSING, UNCHANGED = "src/reelmill/worker/reusing.py", "src/reelmill/storage/unchanged.py"


def reuse(name: str, file: str, old: str, new: str, *, tests: str, within: str = "") -> Mutant:
    """A mechanism of reuse or of deletion."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


REUSE = (
    reuse("a key has the inputs' bytes", KEYS, r"reads=reads or \(\)", "reads=step.reads", tests=PURE),
    reuse("a key has the build", KEYS, r"_hashed\(\[build, digest", "_hashed([digest", tests=PURE),
    reuse(
        "a program of an unknown build makes no result",
        KEYS,
        r" and all\(after\) and build",
        " and all(after)",
        tests=PURE,
    ),
    reuse("a key has the plan's version", KEYS, r"\[PLAN_VERSION, things", "[things", tests=PURE),
    reuse("a key has the contract", KEYS, r", \*filter\(None, \[contract\]\)\]", "]", tests=PURE),
    reuse(
        "what an earlier job found out is told too",
        REUSING,
        r"findings=found_by\(.*?\)\)",
        "findings=[])",
        tests=WORKER,
    ),
    reuse(
        "what makes frames of another length runs by itself",
        "src/reelmill/media/graph.py",
        r" or not step\.filters\.isdisjoint\(_ALONE\)",
        "",
        tests=PURE,
    ),
    reuse(
        "a step is known by what makes the files that it reads",
        KEYS,
        r"f\"\{does\}\.\{i\}\" if does else \"\"",
        "str(path)",
        tests=PURE,
    ),
    reuse("a result is of a COMPLETED job", RESULTS, r" AND j\.state = 'COMPLETED'", "", tests=STORE),
    reuse("a result is the tenant's", RESULTS, r"r\.tenant_id = \$1 AND ", "", tests=STORE),
    reuse(
        "a result is told by the newest fence alone",
        RESULTS,
        r"AND t\.fence = r\.fence ",
        " ",
        tests=STORE,
    ),
    reuse(
        "that a result was asked for is written",
        RESULTS,
        r"SET used_time = clock_timestamp\(\)",
        "SET output = r.output",
        tests=STORE,
    ),
    reuse(
        "results beyond their bytes go", RETENTION, r"kept\.bytes > \$4 AND ", "kept.bytes > 2 * $4 AND ", tests=STORE
    ),
    reuse(
        "what was asked for just now stays",
        RETENTION,
        r" AND kept\.used_time < statement_timestamp\(\) - \$1::interval",
        " AND $1::interval IS NOT NULL",
        tests=STORE,
    ),
    reuse("results of a tenant push out its own alone", RETENTION, r"PARTITION BY tenant_id ", "", tests=STORE),
    reuse(
        "that a job was deleted for its bytes is told",
        "src/reelmill/scheduler/scheduler.py",
        r"await self\._cache\.put\(\[gone",
        "repr([gone",
        tests="tests/scheduler/test_scheduler_loops.py -k beyond_their_bytes",
    ),
    reuse("a digest is the tenant's", RESULTS, r"tenant_id = \$1 AND place", "place", tests=STORE),
    reuse("the bytes of a copy are compared", TAKING, r"return found in .*?\n", "return True\n", tests=STORAGE),
    reuse(
        "only what lies in the tenant's own storage is taken",
        TAKING,
        r"not source\.startswith\(ours\)",
        "False",
        tests=STORAGE,
    ),
    reuse(
        "a client gets no link to ours", TAKING, r"links = target\.startswith\(ours\)", "links = True", tests=STORAGE
    ),
    reuse(
        "what is gone is a miss", TAKING, r"    except FileNotFoundError:\n        return False\n", "", tests=STORAGE
    ),
    reuse(
        "what a client may change is no result",
        REUSING,
        r"if attempt\.task\.output_prefix\.startswith\(.*?\):",
        "if True:",
        tests=WORKER,
    ),
    reuse(
        "a job may want nothing that is there",
        KEYS,
        r"not job\.HasField\(\"reuse\"\) or job\.reuse",
        "True",
        tests=WORKER,
    ),
    reuse("a file is known by its change time too", UNCHANGED, r"found\.st_ctime_ns, ", "", tests=WORKER),
    reuse("a file that was just changed is hashed again", UNCHANGED, r"> _SETTLED_SECONDS", "> -1e9", tests=WORKER),
    reuse(
        "an address is believed for days where its ETag is strong", UNCHANGED, r" and not told\.weak", "", tests=WORKER
    ),
    reuse("what is asked for is of these bytes", KEYS, r", spec, inputs\]", ", spec]", tests=PURE),
    reuse("what is asked for is planned by this code", KEYS, r"\"asked\", builds, ", '"asked", ', tests=PURE),
    reuse(
        "what is there is known before an input is fetched",
        "src/reelmill/worker/media_executor.py",
        r"return lacking\.told\(again\.files, again\.findings\)",
        "pass",
        tests=WORKER,
    ),
    reuse("small work looks for nothing", REUSING, r" or cpu < self\.least_cpu_seconds", "", tests=WORKER),
    reuse("an estimate knows one build alone", TOLD, r" or len\(found\) != 1", "", tests=ESTIMATES),
    reuse(
        "an estimate knows its own release alone", TOLD, r"\{version .*?\} != \{__version__\} or ", "", tests=ESTIMATES
    ),
    reuse(
        "an estimate believes no guess",
        TOLD,
        r"all\(isinstance\(asked, Probe\) for asked in facts\)",
        "True",
        tests=ESTIMATES,
    ),
    reuse(
        "an estimate leaves out what is taken",
        "src/reelmill/api/estimating.py",
        r"if not taken:\n",
        "if True:\n",
        tests="tests/fault/test_reuse.py",
    ),
    reuse("further tasks tell their results", REUSING, r"\"keys\": mine, ", "", tests=WORKER),
    reuse(
        "who still runs a task of a job is waited for before it is deleted",
        RETENTION,
        r"\n +AND NOT EXISTS \(SELECT FROM tasks.*?'RUNNING'\)",
        "",
        within="-- name: delete_job\n",
        tests=DELETION,
    ),
    reuse(
        "a tenant deletes its own",
        RETENTION,
        r"tenant_id = \$1 AND id",
        "id",
        within="-- name: delete_job\n",
        tests=DELETION,
    ),
    reuse(
        "a filter deletes the tenant's own",
        RETENTION,
        r"tenant_id = \$1 AND",
        "",
        within="-- name: delete_some\n",
        tests=DELETION,
    ),
    reuse(
        "a status that comes late does not bring back what was deleted",
        "src/reelmill/cache/port.py",
        r"version=GONE_VERSION",
        "version=0",
        tests="tests/contract/test_cache.py",
    ),
)
