"""Outputs that read other outputs: in which order they are made, by which tasks, and what is known of them before."""

from typing import Any

import pytest
from jobs import job

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.validators import Validator
from reelmill.media.contract import Graph, PlanContext, Source
from reelmill.media.graph import waits_for
from reelmill.media.operations import OPERATIONS
from reelmill.media.optional import Tolerance
from reelmill.media.plan import plan, probes
from reelmill.media.reckoning import works
from reelmill.media.spreading import JOIN_PIECES, MAKE_OUTPUTS, MAKE_PIECE, Work, part_of, spec_of
from reelmill.media.stages import (
    READABLE,
    apart,
    cpu_of_outputs,
    following,
    forecast,
    linked,
    lost,
    stages,
    together,
)
from reelmill.media.validate import job_violations, with_defaults
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo

WEB = {"name": "web", "transcode": {"video": {"height": 180}}}
SMALL = {"name": "small", "input": "output:web", "transcode": {"video": {"height": 90}}}
SOUND = {"name": "sound", "input": "output:small", "audio": {"format": "OPUS"}}
STILL = {"name": "still", "input": "output:web", "thumbnail": {}}
STILLS = {"preset": "preview-thumbs"}
OTHER = {"name": "other", "audio": {}}
S = MediaInfo.Stream


def source(name: str = "") -> Source:
    picture = S(kind=S.VIDEO, index=0, codec="h264", width=640, height=360, frame_rate=25, duration_seconds=10)
    sound = S(kind=S.AUDIO, index=1, codec="aac", sample_rate_hz=44100, channels=2, duration_seconds=10)
    info = MediaInfo(duration_seconds=10, size_bytes=10**6, streams=[picture, sound])
    return Source(name=name, info=info, demuxer="mov")


def names(found: tuple[Job, ...]) -> list[list[str]]:
    return [[output.name for output in stage.outputs] for stage in found]


def whole(*outputs: dict[str, Any], **fields: Any) -> Job:
    return with_defaults(job("file:///a", *outputs, **fields))


def first(made: Job) -> tuple[Graph, dict[str, Source]]:
    now = stages(made)[0]
    graph = plan(now, PlanContext(facts=dict.fromkeys(probes(now), source())))
    assert isinstance(graph, Graph)
    return graph, {"": source()}


def test_a_job_has_a_stage_for_each_time_that_one_waits_for_another() -> None:
    plain = whole(WEB, OTHER)
    assert stages(plain) == (plain,) and stages(plain)[0] is plain
    made = stages(whole(SOUND, SMALL, WEB, STILL, OTHER))
    assert names(made) == [["web", "other"], ["small", "still"], ["sound"]]
    assert [[item.name for item in stage.inputs] for stage in made] == [[""], ["output:web"], ["output:small"]]


def test_a_later_stage_keeps_the_inputs_that_it_reads_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS["thumbnail"], "inputs", lambda spec: ("output:web",), raising=False)
    made = stages(whole(WEB, {"name": "both", "thumbnail": {}}))
    assert names(made) == [["web"], ["both"]]
    assert [(item.name, item.uri) for item in made[1].inputs] == [("", "file:///a"), ("output:web", "")]


@pytest.mark.parametrize(
    ("outputs", "field", "words"),
    [
        ([WEB, {"name": "x", "input": "output:wob", "audio": {}}], 1, "did you mean 'web'?"),
        ([{**WEB, "input": "output:web"}], 0, "outputs can't read each other"),
        ([{**WEB, "input": "output:sound"}, SMALL, SOUND], 2, "outputs can't read each other"),
        ([{"name": "s", "thumbnail": {}}, {"name": "x", "input": "output:s", "audio": {}}], 1, "not one film"),
        ([{**STILLS, "name": "s"}, {"name": "x", "input": "output:s", "audio": {}}], 1, "not one film"),
        ([WEB, {"name": "x", "input": "output:", "audio": {}}], 1, "no input of this job"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused(outputs: list[dict[str, Any]], field: int, words: str) -> None:
    found = {v.field: v.description for v in job_violations(job("file:///a", *outputs), "job")}
    assert words in found[f"job.outputs[{field}].input"], found


def test_what_can_be_read_is_taken_presets_too() -> None:
    web = {"name": "web", "preset": "web-mp4"}
    assert job_violations(job("file:///a", SOUND, SMALL, web), "job") == []
    assert set(OPERATIONS) >= READABLE


def test_a_forecast_is_a_graph_in_which_one_step_reads_what_another_writes() -> None:
    made = whole(SOUND, SMALL, WEB)
    graph, known = first(made)
    found = forecast(stages(made)[1:], graph, known, PlanContext())
    every = linked(together((graph, *found.graphs), made))
    assert [step.outputs for step in every.steps] == [("web",), ("small",), ("sound",)]
    assert [str(step.reads[0].of) for step in every.steps] == ["", "web/web.mp4", "small/small.mp4"]
    assert [sorted(waits) for waits in waits_for(every.steps)] == [[], [0], [1]]
    small = found.sources["output:small"].info
    assert [(s.kind, s.codec, s.width, s.height, s.frame_rate) for s in small.streams] == [
        (S.VIDEO, "h264", 160, 90, 25.0), (S.AUDIO, "aac", 0, 0, 0.0),
    ]  # fmt: skip
    assert small.duration_seconds == pytest.approx(10)
    cpu = cpu_of_outputs(every)
    assert cpu["web"] > cpu["small"] > 0
    # And what each takes is known before it runs.
    [small_step] = found.graphs[0].steps
    kinds = {work.kind.operation for work in works(made, small_step, found.sources)}
    assert {"decode", "transcode", "sound"} <= kinds


def test_a_forecast_of_what_must_be_measured_first_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from reelmill.media.contract import Needs, Probe

    made = whole(SOUND, SMALL, WEB)
    graph, known = first(made)
    needs = Needs(measurements=(Probe(input="output:web", looks=(1.0,)),))
    monkeypatch.setattr(OPERATIONS["transcode"], "plan", lambda *_: needs, raising=False)
    found = forecast(stages(made)[1:], graph, known, PlanContext())
    assert found.graphs == () and cpu_of_outputs(together(found.graphs, made)) == {}


def test_what_reads_an_output_that_is_not_made_is_not_made() -> None:
    made = whole(WEB, SMALL, SOUND, STILL, OTHER)
    gone = Failure(code="ENCODER_REFUSED", message="no", output="small")
    [sound] = lost(stages(made)[1:], [gone])
    assert (sound.output, sound.code) == (
        "sound",
        "ENCODER_REFUSED",
    ) and "output small, which it reads" in sound.message
    every = lost(stages(made)[1:], [Failure(code="ENCODER_REFUSED", message="no", output="web")])
    assert sorted(failure.output for failure in every) == ["small", "sound", "still"]
    assert "output small, which it reads, was not made: output web, which it reads" in every[-1].message


def test_a_required_output_ends_the_job_where_what_it_reads_is_not_made() -> None:
    made = whole({**WEB, "optional": True}, STILL)
    tolerance = Tolerance(made, last=False)
    [failure] = lost(stages(made)[1:], [Failure(code="FFMPEG_FAILED", message="no", output="web")])
    with pytest.raises(AttemptFailed, match="FFMPEG_FAILED"):
        tolerance.note(AttemptFailed.of(failure), ["still"], final=True)
    optional = Tolerance(whole({**WEB, "optional": True}, {**STILL, "optional": True}), last=False)
    with pytest.raises(AttemptFailed):  # another attempt might mend it
        optional.note(AttemptFailed.of(failure), ["still"])
    optional.note(AttemptFailed.of(failure), ["still"], final=True)


def tasks(
    *outputs: dict[str, Any], made: list[Work], least: float = 10, **cpu: float
) -> list[tuple[str, tuple[int, ...]]]:
    found = following(stages(whole(*outputs))[1:], made, cpu, least)
    assert all(work.kind == MAKE_OUTPUTS and work.cpu > 0 for work in found)
    return sorted((" ".join(work.outputs), work.after) for work in found)


PIECES = [
    Work(kind=MAKE_PIECE, outputs=("web",), cpu=1),
    Work(kind=JOIN_PIECES, outputs=("web",), cpu=1, after=(0,)),
    Work(kind=MAKE_OUTPUTS, outputs=("other",), cpu=1),
]


def test_a_task_follows_those_that_make_what_it_reads() -> None:
    assert tasks(WEB, OTHER, SMALL, SOUND, STILL, made=PIECES) == [("small sound still", (1,))]
    heavy = {"small": 50.0, "still": 20.0}
    assert tasks(WEB, OTHER, SMALL, SOUND, STILL, made=PIECES, **heavy) == [("small sound", (1,)), ("still", (1,))]
    of_other = {"name": "y", "input": "output:other", "audio": {"format": "WAV"}}
    assert tasks(WEB, OTHER, STILL, of_other, made=PIECES) == [("still", (1,)), ("y", (2,))]


def test_what_reads_two_outputs_waits_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS["thumbnail"], "inputs", lambda spec: ("output:other",), raising=False)
    assert tasks(WEB, OTHER, STILL, made=PIECES) == [("still", (1, 2))]


def test_of_what_no_task_makes_nothing_follows() -> None:
    assert tasks(WEB, OTHER, SMALL, SOUND, made=PIECES[2:]) == []


def test_a_part_reads_an_output_of_another_task_as_an_input() -> None:
    made = whole(WEB, SMALL, SOUND, STILL)
    validators = {"": Validator(size_bytes=7, modified="x")}
    spec = spec_of(made, Work(kind=MAKE_OUTPUTS, outputs=("small", "sound"), cpu=1), validators)
    part = part_of(made, spec)
    assert [(item.name, item.uri) for item in part.inputs] == [("output:web", "")]
    assert names(stages(part)) == [["small"], ["sound"]]
    web = part_of(made, spec_of(made, Work(kind=MAKE_OUTPUTS, outputs=("web",), cpu=1), validators))
    assert [(item.name, item.uri) for item in web.inputs] == [("", "file:///a")]


def test_where_several_tasks_follow_what_they_read_is_a_task_too() -> None:
    made = whole(WEB, SMALL, STILL)
    later, (graph, _) = stages(made)[1:], first(made)

    def spread(least: float, *, each: bool = False, **cpu: float) -> list[str]:
        return [" ".join(work.outputs) for work in apart(graph, later, cpu, least, each=each)]

    assert spread(10, small=50, still=20) == ["web"]
    assert spread(10, small=50, still=1) == [], "one alone had better be made where its source is"
    assert spread(0, small=50, still=20) == [], "nothing is worth a task"
    assert spread(0, each=True) == ["web"] and spread(10, each=True, small=1) == ["web"]


def test_what_an_earlier_job_had_made_is_waited_for_by_nobody() -> None:
    later = stages(whole(WEB, OTHER, SMALL, STILL))[1:]
    for each in (False, True):
        found = following(later, PIECES[2:], {}, 0, each=each, there=("web",))
        assert sorted((work.outputs, work.after) for work in found) == [(("small",), ()), (("still",), ())]
