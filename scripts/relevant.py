"""Which test files speak most of what a mutant changes: they are run first, and in a sample they alone."""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from mutations import Mutation

MOST_FILES = 12
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")
_MODULE, _AROUND, _LINE = 4, 3, 1  # what it weighs that a file names the module, what is around, what is in the line


def test_files(tree: Path, tests: Iterable[str]) -> list[str]:
    """The files of test rooms, below the tree."""
    found: list[str] = []
    for test in tests:
        path = tree / test
        files = sorted(path.rglob("test_*.py")) if path.is_dir() else [path] if path.exists() else []
        found += [str(file.relative_to(tree)) for file in files]
    return list(dict.fromkeys(found))


def relevant(tree: Path, mutation: Mutation, tests: Sequence[str], most: int = MOST_FILES) -> list[str]:
    """The most telling files of test rooms, the first the most.

    A word counts by how few files of these rooms have it (its inverse document frequency). To leave the others out can
    only make a share of killed mutants smaller than it is.
    """
    files = test_files(tree, tests)
    spread = Counter(word for file in files for word in _words(tree / file))
    weights = _weights(tree, mutation)

    def score(file: str) -> float:
        return sum(
            w * math.log(len(files) / spread[word]) for word, w in weights.items() if word in _words(tree / file)
        )

    return sorted(files, key=score, reverse=True)[:most]


def _weights(tree: Path, mutation: Mutation) -> Counter[str]:
    weights = Counter(dict.fromkeys(_WORD.findall(mutation.before), _LINE))
    for name in _around(tree / "src" / "reelmill" / mutation.file, mutation.line):
        weights[name] += _AROUND
    weights[mutation.module.rpartition(".")[2]] += _MODULE
    return weights


def _around(path: Path, line: int) -> list[str]:
    """The function, class and constant that a line belongs to."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names


@cache
def _words(path: Path) -> frozenset[str]:
    return frozenset(_WORD.findall(path.read_text()))
