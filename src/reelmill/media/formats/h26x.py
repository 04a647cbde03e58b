"""H.264 by x264 and H.265 by x265. Pure."""

from reelmill.media import rates
from reelmill.media.formats.codec import ENDLESS, VideoCodec, Wanted, passes
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_PRESETS = {VideoSettings.FAST: "veryfast", VideoSettings.MEDIUM: "medium", VideoSettings.SLOW: "slow"}
_REFERENCES = {VideoSettings.FAST: 1, VideoSettings.MEDIUM: 3, VideoSettings.SLOW: 5}
"""Pictures that x264's presets keep to be referred to."""
_B_FRAMES = 4  # of x265's presets from veryfast on
_APPLE = (Transcode.MP4, Transcode.MOV)


def _common(spec: VideoSettings) -> tuple[str, ...]:
    # One-pass average rates have a two-second buffer, so that peaks stay playable.
    frames = ("-bf", str(spec.b_frames)) if spec.HasField("b_frames") else ()
    return ("-preset", _PRESETS[spec.effort], *rates.of_h26x(spec), *frames)


def _h264(wanted: Wanted) -> tuple[str, ...]:
    # No -profile:v of our own: x264 takes the lowest that fits by itself, and asked for High it refuses -crf 0.
    spec = wanted.spec
    profile = ("-profile:v", spec.profile) if spec.profile else ()
    level = ("-level:v", spec.level) if spec.level else ()
    kept = rates.references(spec, wanted.size)
    # x264 says what it is told, and keeps as many pictures as its preset has.
    fewer = ("-refs:v", str(kept)) if 0 < kept < _REFERENCES[spec.effort] else ()
    return (*_common(spec), *profile, *level, *fewer, *passes(wanted))


def _pattern(spec: VideoSettings) -> int:
    # x265's veryfast does not choose B-frames: every fifth frame has none before it, whatever is a key frame.
    frames = spec.b_frames if spec.HasField("b_frames") else _B_FRAMES
    return frames + 1 if spec.effort == VideoSettings.FAST else 1


def _h265(wanted: Wanted) -> tuple[str, ...]:
    spec = wanted.spec
    # hvc1: Apple's players refuse ffmpeg's default tag hev1.
    tag = ("-tag:v", "hvc1") if wanted.container in _APPLE else ()
    profile = ("-profile:v", spec.profile) if spec.profile else ()
    told = ["log-level=error"]
    told += [f"pools={wanted.threads}"] if wanted.threads else []
    told += ["scenecut=0", "open-gop=0"] if spec.keyframe_interval_seconds else []
    told += [f"level-idc={spec.level}"] if spec.level else []
    # ffmpeg passes neither the pass nor its file on.
    told += [f"pass={wanted.passing.number}", f"stats={wanted.passing.log}-x265.log"] if wanted.passing else []
    return (*_common(spec), *profile, "-x265-params", ":".join(told), *tag)


H264 = VideoCodec(
    name="h264",
    encoder="libx264",
    default_crf=23,
    max_crf=51,
    reorders=True,
    options=_h264,
    keyed=("-sc_threshold", "0", "-g", ENDLESS),
    without_captions=("-a53cc", "0"),
    # Measured: the SSIM of ten frames on each side of a seam is 0.0015 less than in the whole if nothing before a chunk
    # is encoded, and 0.0003 to 0.0006 less if nothing behind it is: it spends on a frame what those behind take of it.
    settles=8,
    # Measured: pressed against a highest rate x264 spends its buffer on its first frames, and has it back after 24.
    fills=24,
    foresees=4,
)
H265 = VideoCodec(
    name="hevc",
    encoder="libx265",
    default_crf=28,
    max_crf=51,
    reorders=True,
    options=_h265,
    # Without forced-idr they would be pictures that frames behind them may look past.
    closed=("-forced-idr", "1"),
    keyed=("-g", ENDLESS),
    # Measured: with another pattern of B-frames than the whole's a film of a rate that varies is 2.6 % larger; and
    # a buffer that is full again at each chunk lets 1.9 times the highest rate pass in the second across a seam.
    settles=5,
    foresees=5,
    fills=25,
    repeats=_pattern,
)
