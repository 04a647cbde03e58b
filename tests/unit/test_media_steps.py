"""Steps are data: what they hash to, how they come together, and how planning asks for what it must know."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import planning
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from jobs import job
from unit.test_media_golden import CASES, CLIP, OTHERS, SOUND, VIDEO, source, with_others

from reelmill.media.contract import Facts, Graph, Measurement, Needs, PlanContext, Probe, Source
from reelmill.media.graph import MOST_ENCODING, fused, in_order, waits_for
from reelmill.media.operations import OPERATIONS
from reelmill.media.plan import plan
from reelmill.media.promises import Expected, PlannedFile
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered, typed
from reelmill.media.settling import MOST_ROUNDS, settle
from reelmill.media.steps import (
    COPY,
    Cost,
    Encoded,
    Kind,
    Place,
    Program,
    Reading,
    Step,
    Taken,
    Writing,
    digest,
    names_of_filters,
)
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job

TWO = {"inputs": [{"name": "a", "uri": "file:///a"}, {"name": "b", "uri": "file:///b"}]}


def steps(*outputs: dict[str, Any], given: Source = CLIP, threads: int = 2) -> tuple[Step, ...]:
    job = ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": list(outputs)}, Job())
    return planning.graph(job, given, threads=threads).steps


def one(operation: dict[str, Any], name: str = "out", **options: Any) -> Step:
    [step] = steps({"name": name, **operation}, **options)
    return step


@pytest.mark.parametrize(
    "operation",
    [
        {"transcode": {}},
        {"thumbnail": {"count": 3}},
        {"audio": {}},
        {"transcode": {"overlays": [{"text": {"text": "a"}}]}},
    ],
)
def test_the_same_work_has_one_digest_whatever_its_output_is_called(operation: dict[str, Any]) -> None:
    assert digest(one(operation)) == digest(one(operation, "another"))
    costly = replace(one(operation), cost=Cost(seconds=1, reading_cpu=9, writing_bytes=5))
    assert digest(costly) == digest(one(operation))
    assert len(digest(costly)) == 64


def test_other_work_has_another_digest() -> None:
    made = [
        *(one(operation) for operation in ({"transcode": {}}, {"audio": {}}, {"audio": {"format": "WAV"}})),
        one({"transcode": {"video": {"crf": 24}}}),
        one({"transcode": {"trim": {"start_seconds": 1}}}),
        one({"transcode": {"trim": {"start_seconds": 2}}}),
        one({"transcode": {"trim": {"end_seconds": 2}}}),
        one({"transcode": {"container": "MKV"}}),
        one({"transcode": {}}, threads=3),  # x264's bytes depend on them
        one({"transcode": {}}, given=source(VIDEO, {**SOUND, "channels": 1})),
        one({"thumbnail": {}}),
        one({"thumbnail": {"count": 3}}),
        one({"thumbnail": {"format": "PNG"}}),
        one({"transcode": {}}, given=replace(CLIP, name="b")),
        one({"transcode": {}}, given=source(VIDEO, SOUND, demuxer="matroska")),
    ]
    assert len({digest(step) for step in made}) == len(made)


def test_places_and_decoders_threads_come_in_when_a_step_is_rendered() -> None:
    step = one({"transcode": {}})
    argv = rendered(step, Placed(inputs={"": "/somewhere/x"}, threads=7)).argv
    assert argv[:2] == ("-threads", "7") and argv[argv.index("-threads:v") + 1] == "2"
    assert "file:/somewhere/x" in argv
    assert rendered(step, Placed(inputs={"": "x"})).argv[0] == "-protocol_whitelist"


@pytest.mark.parametrize("name", CASES)
def test_a_step_says_which_encoders_and_filters_it_needs(name: str) -> None:
    given, outputs = CASES[name]
    made = with_others(job("file:///in", *({"name": "out"} | output for output in outputs)))
    for step in planning.graph(made, given, threads=2, others=OTHERS).steps:
        argv = rendered(step, Placed(inputs={"": "x", **dict.fromkeys(OTHERS, "y")})).argv
        encoders = {value for option, value in pairwise(argv) if option.startswith(("-c:v", "-c:a", "-c:s"))}
        assert step.encoders == encoders - {COPY}
        assert all(filter.replace("_", "").isalnum() for filter in step.filters)


@pytest.mark.parametrize(
    ("graph", "names"),
    [
        ("", ()),
        ("scale=1:2", ("scale",)),
        ("trim=start=1:end=2,setpts=max(0\\,PTS-1/TB),fps=25", ("trim", "setpts", "fps")),
        ("[s0][s1]xstack=inputs=2[a];[s2]crop=1:2[b];[a][b]alphamerge", ("xstack", "crop", "alphamerge")),
        (
            "format=gbrap,split[over][below];[below]lutrgb=r=0[f];[f][over]overlay",
            ("format", "split", "lutrgb", "overlay"),
        ),
        ("drawtext=text='a,b;c',null", ("drawtext", "null")),
        (" anullsrc=r=1 , atrim=duration=2", ("anullsrc", "atrim")),
    ],
)
def test_names_of_filters(graph: str, names: Sequence[str]) -> None:
    assert names_of_filters(graph) == frozenset(names)


# How steps come together.


def step(name: str, *, of: str = "", cpu: tuple[float, float] = (1, 1), memory: int = 0, shares: bool = True) -> Step:
    file = PlannedFile(
        output=name, path=PurePosixPath(name), content_type="", expected=Expected(streams=()), position=0
    )
    return Step(
        reads=(Reading(of=of, demuxer="mov"),),
        writes=(Writing(path=file.path, streams=(), options=(), promised=(file,)),),
        cost=Cost(reading_cpu=cpu[0], writing_cpu=cpu[1], writing_bytes=memory),
        shares=shares,
    )


def groups(*given: Step, memory_bytes: int = 0) -> list[str]:
    return ["+".join(made.outputs) for made in fused(given, memory_bytes=memory_bytes)]


def test_who_reads_the_same_shares_a_process() -> None:
    assert groups(step("a"), step("b", of="x"), step("c")) == ["a+c", "b"]
    assert groups(step("a"), step("b", shares=False), step("c")) == ["a+c", "b"]


def test_whose_encoder_takes_more_than_four_times_the_decode_has_its_own() -> None:
    assert groups(step("a"), step("b", cpu=(1, MOST_ENCODING)), step("c")) == ["a+b+c"]
    assert groups(step("a"), step("b", cpu=(1, MOST_ENCODING + 0.01)), step("c")) == ["a+c", "b"]
    assert groups(step("a", cpu=(1, 9)), step("b"), step("c")) == ["a", "b+c"]
    assert groups(step("a", cpu=(0, 0)), step("b", cpu=(0, 0))) == ["a+b"]


def test_by_default_a_ladder_of_films_is_decoded_once_and_slow_ones_are_not() -> None:
    ladder = [{"name": f"h{h}", "transcode": {"video": {"height": h}}} for h in (1080, 720, 360)]
    assert len(steps(*ladder)) == 1
    slow = [{"name": f"s{i}", "transcode": {"video": {"effort": "SLOW"}}} for i in range(2)]
    assert [made.outputs for made in steps(ladder[0], *slow, {"name": "sound", "audio": {}})] == [
        ("h1080", "sound"), ("s0",), ("s1",),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["", "x"]), st.floats(0, 9), st.booleans()), max_size=8))
def test_nothing_is_lost_or_done_twice_by_coming_together(given: list[tuple[str, float, bool]]) -> None:
    apart = [step(f"o{i}", of=of, cpu=(1, cpu), shares=shares) for i, (of, cpu, shares) in enumerate(given)]
    made = fused(apart, memory_bytes=1)  # no room for two
    assert made == tuple(apart)
    together = fused(apart)
    assert sorted(w.path for s in together for w in s.writes) == sorted(w.path for s in apart for w in s.writes)
    assert all(len({r for r in s.reads}) == 1 for s in together)


def reads(name: str, *paths: str) -> Step:
    made = step(name)
    return replace(made, reads=tuple(Reading(of=PurePosixPath(path), demuxer="mov") for path in paths) or made.reads)


def test_a_step_comes_after_those_whose_files_it_reads() -> None:
    chain = [reads("c", "a", "b"), reads("b", "a"), reads("a")]
    assert waits_for(chain) == (frozenset({1, 2}), frozenset({2}), frozenset())
    assert [made.outputs for made in in_order(chain)] == [("a",), ("b",), ("c",)]
    with pytest.raises(ValueError, match="wait for each other"):
        in_order([reads("a", "b"), reads("b", "a")])
    with pytest.raises(ValueError, match="no step writes z"):
        waits_for([reads("a", "z")])


def test_what_another_step_writes_is_read_from_the_working_directory() -> None:
    made = rendered(reads("b", "a/part.mkv"), Placed(inputs={}))
    assert "file:a/part.mkv" in made.argv
    assert made.reads == ()  # no input: nothing more is opened in the fence


def test_another_programs_arguments_are_its_own_and_it_shares_no_process() -> None:
    reading = Place(reading=0, before="in=", after=",stream=video")
    tool = replace(reads("b", "a/part.mkv"), program=Program.TOOL, arguments=("name", "--deep", reading))
    made = rendered(tool, Placed(inputs={}))
    assert (made.argv, made.program) == (("name", "--deep", "in=a/part.mkv,stream=video"), Program.TOOL)
    assert typed(made)[:4] == ("python", "-m", "reelmill.media.tools.name", "--deep")
    assert fused([tool, tool]) == (tool, tool)
    assert digest(tool) != digest(replace(tool, arguments=("name",)))


def test_files_are_told_in_the_jobs_order_whoever_makes_them() -> None:
    outputs = [
        {"name": "z", "transcode": {}},
        {"name": "cut", "audio": {"trim": {"start_seconds": 2}}},
        {"name": "a", "audio": {}},
    ]
    made = planning.graph(ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": outputs}, Job()), CLIP)
    assert [made.outputs for made in made.steps] == [("z", "a"), ("cut",)]
    assert [file.output for file in made.promised] == ["z", "cut", "a"]


# What a plan must know first.


def test_a_plan_asks_for_every_input_with_the_times_that_its_outputs_need() -> None:
    outputs = [
        {"name": "x", "input": "b", "transcode": {"trim": {"start_seconds": 1, "end_seconds": 3}}},
        {"name": "y", "input": "b", "thumbnail": {"times_seconds": [2.5]}},
        {"name": "z", "input": "a", "thumbnail": {"count": 2}},
    ]
    job = with_defaults(ParseDict({**TWO, "outputs": outputs}, Job()))
    a, b = Probe(input="a", looks=(-0.25, -0.75)), Probe(input="b", looks=(1, 3, 2.5))
    assert plan(job, PlanContext()) == Needs(measurements=(a, b))
    assert plan(job, PlanContext(facts={a: replace(CLIP, name="a")})) == Needs(measurements=(b,))
    known: Facts = {a: replace(CLIP, name="a"), b: replace(CLIP, name="b")}
    made = plan(job, PlanContext(facts=known))
    assert isinstance(made, Graph)
    assert {reading.of for step in made.steps for reading in step.reads} == {"a", "b"}


class Asking:
    """An operation that must see a part of the input before it knows what to do."""

    name, description, extensions = "audio", "Asks.", ()
    encoders = filters = frozenset[str]()

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def violations(self, spec: Any, path: str) -> list[Any]:
        return []

    def inputs(self, spec: Any) -> tuple[str, ...]:
        return ()

    def with_defaults(self, spec: Any) -> Any:
        return spec

    def looks(self, spec: Any) -> tuple[float, ...]:
        return ()

    def plan(self, output: str, spec: Any, source: Source, context: PlanContext) -> Any:
        for i in range(self.rounds):
            wanted = Probe(input=source.name, looks=(float(i + 1),))
            if wanted not in context.facts:
                return Needs(measurements=(wanted, wanted))
        return (step(output),)


async def test_an_operation_may_ask_again_and_what_was_measured_is_not_measured_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OPERATIONS, "audio", Asking(3))
    job = ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": [{"name": "o", "audio": {}}]}, Job())
    asked: list[Measurement] = []

    async def measure(wanted: Sequence[Measurement], known: Facts) -> list[Source]:
        assert not known.keys() & set(wanted)
        asked.extend(wanted)
        return [CLIP for _ in wanted]

    graph, facts = await settle(job, PlanContext(), measure)
    assert [probe.looks for probe in asked] == [(), (1.0,), (2.0,), (3.0,)]
    assert list(facts) == asked and graph.outputs == ("o",)
    monkeypatch.setitem(OPERATIONS, "audio", Asking(MOST_ROUNDS + 1))
    with pytest.raises(RuntimeError, match=f"after {MOST_ROUNDS} rounds"):
        await settle(job, PlanContext(), measure)


def test_a_stream_is_encoded_by_options_of_its_own_place() -> None:
    sound = Encoded(kind=Kind.AUDIO, taken=Taken(streams=(1,), filters="volume=2"), encoder="aac", options=("-ac", "2"))
    writing = Writing(path=PurePosixPath("a.mkv"), streams=(sound, sound), options=("-f", "matroska"))
    argv = rendered(Step(reads=(Reading(of="", demuxer="mov"),), writes=(writing,)), Placed(inputs={"": "x"})).argv
    one_place = ("-filter:a:0", "volume=2", "-c:a:0", "aac", "-ac:a:0", "2")
    assert argv[argv.index("-filter:a:0") :][:6] == one_place
    assert argv[argv.index("-filter:a:1") :][1:] == (
        "volume=2",
        "-c:a:1",
        "aac",
        "-ac:a:1",
        "2",
        "-f",
        "matroska",
        "a.mkv",
    )
