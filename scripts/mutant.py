"""A change to the tree that a test must notice, and the trying of it on a copy."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {"src", "tests", "scripts", "benchmarks", "deploy", "proto", "docs", "pyproject.toml", "NOTICES.md"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """In `file`, the first `old` (a regular expression) after `within` becomes `new`; `tests` must go red."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    within: str = ""


def media(name: str, file: str, old: str, new: str, *, tests: str, within: str = "") -> Mutant:
    """A mechanism of the room media; `file`: below it."""
    return Mutant(name=name, file=f"src/reelmill/media/{file}", within=within, old=old, new=new, tests=tests)


def copy_tree(target: Path) -> None:
    """What the tests need of this tree, as git tracks it."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source = ROOT / name
        if source.is_file() and name.split("/")[0] in NEEDED:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def changed(mutant: Mutant, text: str) -> str:
    """The text of its file, changed. Raises ValueError where there is nothing to change: the mutant is out of date."""
    start = text.find(mutant.within) if mutant.within else 0
    rest, count = re.subn(mutant.old, mutant.new, text[max(start, 0) :], count=1, flags=re.DOTALL)
    if start < 0 or not count:
        raise ValueError(f"{mutant.name}: {mutant.file} has no {mutant.old!r} after {mutant.within!r}")
    return text[:start] + rest


def apply(mutant: Mutant, tree: Path) -> None:
    """Change the tree. Raises ValueError as `changed` does."""
    path = tree / mutant.file
    path.write_text(changed(mutant, path.read_text()))


def red_test(tree: Path, tests: str) -> str | None:
    """The first test that fails in a tree, without its parameters; None where all pass."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    apart = f"--basetemp={tree / 'pytest'}"  # two sessions that share their folders disturb each other
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", apart, *shlex.split(tests)]
    done = subprocess.run(argv, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (tests/[^\s\[]+)", done.stdout, re.MULTILINE)
    if found is None or done.returncode != 1:  # 2: the tests could not be read, which shows nothing
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1]
