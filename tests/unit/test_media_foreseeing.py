"""Who is stopped early would have missed its contract: no file that keeps it is ever stopped."""

from pathlib import PurePosixPath

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from jobs import job
from planning import graph

from reelmill.media.contract import Source
from reelmill.media.foreseeing import Limit, least_peak, limits, missed, spared
from reelmill.media.progress import ProgressParser, RunProgress
from reelmill.media.steps import Step
from reelmill.media.tools.analysis import Spec, of_packets
from reelmill.v1.media_pb2 import MediaInfo

PATH = PurePosixPath("out/out.mp4")
packets = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 2_000_000)), max_size=40)


def so_far(seconds: float, size_bytes: int, percent: float = 50.0) -> RunProgress:
    return RunProgress(percent=percent, fps=0, speed=0, seconds=seconds, size_bytes=size_bytes)


@given(packets, st.floats(0, 30), st.integers(1, 10**9))
def test_a_stream_whose_every_second_is_small_enough_is_never_stopped(
    written: list[tuple[float, int]], now: float, limit: int
) -> None:
    lines = ["#tb 0: 1/1000", *(f"0, {round(t * 1000)}, {round(t * 1000)}, 1, {size}, 0x0" for t, size in written)]
    peak = int(str(of_packets(lines, Spec())["peak_bitrate_bps"]))
    done = so_far(now, sum(size for time, size in written if time <= now))
    least = least_peak(Limit(output="out", path=PATH, peak_bps=limit), done)
    assert least <= peak
    miss = missed([Limit(output="out", path=PATH, peak_bps=limit)], {}, done)
    assert miss is None or peak > limit


def test_what_is_written_too_fast_is_stopped() -> None:
    limit = Limit(output="out", path=PATH, peak_bps=1_000_000)
    assert missed([limit], {}, so_far(10, 10 * 125_000)) is None
    miss = missed([limit], {}, so_far(10, 30 * 125_000))
    assert miss is not None and (miss.output, miss.field) == ("out", "max_peak_bitrate_bps")
    assert "instead of at most 1000000 bit/s" in miss.words
    assert missed([limit], {}, None) is None


@given(st.integers(1, 10**12), st.floats(1e-4, 1000), st.integers(0, 10**12))
def test_a_file_is_stopped_by_its_size_just_where_its_contract_is_broken(size: int, ratio: float, written: int) -> None:
    limit = Limit(output="out", path=PATH, size_ratio=ratio, input_bytes=size)
    miss = missed([limit], {PATH: written}, None)
    assert (miss is not None) == (written / size > ratio)
    assert missed([limit], {}, None) is None


def test_what_is_spared_follows_from_what_was_taken() -> None:
    assert spared(10.0, so_far(1, 1, percent=25.0)) == 30.0
    assert spared(10.0, so_far(1, 1, percent=0.0)) == spared(10.0, None) == spared(10.0, so_far(1, 1, 100.0)) == 0.0


def test_progress_tells_time_and_size() -> None:
    parser = ProgressParser(10)
    for line in ("out_time_us=2500000", "total_size=4242"):
        parser.feed(line)
    found = parser.feed("progress=continue")
    assert found is not None and (found.seconds, found.size_bytes) == (2.5, 4242)
    assert parser.latest == found
    parser.feed("total_size=N/A")
    ended = parser.feed("progress=end")
    assert ended is not None and (ended.seconds, ended.size_bytes) == (2.5, 0)


FILM = Source(
    info=ParseDict(
        {
            "duration_seconds": 10,
            "size_bytes": 1000,
            "streams": [{"kind": "VIDEO", "codec": "h264", "width": 640, "height": 360, "frame_rate": 25}],
        },
        MediaInfo(),
    ),
    demuxer="mov",
)


def of(*outputs: dict) -> list[tuple[str, float, int]]:
    """The limits of the first step."""
    made = job("file:///a.mp4", *outputs)
    steps: tuple[Step, ...] = graph(made, FILM).steps
    return [(one.output, one.size_ratio, one.peak_bps) for one in limits(made, steps[0], {"": FILM})]


SMALL = {"name": "small", "transcode": {"video": {"height": 90, "effort": "FAST"}}}
BOUND = {"max_size_ratio": 2, "max_peak_bitrate_bps": 5000}


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ([{**SMALL, "contract": BOUND}], [("small", 2.0, 5000)]),
        ([{**SMALL, "contract": {**BOUND, "miss": "WARN"}}], []),
        ([{**SMALL, "contract": {"min_width": 1}}], []),
        ([SMALL], []),
        ([{**SMALL, "contract": BOUND, "optional": True}], [("small", 2.0, 5000)]),
        # ffmpeg tells the size of the first file alone, and its end would be that of the others.
        ([SMALL, {**SMALL, "name": "other", "contract": BOUND}], [("other", 2.0, 0)]),
        ([SMALL, {**SMALL, "name": "other", "contract": BOUND, "optional": True}], []),
    ],
)
def test_who_may_be_stopped(outputs: list[dict], found: list) -> None:
    assert of(*outputs) == found
