"""How what a media file contains is shown."""

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reelmill.cli.display import duration_text, size_text

if TYPE_CHECKING:
    from reelmill.v1.media_pb2 import MediaInfo


def media_view(info: "MediaInfo") -> Group:
    """A file in a line, its streams in one each."""
    told = (info.format, duration_text(info.duration_seconds), size_text(info.size_bytes), _bits(info.bitrate_bps))
    table = Table(box=None, pad_edge=False)
    for heading in ("STREAM", "KIND", "CODEC", "LANGUAGE", "WHAT"):
        table.add_column(heading, no_wrap=True)
    for stream in info.streams:
        table.add_row(
            str(stream.index),
            stream.Kind.Name(stream.kind).lower().removeprefix("kind_"),
            Text(stream.codec),
            Text(stream.language),
            Text(_what(stream)),
        )
    parts: list[Text | Table] = [Text(", ".join(filter(None, told))), table]
    if info.title:
        parts.insert(0, Text(info.title))
    if info.chapters:
        parts.append(Text(f"{len(info.chapters)} chapters"))
    return Group(*parts)


def _what(stream: "MediaInfo.Stream") -> str:
    told = []
    if stream.width:
        told.append(f"{stream.width}×{stream.height}")
    if stream.frame_rate:
        told.append(f"{stream.frame_rate:.6g} fps")
    if stream.pixel_format:
        told.append(stream.pixel_format)
    if stream.rotation_degrees:
        told.append(f"turned by {stream.rotation_degrees}°")
    if stream.sample_rate_hz:
        told += [f"{stream.sample_rate_hz} Hz", stream.channel_layout or f"{stream.channels} channels"]
    told += [
        _bits(stream.bitrate_bps),
        *("cover" for _ in range(stream.cover)),
        *("interlaced" for _ in range(stream.interlaced)),
    ]
    return ", ".join(filter(None, told))


def _bits(bitrate_bps: int) -> str:
    return f"{bitrate_bps / 1000:.0f} kbit/s" if bitrate_bps else ""
