"""Which pictures a stream is made of."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from unit.test_media_golden import VIDEO

from reelmill.media import ladders
from reelmill.media.geometry import Size
from reelmill.media.operations import OPERATIONS
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings
from reelmill.v1.package_pb2 import Package

V = VideoSettings


def picture(width: int, height: int, **fields: Any) -> MediaInfo.Stream:
    return ParseDict({**VIDEO, "width": width, "height": height, **fields}, MediaInfo.Stream())


def rungs(source: MediaInfo.Stream, spec: dict[str, Any] | None = None) -> list[tuple[str, int, int]]:
    whole = OPERATIONS["package"].with_defaults(ParseDict(spec or {}, Package()))
    return [(r.name, r.size.width, r.size.height) for r in ladders.rungs(whole, source, 6.0)]


@pytest.mark.parametrize(
    ("width", "height", "sides"),
    [
        (1920, 1080, [1080, 720, 540, 360, 240]),
        (3840, 2160, [1080, 720, 540, 360, 240]),
        (1280, 720, [720, 540, 360, 240]),
        (640, 360, [360, 240]),
        (320, 240, [240]),
        (300, 290, [290]),  # 240 would be seen by nobody
        (64, 48, [48]),
        (20, 12, [16]),
        (1998, 800, [800, 540, 360, 240]),
    ],
)
def test_a_ladder_is_no_larger_than_its_input(width: int, height: int, sides: list[int]) -> None:
    made = rungs(picture(width, height))
    assert [(name, min(size)) for name, *size in made] == [(f"h264-{side}", side) for side in sides]
    assert all(abs(w / h - width / height) < 0.03 * width / height for _, w, h in made)


def test_a_ladder_stands_as_its_input_does_and_has_its_shape() -> None:
    upright = [("h264-720", 720, 1280), ("h264-540", 540, 960), ("h264-360", 360, 640), ("h264-240", 240, 426)]
    assert rungs(picture(720, 1280)) == rungs(picture(1280, 720, rotation_degrees=90)) == upright
    assert rungs(picture(720, 576, pixel_aspect_ratio=64 / 45))[0] == ("h264-576", 1024, 576)


def test_each_codec_has_all_rungs_and_more_are_made_where_they_are_asked_for() -> None:
    made = rungs(picture(3840, 2160), {"codecs": ["H264", "AV1"], "max_short_side": 1440})
    sides = [1440, 1080, 720, 540, 360, 240]
    assert [name for name, *_ in made] == [f"{codec}-{side}" for codec in ("h264", "av1") for side in sides]


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67", "bt709"])
def test_a_high_range_stays_where_a_codec_has_one(curve: str) -> None:
    source = picture(320, 240, color_transfer=curve)

    def kept(**spec: Any) -> dict[int, bool]:
        whole = OPERATIONS["package"].with_defaults(ParseDict({"codecs": ["H264", "H265", "AV1"], **spec}, Package()))
        return {rung.codec: rung.hdr == V.KEEP for rung in ladders.automatic(whole, source)}

    high = curve != "bt709"
    assert kept() == {V.H264: False, V.H265: high, V.AV1: high}
    assert not any(kept(target_vmaf=90).values())


def test_what_an_input_is_too_small_for_comes_out_once() -> None:
    asked = [{"height": 1080, "crf": 20}, {"height": 720, "crf": 22}, {"height": 480}, {"height": 240}]
    spec = OPERATIONS["package"].with_defaults(ParseDict({"rungs": asked}, Package()))
    made = ladders.rungs(spec, picture(854, 480), 6.0)
    assert [(r.name, r.settings.crf) for r in made] == [("h264-480", 23), ("h264-240", 23)]
    made = ladders.rungs(spec, picture(640, 360), 6.0)  # the least of those that would be larger
    assert [(r.name, r.settings.height) for r in made] == [("h264-360", 480), ("h264-240", 240)]
    made = ladders.rungs(spec, picture(1920, 1080), 6.0)
    assert [r.name for r in made] == ["h264-1080", "h264-720", "h264-480", "h264-240"]
    assert {r.settings.keyframe_interval_seconds for r in made} == {6.0}
    assert not any(rung.keyframe_interval_seconds for rung in spec.rungs)


def test_rungs_of_one_size_keep_what_was_asked_for_and_differ_in_name() -> None:
    spec = {"rungs": [{"height": 360, "bitrate_bps": rate} for rate in (900_000, 500_000)] + [{"height": 8192}] * 2}
    assert [name for name, *_ in rungs(picture(640, 360), spec)] == ["h264-360", "h264-360-2"]
    assert [name for name, *_ in rungs(picture(1280, 720), spec)] == ["h264-360", "h264-360-2", "h264-720"]


def test_peaks_follow_pixels_codec_and_frames() -> None:
    hd, h264 = Size(1920, 1080), VideoSettings.H264
    assert ladders.peak_bps(h264, hd, 25) == 5_800_000
    assert ladders.peak_bps(h264, hd, 30) == 5_800_000 < ladders.peak_bps(h264, hd, 60) < 2 * 5_800_000
    assert ladders.peak_bps(h264, Size(640, 360), 25) == pytest.approx(1_000_000, rel=0.1)
    assert ladders.peak_bps(VideoSettings.AV1, hd, 25) == 2_900_000
    assert ladders.peak_bps(h264, Size(16, 16), 25) == 100_000


@pytest.mark.parametrize(
    ("asked", "rate", "seconds"),
    [(6, 25, 6), (6, 30000 / 1001, 6.006), (2, 24000 / 1001, 2.002), (6, 0, 6), (1, 0.3, 3.333333), (6, 1000, 6)],
)
def test_a_segment_is_whole_frames(asked: float, rate: float, seconds: float) -> None:
    assert ladders.segment_seconds(asked, rate) == seconds


@given(st.integers(1, 8192), st.integers(1, 8192), st.sampled_from([0, 90, 180, 270]), st.integers(16, 8192))
def test_rungs_descend_and_each_is_one_of_its_own(width: int, height: int, turned: int, most: int) -> None:
    made = rungs(picture(width, height, rotation_degrees=turned), {"max_short_side": most})
    sizes = [w * h for _, w, h in made]
    assert sizes == sorted(set(sizes), reverse=True) and len({name for name, *_ in made}) == len(made) > 0
