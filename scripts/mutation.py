"""Small faults by the thousand: mutmut's operators and ours over the source, each against the tests that reach it.

`make mutants` runs this after the mechanisms. `--pure` takes every mutant of the rooms that need no server, with the
tests that need none; `--sample N` takes N of the other rooms by `--seed`, each with its room's tests. What was run is
kept in `--results`, so that a run can be broken off and go on. Prints the share that was killed, and the survivors
that scripts/equivalent_mutants.yaml does not explain.

mutmut's own runner can't serve: it changes functions that have no decorator, and not the constants and tables of a
module; cosmic-ray starts an interpreter for each of thousands of mutants. Here a process that has imported everything
but Reelmill forks for each, and the fork reads the one changed module in place of the file.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path

import yaml
from forks import Forks
from mutant import ROOT, copy_tree
from mutations import Mutation, drafts, is_python, mutations
from relevant import relevant

PURE = (
    *("jobs/*.py", "batching.py", "redaction.py", "client/*.py", "media/*.py", "media/operations/*.py"),
    *("media/presets/*.py", "api/validation.py", "api/listing.py", "gateway/*.py", "storage/uris.py"),
)
# They spawn processes, open sockets or serve; their rooms' tests need those.
NOT_PURE = frozenset(
    {
        *(
            f"media/{name}.py"
            for name in (
                *("child", "confinement", "ffmpeg", "launcher", "pread", "probe", "probe_child", "run", "still_child"),
                *("stills", "verify", "walking", "warm", "warm_child"),
            )
        ),
        *(f"client/{name}.py" for name in ("asynchronous", "blocking")),
        *(
            f"gateway/{name}.py"
            for name in ("app", "calls", "connections", "files", "pages", "routing", "streaming", "upstream")
        ),
    }
)
PURE_TESTS = ("tests/unit", "tests/contract/test_uris.py", "tests/contract/test_memory_cache.py")
# The tests of the other rooms, the most telling first.
ROOM_TESTS = {
    "api": "tests/unit/test_errors.py tests/unit/test_rules_told.py tests/unit/test_loops.py tests/api"
    " tests/e2e/test_full_way.py",
    "auth": "tests/unit/test_auth.py tests/api/test_authenticator.py tests/api/test_tls.py"
    " tests/console/test_openid_sign_in.py",
    "cache": "tests/unit/test_loops.py tests/contract/test_cache.py tests/contract/test_memory_cache.py"
    " tests/contract/test_redis_cache.py tests/contract/test_watermark.py"
    " tests/contract/test_breaker.py",
    "cli": "tests/cli",
    "client": "tests/unit tests/client",
    "console": "tests/console",
    "gateway": "tests/unit tests/gateway tests/e2e/test_signed_uploads.py",
    "media": "tests/unit tests/media",
    "queue": "tests/contract/test_queue.py tests/contract/test_queue_pools.py tests/contract/test_queue_lag.py"
    " tests/contract/test_task_messages.py"
    " tests/contract/test_kafka.py tests/contract/test_kafka_password.py",
    "scheduler": "tests/unit/test_loops.py tests/unit/test_wiring.py tests/scheduler",
    "storage": "tests/contract/test_uris.py tests/contract/test_workdir.py tests/contract/test_storage.py"
    " tests/contract/test_storage_kinds.py tests/contract/test_fetch.py tests/contract/test_access.py"
    " tests/contract/test_kept.py tests/contract/test_headers.py",
    "store": "tests/store tests/scheduler tests/migrations/test_schema.py",
    "telemetry": "tests/telemetry tests/logs tests/monitoring/test_files.py",
    "worker": "tests/unit/test_media_lengths.py tests/unit/test_loops.py tests/worker",
    "relay": "tests/scheduler/test_relay.py",
    "settings": "tests/unit/test_wiring.py tests/cli/test_settings.py",
    "app": "tests/unit/test_wiring.py tests/cli/test_serve.py tests/e2e",
    "embedded": "tests/scheduler/test_embedded.py tests/cli/test_serve.py",
    "guardian": "tests/unit/test_guardian.py tests/unit/test_children.py tests/scheduler/test_embedded.py"
    " tests/cli/test_serve.py tests/cli/test_ends.py",
    "webhooks": "tests/unit tests/scheduler/test_webhooks.py tests/e2e/test_webhooks.py tests/api/test_webhooks.py"
    " tests/store/test_store_webhooks.py",
    "supervise": "tests/unit tests/api/test_server.py",
}
# Rooms whose tests call them in their own process, and not over the wire.
CALLED = frozenset({"cache", "media", "queue", "relay", "scheduler", "storage", "store", "telemetry", "worker"})
OTHER_TESTS = "tests/unit tests/cli tests/e2e tests/pages"
EQUIVALENT = ROOT / "scripts" / "equivalent_mutants.yaml"
GOALS = {"pure": 0.9, "sample": 0.8}


class RedByItself(Exception):
    """A room's tests fail by themselves: nothing that they say of a mutant counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Where mutants are tried and what is known already."""

    tree: Path
    results: Path
    known: dict[str, str]

    def tell(self, mutation: Mutation, outcome: str) -> None:
        """Keep an outcome: killed, survived, or equivalent."""
        self.known[mutation.id] = outcome
        with self.results.open("a") as file:
            file.write(json.dumps({"id": mutation.id, "outcome": outcome}) + "\n")
        if outcome == "survived":
            print(f"SURVIVED {mutation.shown}", flush=True)


def pure_files() -> list[str]:
    """Files of the pure rooms, below src/reelmill."""
    source = ROOT / "src" / "reelmill"
    found = {str(path.relative_to(source)) for pattern in PURE for path in source.glob(pattern)}
    return sorted(found - NOT_PURE)


def other_files() -> list[str]:
    """All the other files, but for what is generated."""
    source, pure = ROOT / "src" / "reelmill", set(pure_files())
    found = (str(path.relative_to(source)) for path in source.rglob("*.py"))
    return sorted(name for name in found if name not in pure and not name.startswith("v1/"))


def of_files(tree: Path, names: Iterable[str], only: str) -> Iterator[Mutation]:
    """The mutants of files whose name contains `only`."""
    for name in names:
        if only in name:
            yield from mutations(name, (tree / "src" / "reelmill" / name).read_text())


def try_pure(run: Run, chosen: Sequence[Mutation], jobs: int) -> None:
    """Fork for each."""
    os.chdir(run.tree)
    forks = Forks(run.tree, PURE_TESTS)
    forks.run([m for m in chosen if m.id not in run.known], jobs, lambda m, killed: run.tell(m, _outcome(killed)))


def try_others(run: Run, chosen: Sequence[Mutation], jobs: int) -> None:
    """Room by room: first by forks where the room's tests call it, then a pytest for each with the file changed.

    Of a room's tests those that speak most of a mutant are run (scripts/relevant.py): all of a room take minutes for
    each. Servers that REELMILL_TEST_* name are shared by all. Raises RedByItself.
    """
    for room in sorted({m.room for m in chosen}, key=lambda room: (room not in CALLED, room)):
        waiting = [m for m in chosen if m.room == room and m.id not in run.known]
        tests = [test for test in ROOM_TESTS.get(room, OTHER_TESTS).split() if (run.tree / test).exists()]
        if waiting and room in CALLED:
            _in_forks(run, waiting, tests, jobs)
        for mutation in [m for m in waiting if m.id not in run.known]:
            files = relevant(run.tree, mutation, tests)
            red = _red_with(run.tree, mutation, files)
            if red and (alone := _red(run.tree, [red])):
                raise RedByItself(
                    f"{room}: {alone} is red without any mutant, and would kill all: are the servers there?"
                )
            run.tell(mutation, _outcome(bool(red)))


def _in_forks(run: Run, waiting: Sequence[Mutation], tests: Sequence[str], jobs: int) -> None:
    """In a process of its own, for each room has a folder `conftest`s of its own and its own modules in memory."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.chdir(run.tree)
            near = dict.fromkeys(file for m in waiting for file in relevant(run.tree, m, tests))
            Forks(run.tree, [*near]).killed_in_collected(waiting, jobs, lambda m, killed: run.tell(m, _outcome(killed)))
            code = 0
        except BaseException as error:  # the second way needs no forks
            print(f"forks failed: {error}", flush=True)
        finally:
            os._exit(code)
    os.waitpid(pid, 0)
    run.known.update(read_results(run.results))


def _red_with(tree: Path, mutation: Mutation, tests: Sequence[str]) -> str:
    path = tree / "src" / "reelmill" / mutation.file
    original = path.read_text()
    path.write_text(mutation.source)
    try:
        return _red(tree, tests)
    finally:
        path.write_text(original)


def _outcome(killed: bool) -> str:
    return "killed" if killed else "survived"


def _red(tree: Path, tests: Sequence[str]) -> str:
    """The first test that fails, or the file that can't be collected; empty where none does."""
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-r", "fE", "-p", "no:cacheprovider", "--timeout=60"]
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    with tempfile.TemporaryDirectory(prefix="reelmill-pytest-") as folder:
        argv += [f"--basetemp={folder}/pytest", *tests]
        with (Path(folder) / "output").open("w") as output:
            child = subprocess.Popen(
                argv, cwd=tree, env=environment, stdout=output, stderr=output, start_new_session=True
            )
            try:
                code = child.wait(timeout=900)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, 9)
                code = child.wait()
        failed = re.search(
            r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", (Path(folder) / "output").read_text(), re.MULTILINE
        )
        return "" if code == 0 else failed[1] if failed else tests[0]


def tell_share(kind: str, chosen: Sequence[Mutation], run: Run) -> bool:
    """Print a share; answers whether it reaches its goal."""
    explained = {entry["id"] for entry in yaml.safe_load(EQUIVALENT.read_text()) or ()}
    tried = [m for m in chosen if m.id in run.known]
    alive = [m for m in tried if run.known[m.id] == "survived"]
    real = [m for m in alive if m.id not in explained]
    counted = len(tried) - (len(alive) - len(real))
    share = 1 - len(real) / counted if counted else 1.0
    print(
        f"{kind}: {len(chosen)} mutants, {len(tried)} tried, {len(alive) - len(real)} equivalent,"
        f" {len(real)} survive: {share:.1%} killed (goal {GOALS[kind]:.0%})"
    )
    return share >= GOALS[kind] and len(tried) == len(chosen)


def main() -> int:
    """Try mutants; answers the exit status: 1 where a share is below its goal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pure", action="store_true", help="every mutant of the rooms that need no server")
    parser.add_argument("--sample", type=int, default=0, help="this many of the other rooms")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--only", default="", help="files whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, default=ROOT / ".mutation.jsonl", help="what was tried; kept")
    parser.add_argument("--again", action="store_true", help="try survivors again")
    parser.add_argument("--list", action="store_true", help="show the survivors that are known, with their ids")
    options = parser.parse_args()
    known = read_results(options.results)
    if options.again:
        known = {key: outcome for key, outcome in known.items() if outcome == "killed"}
    good, began = True, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reelmill-mutation-") as folder:
        run = Run(tree=Path(folder), results=options.results.absolute(), known=known)
        copy_tree(run.tree)
        if options.pure:
            chosen = list(of_files(run.tree, pure_files(), options.only))
            if not options.list:
                try_pure(run, chosen, options.jobs)
            good &= finish("pure", chosen, run, options.list)
        if options.sample:
            source = run.tree / "src" / "reelmill"
            every = (m for name in other_files() for m in drafts(name, (source / name).read_text()))
            # By what each is, so that a change of the code draws few of them anew.
            drawn = nsmallest(
                2 * options.sample, every, lambda m: hashlib.sha256(f"{options.seed} {m.id}".encode()).digest()
            )
            drawn = [*filter(is_python, drawn)][: options.sample]
            chosen = [m for m in drawn if options.only in m.file]
            if not options.list:
                try_others(run, chosen, options.jobs)
            good &= finish("sample", chosen, run, options.list)
    print(f"in {(time.monotonic() - began) / 60:.0f} minutes")
    return 0 if good else 1


def read_results(path: Path) -> dict[str, str]:
    """Outcomes by id; the last of each holds."""
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {line["id"]: line["outcome"] for line in lines}


def finish(kind: str, chosen: Sequence[Mutation], run: Run, listing: bool) -> bool:
    """Tell how it went."""
    if listing:
        explained = {entry["id"] for entry in yaml.safe_load(EQUIVALENT.read_text()) or ()}
        for mutation in chosen:
            if run.known.get(mutation.id) == "survived" and mutation.id not in explained:
                print(mutation.shown)
    return tell_share(kind, chosen, run)


if __name__ == "__main__":
    raise SystemExit(main())
