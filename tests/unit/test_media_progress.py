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
            assert progress.eta_seconds is None or 0 <= progress.eta_seconds < math.inf


def test_a_block_becomes_progress() -> None:
    parser = ProgressParser(10)
    block = ["frame=50", "fps=25.0", "out_time_us=2500000", "speed=2.5x"]
    assert [parser.feed(line) for line in block] == [None] * 4
    assert parser.feed("progress=continue\n") == RunProgress(percent=25.0, fps=25.0, speed=2.5, eta_seconds=3.0)
    assert parser.position == ("2500000", "50")


def test_what_ffmpeg_does_not_know_yet_is_nothing() -> None:
    parser = ProgressParser(10)
    for line in ("out_time_us=N/A", "speed=N/A", "fps=0.00"):
        parser.feed(line)
    assert parser.feed("progress=continue") == RunProgress(percent=0.0, fps=0.0, speed=0.0, eta_seconds=None)


def test_only_the_end_is_100_percent() -> None:
    parser = ProgressParser(1)
    parser.feed("out_time_us=5000000")
    assert parser.feed("progress=continue").percent == 99.9
    assert parser.feed("progress=end").percent == 100.0
