"""Optional outputs: which errors a job goes on with, and what is run in the place of a step that failed."""

from dataclasses import replace
from pathlib import PurePosixPath

import planning
import pytest
from jobs import STILL, job

from reelmill.jobs.codes import CODES
from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Graph, PlanContext, Source
from reelmill.media.optional import Tolerance, apart
from reelmill.media.plan import plan, probes, sources
from reelmill.media.promises import Expected, PlannedFile
from reelmill.media.steps import Reading, Step, Writing
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.messages_pb2 import TaskResult

FILM = {"name": "film", "transcode": {"video": {"height": 144}}}
SMALL = {"name": "small", "transcode": {"video": {"height": 90}}}
SOUND = {"name": "sound", "audio": {"format": "MP3"}}
BROKEN = AttemptFailed("ENCODER_REFUSED", "not that size", command="ffmpeg -x", stderr_tail="no")
AWAY = AttemptFailed("INPUT_UNAVAILABLE", "the server is away")


def mute(seconds: float = 10) -> Source:
    stream = MediaInfo.Stream(kind=MediaInfo.Stream.VIDEO, codec="h264", width=320, height=180, frame_rate=25)
    info = MediaInfo(duration_seconds=seconds, size_bytes=10**6, streams=[stream])
    return Source(info=info, demuxer="mov,mp4,m4a,3gp,3g2,mj2")


def optional(made: Job, *names: str) -> Job:
    for output in made.outputs:
        output.optional = output.name in names
    return made


def tolerance(*optionals: str, outputs: tuple[str, ...] = ("film", "small", "sound"), last: bool = False) -> Tolerance:
    made = job("file:///a", *({"name": name, "preset": "web-mp4"} for name in outputs))
    return Tolerance(optional(made, *optionals), last=last)


def step(*outputs: str, reads: str = "", writes: str = "") -> Step:
    """A step that makes a file of each output; `reads` and `writes` are files between steps."""
    of = PurePosixPath(reads) if reads else ""
    made = [(name, PurePosixPath(f"{name}/{name}.mp4")) for name in outputs]
    made += [("", PurePosixPath(writes))] if writes else []
    files = [PlannedFile(output=name, path=path, content_type="", expected=Expected(streams=())) for name, path in made]
    writings = (Writing(path=file.path, streams=(), options=(), promised=(file,)) for file in files)
    return Step(reads=(Reading(of=of, demuxer="mov"),), writes=tuple(writings))


def test_a_mute_clip_keeps_its_film_and_tells_why_it_has_no_sound() -> None:
    made = planning.graph(optional(job("file:///a", FILM, SOUND, STILL), "sound"), mute())
    assert {name for step in made.steps for name in step.outputs} == {"film", "still"}
    [failure] = made.failed
    assert (failure.code, failure.output) == ("INPUT_NO_AUDIO", "sound")
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO"):
        planning.graph(job("file:///a", FILM, SOUND), mute())


def test_a_plan_of_optional_outputs_that_all_fail_tells_so_of_each() -> None:
    late = {"name": "late", "thumbnail": {"times_seconds": [99]}}
    made = planning.graph(optional(job("file:///a", SOUND, late), "sound", "late"), mute())
    assert (made.steps, [(f.output, f.code) for f in made.failed]) == (
        (), [("sound", "INPUT_NO_AUDIO"), ("late", "TIME_OUT_OF_RANGE")],
    )  # fmt: skip


def test_an_optional_output_that_takes_too_much_memory_is_left_out() -> None:
    large = {"name": "large", "transcode": {"video": {"height": 4320, "codec": "AV1"}}}
    made = planning.graph(optional(job("file:///a", STILL, large), "large"), mute(), memory_bytes=2**29)
    assert [(f.output, f.code) for f in made.failed] == [("large", "OUT_OF_MEMORY")]
    assert [step.outputs for step in made.steps] == [("still",)]


def test_an_input_that_only_optional_outputs_read_may_be_missing() -> None:
    whole = optional(with_defaults(job("file:///a", FILM, SOUND | {"input": "extra"})), "sound")
    whole.inputs[0].name = "main"
    whole.inputs.add(name="extra", uri="file:///b")
    gone = Failure(code="INPUT_NOT_FOUND", message="there is none")
    facts = {probe: mute() if probe.input == "main" else gone for probe in probes(whole)}
    made = plan(whole, PlanContext(facts=facts))
    assert isinstance(made, Graph)
    assert [(f.output, f.code) for f in made.failed] == [("sound", "INPUT_NOT_FOUND")]
    assert set(sources(whole, facts)) == {"main"}
    bears = Tolerance(whole, last=False)
    assert bears.readers("main") == ("film",) and bears.readers("extra") == ("sound",)
    assert not bears.bears(AttemptFailed.of(gone), bears.readers("main"))
    assert bears.bears(AttemptFailed.of(gone), bears.readers("extra"))


@pytest.mark.parametrize("code", CODES)
def test_what_another_attempt_may_mend_is_tried_again_first_and_what_concerns_the_job_ends_it(code: str) -> None:
    error, job_wide = AttemptFailed(code, "x"), {"INPUT_CHANGED", "OUTPUT_NOT_WRITABLE", "OUTPUT_UNAVAILABLE"}
    first, last = tolerance("sound"), tolerance("sound", last=True)
    assert first.bears(error, ["sound"]) == (code not in job_wide and not CODES[code].retryable)
    assert last.bears(error, ["sound"]) == (code not in job_wide)
    for bears in (first, last):
        assert (
            not bears.bears(error, ["film"])
            and not bears.bears(error, ["film", "sound"])
            and not bears.bears(error, [])
        )
        with pytest.raises(AttemptFailed):
            bears.note(error, ["film"])
        assert not bears.failed


def test_a_step_of_several_outputs_that_failed_is_tried_apart_the_required_ones_first() -> None:
    fused = step("film", "sound", "small")
    found = tolerance("film", "sound").instead(fused, BROKEN)
    assert [one.outputs for one in found] == [("small",), ("film",), ("sound",)]
    assert [writing.path for one in found for writing in one.writes] == [
        PurePosixPath(f"{name}/{name}.mp4") for name in ("small", "film", "sound")
    ]
    assert [one.outputs for one in apart(step("film", "sound"), frozenset({"film", "sound"}))] == [
        ("film",),
        ("sound",),
    ]


def test_a_step_of_optional_outputs_alone_is_given_up_only_where_nothing_else_can_help() -> None:
    bears = tolerance("sound", "small")
    assert bears.instead(step("sound"), BROKEN) == ()
    assert bears.failed == {"sound": replace(BROKEN.failure, output="sound")}
    assert [f.output for f in bears.news()] == ["sound"] and bears.news() == []
    for refused in (step("film"), step("film", writes="between")):
        with pytest.raises(AttemptFailed, match="ENCODER_REFUSED"):
            bears.instead(refused, BROKEN)
    for one in (step("small"), step("film", "small")):
        with pytest.raises(AttemptFailed, match="INPUT_UNAVAILABLE"):
            bears.instead(one, AWAY)  # another attempt may do it
    assert tolerance("small", last=True).instead(step("small"), AWAY) == ()


def test_who_reads_what_is_not_made_makes_nothing_either_and_a_required_one_ends_the_attempt() -> None:
    first, second, other = step("sound", writes="between"), step("small", reads="between"), step("film")
    bears = tolerance("sound", "small")
    bears.instead(first, BROKEN)
    assert bears.left([first, second, other]) == (other,)
    assert {name: f.code for name, f in bears.failed.items()} == dict.fromkeys(("sound", "small"), "ENCODER_REFUSED")
    strict = tolerance("sound")
    strict.instead(first, BROKEN)
    with pytest.raises(AttemptFailed, match="ENCODER_REFUSED"):
        strict.left([first, second, other])


def test_files_are_checked_by_output_where_the_job_can_do_without() -> None:
    bears = tolerance("sound", "small")
    promised = step("film", "sound", "small", writes="between").promised
    groups = [[file.output for file in group] for group in bears.separately(promised)]
    assert groups == [["film", ""], ["sound"], ["small"]]
    bears.note(BROKEN, ["sound"])
    assert [[f.output for f in group] for group in bears.separately(promised)] == [["film", ""], ["small"]]


def test_a_task_tells_its_outputs_errors_in_the_jobs_order_and_briefly() -> None:
    bears = tolerance("sound", "small", "film")
    assert (bears.result, bears.whole) == (b"", None)
    bears.note(AttemptFailed("ENCODER_REFUSED", "s", command="c" * 9999, stderr_tail="ab" * 5000), ["sound"])
    bears.note(BROKEN, ["film"])
    told = TaskResult.FromString(bears.result).output_errors
    assert [(e.output, e.code, len(e.command), len(e.stderr_tail)) for e in told] == [
        ("film", "ENCODER_REFUSED", 9, 2), ("sound", "ENCODER_REFUSED", 2000, 2000),
    ]  # fmt: skip
    assert told[1].stderr_tail.endswith("ab") and bears.whole is None
    bears.note(BROKEN, ["small"])
    assert bears.whole == replace(BROKEN.failure, output="film")
