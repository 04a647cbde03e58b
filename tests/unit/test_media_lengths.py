"""What is cut off, how long an output must be, and how far a job of several commands is."""

from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.measures import Kind, Rates
from reelmill.media.contract import Source
from reelmill.media.progress import RunProgress
from reelmill.media.promises import Expected, ExpectedStream, Times
from reelmill.media.reckoning import Work
from reelmill.media.render.command import Command
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, expected_seconds, span
from reelmill.media.verify import mistimed, problems
from reelmill.v1.jobs_pb2 import OutputProgress, Progress
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TimeRange
from reelmill.worker.attempt import Attempt
from reelmill.worker.meter import Meter

LENGTHS = [5.0, 10.0, 60.0, 3600.0, 86_400.0]


def source(duration: float) -> Source:
    return Source(info=MediaInfo(duration_seconds=duration), demuxer="mov")


def part(duration: float, start: float = 0, end: float = 0) -> Span | str:
    try:
        return span(source(duration), TimeRange(start_seconds=start, end_seconds=end), "out")
    except AttemptFailed as error:
        assert error.failure.output == "out"
        return f"{error.code}: {error.failure.message}"


def test_a_part_begins_inside_the_input_and_ends_there() -> None:
    assert part(10) == Span(0, 10, False)
    assert part(10, 3) == Span(3, 7, False)
    assert part(10, 3, 5) == Span(3, 2, True)
    assert part(10, 9.999) == Span(9.999, pytest.approx(0.001), False)
    assert part(10, 0, 10) == Span(0, 10, False)
    assert part(10, 2, 10.5) == Span(2, 8, False)  # half a second is a matter of how lengths are told


def test_a_part_past_the_end_is_told_by_what_is_wrong() -> None:
    assert str(part(10, 10)).startswith("TIME_OUT_OF_RANGE: the trim's start_seconds (10) lies past")
    assert str(part(10, 2, 10.51)).startswith("TIME_OUT_OF_RANGE: the trim's end_seconds (10.51) lies past")
    assert "at 10.000 s" in str(part(10, 11))


def test_of_an_input_without_a_length_any_part_may_be_asked_for() -> None:
    assert part(0) == Span(0, 0, False)
    assert part(0, 5) == Span(5, 0, False)
    assert part(0, 5, 7) == Span(5, 2, True)


def test_what_comes_of_damage_must_say_what_it_holds() -> None:
    info, expected = MediaInfo(duration_seconds=1.24), Expected(streams=(), duration_seconds=1.24)
    assert problems(info, expected, damaged=True, claimed_seconds=0.68) == ["it says 0.680 s and holds 1.240 s"]
    assert problems(info, expected, claimed_seconds=0.68) == []
    assert problems(info, expected, damaged=True, claimed_seconds=1.2) == []
    assert problems(info, expected, damaged=True) == []


def passes(made: float, wanted: float, *streams: float, start: float = 0) -> bool:
    """Whether a file of this length is taken for a whole one."""
    lengths = [MediaInfo.Stream(duration_seconds=s) for s in streams]
    duration, tolerance = expected_seconds(Span(start, wanted, False), lengths)
    expected = Expected(streams=(), duration_seconds=duration, duration_tolerance_seconds=tolerance)
    return problems(MediaInfo(duration_seconds=made), expected) == []


@pytest.mark.parametrize("wanted", LENGTHS)
def test_what_is_cut_off_by_more_than_a_hundredth_is_not_whole(wanted: float) -> None:
    allowed = max(0.5, wanted / 100)
    assert passes(wanted, wanted, wanted)
    assert passes(wanted - allowed * 0.99, wanted, wanted) and passes(wanted + allowed * 0.99, wanted, wanted)
    assert not passes(wanted - allowed * 1.01, wanted, wanted)
    assert not passes(wanted + allowed * 1.01, wanted, wanted)
    assert not passes(wanted * 0.8, wanted, wanted)


def test_a_stream_that_begins_late_may_make_a_shorter_file_by_just_that() -> None:
    assert passes(95, 100, 95, 90) and passes(100, 100, 95, 90) and passes(97, 100, 95)
    assert not passes(93.9, 100, 95, 90) and not passes(101.1, 100, 95, 90)
    assert passes(45, 50, 95, start=50) and not passes(43.9, 50, 95, start=50)


def test_streams_that_do_not_say_how_long_they_are_count_as_the_whole() -> None:
    assert passes(100, 100, 0, 40) and not passes(70, 100, 0, 40)
    assert expected_seconds(Span(0, 0, False), [MediaInfo.Stream(duration_seconds=5)]) == (None, 0.0)
    assert expected_seconds(Span(0, 10, False), [None, MediaInfo.Stream(duration_seconds=10)])[0] == 10
    assert expected_seconds(Span(30, 5, True), [MediaInfo.Stream(duration_seconds=10)]) == (2.5, 3.0)


def test_a_length_is_not_checked_where_none_is_expected() -> None:
    assert problems(MediaInfo(duration_seconds=7), Expected(streams=())) == []
    edge = Expected(streams=(), duration_seconds=10, duration_tolerance_seconds=1)
    assert problems(MediaInfo(duration_seconds=9), edge) == problems(MediaInfo(duration_seconds=11), edge) == []
    assert problems(MediaInfo(duration_seconds=8), edge) == ["it lasts 8.000 s instead of 10.000 s"]


def test_what_differs_from_a_promise_is_told_beside_what_was_promised() -> None:
    def made(*streams: dict[str, Any]) -> MediaInfo:
        return MediaInfo(streams=[MediaInfo.Stream(**stream) for stream in streams])

    picture = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec="h264", width=64, height=32)
    sounds = [ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec="aac", language=one) for one in ("fra", "")]
    film = {"kind": MediaInfo.Stream.VIDEO, "codec": "h264", "width": 64, "height": 32}
    heard = [{"kind": MediaInfo.Stream.AUDIO, "codec": "aac", "language": one} for one in ("fra", "")]
    both = Expected(streams=(picture, *sounds))
    assert problems(made(film, *heard), both) == []
    assert problems(made(film, *heard[::-1]), both) == [
        "its sounds are of no language, fra instead of fra, of no language"
    ]
    assert problems(made(film), both) == ["its sound is missing instead of aac"]
    assert problems(made(film | {"codec": ""}, heard[0]), both) == [
        "its picture is unknown instead of h264",
        "it has 1 sounds instead of 2",
        "its sounds are fra instead of fra, of no language",
    ]
    assert problems(made(film, heard[0]), Expected(streams=(picture,))) == [
        "it has 1 sounds instead of 0",
        "its sounds are fra instead of none",
    ]
    assert problems(made(film | {"height": 64}), Expected(streams=(picture,))) == [
        "it has 64 × 64 pixels instead of 64 × 32"
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1.5, "1.5"), (10, "10"), (100, "100"), (1e-6, "0.000001"), (12.3456789, "12.345679")]
)
def test_a_time_is_written_to_the_microsecond(value: float, text: str) -> None:
    assert seconds(value) == text


def meter(*cpu: float) -> tuple[Meter, Attempt]:
    """Of commands that are reckoned to take so many core-seconds."""
    nothing: Any = None  # of the task, the store and a slot: the meter needs none
    attempt = Attempt(nothing, nothing, nothing, nothing)
    return measuring(attempt, *(("a", one) for one in cpu)), attempt


def measuring(attempt: Attempt, *commands: tuple[str, float]) -> Meter:
    """Of commands that make these outputs."""
    made = []
    for outputs, cpu in commands:
        of = Command(argv=(), outputs=tuple(outputs), duration_seconds=1)
        made.append((of, (Work(kind=Kind("transcode"), output=outputs[0], cpu=cpu),)))
    return Meter(attempt, made, Rates(), 1)


def at(percent: float) -> RunProgress:
    return RunProgress(percent=percent, fps=25.0, speed=2.0)


def test_the_progress_of_several_commands_adds_up_and_never_falls() -> None:
    measured, attempt = meter(60, 20, 20)
    told = []
    for _ in range(3):
        for percent in (0, 50, 100):
            measured.update(at(percent))
            told.append(attempt.progress.percent)
        measured.finish()
    assert told == [0, 30, 60, 60, 70, 80, 80, 90, 100]


def test_a_time_that_goes_back_takes_no_percentage_along() -> None:
    measured, attempt = meter(60)
    for percent in (50, 40):  # as ffmpeg tells it where streams lie apart
        measured.update(at(percent))
        assert (attempt.progress.percent, attempt.news() is not None) == (50, True)
    assert attempt.news() is None


def test_each_output_is_as_far_as_its_own_commands_and_never_goes_back() -> None:
    commands = (("a", 30.0), ("ab", 10.0), ("c", 20.0))
    nothing: Any = None
    attempt = Attempt(nothing, nothing, nothing, nothing)
    measured, told = measuring(attempt, *commands), []
    for _ in commands:
        for percent in (50, 40):
            measured.update(at(percent))
            news = attempt.news()
            assert news
            told.append([output.percent for output in news.outputs])
        measured.finish()
    attempt.end()
    news = attempt.news()
    assert news and [(one.output, one.percent) for one in news.outputs] == [("a", 100), ("b", 100), ("c", 100)]
    assert told == [[37.5, 0, 0]] * 2 + [[87.5, 50, 0]] * 2 + [[100, 100, 50]] * 2
    again = Attempt(nothing, nothing, nothing, nothing)
    again.resume(Progress(percent=60, fps=9, outputs=[OutputProgress(output="a", percent=70)]))
    measuring(again, *commands).update(at(10))
    assert (again.progress.percent, again.progress.fps) == (60, 25)
    resumed = again.news()
    assert resumed and [one.percent for one in resumed.outputs] == [70, 0, 0]


def test_a_command_that_tells_nothing_meanwhile_counts_at_its_end() -> None:
    measured, attempt = meter(1, 3)
    measured.finish()
    assert attempt.progress.percent == 25
    measured.finish()
    assert attempt.progress.percent == 100


def test_progress_tells_rate_speed_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("reelmill.worker.meter.time", SimpleNamespace(monotonic=lambda: clock[0]))
    measured, attempt = meter(60, 30)
    measured.begin()
    assert attempt.progress.eta.ToMilliseconds() == pytest.approx(90_500, rel=0.01)  # as reckoned, and what comes after
    for percent in (0.0, 12.3456, 50.0):
        clock[0] += 10
        measured.update(at(percent))
        told = attempt.progress
        if percent == 12.3456:
            assert (told.percent, told.fps, told.speed) == (8.23, 25.0, 2.0)
        assert 0 < told.eta_earliest.ToNanoseconds() < told.eta.ToNanoseconds() < told.eta_latest.ToNanoseconds()
    # Of the first one half took 20 s, after 10 s without a frame: 20 s more or a little less, then 30 s as reckoned.
    assert 40_000 < attempt.progress.eta.ToMilliseconds() < 51_000
    clock[0] += 20
    measured.finish()
    # What was reckoned to take 60 s took 50: so will what follows.
    assert attempt.progress.eta.ToMilliseconds() == pytest.approx(25_700, rel=0.02)
    clock[0] += 15
    measured.finish()
    assert attempt.progress.percent == 100 and attempt.progress.eta.ToMilliseconds() < 1000


def test_of_a_damaged_input_what_is_shorter_lacks_something() -> None:
    exact = Expected(streams=(), duration_seconds=10, duration_tolerance_seconds=0.5)
    late = Expected(streams=(), duration_seconds=10, duration_tolerance_seconds=1.5)  # a second is not known
    for expected, least in ((exact, 9.95), (late, 8.95)):
        assert problems(MediaInfo(duration_seconds=least), expected, damaged=True) == []
        assert problems(MediaInfo(duration_seconds=least - 0.1), expected, damaged=True)
        assert problems(MediaInfo(duration_seconds=least - 0.1), expected) == []


@pytest.mark.parametrize(
    ("found", "whole", "more", "told"),
    [
        ([0, 40_000, 80_000], True, False, []),
        ([0, 41_000, 79_000], True, False, []),
        ([0, 41_001, 80_000], True, False, ["its frame 1 is shown at 0.041001 s instead of 0.040000 s"]),
        ([0, 40_000], True, False, ["it has 2 frames instead of 3"]),
        ([0, 40_000], False, False, []),
        ([0, 40_000, 80_000, 120_000], True, False, ["it has 4 frames instead of 3"]),
        ([0, 40_000, 80_000, 120_000], True, True, []),
        ([0, 40_000, 90_000, 120_000], True, True, ["its frame 2 is shown at 0.090000 s instead of 0.080000 s"]),
    ],
)
def test_frames_are_shown_when_it_was_promised(found: list[int], whole: bool, more: bool, told: list[str]) -> None:
    promised = Times(shown=(0, 40_000, 80_000), tolerance=1000, more=more)
    assert mistimed(found, promised, whole=whole) == told
