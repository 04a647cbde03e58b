"""What is done to a film on its way: cut out, turned, mirrored, cleaned, faded, played at another speed. Pure."""

from collections.abc import Sequence

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media.geometry import display_size
from reelmill.media.render.ffmpeg import seconds
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

V = VideoSettings
FILTERS = frozenset(
    {"crop", "transpose", "hflip", "vflip", "fieldmatch", "decimate", "bwdif", "hqdn3d", "cas", "fade", "setpts"}
)
"""FFmpeg's filters of pictures that may stand in what is made here."""
SOUND_FILTERS = frozenset({"atempo", "asetpts", "afade"})
"""Those of sounds."""
TURNS = (0, 90, 180, 270)
SETTLES = 16
"""Frames after which a picture without its noise no longer tells where it began."""
_TURNED = {90: ("transpose=clock",), 180: ("hflip", "vflip"), 270: ("transpose=cclock",)}
_FLIPPED = {V.HORIZONTAL: ("hflip",), V.VERTICAL: ("vflip",)}
# Spatial strength of luma and chroma, then temporal: half of hqdn3d's own, its own, and twice of it.
_DENOISED = {V.LIGHT: "2:1.5:3:2.25", V.MODERATE: "4:3:6:4.5", V.STRONG: "8:6:12:9"}
_SHARPENED = {V.LIGHT: "0.25", V.MODERATE: "0.5", V.STRONG: "0.9"}
# Fields that belong together, what is left of others, and one of five frames that comes twice.
_UNDONE = ("fieldmatch", "bwdif=mode=send_frame:deint=interlaced", "decimate")
_SLOWEST_TEMPO = 0.5  # that atempo takes at once


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What contradicts itself."""
    video, found = spec.video, list[Violation]()
    if video.rotate_degrees not in TURNS:
        found.append(Violation(f"{path}.video.rotate_degrees", f"must be one of {', '.join(map(str, TURNS))}"))
    if video.short_side and (video.width or video.height):
        found.append(Violation(f"{path}.video.short_side", "contradicts width and height: leave them out"))
    return found


def altered(spec: Transcode) -> list[str]:
    """Fields by which what comes out is not what the input shows, however well it is encoded."""
    video = spec.video
    found = [f"video.{name}" for name in ("rotate_degrees", "flip", "denoise", "sharpen") if getattr(video, name)]
    found += ["video.crop"] if video.HasField("crop") else []
    found += ["video.deinterlace"] if video.deinterlace in (V.OFF, V.ALWAYS, V.TELECINE) else []
    found += ["video.hdr"] if video.hdr == V.KEEP else []
    found += [name for name in ("fade_in_seconds", "fade_out_seconds") if getattr(spec, name)]
    found += ["speed"] if spec.speed not in (0, 1) else []
    found += ["subtitles"] if any(one.burn_in for one in spec.subtitles) else []
    return [*found, *(["overlays"] if spec.overlays else [])]


def is_whole(spec: Transcode) -> bool:
    """Whether it can be made as a whole alone: its frames are not the input's own, or come at other times."""
    return bool(spec.speed not in (0, 1) or spec.video.deinterlace == V.TELECINE)


def of_times(spec: VideoSettings) -> tuple[str, ...]:
    """Filters that make frames of fields that were spread over others; they come first."""
    return _UNDONE if spec.deinterlace == V.TELECINE else ()


def cut_out(picture: MediaInfo.Stream, spec: VideoSettings, output: str) -> tuple[float, float]:
    """Width and height of what is taken of a picture, as a player shows it. Raises AttemptFailed INPUT_UNSUPPORTED."""
    size = display_size(picture)
    part = spec.crop
    if not spec.HasField("crop"):
        return size
    if part.left + part.width > size[0] + 0.5 or part.top + part.height > size[1] + 0.5:
        message = (
            f"the part to crop ({part.width} × {part.height} at {part.left}, {part.top}) does not lie inside the"
            f" picture, which has {size[0]:g} × {size[1]:g} pixels"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return float(part.width), float(part.height)


def shown_size(picture: MediaInfo.Stream, spec: VideoSettings, output: str) -> tuple[float, float]:
    """Width and height of what is taken and turned. Raises AttemptFailed INPUT_UNSUPPORTED."""
    width, height = cut_out(picture, spec, output)
    return (height, width) if spec.rotate_degrees in (90, 270) else (width, height)


def shapes(
    found: Sequence[tuple[float, float]], picture: MediaInfo.Stream, spec: VideoSettings
) -> tuple[tuple[float, float], ...]:
    """What `geometry.aspects` tells of a picture, once it is cut out and turned."""
    width, height = display_size(picture)
    factor = (spec.crop.width / width) / (spec.crop.height / height) if spec.HasField("crop") else 1.0
    turned = spec.rotate_degrees in (90, 270)
    return tuple((at, 1 / (aspect * factor) if turned else aspect * factor) for at, aspect in found)


def turning(picture: MediaInfo.Stream, spec: VideoSettings) -> tuple[str, ...]:
    """Filters that cut out, turn and mirror, before a picture is scaled."""
    found: list[str] = []
    if spec.HasField("crop"):
        upright = picture.rotation_degrees in (90, 270)
        ratio = picture.pixel_aspect_ratio or 1.0
        wide, high = (1.0, ratio) if upright else (ratio, 1.0)
        part = spec.crop
        # A film's size may become less on the way.
        width, height = max(2, round(part.width / wide)), max(2, round(part.height / high))
        found.append(f"crop=min({width}\\,iw):min({height}\\,ih):{round(part.left / wide)}:{round(part.top / high)}")
    return (*found, *_TURNED.get(spec.rotate_degrees, ()), *_FLIPPED.get(spec.flip, ()))


def cleaning(spec: VideoSettings) -> tuple[str, ...]:
    """Filters of a picture that has its size."""
    noise = (f"hqdn3d={_DENOISED[spec.denoise]}",) if spec.denoise else ()
    # Of brightness alone: colours have half the size, and get edges.
    return (*noise, *((f"cas=strength={_SHARPENED[spec.sharpen]}:planes=1",) if spec.sharpen else ()))


def fading(spec: Transcode, length: float, *, sound: bool = False) -> tuple[str, ...]:
    """Filters that fade a picture or a sound which lasts `length` seconds."""
    name = "afade" if sound else "fade"
    found = [f"{name}=t=in:st=0:d={seconds(spec.fade_in_seconds)}"] if spec.fade_in_seconds else []
    if spec.fade_out_seconds:
        lasts = min(spec.fade_out_seconds, length)
        found.append(f"{name}=t=out:st={seconds(length - lasts)}:d={seconds(lasts)}")
    return tuple(found)


def check_fading(spec: Transcode, length: float, output: str) -> None:
    """Raises AttemptFailed INPUT_UNSUPPORTED where nobody knows when a fade must begin."""
    if spec.fade_out_seconds and not length:
        message = "the input does not say how long it is, so nothing fades at its end; leave fade_out_seconds out"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)


def shifts(begin: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands before and behind filters that go by the film's time, in a part of it that counts from 0.

    `begin`: seconds of the film that come before the part.
    """
    if not begin:
        return (), ()
    at = seconds(begin)
    # There and back to the very same tick, whatever part of one `begin` is.
    return (f"setpts=floor(PTS+{at}/TB)",), (f"setpts=ceil(PTS-{at}/TB)",)


def pace(speed: float) -> tuple[str, ...]:
    """Filters that show a picture at a speed; after all that makes a part of an input."""
    return () if speed == 1 else (f"setpts=PTS/{speed:g}",)


def tempo(speed: float) -> tuple[str, ...]:
    """Filters that play a sound at a speed, its pitch kept."""
    if speed == 1:
        return ()
    steps: list[str] = []
    left = speed
    while left < _SLOWEST_TEMPO:
        steps.append(f"atempo={_SLOWEST_TEMPO:g}")
        left /= _SLOWEST_TEMPO
    # atempo begins when its input does, however fast the time before that is to pass.
    return (*steps, f"atempo={left:.6g}", f"asetpts=PTS-STARTPTS*{1 - 1 / speed:.9f}")
