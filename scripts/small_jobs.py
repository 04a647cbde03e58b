"""What makes a small job cheap, and what must hold beside that, for scripts/mutants.py."""

from functools import partial

from mutant import Mutant

PHASES, MEDIA = "tests/worker/test_worker_phases.py", "tests/worker/test_worker_media.py"
TAKING = "tests/worker/test_worker_taking.py"


def small(name: str, old: str, new: str, tests: str, *, file: str, within: str = "") -> Mutant:
    """A mechanism of the room worker, or of the file that is given whole."""
    where = file if "/" in file else f"src/reelmill/worker/{file}"
    return Mutant(name=name, file=where, within=within, old=old, new=new, tests=tests)


attempt = partial(small, file="attempt.py", tests=PHASES)
finishing = partial(small, file="finishing.py", tests=MEDIA)
worker = partial(small, file="worker.py", tests=TAKING)
opening = partial(small, tests="tests/media/test_openings.py")
verify = partial(small, file="src/reelmill/media/verify.py", tests="tests/media/test_engines.py")


SMALL_JOBS = (
    attempt("of a small job no phase is told", r"if quiet_seconds <= 0:", "if True:"),
    attempt("a longer job tells where it is", r"self\._timer = asyncio[^\n]*", "pass"),
    attempt("what is told late is told before the end", r"            await late\n", "            pass\n"),
    worker("the last lines come with the completion", r"lines=lines", "lines=()", tests=PHASES),
    small(
        "a lost lease adds no lines",
        r"JOIN done ON done\.id = l\.task_id AND done\.fence = l\.fence",
        "JOIN tasks done ON done.id = l.task_id",
        "tests/store/test_store_leases.py",
        file="src/reelmill/store/queries/leases.sql",
        within="-- name: finish\n",
    ),
    finishing("what a step made is stored beside the next", r"if steps < 2:", "if True:"),
    finishing("what was stored is not stored again", r" if file\.path not in self\._stored", ""),
    finishing(
        "files are judged by what later steps say",
        r"return damaged is self\.input_damaged",
        "return damaged is not None",
        tests="tests/worker/test_worker_finishing.py",
    ),
    finishing(
        "a check that fails waits for the last step", r"except AttemptFailed as error:", "except KeyError as error:"
    ),
    finishing("pictures in memory are bounded", r"self\._kept_bytes \+ count > _KEPT_BYTES or", ""),
    verify("a picture in memory is as planned", r"    _check\(file\.path[^\n]*", ""),
    verify("a picture in memory says nothing private", r"    _check_private\(file\.path[^\n]*", ""),
    worker(
        "no more are recorded than there are slots",
        r"if quick and self\._recording <= self\._config\.slots:",
        "if quick:",
    ),
    worker("what does not begin soon is handed back", r"asyncio\.timeout\(PATIENCE_SECONDS\)", "asyncio.timeout(600)"),
    opening(
        "an open file is its holder's alone",
        r"\(kept\.holder, kept\.file\) == \(holder, _identity\(descriptor\)\)",
        "kept.file == _identity(descriptor)",
        file="src/reelmill/media/openings.py",
    ),
    opening(
        "a file that changed is opened anew",
        r"\(kept\.holder, kept\.file\) == \(holder, _identity\(descriptor\)\)",
        "kept.holder == holder",
        file="src/reelmill/media/openings.py",
    ),
    opening(
        "where a decoder remembers a film is opened anew",
        r"int\(told\[1\]\[:9\]\) > _NEWEST_QUIRK",
        "True",
        file="src/reelmill/media/openings.py",
    ),
    opening(
        "a file that nobody asks about is let go",
        r"        shelf\.clear\(\)",
        "        pass",
        file="src/reelmill/media/warm_child.py",
    ),
    opening(
        "the child that has a file open is asked",
        r"one\.keeps\(holder\), one\.holder != holder",
        "True",
        file="src/reelmill/media/warm.py",
    ),
    small(
        "a process wakes its own consumers",
        r"            consumer\.wake\(\)",
        "            pass",
        "tests/contract/test_queue.py",
        file="src/reelmill/queue/postgres.py",
    ),
    worker("nothing is claimed ahead without a backlog", r" if self\._intake\.backlog else 0", ""),
)
