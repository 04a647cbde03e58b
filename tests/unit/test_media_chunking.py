"""Where videos are divided, and what of that tasks tell each other."""

import json
from array import array
from dataclasses import replace

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.jobs.errors import Failure
from reelmill.media import chunking, spreading
from reelmill.media.contract import Division, Graph, PlanContext, Source
from reelmill.media.formats.video import VIDEO
from reelmill.media.pieces import Chunk, Clock, Join, Made, Sound, failed_of, joined, made_of, piece_of, result, told
from reelmill.media.plan import divisions, plan, probes
from reelmill.media.promises import PlannedFile
from reelmill.media.spreading import Worth
from reelmill.media.timeline import SECOND, Timeline, Track
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

CLOCK = Clock(fine=False, sparse=False, held=False)
WORTH = Worth(least_cpu_seconds=60, longest_chunk_seconds=60, slots=2)


def division(seconds: float, *, start: int = 0, keys: float = 0, asked: float = 0, measured: bool = True) -> Division:
    return Division(
        picture=0,
        start=start,
        end=start + round(seconds * SECOND),
        shown=start,
        clock=CLOCK,
        sounds=True,
        measured=measured,
        keyframe_interval_seconds=keys,
        chunk_seconds=asked,
    )


def even(seconds: float, rate: float = 25) -> Track:
    frames = array("q", (round(i * SECOND / rate) for i in range(round(seconds * rate))))
    return Track(start=0, end=round(seconds * SECOND), frames=frames, windows=((-(2**62), 2**62),))


@pytest.mark.parametrize(
    ("seconds", "cpu", "slots", "keys", "asked", "meant"),
    [
        (600, 6000, 2, 0, 0, 60),
        (600, 6000, 15, 0, 0, 10),  # four for each slot
        (600, 6000, 500, 0, 0, 10),  # none is shorter
        (600, 150, 15, 0, 0, 40),  # each is worth starting
        (600, 20, 15, 0, 0, 300),
        (600, 6000, 15, 4, 0, 12),  # whole intervals
        (600, 6000, 2, 0, 7, 7),
        (600, 6000, 2, 2, 7, 8),
        (100, 6000, 2, 0, 60, 0),  # one alone is none
        (15, 600, 2, 0, 0, 0),
        (20_000, 200_000, 2, 0, 3, 20),  # a thousand at most
        (10, 1, 2, 0, 1e-9, 0.5),  # however short a one is asked for
        (0.0004, 1, 2, 0, 1e-9, 0),
    ],
)
def test_how_long_chunks_are(seconds: float, cpu: float, slots: int, keys: float, asked: float, meant: float) -> None:
    found = chunking.chunk_seconds(division(seconds, keys=keys, asked=asked), cpu, slots=slots, longest_seconds=60)
    assert found == pytest.approx(meant)


def test_a_video_whose_frames_are_looked_for_has_no_more_chunks_than_looks() -> None:
    long = division(7200, measured=False, asked=10)
    seconds = chunking.chunk_seconds(long, 10_000, slots=2, longest_seconds=60)
    assert len(chunking.targets(long, seconds)) <= chunking.MOST_LOOKS


@settings(deadline=None)
@given(
    steps=st.lists(st.integers(1000, 3 * SECOND), min_size=2, max_size=300),
    start=st.integers(0, 5 * SECOND),
    seconds=st.floats(0.5, 20),
)
def test_chunks_begin_with_frames_and_leave_nothing_out(steps: list[int], start: int, seconds: float) -> None:
    frames, time = array("q"), 0
    for step in steps:
        frames.append(time)
        time += step
    track = Track(start=0, end=time, frames=frames, windows=((-(2**62), 2**62),))
    part = division((time - start) / SECOND, start=start) if start < time else division(time / SECOND)
    found = chunking.edges(part, track, seconds)
    assert (found[0], found[-1]) == (part.start, part.end)
    assert list(found) == sorted(set(found)) and set(found[1:-1]) <= set(frames)
    for edge, target in zip(found[1:-1], chunking.targets(part, seconds), strict=False):
        assert edge >= target - 500
    assert chunking.looks(part, track, seconds) == () or part.end > frames[-1]


def test_frames_that_are_not_known_are_looked_for_and_divide_nothing() -> None:
    unknown = replace(even(60), frames=array("q"), windows=())
    assert chunking.looks(division(60), unknown, 20) == (20, 40)
    assert chunking.edges(division(60), unknown, 20) == (0, 60 * SECOND)
    near = replace(
        even(60), frames=array("q", [39_960_000, 40_000_000, 40_040_000]), windows=((39_960_000, 40_040_000),)
    )
    assert chunking.edges(division(60), near, 20) == (0, 40 * SECOND, 60 * SECOND)


def test_a_piece_comes_back_from_a_spec_and_its_result_from_bytes() -> None:
    join = Join(edges=(0, 5, 9), clock=replace(CLOCK, fine=True))
    for piece in (Sound(), *join.chunks, join):
        assert piece_of(json.loads(json.dumps(told(piece)))) == piece
    assert piece_of({"outputs": ["a"]}) is None
    assert [(c.start, c.end, c.index, c.last) for c in join.chunks] == [(0, 5, 0, False), (5, 9, 1, True)]
    made = [Made(output="a", piece=f"chunk-{i}", uri="x", size_bytes=3, times=array("q", [0, 4 + i])) for i in (1, 0)]
    assert list(made_of(result(made))) == made
    assert [list(times) for times in joined(join, made).times["a"]] == [[0, 4], [0, 5]]
    with pytest.raises(ValueError, match="chunk-1"):
        joined(join, made[1:])


def planned(seconds: float, *outputs: dict, **video: object) -> tuple[Job, Graph, PlanContext]:
    """A job on a film of 1080p."""
    job = with_defaults(ParseDict({"inputs": [{"uri": "file:///film"}], "outputs": list(outputs)}, Job()))
    stream = {
        "kind": "VIDEO",
        "codec": "h264",
        "width": 1920,
        "height": 1080,
        "frame_rate": 25,
        "pixel_format": "yuv420p",
    }
    sound = {"index": 1, "kind": "AUDIO", "codec": "aac", "channels": 2, "sample_rate_hz": 48000}
    info = ParseDict(
        {"duration_seconds": seconds, "size_bytes": 10**9, "streams": [stream | video, sound]}, MediaInfo()
    )
    tracks = {0: even(seconds), 1: Track(start=0, end=round(seconds * SECOND))}
    source = Source(info=info, demuxer="mov", measured=Timeline(tracks=tracks, measured=True))
    context = PlanContext(facts=dict.fromkeys(probes(job), source))
    graph = plan(job, context)
    assert isinstance(graph, Graph)
    return job, graph, context


def work(seconds: float, *outputs: dict, worth: Worth = WORTH) -> list[tuple[str, str, int]]:
    """Each task's kind, outputs, and how many it waits for."""
    job, graph, context = planned(seconds, *outputs)
    chunks = spreading.chunked(job, graph, context, worth)
    assert spreading.looks(chunks, context.facts) == ()
    found = spreading.work(graph, chunks, context.facts, worth)
    assert all(max(task.after, default=-1) < i for i, task in enumerate(found))
    return [(task.kind, "".join(task.outputs), len(task.after)) for task in found]


FILM = {"name": "a", "transcode": {}}


def test_a_long_film_becomes_chunks_its_sound_and_a_join() -> None:
    assert work(480, FILM) == [("make_piece", "a", 0)] * 9 + [("join_pieces", "a", 9)]
    assert work(480, FILM, {"name": "s", "audio": {}})[-1] == ("make_outputs", "s", 0)
    mute = {"name": "a", "transcode": {"mute": True}}
    assert work(480, mute) == [("make_piece", "a", 0)] * 8 + [("join_pieces", "a", 8)]


def test_a_ladder_of_one_decode_is_chunked_together_and_only_what_has_sound_has_a_piece_of_it() -> None:
    small = {"name": "b", "transcode": {"video": {"height": 360}, "mute": True}}
    found = work(480, FILM, small)
    assert found == [("make_piece", "a", 0)] + [("make_piece", "ab", 0)] * 8 + [("join_pieces", "ab", 9)]


@pytest.mark.parametrize(
    "change",
    [
        {"video": {"bitrate_bps": 10**6}},
        {"video": {"frame_rate": 30}},
        {"chunk_seconds": 0},
    ],
)
def test_what_can_not_be_divided_is_made_whole(change: dict) -> None:
    assert work(480, {"name": "a", "transcode": change}) == []


@pytest.mark.parametrize("worth", [replace(WORTH, longest_chunk_seconds=0), replace(WORTH, least_cpu_seconds=0)])
def test_chunks_can_be_turned_off_but_for_those_who_ask(worth: Worth) -> None:
    assert work(480, FILM, worth=worth) == []
    assert len(work(480, {"name": "a", "transcode": {"chunk_seconds": 100}}, worth=worth)) == 5 + 1 + 1


def test_a_job_has_no_more_tasks_than_it_may() -> None:
    outputs = [
        {"name": f"o{i}", "transcode": {"chunk_seconds": 1, "video": {"codec": "VP9"}, "container": "WEBM"}}
        for i in range(4)
    ]
    assert len(work(4000, *outputs)) <= spreading.MOST_TASKS


def test_chunks_of_two_parts_of_a_film_are_apart() -> None:
    other = {"name": "b", "transcode": {"trim": {"start_seconds": 0, "end_seconds": 470}}}
    found = work(480, FILM, other)
    assert {outputs for kind, outputs, _ in found if kind == "make_piece"} == {"a"}
    assert ("make_outputs", "b", 0) in found


@settings(deadline=None)
@given(seconds=st.floats(30, 2000), asked=st.floats(1, 100))
def test_every_output_is_made_once_whatever_is_asked(seconds: float, asked: float) -> None:
    found = work(seconds, {"name": "a", "transcode": {"chunk_seconds": asked}}, {"name": "s", "audio": {}})
    done = [outputs for kind, outputs, _ in found if kind != "make_piece"]
    assert not found or sorted("".join(done)) == ["a", "s"]


def test_a_chunk_of_another_clock_is_another_step() -> None:
    job, _, context = planned(60, FILM)
    source = next(iter(context.facts.values()))
    steps = []
    for fine in (False, True):
        chunk = Chunk(start=20 * SECOND, end=40 * SECOND, clock=replace(CLOCK, fine=fine), index=1, last=False)
        made = plan(job, PlanContext(facts=dict.fromkeys(probes(job, chunk), source), piece=chunk))
        assert isinstance(made, Graph)
        [step] = made.steps
        [writing] = step.writes
        assert [stream.kind.value for stream in writing.streams] == ["v"]
        assert ("settb=1/90000" in writing.streams[0].taken.filters) is fine
        assert writing.streams[0].timing[-1] == ("filter" if fine else "demux")
        steps.append(step)
    assert steps[0] != steps[1]


def test_an_encoder_is_led_to_a_chunk_in_the_wholes_own_rhythm() -> None:
    """x265 without a choice of B-frames has its pattern from the first frame on, whatever is a key frame."""
    h264, h265 = VIDEO[VideoSettings.H264], VIDEO[VideoSettings.H265]
    fast, fewer = VideoSettings(effort=VideoSettings.FAST), VideoSettings(effort=VideoSettings.FAST, b_frames=2)
    assert all((place - h265.leads(fast, 0, place)) % 5 == 0 for place in range(30, 50))
    assert all((place - h265.leads(fewer, 0, place)) % 3 == 0 for place in range(30, 50))
    assert [h265.leads(fast, 0, place) for place in (35, 36, None)] == [5, 6, 5]
    assert h265.leads(VideoSettings(effort=VideoSettings.MEDIUM), 0, 37) == 5
    assert (h264.leads(fast, 0, 37), h264.leads(fast, 16, 37)) == (8, 16)


@pytest.mark.parametrize("bound", [{"max_bitrate_bps": 1_000_000}, {"level": "4"}])
def test_an_encoder_is_led_to_a_chunk_until_its_buffer_is_as_full_as_the_wholes(bound: dict) -> None:
    for codec in (VideoSettings.H264, VideoSettings.H265):
        bounded = VideoSettings(codec=codec, effort=VideoSettings.MEDIUM, **bound)
        assert VIDEO[codec].leads(bounded, 0, 100) >= 24
        assert VIDEO[codec].leads(VideoSettings(codec=codec, effort=VideoSettings.MEDIUM), 0, 100) < 24


def test_the_place_of_a_frame_is_counted_where_all_are_known_and_else_reckoned() -> None:
    each = SECOND // 25
    frames = array("q", [0, *(each * i for i in range(2, 60))])  # one is missing
    known = Track(start=0, end=60 * each, frames=frames, windows=((-(2**62), 2**62),), interval=each)
    assert [known.place(8 * each, first) for first in (0, each, 2 * each, 2 * each + 10)] == [7, 7, 6, 6]
    assert replace(known, windows=((4 * each, 2**62),)).place(8 * each, 0) == 8
    assert replace(known, windows=(), interval=0).place(8 * each, 0) is None


@pytest.mark.parametrize(
    ("rate", "bounded", "lead", "beyond"),
    [(25, False, 8 / 25, 4 / 25), (25, True, 24 / 25, 4 / 25), (10, True, 1.8, 0.4), (2, False, 1.5, 1)],
)
def test_a_chunk_is_encoded_from_no_earlier_than_what_is_fetched_for_it(
    rate: int, bounded: bool, lead: float, beyond: float
) -> None:
    job, _, context = planned(60, FILM)
    source = next(iter(context.facts.values()))
    source = replace(source, measured=Timeline(tracks={0: even(60, rate)}, measured=True))
    job.outputs[0].transcode.video.max_bitrate_bps = bounded * 1_000_000
    chunk = Chunk(start=20 * SECOND, end=40 * SECOND, clock=CLOCK, index=1, last=False)
    made = plan(job, PlanContext(facts=dict.fromkeys(probes(job, chunk), source), piece=chunk))
    assert isinstance(made, Graph)
    assert made.steps[0].writes[0].seconds == pytest.approx(20 + lead + beyond, abs=0.01)


def test_a_joined_film_is_compared_with_what_all_of_its_chunks_told() -> None:
    job, _, context = planned(60, FILM)
    source = next(iter(context.facts.values()))
    for told_of, meant in (([[0, 5], [0, 7]], (0, 5, 20 * SECOND, 20 * SECOND + 7)), ([[], [0, 7]], None)):
        join = Join(edges=(0, 20 * SECOND, 60 * SECOND), clock=CLOCK, times={"a": told_of})
        made = plan(job, PlanContext(facts=dict.fromkeys(probes(job, join), source), piece=join))
        assert isinstance(made, Graph)
        [file] = [file for step in made.steps for writing in step.writes for file in writing.promised]
        assert isinstance(file, PlannedFile)
        assert (file.expected.times and file.expected.times.shown) == meant


def test_a_piece_tells_of_what_it_lacks_without_secrets() -> None:
    made = Made(output="a", piece="chunk-0", uri="file:///x", size_bytes=7, times=[0, 40_000])
    assert failed_of(result([made])) == ()
    lacking = Failure(code="ENCODER_REFUSED", message="no", output="b", command="ffmpeg -i s3://k:secret@b/x")
    told_of = result([made], [lacking])
    assert [one.output for one in made_of(told_of)] == ["a"] and b"secret" not in told_of
    [found] = failed_of(told_of)
    assert (found.output, found.code, found.message) == ("b", "ENCODER_REFUSED", "no")


def test_optional_outputs_are_divided_and_those_that_can_not_be_planned_are_not() -> None:
    outputs = [
        {"name": "film", "transcode": {}, "optional": True},
        {"name": "late", "transcode": {"trim": {"start_seconds": 99_999}}, "optional": True},
    ]
    job = with_defaults(ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": outputs}, Job()))
    picture = MediaInfo.Stream(kind=MediaInfo.Stream.VIDEO, codec="h264", width=640, height=360, frame_rate=25)
    source = Source(info=MediaInfo(duration_seconds=600, size_bytes=10**6, streams=[picture]), demuxer="mov")
    found = divisions(job, dict.fromkeys(probes(job), source))
    assert found["film"] is not None and found["late"] is None
    assert divisions(job, dict.fromkeys(probes(job), Failure(code="INPUT_NOT_FOUND", message="gone"))) == {
        "film": None, "late": None,
    }  # fmt: skip
