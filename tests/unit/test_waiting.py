"""How tests wait, and what happens by chance: what passes here passes on a machine that is slow and busy."""

import ast
import functools
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import waiting
from order import ROOT
from waiting import PATIENCE_SECONDS, eventually, until

# Of calls that wait: which argument says how long. What is too short there fails on a busy machine.
WAITS = {"timeout": 0, "wait_for": 1, "communicate": 1, "wait_procs": 1, "urlopen": 2, "create_connection": 1}
CLIENTS = ("httpx.AsyncClient", "httpx.Client")  # whose own time-out are 5 s
SHORT = {
    ("contract/test_fetch.py", "asyncio.timeout(2)"): "it goes on for ever, and is not waited for",
    ("worker/test_worker_media.py", "asyncio.wait_for(asked.get(), 1.5)"): "nobody asks",
    ("media/taken_over.py", "socket.create_connection(('127.0.0.1', TARGETS['tcp']), 5)"): "it is refused",
    ("runs/test_runs.py", "other.communicate(timeout=1)"): "it waits for us",
}


parsed = functools.cache(ast.parse)


@pytest.fixture(scope="module", autouse=True)
def parsed_for_these_tests() -> Iterator[None]:
    yield
    parsed.cache_clear()


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, ast.Call]]:
    """Calls in the tests that wait, or make a client, each with its file."""
    found = []
    for path in ROOT.rglob("*.py"):
        name, text = str(path.relative_to(ROOT)), path.read_text()
        # In these rooms they are tries, which are repeated.
        if not name.startswith(("cluster/", "services/")) and any(f"{word}(" in text for word in (*WAITS, *CLIENTS)):
            found += [(name, node) for node in ast.walk(parsed(text)) if isinstance(node, ast.Call)]
    return found


def seconds_of(call: ast.Call) -> float | None:
    """The number that a call waits for at most; None where it names one or waits for nothing."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name not in WAITS:
        return None
    given = [word.value for word in call.keywords if word.arg == "timeout"] or call.args[WAITS[name] :][:1]
    return given[0].value if given and isinstance(given[0], ast.Constant) else None


def test_no_wait_is_shorter_than_a_busy_machine_needs(calls: list[tuple[str, ast.Call]]) -> None:
    found = {(name, ast.unparse(call)) for name, call in calls if (seconds_of(call) or 60) < 15}
    assert found == set(SHORT), "say PATIENCE_SECONDS, or in SHORT why what is waited for does not come"


def test_no_client_has_a_time_out_that_nobody_chose(calls: list[tuple[str, ast.Call]]) -> None:
    found = [
        (name, ast.unparse(call))
        for name, call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in CLIENTS
        and ast.unparse(call.func.value) == "httpx"
        and not {"timeout", "transport"} & {word.arg for word in call.keywords}
    ]
    assert found == []


def asks_again_and_again(loop: ast.While) -> bool:
    """Whether a loop does nothing but look, and sleep, until its condition holds."""
    looks = "await" in ast.unparse(loop) and ("sleep" in ast.unparse(loop) or isinstance(loop.body[0], ast.Pass))
    ends = any(isinstance(node, ast.Assert | ast.Raise | ast.Return | ast.Break) for node in ast.walk(loop))
    return looks and not ends and not any(word in ast.unparse(loop.test) for word in ("True", "is_set()", ".done()"))


def tree(path: Path) -> ast.AST:
    """What a file says, where it may wait in a loop: to parse all takes long."""
    text = path.read_text()
    return parsed(text if "while " in text and "await " in text else "")


def endless(node: ast.AST, *, bounded: bool = False) -> list[str]:
    """Such loops of async functions that stand in no `async with patient()` or time-out of their own."""
    found = []
    for child in ast.iter_child_nodes(node):
        within = bounded
        if isinstance(child, ast.AsyncWith):
            within |= any(word in ast.unparse(item) for item in child.items for word in ("patient(", "timeout("))
        if isinstance(child, ast.While) and not within and asks_again_and_again(child):
            found.append(ast.unparse(child.test))
        found += endless(child, bounded=within)
    return found


def test_no_wait_is_without_an_end() -> None:
    found = {
        str(path.relative_to(ROOT)): loops
        for path in ROOT.rglob("*.py")
        if path.parent.name not in ("cluster", "services") and (loops := endless(tree(path)))
    }
    assert found == {}, "what never comes ends such a test by its own time-out alone, ten minutes later"


async def test_what_is_waited_for_may_be_async_and_is_named_where_it_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter((False, False, True) * 2)

    async def holds() -> bool:
        return next(looks)

    await eventually(holds)
    until(lambda: next(looks))  # type: ignore[arg-type]
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(AssertionError, match=r"in 0\.05 s: not the moon is blue"):
        await eventually(lambda: False, "the moon is blue")
    with pytest.raises(AssertionError, match=r"in 0\.05 s: not the moon is blue"):
        until(lambda: False, "the moon is blue")


def test_patience_ends_before_the_time_of_a_test() -> None:
    import tomllib

    options = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert options["timeout"] >= 3 * PATIENCE_SECONDS


def seed() -> int:
    """Of a run that begins now."""
    found: int = runpy.run_path(str(ROOT / "effort.py"))["SEED"]
    return found


@pytest.mark.parametrize(
    ("told", "same"),
    [({"CI": "true"}, True), ({}, False), ({"CI": "true", "REELMILL_TEST_LONG": "1"}, False)],
)
def test_in_ci_everything_that_happens_by_chance_happens_again(
    told: dict[str, str], same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "REELMILL_TEST_LONG", "REELMILL_TEST_SEED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert (seed() == seed()) is same
    monkeypatch.setenv("REELMILL_TEST_SEED", "7")
    assert seed() == 7
