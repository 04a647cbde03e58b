"""What an open container says of itself, as MediaInfo. Runs in the prober's child."""

from fractions import Fraction
from typing import Any

from av.stream import Disposition

from reelmill.media import bookmarks, colours, languages
from reelmill.media.formats.containers import STILL_DEMUXERS
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

_KINDS = {
    "video": MediaInfo.Stream.VIDEO,
    "audio": MediaInfo.Stream.AUDIO,
    "subtitle": MediaInfo.Stream.SUBTITLE,
}
_DEFAULT = int(Disposition.default)
_ROLES = (
    (int(Disposition.comment), TrackSelector.COMMENTARY),
    (int(Disposition.visual_impaired | Disposition.descriptions), TrackSelector.AUDIO_DESCRIPTION),
    (int(Disposition.hearing_impaired), TrackSelector.HARD_OF_HEARING),
    (int(Disposition.dub), TrackSelector.DUBBED),
    (int(Disposition.original), TrackSelector.ORIGINAL),
)


def describe(container: Any, size: int) -> MediaInfo:
    """What an open container says of itself."""
    info = MediaInfo(
        format=container.format.name,
        duration_seconds=_seconds(container.duration, Fraction(1, 1_000_000)),
        size_bytes=size,
        bitrate_bps=max(0, container.bit_rate or 0),
    )
    # Formats of one sound tell its language for the whole file; of such tags a code alone leaves the file.
    language = languages.code(container.metadata.get("language", "")) if len(container.streams) == 1 else ""
    for stream in container.streams:
        disposition = int(stream.disposition)
        described = info.streams.add(
            index=stream.index,
            kind=_KINDS.get(stream.type, MediaInfo.Stream.KIND_UNSPECIFIED),
            duration_seconds=_seconds(stream.duration, stream.time_base) or _tagged_seconds(stream),
            language=stream.language or language,
            default_track=bool(disposition & _DEFAULT),
            roles=[role for flags, role in _ROLES if disposition & flags],
            frames=max(0, stream.frames or 0),
        )
        if stream.type in _KINDS:
            described.codec = stream.codec.canonical_name if stream.codec_context else ""
            described.bitrate_bps = max(0, getattr(stream, "bit_rate", 0) or 0)
        if stream.codec_context is None:  # nobody here decodes it, and the library tells nothing else of it
            continue
        if stream.type == "video":
            _describe_video(stream, described)
        elif stream.type == "audio":
            described.sample_rate_hz = stream.sample_rate or 0
            described.channels = stream.channels or 0
            described.channel_layout = _layout(stream)
    bookmarks.describe(container, info)
    if info.format in STILL_DEMUXERS:
        info.duration_seconds = 0.0  # a still picture has none, though FFmpeg gives it one frame's
    return info


def _describe_video(stream: Any, described: MediaInfo.Stream) -> None:
    described.width, described.height = stream.width or 0, stream.height or 0
    described.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
    described.pixel_format = stream.pix_fmt or ""
    described.alpha = has_alpha(stream.format) or stream.metadata.get("alpha_mode") == "1"
    described.pixel_aspect_ratio = float(stream.sample_aspect_ratio or 1) or 1.0
    described.cover = bool(stream.disposition & Disposition.attached_pic)
    context = stream.codec_context
    if context is not None:
        described.color_space = colours.SPACES.get(context.colorspace, "")
        described.color_primaries = colours.PRIMARIES.get(context.color_primaries, "")
        described.color_transfer = colours.TRANSFERS.get(context.color_trc, "")
        described.interlaced = context.field_order > 1  # 0 says unknown, 1 progressive


def _layout(stream: Any) -> str:
    """FFmpeg's name; empty for a mere number of channels, whose order nobody told."""
    name = stream.layout.name if stream.codec_context is not None and stream.channels else ""
    return "" if name.endswith(" channels") else name


def has_alpha(pixels: Any) -> bool:
    """Whether pixels of a format can be clear."""
    # A palette may have transparent colours.
    return pixels is not None and (pixels.name == "pal8" or any(part.is_alpha for part in pixels.components))


def _seconds(value: int | None, base: Fraction | None) -> float:
    return max(0.0, float(value * base)) if value and base else 0.0


def _tagged_seconds(stream: Any) -> float:
    """What Matroska's usual DURATION tag says (00:01:02.500000000); 0 without one."""
    try:
        hours, minutes, seconds = map(float, stream.metadata.get("DURATION", "").split(":"))
    except ValueError:
        return 0.0
    return max(0.0, hours * 3600 + minutes * 60 + seconds)
