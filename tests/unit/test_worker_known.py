"""What further tasks are told of the outputs that they make, and what `reelmill delete` asks for."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from reelmill.api.listing import parse_filter
from reelmill.cli.deleting import filter_of
from reelmill.cli.problems import Problem
from reelmill.media.spreading import JOIN_PIECES, MAKE_OUTPUTS, MAKE_PIECE
from reelmill.store.jobs import JobFilter
from reelmill.store.leases import NewTask
from reelmill.worker.reusing import know, with_known

KEYS, DIGESTS = {"web": "aa", "still": "bb"}, {"": "cc"}


def task(kind: str, *outputs: str) -> NewTask:
    return NewTask(id=uuid7(), kind=kind, spec=json.dumps({"outputs": outputs, "inputs": {}}).encode(), weight=2)


def told(keys: dict[str, str], digests: dict[str, str]) -> Any:
    return SimpleNamespace(keys=keys, digests=digests)


def known(spec: bytes, engine: str = "engine=a") -> tuple[dict[str, str], dict[str, str]]:
    attempt: Any = SimpleNamespace(task=SimpleNamespace(spec=spec))
    know(attempt, engine)
    return attempt.keys, attempt.digests


def test_who_makes_whole_outputs_knows_what_they_are() -> None:
    tasks = [task(MAKE_OUTPUTS, "web"), task(JOIN_PIECES, "still", "new"), task(MAKE_PIECE, "still")]
    web, still, piece = with_known(tasks, told(KEYS, DIGESTS), "engine=a")
    assert known(web.spec) == ({"web": "aa"}, DIGESTS)
    assert known(still.spec) == ({"still": "bb"}, DIGESTS)
    assert json.loads(web.spec)["outputs"] == ["web"] and web.weight == 2
    assert piece is tasks[2]


def test_another_build_makes_other_bytes() -> None:
    [web] = with_known([task(MAKE_OUTPUTS, "web")], told(KEYS, DIGESTS), "engine=a")
    assert known(web.spec, "engine=b") == ({}, DIGESTS)


def test_where_nothing_is_known_nothing_is_said() -> None:
    tasks = (task(MAKE_OUTPUTS, "web"),)
    assert with_known(tasks, told({}, {}), "engine=a") == tasks
    for spec in (tasks[0].spec, b""):
        assert known(spec) == ({}, {})


def test_what_delete_is_told_is_a_filter_of_the_api() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    text = filter_of(["asset=42", 'odd=a"b\\c=d'], "FAILED", "36h", now=now)
    assert parse_filter(text) == JobFilter(
        states=("FAILED",),
        labels={"asset": "42", "odd": 'a"b\\c=d'},
        created_before=datetime(2026, 11, 24, 12, tzinfo=UTC),
    )
    assert filter_of([], None, None) == ""


@pytest.mark.parametrize(
    ("labels", "age"), [(["x"], None), (["a b=c"], None), ([], "soon"), ([], "0x1d"), ([], "1w"), ([], "-1d")]
)
def test_what_is_no_label_and_no_age_is_refused(labels: list[str], age: str | None) -> None:
    with pytest.raises(Problem):
        filter_of(labels, None, age)
