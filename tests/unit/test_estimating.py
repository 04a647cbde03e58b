"""What a job is reckoned to take, and what was measured makes of it."""

import math
from dataclasses import replace

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from jobs import job
from planning import graph

from reelmill.jobs.measures import BINS, Kind, Measure, Rates, bin_of
from reelmill.media.contract import Source
from reelmill.media.estimating import AFTER, BEFORE, Estimates, Task, estimated, makespan, ratio_beside
from reelmill.media.reckoning import Work, works
from reelmill.media.steps import COPY
from reelmill.media.validate import with_defaults
from reelmill.v1.media_pb2 import MediaInfo

kinds = st.sampled_from([Kind("decode", "h264"), Kind("transcode", "H264", "FAST"), Kind("sound", "AAC")])
cpus = st.floats(1e-6, 1e6)
outputs = st.sampled_from(["", "a", "b"])
work = st.builds(Work, kind=kinds, output=outputs, cpu=cpus, bytes=st.floats(0, 1e12))
job_steps = st.lists(st.lists(work, min_size=1, max_size=4), min_size=1, max_size=4)


def rates_of(*measured: tuple[Kind, Measure, float]) -> Rates:
    """Each measured fifty times."""
    found: dict[tuple[Kind, Measure], list[float]] = {}
    for kind, measure, ratio in measured:
        place = bin_of(ratio)
        assert place is not None
        found.setdefault((kind, measure), [0.0] * BINS)[place] += 50
    return Rates(found)


rates = st.lists(st.tuples(kinds, st.sampled_from(list(Measure)), st.floats(2**-12, 2**12)), max_size=6).map(
    lambda measured: rates_of(*measured)
)


def told(steps: list[list[Work]], rates: Rates = Rates(), slots: int = 2, threads: int = 1) -> Estimates:  # noqa: B008
    return estimated(steps, [], rates, threads=threads, slots=slots)


@given(job_steps, rates, st.integers(0, 4), st.integers(0, 4))
def test_every_range_contains_what_is_likely(steps: list[list[Work]], rates: Rates, slots: int, threads: int) -> None:
    for tasks in ([], [Task(outputs=("a",)), Task(outputs=("b",), count=3)]):
        found = estimated(steps, tasks, rates, threads=threads, slots=slots)
        for one in (found.job, *found.outputs.values()):
            for amount in (one.cpu, one.bytes, one.seconds):
                assert 0 <= amount.least <= amount.likely <= amount.most < math.inf
            assert one.measurements >= 0


@given(job_steps, rates, st.floats(1, 100), st.integers(1, 4))
def test_more_work_takes_no_less(steps: list[list[Work]], rates: Rates, times: float, slots: int) -> None:
    more = [
        [Work(kind=w.kind, output=w.output, cpu=w.cpu * times, bytes=w.bytes * times) for w in step] for step in steps
    ]
    for tasks in ([], [Task(outputs=("a",)), Task(outputs=("b",), count=3)]):
        one, other = (estimated(s, tasks, rates, threads=1, slots=slots).job for s in (steps, more))
        for amount, larger in ((one.cpu, other.cpu), (one.bytes, other.bytes), (one.seconds, other.seconds)):
            assert larger.least >= amount.least * (1 - 1e-9)
            assert larger.likely >= amount.likely * (1 - 1e-9)
            assert larger.most >= amount.most * (1 - 1e-9)


@given(job_steps, rates)
def test_outputs_add_up_to_the_job(steps: list[list[Work]], rates: Rates) -> None:
    steps = [step for step in steps if any(work.output for work in step)]
    found = told(steps, rates)
    assert sum(one.cpu.likely for one in found.outputs.values()) == pytest.approx(found.job.cpu.likely)
    shared = told([[work for work in step if not work.output] for step in steps], rates).job
    assert sum(one.bytes.most for one in found.outputs.values()) + shared.bytes.most == pytest.approx(
        found.job.bytes.most
    )


@given(st.lists(st.floats(0, 1e6), max_size=20), st.integers(0, 30))
def test_tasks_end_no_sooner_than_the_longest_and_their_share(seconds: list[float], slots: int) -> None:
    found = makespan(seconds, slots)
    assert found >= max(seconds, default=0)
    assert found >= sum(seconds) / max(1, slots) * (1 - 1e-9) and found <= sum(seconds) * (1 + 1e-9)
    assert makespan(seconds, 1) == pytest.approx(sum(seconds))


FILM = ParseDict(
    {
        "duration_seconds": 60,
        "size_bytes": 10**8,
        "streams": [
            {
                "index": 0,
                "kind": "VIDEO",
                "codec": "h264",
                "width": 1280,
                "height": 720,
                "frame_rate": 25,
                "duration_seconds": 60,
            },
            {
                "index": 1,
                "kind": "AUDIO",
                "codec": "aac",
                "channels": 2,
                "sample_rate_hz": 48000,
                "duration_seconds": 60,
            },
        ],
    },
    MediaInfo(),
)


def reckoned(*outputs: dict) -> list[tuple[Work, ...]]:
    asked, source = job("file:///x", *outputs), Source(info=FILM, demuxer="mov")
    return [works(with_defaults(asked), step, {"": source}) for step in graph(asked, source).steps]


def test_a_job_is_reckoned_by_kinds_of_work() -> None:
    [one] = reckoned({"transcode": {"video": {"codec": "H264", "effort": "FAST"}}})
    assert [w.kind for w in one] == [Kind("decode", "h264"), Kind("transcode", "H264", "FAST"), Kind("sound", "AAC")]
    pixels = 1280 * 720 * 60 * 25
    assert one[1].cpu == pytest.approx(15 * pixels / 1e9) and one[1].bytes == pytest.approx(0.26 * pixels / 8)
    assert one[2].bytes == 128_000 * 60 / 8 and one[0].output == "" and one[1].output == "out0"


def test_what_is_asked_for_changes_what_is_written() -> None:
    [[_, finer, _]] = reckoned({"transcode": {"video": {"codec": "H264", "crf": 17}}})
    [[_, usual, _]] = reckoned({"transcode": {"video": {"codec": "H264"}}})
    [[_, given_rate, _]] = reckoned({"transcode": {"video": {"bitrate_bps": 8_000_000}}})
    assert finer.bytes == pytest.approx(2 * usual.bytes) and given_rate.bytes == 60_000_000
    [sounds] = reckoned({"audio": {"format": "M4A"}}, {"audio": {"format": "WAV"}})
    assert [w.kind.codec for w in sounds] == ["h264", "AAC", "WAV"] and sounds[2].bytes == 192_000 * 60
    stills = [w for step in reckoned({"thumbnail": {"count": 5, "width": 640}}) for w in step]
    assert [w.kind for w in stills] == [Kind("decode", "h264"), Kind("thumbnail", "JPEG")]
    assert stills[1].bytes == pytest.approx(5 * 0.09 * 640 * 360)


def test_what_only_another_step_reads_is_work_too() -> None:
    asked, source = job("file:///x", {"transcode": {}}), Source(info=FILM, demuxer="mov")
    [step] = graph(asked, source).steps
    [writing] = step.writes
    between = replace(writing, promised=tuple(replace(file, output="") for file in writing.promised))
    read, other = works(with_defaults(asked), replace(step, writes=(between,)), {"": source})
    assert (read.kind.operation, other.kind, other.output) == ("decode", Kind("other"), "")
    assert other.cpu == step.cost.writing_cpu


def test_what_was_measured_takes_the_place_of_what_is_built_in() -> None:
    film = {"transcode": {"mute": True, "video": {"codec": "H264", "effort": "FAST"}}}
    steps = [list(step) for step in reckoned(film)]
    before = told(steps).job
    assert before.measurements == 0
    kind, read = Kind("transcode", "H264", "FAST"), Kind("decode", "h264")
    known = rates_of(
        *((one, measure, 3.0) for one in (kind, read) for measure in (Measure.CPU, Measure.WALL, Measure.BYTES)),
        (BEFORE, Measure.WALL, ratio_beside(BEFORE, 1.0)),
        (AFTER, Measure.WALL, ratio_beside(AFTER, 1.0)),
    )
    after = told(steps, known).job
    assert after.measurements == 50
    assert after.cpu.likely == pytest.approx(3 * before.cpu.likely, rel=0.1)
    assert after.bytes.likely == pytest.approx(3 * before.bytes.likely, rel=0.1)
    assert after.seconds.likely == pytest.approx(2 + 3 * sum(w.cpu for w in steps[0]), rel=0.1)
    assert after.cpu.most / after.cpu.least < 1.5 < 4 < before.cpu.most / before.cpu.least
    two = told(steps, known, threads=2).job
    assert two.seconds.likely == pytest.approx(1 + after.seconds.likely / 2, rel=0.05)


def test_tasks_run_side_by_side_as_far_as_there_are_slots() -> None:
    steps = [[Work(kind=Kind("transcode", "H264", "FAST"), output=name, cpu=100.0)] for name in ("a", "b")]
    alone = estimated(
        steps, [Task(outputs=("a",)), Task(outputs=("b",))], Rates(), threads=1, slots=1
    ).job.seconds.likely
    beside = estimated(
        steps, [Task(outputs=("a",)), Task(outputs=("b",))], Rates(), threads=1, slots=2
    ).job.seconds.likely
    assert (alone, beside) == (pytest.approx(202.5, rel=0.02), pytest.approx(101.5, rel=0.02))


def test_chunks_share_the_slots_and_are_joined() -> None:
    steps = [[Work(kind=Kind("transcode", "H264", "FAST"), output="a", cpu=100.0)]]
    found = estimated(steps, [Task(outputs=("a",), count=10)], Rates(), threads=1, slots=5).job
    # Planned, two rounds of a tenth each with what comes before and after, and joined.
    assert found.seconds.likely == pytest.approx(0.5 + 2 * (0.5 + 10 + 0.5) + 1, rel=0.02)
    assert found.cpu == estimated(steps, [], Rates(), threads=1, slots=1).job.cpu


def test_what_is_joined_is_copied_and_no_encoding() -> None:
    asked, source = job("file:///x", {"transcode": {}}), Source(info=FILM, demuxer="mov")
    [step] = graph(asked, source).steps
    [writing] = step.writes
    copying = replace(writing, streams=tuple(replace(stream, encoder=COPY) for stream in writing.streams))
    read, join = works(with_defaults(asked), replace(step, reads=(), writes=(copying,)), {"": source})
    assert (read.kind, join.kind) == (Kind("decode", "other"), Kind("join")) and join.cpu < 1
