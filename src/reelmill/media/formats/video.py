"""All codecs of moving pictures, by their number in VideoSettings. Pure."""

from reelmill.media.formats.av1 import AV1
from reelmill.media.formats.codec import VideoCodec
from reelmill.media.formats.h26x import H264, H265
from reelmill.media.formats.vp9 import VP9
from reelmill.v1.operations_pb2 import VideoSettings

VIDEO: dict[VideoSettings.Codec, VideoCodec] = {
    VideoSettings.H264: H264,
    VideoSettings.H265: H265,
    VideoSettings.VP9: VP9,
    VideoSettings.AV1: AV1,
}


def frame_rate(value: float) -> str:
    """A rate as ffmpeg reads it; 23.976, 29.97, 59.94… become what is meant by them, 24000/1001 and so on."""
    whole = round(value * 1.001)
    if value != round(value) and abs(value - whole / 1.001) < 0.005:
        return f"{whole * 1000}/1001"
    return f"{value:.6f}".rstrip("0").rstrip(".")
