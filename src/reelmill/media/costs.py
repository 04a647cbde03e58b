"""What decoding and encoding take of a core, reckoned from pixels × frames. Pure.

To decide what shares a process, not to promise a time. Nanoseconds of CPU for each pixel, measured on 2026-11-25 with
the static ffmpeg that comes with Reelmill: 4 s of 1280 × 720 at 25 frames a second (a zooming fractal with noise), two
threads, user and system time of `ffmpeg -i clip -f null -`, and the same with each encoder less that.
"""

from reelmill.media.geometry import Size
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

V = VideoSettings
DECODERS = {"h264": 4.3, "hevc": 3.5, "vp9": 3.8, "av1": 3.1, "mpeg2video": 1.5, "prores": 8.9}
"""By FFmpeg's names of what is decoded."""
_DECODER = 4.0  # of one that was not measured
_EFFORTS = (V.FAST, V.MEDIUM, V.SLOW)
_ENCODERS = {V.H264: (15, 38, 53), V.H265: (34, 51, 133), V.VP9: (109, 97, 184), V.AV1: (12, 32, 80)}
_RATE = 25.0  # frames a second of a film that does not say


def decoding(picture: MediaInfo.Stream, seconds: float) -> float:
    """Core-seconds of decoding so many seconds of a picture."""
    pixels = picture.width * picture.height
    return DECODERS.get(picture.codec, _DECODER) * pixels * frames(picture, 0.0, seconds) / 1e9


def encoding(spec: VideoSettings, size: Size, picture: MediaInfo.Stream, seconds: float) -> float:
    """Core-seconds of encoding so many seconds of it at a size. `spec` has its defaults filled in."""
    each = _ENCODERS[spec.codec][_EFFORTS.index(spec.effort)]
    return each * size.width * size.height * frames(picture, spec.frame_rate, seconds) / 1e9


def frames(picture: MediaInfo.Stream, asked: float, seconds: float) -> float:
    """How many of a picture, at the rate that was asked for or its own."""
    return (asked or picture.frame_rate or _RATE) * seconds
