"""A ladder for one title as a plan: what is tried, which rungs come of it, and what other tasks are told."""

from pathlib import PurePosixPath

import pytest
from google.protobuf.json_format import ParseDict
from jobs import job
from planning import commands

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Graph, Measurement, Needs, PlanContext, Quality, Source, Tried
from reelmill.media.plan import divisions, plan, probes
from reelmill.media.settling import MOST_ROUNDS
from reelmill.media.spreading import MAKE_OUTPUTS, Work, part_of, spec_of
from reelmill.media.stages import typical
from reelmill.media.steps import Program
from reelmill.media.titles import judged, rung_of, settled
from reelmill.media.validate import job_violations, with_defaults
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings
from reelmill.v1.package_pb2 import Package


def film(**info: object) -> Source:
    picture = {"kind": "VIDEO", "codec": "h264", "width": 1280, "height": 720, "frame_rate": 25, "duration_seconds": 60}
    told = {"duration_seconds": 60, "size_bytes": 10**8, "streams": [picture | info]}
    return Source(info=ParseDict(told, MediaInfo()), demuxer="mov")


def asked(**package: object) -> Job:
    output = {"name": "out", "package": {"target_vmaf": 90, "mute": True, **package}}
    return with_defaults(job("file:///a.mp4", output))


def planned(
    wanted: Job, source: Source, tried: dict[Measurement, Tried | Failure] | None = None
) -> tuple[Graph, dict[Measurement, object]]:
    """The graph, and all that was asked for."""
    facts: dict = dict.fromkeys(probes(wanted), source)
    for _ in range(MOST_ROUNDS):
        made = plan(wanted, PlanContext(facts=facts))
        if isinstance(made, Graph):
            return made, facts
        assert isinstance(made, Needs)
        facts |= {one: (tried or {}).get(one) or typical(one) for one in made.measurements}
    raise AssertionError("it never ends")


def test_what_is_worth_its_bits_becomes_a_rung_and_each_is_measured() -> None:
    wanted = asked()
    graph, facts = planned(wanted, film())
    [made] = graph.settled
    rungs = made.package.rungs
    assert 3 <= len(rungs) <= 8 and {(one.width, one.height) for one in rungs} >= {(1280, 720), (640, 360)}
    assert all(one.HasField("crf") and one.max_bitrate_bps for one in rungs)
    [encoding] = [step for step in graph.steps if step.program is Program.FFMPEG and "libx264" in step.encoders]
    assert len(encoding.writes) == len(rungs)  # of one decode
    crfs = [one for command in commands(graph) for one in _after(command.argv, "-crf")]
    assert crfs == [f"{one.crf:g}" for one in rungs]
    measuring = [step for step in graph.steps if "libvmaf" in step.filters]
    assert len(measuring) == len(rungs)
    tries = [one for one in facts if isinstance(one, Quality)]
    assert len({one.made for one in tries}) == len(tries) and len(tries) <= 3 * (
        4 * 3 + 2 * 6 + 3
    )  # samples × (sizes × crfs, ends, first rung)
    assert {one.output for one in tries} == {"out"}


def test_who_asks_for_few_bits_gets_an_effort_for_it() -> None:
    effort = {one.effort for one in planned(asked(), film())[0].settled[0].package.rungs}
    assert effort == {VideoSettings.MEDIUM}
    assert (
        with_defaults(job("file:///a.mp4", {"name": "out", "package": {}})).outputs[0].package.effort
        == VideoSettings.FAST
    )
    assert asked(effort="FAST").outputs[0].package.effort == VideoSettings.FAST


def test_each_codec_has_a_ladder_of_its_own() -> None:
    graph, _ = planned(asked(codecs=["H264", "AV1"]), film())
    [made] = graph.settled
    codecs = [one.codec for one in made.package.rungs]
    assert codecs == sorted(codecs) and len(set(codecs)) == 2


def test_other_tasks_are_told_of_the_ladder_and_it_is_made_in_chunks_then() -> None:
    wanted = asked()
    graph, facts = planned(wanted, film())
    assert divisions(wanted, facts) == {"out": None}
    found = settled(wanted, graph)
    assert divisions(found, facts)["out"] is not None
    told = part_of(wanted, spec_of(found, Work(kind=MAKE_OUTPUTS, outputs=("out",), cpu=1.0), {}))
    assert list(told.outputs[0].package.rungs) == list(found.outputs[0].package.rungs)
    again = plan(told, PlanContext(facts=dict.fromkeys(probes(told), film())))
    assert isinstance(again, Graph), "nothing is tried again"
    assert [step.writes for step in again.steps] == [step.writes for step in graph.steps]
    plain = spec_of(
        with_defaults(job("file:///a.mp4", {"package": {}})), Work(kind="x", outputs=("out0",), cpu=1.0), {}
    )
    assert b"ladders" not in plain


def test_a_sample_that_fails_fails_the_output_and_a_film_without_a_length_is_refused() -> None:
    wanted = asked()
    first = plan(wanted, PlanContext(facts=dict.fromkeys(probes(wanted), film())))
    assert isinstance(first, Needs)
    broken = Failure(code="FFMPEG_FAILED", message="broke")
    with pytest.raises(AttemptFailed, match="broke"):
        planned(wanted, film(), {first.measurements[0]: broken})
    endless = film(duration_seconds=0)
    endless.info.duration_seconds = 0
    with pytest.raises(AttemptFailed, match="does not say how long"):
        planned(wanted, endless)


def test_without_a_picture_there_is_nothing_to_try() -> None:
    heard = film(kind="AUDIO", codec="aac", width=0, height=0, frame_rate=0, channels=2, sample_rate_hz=48000)
    graph, facts = planned(asked(mute=False), heard)
    assert not graph.settled and not any(isinstance(one, Quality) for one in facts)


def test_what_rungs_came_to_is_told_and_a_miss_is() -> None:
    spec = Package(target_vmaf=90)
    told = judged(spec, {"h264-720": (89.2, 1_000_000.4), "h264-360": (70.0, 300_000.0)})
    assert [(one.name, one.vmaf, one.average_bps) for one in told.rungs] == [
        ("h264-720", 89.2, 1_000_000),
        ("h264-360", 70.0, 300_000),
    ]
    assert told.vmaf == 89.2 and not told.misses
    [miss] = judged(spec, {"h264-720": (88.9, 1.0)}).misses
    assert (miss.field, miss.wanted, miss.found) == ("target_vmaf", "at least 89", "88.9")
    assert not judged(spec, {}).HasField("vmaf")
    assert rung_of(PurePosixPath(".work/out.h264-720.vmaf.csv"), "out") == "h264-720"
    assert rung_of(PurePosixPath(".work/other.h264-720.vmaf.csv"), "out") == ""
    assert rung_of(PurePosixPath(".work/out.h264-720.compared.txt"), "out") == ""


def test_a_target_and_rungs_contradict() -> None:
    made = job("file:///a.mp4", {"name": "out", "package": {"target_vmaf": 90, "rungs": [{"height": 720}]}})
    assert "job.outputs[0].package.target_vmaf" in [one.field for one in job_violations(made, "job")]


def _after(argv: tuple[str, ...], flag: str) -> list[str]:
    return [argv[i + 1] for i, one in enumerate(argv) if one == flag]
