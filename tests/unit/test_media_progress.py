"""What ffmpeg writes for -progress, and what it might."""

import math

from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.progress import ProgressParser, RunProgress

keys = st.sampled_from(["out_time_us", "frame", "fps", "speed", "progress", "bitrate", ""])
values = st.one_of(
    st.sampled_from(["N/A", "continue", "end", "1.5x", "  2x ", "nan", "inf", "-inf", "1e999", "-5", "=", ""]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=8),
)
lines = st.one_of(st.text(max_size=20), st.builds("{}={}".format, keys, values))


@given(st.lists(lines, max_size=40), st.floats(allow_nan=False, min_value=0, max_value=1e9))
def test_no_line_makes_it_raise_and_percent_stays_within_0_and_100(written: list[str], duration: float) -> None:
    parser = ProgressParser(duration)
    for line in written:
        progress = parser.feed(line)
        if progress is not None:
            assert 0 <= progress.percent <= 100
            assert math.isfinite(progress.fps) and math.isfinite(progress.speed)
            assert progress.fps >= 0 and progress.speed >= 0


def test_a_block_becomes_progress() -> None:
    parser = ProgressParser(10)
    block = ["frame=50", "fps=25.0", "out_time_us=2500000", "speed=2.5x"]
    assert [parser.feed(line) for line in block] == [None] * 4
    expected = RunProgress(percent=25.0, fps=25.0, speed=2.5, seconds=2.5)
    assert parser.feed("progress=continue\n") == expected
    assert parser.position == ("2500000", "50")


def test_what_ffmpeg_does_not_know_yet_is_nothing() -> None:
    parser = ProgressParser(10)
    for line in ("out_time_us=N/A", "speed=N/A", "fps=0.00"):
        parser.feed(line)
    assert parser.feed("progress=continue") == RunProgress(percent=0.0, fps=0.0, speed=0.0)


@given(st.lists(values, max_size=20), st.floats(allow_nan=False, min_value=0, max_value=1e9))
def test_what_was_written_never_becomes_less(times: list[str], duration: float) -> None:
    parser = ProgressParser(duration)
    told = []
    for time in times:
        parser.feed(f"out_time_us={time}")
        told.append(parser.feed("progress=continue"))
    seconds = [progress.seconds for progress in told if progress]
    percents = [progress.percent for progress in told if progress]
    assert (seconds, percents) == (sorted(seconds), sorted(percents)) and len(seconds) == len(times)


def test_only_the_end_is_100_percent() -> None:
    parser = ProgressParser(1)
    parser.feed("out_time_us=5000000")
    assert parser.feed("progress=continue").percent == 99.9
    assert parser.feed("progress=end").percent == 100.0


def told(duration: float, *lines: str, end: str = "continue") -> tuple[float, float, float]:
    """Percent, frames a second and speed."""
    parser = ProgressParser(duration)
    for line in lines:
        assert parser.feed(line) is None
    progress = parser.feed(f"progress={end}")
    assert progress is not None
    return progress.percent, progress.fps, progress.speed


def test_the_last_block_keeps_its_rate() -> None:
    assert told(10, "fps=24.5", "speed=3x", "out_time_us=1", end="end") == (100.0, 24.5, 3.0)
    assert told(10, end="end") == (100.0, 0.0, 0.0)


def test_an_input_of_no_length_has_no_percent() -> None:
    assert told(0, "fps=0.5", "speed=0.5x", "out_time_us=5000000") == (0.0, 0.5, 0.5)


def test_a_percentage_is_of_the_length_and_of_its_fractions() -> None:
    assert told(1, "speed=2x", "out_time_us=3000000") == (99.9, 0.0, 2.0)
    assert told(0.5, "speed=2x", "out_time_us=250000") == (50.0, 0.0, 2.0)


def test_numbers_that_say_nothing_are_nothing() -> None:
    for odd in ("inf", "-1", "nan", "-0.5", "x"):
        assert told(10, f"fps={odd}", f"speed={odd}x", f"out_time_us={odd}") == (0.0, 0.0, 0.0)


def test_a_block_without_a_time_stands_where_none_is_known() -> None:
    parser = ProgressParser(10)
    assert parser.position == ("", "")
    parser.feed("out_time_us=7")
    parser.feed("frame=3")
    parser.feed("progress=continue")
    assert parser.position == ("7", "3")
    parser.feed("progress=continue")
    assert parser.position == ("", "")
