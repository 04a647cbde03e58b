"""The mechanisms of outputs that read others, and of outputs that are published one by one, for scripts/mutants.py."""

from mutant import Mutant

PURE, WORKER = "tests/unit/test_media_stages.py", "tests/worker/test_worker_stages.py"
PUBLISHED, PIECES = "tests/store/test_store_published.py", "tests/worker/test_worker_pieces.py"
LEASES, LACKING = "src/reelmill/store/queries/leases.sql", "src/reelmill/worker/lacking.py"
STAGES_PY, SOURCING = "src/reelmill/media/stages.py", "src/reelmill/worker/sourcing.py"


def stage(name: str, old: str, new: str, *, file: str = STAGES_PY, within: str = "", tests: str = PURE) -> Mutant:
    """A mechanism of outputs that read others."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


STAGES = (
    stage("what reads an output is made after it", r"and read\[output\.name\] <= done\]", "]"),
    stage(
        "no outputs read each other",
        r"if output\.name in _reached\(other, reads\):",
        "if False:",
        file="src/reelmill/media/validate.py",
    ),
    stage(
        "only one film or sound can be read",
        r"if _operation_of\(read, presets\) not in READABLE:",
        "if False:",
        file="src/reelmill/media/validate.py",
    ),
    stage(
        "what reads an output that is not made is given up",
        r"        lacking\.lost\(stage\.later\)\n        stage\.check",
        "        stage.check",
        file="src/reelmill/worker/media_executor.py",
        tests=WORKER,
    ),
    stage(
        "nor is what reads that",
        r"gone\[output\.name\] = found\[output\.name\] = failure",
        "found[output.name] = failure",
    ),
    stage(
        "a failure of what is read is no attempt's of what reads it",
        r"final = final or ",
        "final = ",
        file="src/reelmill/media/optional.py",
    ),
    stage("a task waits for those that make what it reads", r"after=tuple\(sorted\(after\)\)", "after=()"),
    stage("what reads two outputs waits for both", r"\.union\(\*\(places for _, places in same\)\)", ""),
    stage("outputs that read each other are one task's", r"if group\[0\] & read\]", "if False]"),
    stage("several tasks may follow one", r"if each or len\(heavy\) > 1 else", "if each else"),
    stage(
        "a file of another task is held against its hash",
        r" and await asyncio\.to_thread\(_sha256, fetched\.path\) != made\.sha256",
        " and False",
        file=SOURCING,
        tests=WORKER,
    ),
    stage(
        "who reads what another task could not make tells so",
        r"not_made\(failed\.get\(output\) or ",
        "not_made(",
        file=SOURCING,
        tests=WORKER,
    ),
    stage(
        "percentages are of all stages",
        r"every = \[\*self\._left, \*self\._later\]",
        "every = [*self._left]",
        file="src/reelmill/worker/meter.py",
        tests=WORKER,
    ),
    stage(
        "what is done is published",
        r"THEN j\.published \|\| d\.outputs END",
        "THEN j.published END",
        file=LEASES,
        tests=PUBLISHED,
    ),
    stage(
        "publishing is told by an event",
        r"THEN j\.version \+ 1 ELSE j\.version END",
        "THEN j.version ELSE j.version END",
        file=LEASES,
        tests=PUBLISHED,
    ),
    stage(
        "what is published is not swept",
        r"            AND NOT EXISTS \(SELECT FROM output_files f [^\n]*\n",
        "",
        file="src/reelmill/store/migrations/0011_published.sql",
        tests=PUBLISHED,
    ),
    stage(
        "what a job shows it always shows",
        r"if row\[\"published\"\]:  # what",
        "if False:  # what",
        file="src/reelmill/store/files.py",
        tests=PUBLISHED,
    ),
    stage(
        "what is not published is not found",
        r"AND \(state = 'COMPLETED' OR \$3 = ANY \(published\)\)\)\nLIMIT",
        ")\nLIMIT",
        file="src/reelmill/store/queries/jobs.sql",
        tests=PUBLISHED,
    ),
    stage(
        "who publishes each has a task for each",
        r"least = 0\.0 if each else ",
        "least = ",
        file="src/reelmill/worker/spreading.py",
        tests=WORKER,
    ),
    stage(
        "what others read is published before they are made",
        r"if each or len\(heavy\) > 1 else",
        "if len(heavy) > 1 else",
        tests=WORKER,
    ),
    stage(
        "a piece that failed costs its output alone",
        r"strict=isinstance\(piece, Join\), lost=lost",
        "strict=piece is not None, lost=lost",
        file=LACKING,
        tests=PIECES,
    ),
    stage(
        "who joins goes without what lacks a piece",
        r" if one\.output\.partition\(\"/\"\)\[0\] not in failed\]",
        "]",
        file="src/reelmill/worker/joining.py",
        tests=PIECES,
    ),
    stage(
        "an output that failed in many chunks is counted once",
        r"            if self\._counts:\n                OUTPUT",
        "            if True:\n                OUTPUT",
        file=LACKING,
        tests=PIECES,
    ),
    stage(
        "pieces of a job are bounded",
        r"if self\._most_bytes and needed > self\._most_bytes:",
        "if False:",
        file="src/reelmill/worker/spreading.py",
        tests=PIECES,
    ),
    stage(
        "pieces have room on their disk",
        r"            self\._room\.check\([^\n]*\n",
        "            pass\n",
        file="src/reelmill/worker/spreading.py",
        tests=PIECES,
    ),
    stage(
        "what fails of an optional output may be the holes' fault",
        r"if hollow and any",
        "if False and any",
        file="src/reelmill/worker/stage.py",
        tests="tests/worker/test_worker_media.py -k little",
    ),
)
