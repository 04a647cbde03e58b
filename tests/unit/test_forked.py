"""What tests fork instead of starting it is as a start would make it."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from services import forked

import reelmill

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")
TELL = """
import json, os, signal, sys, threading
told = {
    "name": __name__, "argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path[0],
    "parent": os.getppid(), "leads": os.getsid(0) == os.getpid(), "files": sorted(os.listdir("/proc/self/fd"))[:-1],
    "threads": threading.active_count(), "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
}
print(json.dumps(told), flush=True)
print("a word", file=sys.stderr, flush=True)
if "modules" in sys.argv:
    print(json.dumps(list(sys.modules)))
if "wait" in sys.argv:
    signal.pause()
sys.exit(3)
"""


def started(folder: Path, *arguments: str, **environment: str) -> forked.Forked:
    (folder / "tell.py").write_text(TELL)
    argv = [sys.executable, "-m", "tell", *arguments]
    variables = dict(os.environ) | environment
    assert forked.possible(argv, variables)
    with (folder / "log").open("wb") as log:
        return forked.fork(argv, variables, str(folder), log.fileno())


def test_it_begins_as_a_module_in_a_session_of_its_own_with_what_it_was_given(tmp_path: Path) -> None:
    child = started(tmp_path, "--an", "option", REELMILL_LOG_LEVEL="debug")
    assert child.wait(60) == 3 and child.poll() == 3
    line, word = (tmp_path / "log").read_text().splitlines()
    told = json.loads(line)
    assert told.pop("environment") == dict(os.environ) | {"REELMILL_LOG_LEVEL": "debug"}
    assert (told["argv"], told["name"], word) == (["--an", "option"], "__main__", "a word")
    assert told["folder"] == told["path"] == str(tmp_path)
    assert told["parent"] == os.getpid() and told["leads"] and told["interrupts"] and told["threads"] == 1
    assert told["files"] == ["0", "1", "2"]


def test_its_end_is_told_and_waited_for(tmp_path: Path) -> None:
    child = started(tmp_path, "wait")
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    assert not psutil.pid_exists(child.pid)
    child.send_signal(signal.SIGKILL)  # to nobody


@pytest.mark.parametrize(
    ("argv", "more"),
    [
        (["python3", "-m", "reelmill"], {}),
        ([sys.executable, "-c", "pass"], {}),
        ([sys.executable, "-m", "reelmill"], {"LD_PRELOAD": "library.so"}),
        ([sys.executable, "-m", "reelmill"], {"AWS_ACCESS_KEY_ID": "x"}),
    ],
)
def test_what_imports_or_libraries_might_read_is_no_fork(argv: list[str], more: dict[str, str]) -> None:
    assert not forked.possible(argv, dict(os.environ) | more)


PROCESSES = ("process.py", "parts.py", "app/*.py", "cli/serve.py", "cli/configuration.py", "telemetry/traces.py")
"""What every process of ours goes through until it is ready."""


def imported_late(file: Path) -> set[str]:
    """The modules that a file's functions import."""
    tree = ast.parse(file.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    nodes = [node for function in functions for node in ast.walk(function)]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            folder = Path(reelmill.__file__).parents[1] / node.module.replace(".", "/")
            modules = {f"{node.module}.{name.name}" for name in node.names if (folder / f"{name.name}.py").is_file()}
            names |= modules or {node.module}
    return names


def test_what_our_processes_import_late_is_there_before_the_fork(tmp_path: Path) -> None:
    """Else each imports it again: that was nearly half of what all of them did."""
    child = started(tmp_path, "modules")
    assert child.wait(60) == 3
    loaded = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    package = Path(reelmill.__file__).parent
    late = {name for pattern in PROCESSES for file in package.glob(pattern) for name in imported_late(file)}
    assert len(late) > 15
    assert late - set(loaded) == set()
