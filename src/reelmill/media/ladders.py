"""The pictures of a stream: which sizes and bit rates players may choose between. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelmill.media import effects
from reelmill.media.formats.video import VIDEO
from reelmill.media.geometry import Size, box, display_size, fit
from reelmill.media.pictures import HDR_TRANSFERS
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings
from reelmill.v1.package_pb2 import Package

V = VideoSettings
SHORT_SIDES = (2160, 1440, 1080, 720, 540, 360, 240)
"""Pixels of the shorter side, as in Apple's HLS authoring specification (16:9: 2.1)."""
DEFAULT_SHORT_SIDE = 1080
_APART = 1.25  # times: a rung that is nearer to the one above it would be seen by nobody
_LEAST = 16
_FULL_HD = 1920 * 1080
_PEAK_BPS = 5_800_000  # of H.264 at 1920 × 1080 and up to 30 frames a second (Apple's specification: 6 Mbit/s)
# By the pixels of Apple's ladder: 1.1 Mbit/s at 640 × 360, 11.6 Mbit/s at 2560 × 1440 of H.264, rounded down.
_BY_PIXELS = 0.8
BITS = {V.H264: 1.0, V.H265: 0.65, V.VP9: 0.7, V.AV1: 0.5}
"""That codecs take for the same picture, as parts of H.264's."""
_USUAL_RATE, _MOST_BY_RATE = 30.0, 1.5  # twice the frames don't take twice the bits: they resemble each other more


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One of a stream's pictures."""

    name: str
    """Of its folder: its codec, and the pixels of its shorter side."""
    settings: VideoSettings
    """With its defaults filled in."""
    size: Size
    """As it comes out."""


def rungs(spec: Package, picture: MediaInfo.Stream, interval_seconds: float) -> tuple[Rung, ...]:
    """The rungs of a package of an input's picture, the best first; `spec` has its defaults filled in.

    `interval_seconds`: between key frames, which is that of segments. Raises AttemptFailed INPUT_UNSUPPORTED.
    """
    wanted = spec.rungs or automatic(spec, picture)
    made: list[tuple[VideoSettings, Size]] = []
    # Rungs that a target came to may be of one size.
    for settings in wanted if spec.target_vmaf else _needed(wanted, picture):
        own = V()
        own.CopyFrom(settings)
        own.keyframe_interval_seconds = interval_seconds
        made.append((own, _size(own, picture)))
    names = _named(f"{V.Codec.Name(own.codec).lower()}-{min(size.width, size.height)}" for own, size in made)
    return tuple(Rung(name=name, settings=own, size=size) for name, (own, size) in zip(names, made, strict=True))


def automatic(spec: Package, picture: MediaInfo.Stream) -> tuple[VideoSettings, ...]:
    """A ladder that follows from the input: no larger than it, as it lies or stands, with its frames and its range.

    H.264 has no high range. Neither has what is to be like its input by VMAF, which knows none.
    """
    width, height = display_size(picture)
    short = min(width, height)
    most = max(_LEAST, round(min(short, spec.max_short_side) / 2) * 2)
    sides = [most, *(side for side in SHORT_SIDES if side * _APART <= most)]
    shape = max(width, height) / max(1.0, short)
    high = picture.color_transfer in HDR_TRANSFERS and not spec.target_vmaf
    made = []
    for codec in spec.codecs:
        for side in sides:
            longer = round(side * shape / 2) * 2
            settings = V(
                codec=codec,
                fit=V.SHRINK,
                effort=spec.effort,
                hdr=V.KEEP if high and codec != V.H264 else V.HDR_UNSPECIFIED,
                crf=VIDEO[codec].default_crf,
                max_bitrate_bps=peak_bps(codec, Size(longer, side), picture.frame_rate),
            )
            if short >= _LEAST:  # what is smaller is enlarged, as anywhere
                settings.width, settings.height = (longer, side) if width >= height else (side, longer)
            made.append(settings)
    return tuple(made)


def peak_bps(codec: VideoSettings.Codec, size: Size, frame_rate: float) -> int:
    """The highest bit rate of a rung, in bits per second, rounded to tens of thousands."""
    by_size: float = (size.width * size.height / _FULL_HD) ** _BY_PIXELS
    by_rate = min(_MOST_BY_RATE, max(1.0, math.sqrt(frame_rate / _USUAL_RATE)))
    return max(100_000, round(_PEAK_BPS * BITS[codec] * by_size * by_rate / 10_000) * 10_000)


def segment_seconds(asked: float, frame_rate: float) -> float:
    """How long segments are: whole frames, as near to what is asked for as they go; at no known rate just that."""
    if frame_rate <= 0:
        return asked
    return round(max(1, round(asked * frame_rate)) / frame_rate, 6)


def _needed(wanted: Sequence[VideoSettings], picture: MediaInfo.Stream) -> list[VideoSettings]:
    """Without those that the input is too small for, but the least of them for each size that comes out."""
    sizes = [_size(one, picture) for one in wanted]
    asked = [_size(one, picture, how=V.CONTAIN if one.fit == V.SHRINK else None) for one in wanted]
    kept = []
    for i, one in enumerate(wanted):
        smaller = asked[i] != sizes[i]
        same = [
            j
            for j, other in enumerate(wanted)
            if j != i and (other.codec, sizes[j]) == (one.codec, sizes[i]) and _pixels(asked[j]) <= _pixels(asked[i])
        ]
        if smaller and any(_pixels(asked[j]) < _pixels(asked[i]) or j > i for j in same):
            continue
        kept.append(one)
    return kept


def _size(settings: VideoSettings, picture: MediaInfo.Stream, how: int | None = None) -> Size:
    source = effects.shown_size(picture, settings, "")
    return fit(source, *box(source, settings), settings.fit if how is None else how, least=_LEAST).final


def _pixels(size: Size) -> int:
    return size.width * size.height


def _named(names: Iterable[str]) -> list[str]:
    """Names of which each is there once: the second of equal ones ends with -2."""
    made: list[str] = []
    for name in names:
        count = sum(one == name or one.rpartition("-")[0] == name for one in made)
        made.append(f"{name}-{count + 1}" if count else name)
    return made
