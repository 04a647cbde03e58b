"""The mechanisms of optional outputs, for scripts/mutants.py."""

from mutant import Mutant

PURE, STORE = "tests/unit/test_media_optional.py", "tests/store/test_store_optional.py"
WORKER = "tests/worker/test_worker_optional.py"
OPTIONAL_PY, LEASES = "src/reelmill/media/optional.py", "src/reelmill/store/leases.py"


def optional(name: str, old: str, new: str, *, file: str = OPTIONAL_PY, within: str = "", tests: str = PURE) -> Mutant:
    """A mechanism of optional outputs."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


OPTIONAL = (
    optional("a required output's failure ends the attempt", r"names <= self\._optional and ", ""),
    optional("what another attempt may mend is tried again", r"self\._last or not error\.failure\.retryable", "True"),
    optional("a changed input ends the job", r" and error\.code not in _OF_THE_JOB", ""),
    optional(
        "a failed process of several outputs is tried apart",
        r"return apart\(step, optional\)",
        "pass",
        tests=f"{PURE} {WORKER}",
    ),
    optional(
        "who reads what is not made makes nothing", r"self\.note\(AttemptFailed\.of\(gone\[i\]\), names\)", "pass"
    ),
    optional(
        "a plan goes on without an optional output",
        r"if not output\.optional:",
        "if True:",
        file="src/reelmill/media/plan.py",
    ),
    optional(
        "a job of which nothing was made fails",
        r"for item in \(x for x in finished if x\.failure\):",
        "for item in ():",
        file=LEASES,
        tests=STORE,
    ),
    optional(
        "the last task looks with the job locked",
        r"            await connection\.execute\(_SQL\[\"lock_job\"\], job_id\)\n",
        "",
        file=LEASES,
        tests=STORE,
    ),
    optional(
        "a job tells why an optional output is missing",
        r"    await _with_results\(.*?\n",
        "",
        file="src/reelmill/store/files.py",
        tests=f"{STORE} {WORKER}",
    ),
    optional(
        "commands of outputs are told in the FULL view alone",
        r"return own \+ .*?\n",
        "return own\n",
        file="src/reelmill/cache/port.py",
        tests=WORKER,
    ),
)
