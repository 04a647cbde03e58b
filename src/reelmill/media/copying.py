"""Streams that go out as they are, because they comply with all that is asked for. Pure."""

from collections.abc import Callable, Sequence

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media.film import Film
from reelmill.media.formats.sound import SOUNDS
from reelmill.media.formats.video import VIDEO
from reelmill.media.pictures import HDR_TRANSFERS, WIDE
from reelmill.media.sources import is_still
from reelmill.media.steps import COPY, Encoded, Kind, Taken
from reelmill.media.tracks import Sound
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

V = VideoSettings
_DEMUXERS = frozenset({"mov", "matroska", "mpegts"})
"""Formats whose packets and times are what their frames are."""
# What lies between pictures may be private (SEI of H.264 and HEVC, metadata of AV1), and no decoder needs it.
_STRIPPED = {
    V.H264: ("-bsf:v", "filter_units=remove_types=6"),
    V.H265: ("-bsf:v", "filter_units=remove_types=39|40"),
    V.AV1: ("-bsf:v", "filter_units=remove_types=5"),
}
_OF_PICTURE = (
    *("crop", "rotate_degrees", "flip", "denoise", "sharpen", "frame_rate", "keyframe_interval_seconds"),
    *("two_pass", "profile", "level", "target_vmaf"),
)
_OF_ALL = ("speed", "fade_in_seconds", "fade_out_seconds")


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What is asked for beside a copy that must be one."""
    found = list[Violation]()
    for name, how in (("video", spec.video.copy), ("audio", spec.audio.copy)):
        if how == V.REQUIRED:
            found += [
                Violation(f"{path}.{field}", f"contradicts {name}.copy: nothing is done to what is copied")
                for field in _asked(spec, picture=name == "video")
            ]
    return list(dict.fromkeys(found))


def _asked(spec: Transcode, *, picture: bool) -> list[str]:
    """Fields that ask for something to be done to the picture, or to the sound."""
    found = [name for name in _OF_ALL if getattr(spec, name) not in (0, 1)]
    found += ["trim"] if spec.trim.start_seconds or spec.trim.end_seconds else []
    found += ["soundtrack"] if spec.HasField("soundtrack") and not picture else []
    if picture:
        found += ["overlays"] if spec.overlays else []
        found += ["subtitles"] if any(one.burn_in for one in spec.subtitles) else []
        found += [f"video.{name}" for name in _OF_PICTURE if _is_set(spec.video, name)]
        found += ["video.b_frames"] if spec.video.HasField("b_frames") else []
        found += ["video.deinterlace"] if spec.video.deinterlace in (V.ALWAYS, V.TELECINE) else []
    return found


def _is_set(video: VideoSettings, name: str) -> bool:
    return video.HasField("crop") if name == "crop" else bool(getattr(video, name))


def takes_picture(wanted: Film) -> bool:
    """Whether the picture of a film goes out as it is. Raises AttemptFailed COPY_IMPOSSIBLE where it must and can't."""
    return _takes(wanted.spec.video.copy, _picture_problem, wanted)


def takes_sound(wanted: Film, sound: Sound, first: Sequence[str] | None) -> bool:
    """As `takes_picture`; `first`: the filters that its part of the input needs."""
    return _takes(wanted.spec.audio.copy, lambda _: _sound_problem(wanted, sound, first), wanted)


def picture(wanted: Film) -> Encoded:
    """It, as it is."""
    codec = wanted.spec.video.codec
    apple = wanted.spec.container in (Transcode.MP4, Transcode.MOV) and codec == V.H265
    options = (*_STRIPPED.get(codec, ()), *(("-tag:v", "hvc1") if apple else ()))
    return Encoded(kind=Kind.VIDEO, taken=Taken(streams=(wanted.picture.index,)), encoder=COPY, options=options)


def sound(heard: Sound) -> Encoded:
    """It, as it is."""
    return Encoded(kind=Kind.AUDIO, taken=Taken(streams=(heard.parts[0].index,)), encoder=COPY)


def _takes(how: VideoSettings.Copy, problem_of: Callable[[Film], str], wanted: Film) -> bool:
    if how not in (V.WHEN_POSSIBLE, V.REQUIRED):
        return False
    problem = problem_of(wanted)
    if problem and how == V.REQUIRED:
        message = f"it can't be copied: {problem}; ask for copy WHEN_POSSIBLE, or for what the input has"
        raise AttemptFailed("COPY_IMPOSSIBLE", message, output=wanted.output)
    return not problem


def _picture_problem(wanted: Film) -> str:
    """Why a picture does not go out as it is; empty where it does."""
    spec, taken, source = wanted.spec.video, wanted.picture, wanted.source
    times, final = source.timeline, wanted.scaling.final
    track = times.track(taken.index)
    deep = spec.bit_depth == 10
    pixels = "yuv420p10le" if deep else "yuv420p"
    turned = taken.rotation_degrees or abs((taken.pixel_aspect_ratio or 1.0) - 1) > 0.001
    regular = not (times.damaged or times.edited or times.ahead or track.late is not None or track.recovery)
    highest = spec.max_bitrate_bps or spec.bitrate_bps
    known = taken.bitrate_bps or source.info.bitrate_bps
    asked = _asked(wanted.spec, picture=True)
    codec = VIDEO[spec.codec].name
    reasons = {
        f"{', '.join(asked)} asks for something else": bool(asked),
        f"it is {taken.codec} and not {codec}": taken.codec != codec,
        "its file is of no format whose packets can be taken over": source.demuxer not in _DEMUXERS,
        "it is no plain film": is_still(source) or wanted.composition is not None or taken.alpha or not regular,
        f"it has {taken.width} × {taken.height} pixels and not {final.width} × {final.height}": (
            (taken.width, taken.height) != (final.width, final.height)
        ),
        "it is turned, or its pixels are not square": bool(turned or taken.shapes),
        "it has fields": taken.interlaced and spec.deinterlace != V.OFF,
        "it is in high dynamic range": taken.color_transfer in HDR_TRANSFERS,
        "its colours are wide": taken.color_primaries in WIDE,
        f"its pixels are {taken.pixel_format or 'unknown'} and not {pixels}": taken.pixel_format != pixels,
        f"it has {known or 'unknown'} bits a second, and {highest} are the most": (
            bool(highest) and not 0 < known <= highest
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _sound_problem(wanted: Film, heard: Sound, first: Sequence[str] | None) -> str:
    """As `_picture_problem`."""
    spec, taken = wanted.spec.audio, heard.parts[0]
    asked = _asked(wanted.spec, picture=False)
    codec = SOUNDS[spec.codec]
    channels = spec.channels or min(2, heard.channels)
    reasons = {
        f"{', '.join(asked)} asks for something else": bool(asked),
        f"the sound is {taken.codec} and not {codec.name}": taken.codec != codec.name,
        "its file is of no format whose packets can be taken over": wanted.source.demuxer not in _DEMUXERS,
        "the sound is put together, or has holes": len(heard.parts) > 1 or first != (),
        f"the sound has {heard.channels} channels and not {channels}": heard.channels != channels,
        f"the sound has {taken.sample_rate_hz} samples a second": (
            taken.sample_rate_hz not in ((spec.sample_rate_hz,) if spec.sample_rate_hz else codec.rates)
        ),
        f"the sound has {taken.bitrate_bps or 'unknown'} bits a second, and {spec.bitrate_bps} are the most": (
            bool(spec.bitrate_bps) and not 0 < taken.bitrate_bps <= spec.bitrate_bps
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
