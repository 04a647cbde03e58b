"""docs/errors.md says what the code answers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from reelmill import client
from reelmill.api.errors import to_status
from reelmill.client.errors import from_status
from reelmill.gateway.problems import from_rpc
from reelmill.jobs import errors
from reelmill.jobs.codes import CODES, Category
from reelmill.media.failure_rules import RULES

ROOT = Path(__file__).resolve().parents[2]
ERRORS = [
    errors.InvalidRequest([errors.Violation("job", "is required")]),
    errors.NotFound(),
    errors.Conflict(),
    errors.WrongState(),
    errors.Unauthenticated(),
    errors.Forbidden(),
    errors.Unavailable(),
    errors.Busy(),
    errors.ReelmillError(),
]


def table(heading: str) -> list[list[str]]:
    """The cells below a table's heading."""
    after = (ROOT / "docs" / "errors.md").read_text().partition(f"\n| {heading} |\n")[2]
    rows = after.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_code_of_a_failed_job_is_documented_as_it_is() -> None:
    documented = table("Code | Category | Retryable | Meaning | What to do")
    assert documented == [
        [name, code.category.value, "yes" if code.retryable else "no", code.meaning, code.remedy]
        for name, code in CODES.items()
    ]
    assert [row[0] for row in table("Category | Means | What to do")] == list(Category)


def test_every_error_of_a_call_is_there() -> None:
    assert {type(error) for error in ERRORS} == {errors.ReelmillError, *errors.ReelmillError.__subclasses__()}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_of_a_call_is_documented_as_grpc_rest_and_the_client_tell_it(error: errors.ReelmillError) -> None:
    status = to_status(error)
    code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    problem = from_rpc(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, status.message))
    raised = from_status(status)
    row = [problem.code, code.name, str(problem.status), type(raised).__name__]
    assert row in [cells[:4] for cells in table("Code | gRPC | REST | Client | What to do")]
    assert getattr(client, type(raised).__name__) is type(raised)


def test_what_the_gateway_refuses_by_itself_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src" / "reelmill" / "gateway").glob("*.py"))
    answered = set(re.findall(r'Problem\(\s*(\d{3}),\s*"([A-Z_]+)"', sources))
    both = {(row[2], row[0]) for row in table("Code | gRPC | REST | Client | What to do")}
    assert answered - both == {(row[1], row[0]) for row in table("Code | REST | What to do")}


def _media(*modules: str) -> str:
    """Sources of modules of the room."""
    return "".join((ROOT / "src" / "reelmill" / "media" / f"{name}.py").read_text() for name in modules)


def test_every_kind_is_documented() -> None:
    page = (ROOT / "docs" / "errors.md").read_text().rpartition("`kind` says")[2]
    listed = set(re.findall(r"\w+", page.partition("There are ")[2].partition(".")[0]))
    sources = _media("foreign", "foreign_kinds", "packed", "signatures", "whole", "refusing")
    found = re.findall(r'_known\(\s*"(\w+)"|_no_media\("(\w+)"|kind="(\w+)"|"kind": "(\w+)"', sources)
    named = {name for names in found for name in names if name}
    parts = (path.stem for path in (ROOT / "src" / "reelmill" / "media").glob("anatomy*.py"))
    named |= set(re.findall(r'\bdamaged\(\s*"(\w+)"', _media(*parts, "damage", "holes", "heif", "png", "webp")))
    named |= set(re.findall(r'_told\("(\w+)"', _media("altered", "packed")))
    assert {rule.kind for rule in RULES} | named <= listed


def _codes(path: Path) -> Iterator[str]:
    """Codes that a module names where it says why an attempt failed."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("AttemptFailed", "Failure", "Refused"):
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
            branches = [each for one in given for each in ast.walk(one)]  # "A" if this else "B"
            yield from (each.value for each in branches if isinstance(each, ast.Constant) and str(each.value).isupper())


def test_every_code_that_is_named_is_one() -> None:
    sources = ROOT / "src" / "reelmill"
    named = {str(path.relative_to(sources)): set(_codes(path)) for path in sources.rglob("*.py")}
    assert len(set().union(*named.values())) > len(CODES) / 2
    assert {place: unknown for place, codes in named.items() if (unknown := codes - CODES.keys())} == {}
