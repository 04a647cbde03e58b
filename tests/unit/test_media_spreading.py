"""Which outputs of a job are tasks of their own."""

from pathlib import PurePosixPath

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.validators import Validator
from reelmill.media.contract import Graph
from reelmill.media.promises import Expected, PlannedFile
from reelmill.media.spreading import Work, expected_inputs, part_of, shares, spec_of
from reelmill.media.steps import Cost, Step, Writing
from reelmill.v1.jobs_pb2 import Job


def step(cpu: float, *outputs: str) -> Step:
    files = tuple(
        PlannedFile(output=name, path=PurePosixPath(name), content_type="", expected=Expected(streams=()))
        for name in outputs
    )
    writing = Writing(path=PurePosixPath("x"), streams=(), options=(), promised=files)
    return Step(reads=(), writes=(writing,), cost=Cost(reading_cpu=cpu / 4, writing_cpu=cpu * 3 / 4))


def spread(*steps: Step, outputs: str, least: float = 10) -> list[tuple[str, float]]:
    found = shares(Graph(steps=steps, outputs=tuple(outputs)), least)
    return [("".join(share.outputs), share.cpu) for share in found]


def test_only_what_takes_long_is_worth_a_task() -> None:
    assert spread(step(100, "a"), outputs="a") == []
    assert spread(step(100, "a"), step(9.9, "b"), outputs="ab") == []
    assert spread(step(100, "a"), step(10, "b"), outputs="ab") == [("a", 100), ("b", 10)]


def test_small_outputs_go_with_the_lightest_of_the_others() -> None:
    steps = [step(100, "a"), step(1, "b"), step(20, "c"), step(2, "d"), step(50, "e")]
    assert spread(*steps, outputs="abcde") == [("a", 100), ("bcd", 23), ("e", 50)]


def test_what_shares_a_process_stays_together_and_so_do_all_files_of_an_output() -> None:
    assert spread(step(30, "a", "b"), step(30, "c"), outputs="abc") == [("ab", 30), ("c", 30)]
    assert spread(step(30, "a"), step(30, "b", "a"), step(30, "c"), outputs="abc") == [("ab", 60), ("c", 30)]
    assert spread(step(30, "a"), step(30, "c"), step(1, "a", "c"), outputs="ac") == []


@given(st.lists(st.tuples(st.floats(0, 100), st.sets(st.sampled_from("abcdef"), min_size=1)), min_size=1, max_size=8))
def test_every_output_is_made_once(parts: list[tuple[float, set[str]]]) -> None:
    steps = tuple(step(cpu, *sorted(names)) for cpu, names in parts)
    outputs = tuple(sorted({name for _, names in parts for name in names}))
    found = shares(Graph(steps=steps, outputs=outputs), 10)
    assert not found or sorted(name for share in found for name in share.outputs) == list(outputs)
    assert all(share.cpu >= 10 for share in found) and len(found) != 1
    assert sum(share.cpu for share in found) == pytest.approx(sum(cpu for cpu, _ in parts)) or not found


TWO = {
    "inputs": [{"name": "a", "uri": "file:///a"}, {"name": "b", "uri": "file:///b"}],
    "outputs": [{"name": "x", "audio": {}}, {"name": "y", "input": "b", "audio": {}}, {"name": "z", "audio": {}}],
}


def spec(*outputs: str) -> bytes:
    found = {name: Validator(size_bytes=7, modified=name) for name in "ab"}
    return spec_of(ParseDict(TWO, Job()), Work(kind="make_outputs", outputs=outputs, cpu=1), found)


def test_a_part_has_its_outputs_alone_and_the_inputs_that_they_read() -> None:
    job = ParseDict(TWO, Job())
    part = part_of(job, spec("z"))
    assert [(o.name, o.input) for o in part.outputs] == [("z", "a")] and [i.name for i in part.inputs] == ["a"]
    part = part_of(job, spec("y"))
    assert [(o.name, o.input) for o in part.outputs] == [("y", "b")] and [i.name for i in part.inputs] == ["b"]
    assert part_of(job, spec("x", "y", "z")).inputs == job.inputs
    assert len(job.outputs) == 3
    with pytest.raises(ValueError, match="has not all of the outputs x, w"):
        part_of(job, spec("x", "w"))


def test_a_part_expects_what_the_plan_found_of_the_inputs_that_it_reads() -> None:
    assert expected_inputs(spec("y")) == {"b": Validator(size_bytes=7, modified="b")}
    assert set(expected_inputs(spec("x", "y"))) == {"a", "b"}
    assert expected_inputs(b'{"outputs": ["x"]}') == {}  # as a release before wrote it
