"""What is laid over a film's picture: images of other inputs, words, the time. Pure.

Words reach ffmpeg through a file that we write and never through its filters' own language: nothing in them is looked
at but their letters.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import pictures, tracks
from reelmill.media.checks import is_colour
from reelmill.media.contract import Source
from reelmill.media.geometry import Size, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.steps import FONT, Taken, place_of
from reelmill.v1.operations_pb2 import Transcode, VideoSettings
from reelmill.v1.overlays_pb2 import Overlay

FILTERS = frozenset({"overlay", "drawtext", "trim", "lutyuv", "format", "setpts", "null"})
"""FFmpeg's filters that may stand in what is made here, beside those of pictures."""
_MARGIN, _WIDTH, _SIZE = 0.04, 0.15, 0.05
_BOX = 0.3  # of the size of letters, around them
_WORDS = ("text", "timecode")
P = Overlay
_LEFT = frozenset({P.TOP_LEFT, P.LEFT, P.BOTTOM_LEFT})
_ACROSS = frozenset({P.TOP, P.CENTER, P.BOTTOM})
_UP = frozenset({P.TOP_LEFT, P.TOP, P.TOP_RIGHT})
_ALONG = frozenset({P.LEFT, P.CENTER, P.RIGHT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Laid:
    """What a picture's filters become with all that is laid over it."""

    filters: tuple[str, ...] = ()
    """A chain that goes on in the main one; images end in it by their labels."""
    images: tuple[str, ...] = ()
    """Chains of images, of stream [o0], [o1], … each, whose labels they end with."""
    read: tuple[str, ...] = ()
    """Names of their inputs, in the same order."""
    texts: tuple[tuple[PurePosixPath, str], ...] = ()
    """Files that are to be written first."""


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What contradicts itself, or can't be written."""
    found = []
    if spec.overlays and spec.no_video:
        found.append(Violation(f"{path}.no_video", "contradicts overlays: leave one of the two out"))
    if spec.overlays and spec.video.hdr == VideoSettings.KEEP:
        found.append(Violation(f"{path}.video.hdr", "contradicts overlays, which are in standard range"))
    if spec.overlays and spec.video.background == pictures.TRANSPARENT:
        found.append(Violation(f"{path}.video.background", "contradicts overlays: give a colour"))
    for i, overlay in enumerate(spec.overlays):
        at = f"{path}.overlays[{i}]"
        if overlay.end_seconds and overlay.end_seconds <= overlay.start_seconds:
            problem = f"must be greater than start_seconds ({overlay.start_seconds:g})"
            found.append(Violation(f"{at}.end_seconds", problem))
        look = getattr(overlay, overlay.WhichOneof("what") or "image")
        for field in ("color", "box_color"):
            if (colour := getattr(look, field, "")) and not is_colour(colour):
                found.append(Violation(f"{at}.{overlay.WhichOneof('what')}.{field}", "must be such as #ffffff"))
        if any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in overlay.text.text):
            found.append(Violation(f"{at}.text.text", "must have no control characters but new lines"))
    return found


def inputs(spec: Transcode) -> tuple[str, ...]:
    """Names of the inputs that images are."""
    return tuple(overlay.image.input for overlay in spec.overlays if overlay.WhichOneof("what") == "image")


def laid(spec: Transcode, size: Size, sources: Mapping[str, Source], output: str, *, deep: bool) -> Laid:
    """What goes over a picture of a size; `deep`: it has 10 bits a sample.

    Raises AttemptFailed: INPUT_NO_VIDEO where an image's input has none, INPUT_UNSUPPORTED for HEIC and AVIF.
    """
    chain, images, read, texts = list[str](), list[str](), list[str](), list[tuple[PurePosixPath, str]]()
    for overlay in spec.overlays:
        what = overlay.WhichOneof("what")
        if what == "image":
            place, source = len(images), sources[overlay.image.input]
            shown, over = _image(overlay, size, source, output)
            # Its first frame stands until the end.
            images.append(f"[o{place}]trim=end_frame=1,setpts=0,{','.join(shown)}[over{place}]")
            read.append(overlay.image.input)
            x, y = _place(overlay, size, over)
            chain.append(_joined(place, f"overlay={x}:{y}:format={'yuv420p10' if deep else 'yuv420'}", overlay))
        elif what in _WORDS:
            words = overlay.text.text if what == "text" else _clock(overlay)
            path = place_of(words, "txt")
            texts.append((path, words))
            chain.append(_written(overlay, what, size, path))
    return Laid(filters=tuple(chain), images=tuple(images), read=tuple(read), texts=tuple(texts))


def over(taken: Taken, what: Laid, streams: Sequence[tuple[int, int]]) -> Taken:
    """A picture whose filters have those of `what` in them, with its images: a reading and its stream each."""
    if not what.images:
        return taken
    main = f"[s0]{taken.filters}" if taken.is_chain else taken.filters
    images = (image.replace(f"[o{i}]", f"[s{len(taken.streams) + i}]") for i, image in enumerate(what.images))
    return Taken(
        streams=(*taken.streams, *(stream for _, stream in streams)),
        filters=";".join((*images, main)),
        reading=(*taken.readings, *(reading for reading, _ in streams)),
    )


def _joined(place: int, text: str, overlay: Overlay) -> str:
    """The filter that lays an image over what comes in."""
    return f"null[under{place}];[under{place}][over{place}]{text}{_enabled(overlay)}"


def _enabled(overlay: Overlay) -> str:
    start, end = overlay.start_seconds, overlay.end_seconds
    if end:
        # The frame at its end is not covered any more.
        return f":enable=gte(t\\,{seconds(start)})*lt(t\\,{seconds(end)})"
    return f":enable=gte(t\\,{seconds(start)})" if start else ""


def _image(overlay: Overlay, size: Size, source: Source, output: str) -> tuple[list[str], Size]:
    """Filters of an image, and its size in the film."""
    if source.info.HasField("composition"):
        message = "HEIC and AVIF are not laid over a picture; take PNG or WebP"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    picture = tracks.picture(source, output)
    width = max(2, round(size.width * (overlay.image.width or _WIDTH)))
    scaling = fit(display_size(picture), width, 0, VideoSettings.CONTAIN)
    if scaling.final.height > size.height:  # it would stand out
        scaling = fit(display_size(picture), width, size.height, VideoSettings.CONTAIN)
    shown = pictures.filters(picture, Shown(scaling=scaling, background=pictures.TRANSPARENT))
    opacity = overlay.opacity or 1.0
    fainter = [f"lutyuv=a=val*{opacity:g}"] if opacity < 1 else []
    return [*shown, "format=yuva420p", *fainter], scaling.final


def _place(overlay: Overlay, size: Size, over: Size) -> tuple[int, int]:
    margin = _margin(overlay, size)
    free = size.width - over.width, size.height - over.height
    position = overlay.position or P.BOTTOM_RIGHT
    x = margin if position in _LEFT else free[0] // 2 if position in _ACROSS else free[0] - margin
    y = margin if position in _UP else free[1] // 2 if position in _ALONG else free[1] - margin
    return min(max(0, x), free[0]), min(max(0, y), free[1])


def _margin(overlay: Overlay, size: Size) -> int:
    share = overlay.margin if overlay.HasField("margin") else _MARGIN
    return round(share * min(size.width, size.height))


def _written(overlay: Overlay, what: str, size: Size, path: PurePosixPath) -> str:
    look = overlay.text if what == "text" else overlay.timecode
    letters = max(1, round(size.height * (look.size or _SIZE)))
    margin, opacity = _margin(overlay, size), overlay.opacity or 1.0
    position = overlay.position or P.BOTTOM_RIGHT
    x = str(margin) if position in _LEFT else "(w-text_w)/2" if position in _ACROSS else f"w-text_w-{margin}"
    y = str(margin) if position in _UP else "(h-text_h)/2" if position in _ALONG else f"h-text_h-{margin}"
    expansion = "none" if what == "text" else "normal"
    told = f"fontfile={FONT}:textfile={path}:expansion={expansion}:fontsize={letters}"
    told += f":fontcolor={_colour(look.color or '#ffffff', opacity)}:x={x}:y={y}"
    if look.box_color:
        told += f":box=1:boxborderw={round(letters * _BOX)}:boxcolor={_colour(look.box_color, opacity)}"
    return f"drawtext={told}{_enabled(overlay)}"


def _clock(overlay: Overlay) -> str:
    return f"%{{pts:hms:{seconds(overlay.timecode.start_seconds)}}}"


def _colour(text: str, opacity: float) -> str:
    return f"0x{text.removeprefix('#')}{'' if opacity == 1 else f'@{opacity:g}'}"
