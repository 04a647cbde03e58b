"""How much a picture's encoder may write, and what decoders are promised: bit rates, profiles, levels, depths. Pure.

Limits of levels: ITU-T H.264 (08/2021), table A-1, and ITU-T H.265 (08/2021), tables A.8 and A.9 (main tier).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media.geometry import Size
from reelmill.media.pictures import HDR_TRANSFERS
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

V = VideoSettings
BUFFER_SECONDS = 2.0
_MOST_BUFFER = 2**31 - 1  # bits: ffmpeg counts them so
_MACROBLOCK = 16
_H26X = (V.H264, V.H265)
_DEPTHS = {
    V.H264: {"baseline": 8, "main": 8, "high": 8, "high10": 10},
    V.H265: {"main": 8, "main10": 10},
}
"""Bits of each sample, by profile."""
_HIGH_FACTOR = {"high": 1.25, "high10": 3.0}  # of bit rates, against Baseline and Main (table A-2)


@dataclass(frozen=True, slots=True)
class Level:
    """What a stream of a level may have at most."""

    pixels: int
    """Of luma, in a picture; of H.264 in whole macroblocks."""
    pixels_a_second: int
    bps: int
    """Of H.264 in Baseline and Main."""
    buffer_bits: int
    kept_pixels: int = 0
    """Of all pictures that are kept to be referred to; 0: not told here."""


def _h264(blocks: int, a_second: int, kept: int, kbps: int, kbits: int) -> Level:
    each = _MACROBLOCK**2
    return Level(blocks * each, a_second * each, kbps * 1000, kbits * 1000, kept * each)


def _h265(pixels: int, a_second: int, kbps: int) -> Level:
    return Level(pixels, a_second, kbps * 1000, kbps * 1000)


LEVELS: dict[VideoSettings.Codec, dict[str, Level]] = {
    V.H264: {
        "1": _h264(99, 1485, 396, 64, 175),
        "1.1": _h264(396, 3000, 900, 192, 500),
        "1.2": _h264(396, 6000, 2376, 384, 1000),
        "1.3": _h264(396, 11880, 2376, 768, 2000),
        "2": _h264(396, 11880, 2376, 2000, 2000),
        "2.1": _h264(792, 19800, 4752, 4000, 4000),
        "2.2": _h264(1620, 20250, 8100, 4000, 4000),
        "3": _h264(1620, 40500, 8100, 10000, 10000),
        "3.1": _h264(3600, 108000, 18000, 14000, 14000),
        "3.2": _h264(5120, 216000, 20480, 20000, 20000),
        "4": _h264(8192, 245760, 32768, 20000, 25000),
        "4.1": _h264(8192, 245760, 32768, 50000, 62500),
        "4.2": _h264(8704, 522240, 34816, 50000, 62500),
        "5": _h264(22080, 589824, 110400, 135000, 135000),
        "5.1": _h264(36864, 983040, 184320, 240000, 240000),
        "5.2": _h264(36864, 2073600, 184320, 240000, 240000),
        "6": _h264(139264, 4177920, 696320, 240000, 240000),
        "6.1": _h264(139264, 8355840, 696320, 480000, 480000),
        "6.2": _h264(139264, 16711680, 696320, 800000, 800000),
    },
    V.H265: {
        "1": _h265(36864, 552960, 128),
        "2": _h265(122880, 3686400, 1500),
        "2.1": _h265(245760, 7372800, 3000),
        "3": _h265(552960, 16588800, 6000),
        "3.1": _h265(983040, 33177600, 10000),
        "4": _h265(2228224, 66846720, 12000),
        "4.1": _h265(2228224, 133693440, 20000),
        "5": _h265(8912896, 267386880, 25000),
        "5.1": _h265(8912896, 534773760, 40000),
        "5.2": _h265(8912896, 1069547520, 60000),
        "6": _h265(35651584, 1069547520, 60000),
        "6.1": _h265(35651584, 2139095040, 120000),
        "6.2": _h265(35651584, 4278190080, 240000),
    },
}


def violations(video: VideoSettings, codec: VideoSettings.Codec, path: str) -> list[Violation]:
    """What contradicts itself, or is not of this codec."""
    found, name = list[Violation](), VideoSettings.Codec.Name(codec)

    def refuse(field: str, problem: str) -> None:
        found.append(Violation(f"{path}.{field}", problem))

    if codec not in _H26X:
        for field in ("b_frames", "profile", "level", "buffer_seconds"):
            if video.HasField("b_frames") if field == "b_frames" else getattr(video, field):
                refuse(field, f"is of H264 and H265 alone, and this is {name}")
    elif video.buffer_seconds and not (video.bitrate_bps or video.max_bitrate_bps or video.level):
        refuse("buffer_seconds", "needs max_bitrate_bps or bitrate_bps")
    if video.max_bitrate_bps and video.max_bitrate_bps < video.bitrate_bps:
        refuse("max_bitrate_bps", f"must be at least bitrate_bps ({video.bitrate_bps})")
    if video.two_pass and not video.bitrate_bps:
        refuse("two_pass", "needs bitrate_bps: a constant quality needs no second pass")
    if video.two_pass and codec == V.AV1:
        refuse("two_pass", "AV1's encoder has none; leave it out")
    if video.bit_depth == 9:
        refuse("bit_depth", "must be 8 or 10")
    if codec in _H26X:
        found += _profile_violations(video, codec, path)
    if video.hdr == V.KEEP and codec == V.H264:
        refuse("hdr", "H264 does not go with HDR: take H265, VP9 or AV1")
    if video.hdr == V.KEEP and video.bit_depth == 8:
        refuse("bit_depth", "must be 10 where HDR is kept")
    return found


def target_violations(video: VideoSettings, path: str, altered: Sequence[str]) -> list[Violation]:
    """What contradicts target_vmaf; `altered`: fields by which what comes out is not what the input shows."""
    if not video.target_vmaf:
        return []
    others = ["crf"] if video.HasField("crf") else []
    others += [name for name in ("bitrate_bps", "two_pass", "frame_rate") if getattr(video, name)]
    others += ["copy"] if video.copy not in (V.COPY_UNSPECIFIED, V.NEVER) else []
    others += ["fit"] if video.fit in (V.PAD, V.CROP) else []
    found = [Violation(f"{path}.{name}", "contradicts target_vmaf: leave one of the two out") for name in others]
    if altered:
        problem = f"needs the input's own frames: nothing that changes them ({', '.join(altered)})"
        found.append(Violation(f"{path}.target_vmaf", problem))
    return found


def _profile_violations(video: VideoSettings, codec: VideoSettings.Codec, path: str) -> list[Violation]:
    found, known, levels = list[Violation](), _DEPTHS[codec], LEVELS[codec]
    if video.profile and video.profile not in known:
        found.append(Violation(f"{path}.profile", f"must be one of {', '.join(known)} for this codec"))
    elif video.profile and (video.bit_depth or known[video.profile]) != known[video.profile]:
        found.append(Violation(f"{path}.profile", f"{video.profile} has {known[video.profile]} bits a sample"))
    elif video.profile and codec == V.H264 and video.HasField("crf") and not video.crf:
        found.append(Violation(f"{path}.profile", "a lossless H264 (crf 0) is of none of them; leave it out"))
    elif video.profile == "main" and codec == V.H265 and video.hdr == V.KEEP:
        found.append(Violation(f"{path}.profile", "must be main10 where HDR is kept"))
    if video.profile == "baseline" and video.b_frames:
        found.append(Violation(f"{path}.b_frames", "baseline has none"))
    if video.level and video.level not in levels:
        found.append(Violation(f"{path}.level", f"must be one of {', '.join(levels)} for this codec"))
    elif video.level:
        most = limit_bps(video, codec)
        for field in ("bitrate_bps", "max_bitrate_bps"):
            if getattr(video, field) > most:
                found.append(Violation(f"{path}.{field}", f"level {video.level} has at most {most}"))
    return found


def limit_bps(video: VideoSettings, codec: VideoSettings.Codec) -> int:
    """The highest bit rate of a level; that of the lower profiles where none is asked for."""
    factor = _HIGH_FACTOR.get(video.profile, 1.0) if codec == V.H264 else 1.0
    return int(LEVELS[codec][video.level].bps * factor)


def check_level(video: VideoSettings, size: Size, rate: float, output: str) -> None:
    """Raises AttemptFailed INPUT_UNSUPPORTED where a picture is too large or too fast for the level asked for."""
    if not video.level:
        return
    level = LEVELS[video.codec][video.level]
    pixels = coded_pixels(video.codec, size)
    longest = max(size.width, size.height)
    if pixels > level.pixels or longest**2 > 8 * level.pixels:
        what = f"{size.width} × {size.height} pixels"
    elif rate * pixels > level.pixels_a_second * 1.001:  # 29.97 and its like are rounded
        what = f"{size.width} × {size.height} pixels {rate:g} times a second"
    else:
        return
    message = f"level {video.level} does not hold {what}; ask for a higher level, or a smaller picture or frame rate"
    raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)


def coded_pixels(codec: VideoSettings.Codec, size: Size) -> int:
    """Of luma, as levels count them."""
    if codec != V.H264:
        return size.width * size.height
    return -(-size.width // _MACROBLOCK) * -(-size.height // _MACROBLOCK) * _MACROBLOCK**2


def references(video: VideoSettings, size: Size | None) -> int:
    """Pictures that a level lets an encoder of H.264 keep; 0: any number."""
    if not video.level or size is None:
        return 0
    return min(16, LEVELS[video.codec][video.level].kept_pixels // coded_pixels(video.codec, size))


def keeps_hdr(picture: MediaInfo.Stream, spec: VideoSettings) -> bool:
    """Whether a picture goes out in high dynamic range."""
    return spec.hdr == V.KEEP and picture.color_transfer in HDR_TRANSFERS and not picture.alpha


def depth(picture: MediaInfo.Stream, spec: VideoSettings) -> int:
    """Bits of each sample."""
    asked = spec.bit_depth or _DEPTHS.get(spec.codec, {}).get(spec.profile, 8)
    return 10 if keeps_hdr(picture, spec) else asked


def of_h26x(spec: VideoSettings) -> tuple[str, ...]:
    """Options of rate for x264 and x265."""
    most = spec.max_bitrate_bps or (spec.bitrate_bps * 3 // 2 if spec.bitrate_bps else 0)
    # The buffer is of the highest rate where that was asked for, else of the average.
    of = spec.max_bitrate_bps or spec.bitrate_bps
    held = of * (spec.buffer_seconds or BUFFER_SECONDS)
    if spec.level:
        level = LEVELS[spec.codec][spec.level]
        highest = limit_bps(spec, spec.codec)
        most = min(most or highest, highest)
        held = min(held or highest * (spec.buffer_seconds or BUFFER_SECONDS), level.buffer_bits)
    asked = ("-b:v", str(spec.bitrate_bps)) if spec.bitrate_bps else ("-crf", f"{spec.crf:g}")
    peaks = ("-maxrate", str(most), "-bufsize", str(min(int(held), _MOST_BUFFER))) if most else ()
    return (*asked, *peaks)
