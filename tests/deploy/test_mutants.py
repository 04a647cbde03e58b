"""The list of `make mutants` keeps up with the code. (Not in tests/unit: those run on changed code.)"""

import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from mutant import ROOT, Mutant, changed
from mutants import ALL, BEGIN, END, with_table


def _out_of_date(mutant: Mutant) -> str:
    text = (ROOT / mutant.file).read_text()
    try:
        if changed(mutant, text) == text:
            return f"{mutant.name}: it changes nothing in {mutant.file}"
    except ValueError as error:
        return str(error)
    paths, *chosen = " ".join(shlex.split(mutant.tests)).split(" -k ")
    missing = [test for test in paths.split() if not (ROOT / test).exists()]
    return f"{mutant.name}: its tests {mutant.tests!r}" if missing or len(chosen) > 1 else ""


def test_what_each_mutant_changes_is_there_and_so_are_its_tests() -> None:
    assert [told for mutant in ALL if (told := _out_of_date(mutant))] == []


@pytest.mark.parametrize(
    ("old", "tests", "told"),
    [
        ("", "tests/unit", ""),
        ("no such", "tests/unit", "has no"),
        ("", "tests/unit/no_such.py", "its tests"),
        ("", "tests/unit -k a -k b", "its tests"),
    ],
)
def test_one_that_is_out_of_date_is_told(old: str, tests: str, told: str) -> None:
    mutant = Mutant(name="one", file="pyproject.toml", old=old, new="x", tests=tests)
    assert bool(_out_of_date(mutant)) is bool(told)
    assert told in _out_of_date(mutant)


def test_the_table_holds_what_was_found_now_and_before_in_the_order_of_the_list() -> None:
    stood = f"| {ALL[2].name} | `test_c` |\n| {ALL[0].name} | **none** |\n| is no more | `test_d` |\n"
    table = with_table(f"before\n{BEGIN}\n{stood}{END}\nafter\n", {ALL[3].name: None, ALL[1].name: "test_b"})
    assert table == (
        f"before\n{BEGIN}\n| removed | test that goes red |\n|---|---|\n| {ALL[1].name} | `test_b` |\n"
        f"| {ALL[2].name} | `test_c` |\n| {ALL[3].name} | **none** |\n{END}\nafter\n"
    )


@pytest.mark.parametrize(("test", "outcomes"), [("1 == 1", ["survived"]), ("1 == 2", [])])
def test_tests_that_are_red_by_themselves_kill_no_mutant(test: str, outcomes: list[str], tmp_path: Path) -> None:
    from mutation import RedByItself, Run, try_others  # late: LibCST takes two seconds of whoever collects tests
    from mutations import mutations

    tree = tmp_path / "tree"
    for file, text in {
        "src/reelmill/app.py": "one = 1\n",
        "tests/unit/test_wiring.py": f"def test_one(): assert {test}\n",
    }.items():
        (tree / file).parent.mkdir(parents=True)
        (tree / file).write_text(text)
    run = Run(tree=tree, results=tmp_path / "results", known={})
    mutant, *_ = mutations("app.py", (tree / "src/reelmill/app.py").read_text())
    with (
        nullcontext() if outcomes else pytest.raises(RedByItself, match=r"app: .*::test_one is red without any mutant")
    ):
        try_others(run, [mutant], 1)
    assert list(run.known.values()) == outcomes


def test_tests_that_speak_of_what_a_mutant_changes_come_first(tmp_path: Path) -> None:
    from mutations import mutations  # late, as above
    from relevant import relevant

    code = "def longest(attempt): return attempt + 1\n"
    for file, text in {
        "src/reelmill/backoff.py": code,
        "tests/unit/test_a.py": "attempt = 1\n",
        "tests/unit/test_b.py": "from reelmill.backoff import longest\n",
        "tests/unit/test_c.py": "import reelmill\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    mutant, *_ = mutations("backoff.py", code)
    assert relevant(tmp_path, mutant, ["tests/unit"], most=2) == ["tests/unit/test_b.py", "tests/unit/test_a.py"]


def test_each_test_of_a_room_is_run_on_its_mutants() -> None:
    """But for those that take long, or are of the whole."""
    from mutation import OTHER_TESTS, PURE_TESTS, ROOM_TESTS  # late, as above

    named = [Path(test) for test in (*" ".join(ROOM_TESTS.values()).split(), *OTHER_TESTS.split(), *PURE_TESTS)]
    assert [path for path in named if not (ROOT / path).exists()] == []
    whole = {"deploy", "fault", "migrations", "monitoring", "runs"}
    there = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")]
    missed = [path for path in there if not {path, path.parent} & set(named) and path.parts[1] not in whole]
    assert missed == []
