"""The mechanisms of explained failures, for scripts/mutants.py."""

from mutant import Mutant

TABLE, WORKER = "tests/unit/test_media_failures.py", "tests/worker/test_worker_explained.py"
FAILURES, EXPLAINING = "src/reelmill/media/failures.py", "src/reelmill/worker/explaining.py"


def explained(name: str, old: str, new: str, *, file: str = FAILURES, tests: str = TABLE) -> Mutant:
    """A mechanism of them."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests)


EXPLAINED = (
    explained("the deciding line is no echo of another", r" and not _WRAPPERS\.search\(line\)", ""),
    explained(
        "a grave line goes before a warning",
        r"next\(\(line for line in fitting if _GRAVE\.search\(line\)\), fitting\[0\] if fitting else None\)",
        "fitting[0] if fitting else None",
    ),
    explained(
        "what runs into a failure is told as a line for a shell",
        r"ran = run if failure\.command else None",
        "ran = None",
        file=EXPLAINING,
        tests=WORKER,
    ),
    explained(
        "a reproduction is told in the FULL view alone",
        r', "reproduction"\)\n"""Fields',
        ')\n"""Fields',
        file="src/reelmill/jobs/errors.py",
        tests=WORKER,
    ),
)
