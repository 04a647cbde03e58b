"""Mutants in forks: of a process that has collected all tests, and of one that has imported no Reelmill yet.

The first swaps the code of one function, which takes milliseconds. What runs at import already, such as tables and
the functions that make them, is tried by the second, whose forks import the changed module in place of the file.
"""

import contextlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from mutations import Mutation

CPU_SECONDS, WALL_SECONDS = 60, 15  # and 10 times what the tests take without the mutant: more is an endless loop
_MEMORY_BYTES = 6 * 2**30
Tell = Callable[[Mutation, bool], None]


class Forks:
    """Tries mutants in a tree, which is the working directory."""

    def __init__(self, tree: Path, tests: Sequence[str]) -> None:
        """Imports what tests need, but for what lies in the tree."""
        self._tree = tree
        self._tests = tests
        sys.path[:0] = [str(tree / "src"), str(tree / "tests"), str(tree / "scripts")]
        os.environ |= {"PYTHONPATH": str(tree / "src"), "GRPC_ENABLE_FORK_SUPPORT": "0"}
        sys.dont_write_bytecode = True
        _import_libraries()

    def killed_in_collected(self, mutations: Sequence[Mutation], jobs: int, tell: Tell) -> None:
        """Try only the first way, and tell only of what it killed."""
        self._in_collected(mutations, jobs, lambda mutation, killed: tell(mutation, killed) if killed else None)

    def run(self, mutations: Sequence[Mutation], jobs: int, tell: Tell) -> None:
        """Try all, `jobs` at once; `tell` whether a mutant was killed."""
        alive = self._in_collected(mutations, jobs, tell)
        reached: dict[str, Any] = json.loads(Path("reached.json").read_text())
        _pool(alive, jobs, lambda m: self._afresh(m, _files_for(m, reached)), tell, lambda _: 5 * WALL_SECONDS)

    def _in_collected(self, mutations: Sequence[Mutation], jobs: int, tell: Tell) -> list[Mutation]:
        """Fork a process that collects; answers what it can't try."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _guarded(lambda: _pytest(self._tree, self._tests, _Collected(self._tree, mutations, jobs, write)))
        os.close(write)
        by_id = {m.id: m for m in mutations}
        with os.fdopen(read) as lines:
            for line in lines:
                mutation_id, _, outcome = line.strip().partition(" ")
                tell(by_id.pop(mutation_id), outcome == "killed")
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            raise RuntimeError(f"the tests are red without any mutant:\n{Path(f'output-{pid}').read_text()[-3000:]}")
        return list(by_id.values())

    def _afresh(self, mutation: Mutation, files: Sequence[str]) -> int:
        """The exit code of tests that import the changed module: first of those that name it, for they are few."""
        sys.meta_path.insert(0, _Changed(mutation, self._tree / "src" / "reelmill" / mutation.file))
        word = mutation.module.rpartition(".")[2]
        first = [file for file in files if re.search(rf"import.*\b{word}\b|\b{word} import", _read(file))][:4]
        if first and len(files) > len(first):
            pid = os.fork()
            if pid == 0:
                _guarded(lambda: _pytest(self._tree, first))
            if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                return code
        return _pytest(self._tree, files)


class _Collected:
    """A plugin of pytest that runs mutants in place of the tests."""

    def __init__(self, tree: Path, mutations: Sequence[Mutation], jobs: int, outcomes: int) -> None:
        import coverage

        self._tree = tree
        self._mutations = mutations
        self._jobs = jobs
        self._outcomes = outcomes
        self._imports = coverage.Coverage(data_file=None, source=[str(tree / "src" / "reelmill")], config_file=False)
        self._imports.start()

    def pytest_runtestloop(self, session: Any) -> bool:
        """Learn which test reaches which line, then fork for each mutant of a function."""
        self._imports.stop()
        data, source = self._imports.get_data(), self._tree / "src" / "reelmill"
        at_import = {str(Path(f).relative_to(source)): set(data.lines(f) or ()) for f in data.measured_files()}
        pid = os.fork()
        if pid == 0:
            _guarded(lambda: _measure(self._tree, session.items))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            session.testsfailed = 1
            return True
        reached = json.loads(Path("reached.json").read_text())
        items = {item.nodeid: item for item in session.items}
        swaps = ((m, swap) for m in self._mutations if (swap := _swap(self._tree, m)))
        functions: dict[str, Callable[[], None]] = {}
        chosen = []
        for mutation, swap in swaps:
            early = at_import.get(mutation.file, set()) & set(range(mutation.line, mutation.last_line + 1))
            if not early:
                functions[mutation.id] = swap
                chosen.append(mutation)

        def attempt(mutation: Mutation) -> int:
            functions[mutation.id]()
            # Who fills a cache or makes a shared fixture runs the line for others too: so, in the end, all that may.
            first, near = _tests_of(mutation, reached), _tests_near(mutation, reached)
            later = [test for test in near if test not in set(first)]
            return _run_items(session, [items[test] for test in (*first, *later)])

        def limit_seconds(mutation: Mutation) -> float:
            near = _tests_near(mutation, reached)
            return WALL_SECONDS + 10 * float(sum(reached["seconds"][test] for test in near))

        _pool(chosen, self._jobs, attempt, self._tell, limit_seconds)
        tables = [m for m in self._mutations if not m.in_function and m.module in sys.modules]

        def attempt_table(mutation: Mutation) -> int:
            _replace_constants(mutation)
            return _run_items(session, [items[test] for test in _tests_near(mutation, reached)])

        _pool(tables, self._jobs, attempt_table, self._tell_killed, lambda _: 4 * WALL_SECONDS)
        return True

    def _tell_killed(self, mutation: Mutation, killed: bool) -> None:
        if killed:
            self._tell(mutation, killed)

    def _tell(self, mutation: Mutation, killed: bool) -> None:
        os.write(self._outcomes, f"{mutation.id} {'killed' if killed else 'survived'}\n".encode())


def _pool(
    mutations: Iterable[Mutation],
    jobs: int,
    attempt: Callable[[Mutation], int],
    tell: Tell,
    limit_seconds: Callable[[Mutation], float],
) -> None:
    """A fork for each; one that fails, or does not end, is killed by its tests."""
    running: dict[int, tuple[Mutation, float]] = {}
    waiting = iter(mutations)
    while True:
        while len(running) < jobs and (mutation := next(waiting, None)) is not None:
            pid = os.fork()
            if pid == 0:
                _guarded(lambda mutation=mutation: _limited(attempt, mutation))  # type: ignore[misc]
            running[pid] = (mutation, time.monotonic() + limit_seconds(mutation))
        if not running:
            return
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            mutation, _ = running.pop(pid)
            tell(mutation, os.waitstatus_to_exitcode(status) != 0)
            shutil.rmtree(f"pytest-{pid}", ignore_errors=True)
            Path(f"output-{pid}").unlink(missing_ok=True)
            continue
        for child, (_, until) in running.items():
            if time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def _read(file: str) -> str:
    return Path(file).read_text()


def _limited(attempt: Callable[[Mutation], int], mutation: Mutation) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    _silence()
    return attempt(mutation)


def _guarded(work: Callable[[], int]) -> None:
    """End this fork with what its work answers, whatever happens."""
    code = 70
    try:
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _silence() -> None:
    output = os.open(f"output-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _pytest(tree: Path, tests: Iterable[str], *plugins: object) -> int:
    import pytest

    _silence()
    argv = [
        *("-x", "-q", "-p", "no:cacheprovider", "-Wignore::pytest.PytestAssertRewriteWarning"),
        *(f"--rootdir={tree}", f"--basetemp=pytest-{os.getpid()}"),
    ]
    return int(pytest.main([*argv, *tests], plugins=list(plugins)))


def _run_items(session: Any, items: Sequence[Any]) -> int:
    """Run tests that were collected before; 1 at the first that fails."""
    from _pytest.runner import runtestprotocol

    folders = session.config._tmp_path_factory
    folders._basetemp, folders._given_basetemp = None, Path(f"pytest-{os.getpid()}").absolute()
    for item, following in zip(items, [*items[1:], None], strict=True):
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            with contextlib.suppress(BaseException):
                session._setupstate.teardown_exact(None)  # servers that the test's session started
            return 1
    return 0


def _measure(tree: Path, items: Sequence[Any]) -> int:
    """Write which test runs which lines (of a file below src/reelmill), and how long it takes."""
    import coverage
    from _pytest.runner import runtestprotocol

    measuring = coverage.Coverage(data_file=None, source=[str(tree / "src" / "reelmill")], config_file=False)
    seconds: dict[str, float] = {}
    measuring.start()
    for item, following in zip(items, [*items[1:], None], strict=True):
        measuring.switch_context(item.nodeid)
        began = time.monotonic()
        for report in runtestprotocol(item, log=False, nextitem=following):
            if report.failed:
                print(report.longreprtext)
                return 1
        seconds[item.nodeid] = time.monotonic() - began
    measuring.stop()
    data, source = measuring.get_data(), tree / "src" / "reelmill"
    lines: dict[str, set[str]] = defaultdict(set)
    files: dict[str, set[str]] = defaultdict(set)
    for file in data.measured_files():
        name = str(Path(file).relative_to(source))
        for line, contexts in data.contexts_by_lineno(file).items():
            lines[f"{name}:{line}"] |= {c for c in contexts if c}
            files[name] |= {c.partition("::")[0] for c in contexts if c}
    found = {"lines": {k: list(v) for k, v in lines.items()}, "files": {k: list(v) for k, v in files.items()}}
    Path("reached.json").write_text(json.dumps(found | {"seconds": seconds}))
    return 0


def _tests_of(mutation: Mutation, reached: dict[str, Any]) -> list[str]:
    """Tests that run a changed line, the quickest first."""
    lines = range(mutation.line, mutation.last_line + 1)
    found = {test for line in lines for test in reached["lines"].get(f"{mutation.file}:{line}", ())}
    return sorted(found, key=reached["seconds"].__getitem__)


def _tests_near(mutation: Mutation, reached: dict[str, Any]) -> list[str]:
    """Tests of the files that use the changed module, the quickest first."""
    files = set(reached["files"].get(mutation.file, ()))
    found = (test for test in reached["seconds"] if test.partition("::")[0] in files)
    return sorted(found, key=reached["seconds"].__getitem__)


def _files_for(mutation: Mutation, reached: dict[str, Any]) -> list[str]:
    """Files with tests that use the changed module, the quickest first; and then, where it runs at import, all."""
    total: dict[str, float] = defaultdict(float)
    for test, seconds in reached["seconds"].items():
        total[test.partition("::")[0]] += seconds
    near = set(reached["files"].get(mutation.file, ()))
    able = {file for file in total if "reelmill" in _read(file)}
    files = near if mutation.in_function and near else able
    return sorted(files, key=lambda file: (file not in near, total[file]))


def _replace_constants(mutation: Mutation) -> None:
    """Give a loaded module, and those that import them by name, the mutant's constants and tables."""
    module = sys.modules[mutation.module]
    new: dict[str, Any] = {"__name__": mutation.module, "__file__": module.__file__, "__package__": module.__package__}
    exec(compile(mutation.source, str(module.__file__), "exec"), new)
    for name, value in new.items():
        old = vars(module).get(name)
        if name.startswith("__") or callable(value) or isinstance(value, ModuleType):
            continue
        for other in list(sys.modules.values()):
            if getattr(other, "__dict__", {}).get(name) is old:
                vars(other)[name] = value


def _swap(tree: Path, mutation: Mutation) -> Callable[[], None] | None:
    """What gives the one function that differs its new code; None where more than that changes."""
    path = tree / "src" / "reelmill" / mutation.file
    old = dict(_functions(compile(path.read_text(), str(path), "exec")))
    new = dict(_functions(compile(mutation.source, str(path), "exec")))
    differing = [name for name in new if name in old and new[name] != old[name]]
    module = sys.modules.get(mutation.module)
    if not mutation.in_function or module is None or len(differing) != 1 or set(old) != set(new):
        return None
    function, code = _find(module, differing[0]), new[differing[0]]
    if function is None or function.__code__.co_freevars != code.co_freevars:
        return None
    # A default is no part of the code: then the two differ elsewhere, and the second way is right.
    return lambda: setattr(function, "__code__", code)


def _functions(code: CodeType, prefix: str = "") -> Iterator[tuple[str, CodeType]]:
    """Functions of a module and methods of its classes, by qualified name; what is in them belongs to them."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            name = f"{prefix}{constant.co_name}"
            if constant.co_flags & 0x02:  # CO_NEWLOCALS: a function, and no class's body
                yield name, constant
            else:
                yield from _functions(constant, f"{name}.")


def _find(module: ModuleType, name: str) -> FunctionType | None:
    """The function itself, below its decorators."""
    here: Any = module
    for part in name.split("."):
        here = vars(here).get(part) if hasattr(here, "__dict__") else None
        if here is None:
            return None
    here = here.fget if isinstance(here, property) else here
    here = getattr(here, "__func__", here)
    while hasattr(here, "__wrapped__"):
        here = here.__wrapped__
    return here if isinstance(here, FunctionType) else None


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source than its file's."""

    def __init__(self, mutation: Mutation, path: Path) -> None:
        self._mutation = mutation
        self._path = path

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Ours, for its name."""
        if fullname != self._mutation.module:
            return None
        folder = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self, submodule_search_locations=folder
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As usual."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self._mutation.source, str(self._path), "exec"), module.__dict__)


def _import_libraries() -> None:
    """What Reelmill and the tests import from elsewhere, once for all forks."""
    listing = Path("modules.json")
    pid = os.fork()
    if pid == 0:
        _guarded(lambda: _list_modules(listing))
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise RuntimeError("Reelmill can't be imported")
    for name in json.loads(listing.read_text()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _list_modules(listing: Path) -> int:
    before = set(sys.modules)
    for name in ("pytest", "hypothesis", "coverage", "conftest", "reelmill.system"):
        importlib.import_module(name)
    here = str(Path.cwd())
    foreign = [
        name
        for name, module in sys.modules.items()
        if name not in before
        and (name.startswith("reelmill.v1") or not str(getattr(module, "__file__", "")).startswith(here))
        and name != "reelmill"
    ]
    listing.write_text(json.dumps(foreign))
    return 0
