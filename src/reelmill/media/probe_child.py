"""The child process of probe: reads a JSON path a line, answers a JSON object a line."""

import base64
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from reelmill.media.formats import DEMUXERS
from reelmill.v1.media_pb2 import MediaInfo

_KINDS = {
    "video": MediaInfo.Stream.VIDEO,
    "audio": MediaInfo.Stream.AUDIO,
    "subtitle": MediaInfo.Stream.SUBTITLE,
}
# What a file's first bytes promise: such a file that can't be read is damaged, not something else.
_MAGIC = ((4, b"ftyp"), (4, b"moov"), (0, b"\x1aE\xdf\xa3"), (0, b"OggS"), (0, b"fLaC"))
# Still pictures by their first bytes: by their names FFmpeg would take them for a sequence of files.
_PICTURES = (
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (8, b"WEBP", "webp_pipe"),
    (0, b"BM", "bmp_pipe"),
    (0, b"II*\0", "tiff_pipe"),
    (0, b"MM\0*", "tiff_pipe"),
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(DEMUXERS))}


def main() -> None:
    """Answer until stdin ends."""
    av.logging.set_level(av.logging.PANIC)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(path: str) -> dict[str, str]:
    """`info` (a serialized MediaInfo, base64) and `demuxer`, or `code` and `message`."""
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        return _refuse("INPUT_NOT_FOUND", f"the file can't be read: {error.strerror}")
    if size == 0:
        return _refuse("INPUT_EMPTY", "the file is empty")
    with Path(path).open("rb") as file:
        head = file.read(16)
    picture = next((name for at, magic, name in _PICTURES if head[at:].startswith(magic)), None)
    try:
        with av.open(f"file:{path}", format=picture, options=_OPTIONS, metadata_errors="replace") as container:
            demuxer = container.format.name.split(",")[0]
            if demuxer not in DEMUXERS:
                return _refuse("INPUT_UNSUPPORTED", f"files of format {demuxer} are not accepted")
            info = describe(container, size)
    except av.error.FFmpegError:
        return _unreadable(bool(picture), head)
    if not info.streams:
        return _refuse("INPUT_NOT_MEDIA", "the file has no picture and no sound")
    return {"info": base64.b64encode(info.SerializeToString()).decode(), "demuxer": demuxer}


def describe(container: Any, size: int) -> MediaInfo:
    """What an open container says of itself."""
    info = MediaInfo(
        format=container.format.name,
        duration_seconds=_seconds(container.duration, Fraction(1, 1_000_000)),
        size_bytes=size,
        bitrate_bps=max(0, container.bit_rate or 0),
    )
    for stream in container.streams:
        described = info.streams.add(
            index=stream.index,
            kind=_KINDS.get(stream.type, MediaInfo.Stream.KIND_UNSPECIFIED),
            duration_seconds=_seconds(stream.duration, stream.time_base),
            language=stream.language or "",
            frames=max(0, stream.frames or 0),
        )
        if stream.type in ("video", "audio"):
            described.codec = stream.codec.canonical_name if stream.codec_context else ""
            described.bitrate_bps = max(0, getattr(stream, "bit_rate", 0) or 0)
        if stream.type == "video":
            _describe_video(stream, described)
        elif stream.type == "audio":
            described.sample_rate_hz = stream.sample_rate or 0
            described.channels = stream.channels or 0
    if info.format in ("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"):
        info.duration_seconds = 0.0  # a still picture has none, though FFmpeg gives it one frame's
    return info


def _describe_video(stream: Any, described: MediaInfo.Stream) -> None:
    described.width, described.height = stream.width or 0, stream.height or 0
    described.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
    described.pixel_format = stream.pix_fmt or ""
    described.pixel_aspect_ratio = float(stream.sample_aspect_ratio or 1) or 1.0
    described.cover = bool(stream.disposition & av.stream.Disposition.attached_pic)
    described.rotation_degrees = _rotation(stream)


def _rotation(stream: Any) -> int:
    """Clockwise degrees; the display matrix, as FFmpeg gives it, counts against the clock."""
    matrix = stream.side_data.get("DISPLAYMATRIX") if hasattr(stream, "side_data") else None
    return round(-matrix / 90) * 90 % 360 if matrix else 0


def _seconds(value: int | None, base: Fraction | None) -> float:
    return max(0.0, float(value * base)) if value and base else 0.0


def _unreadable(picture: bool, head: bytes) -> dict[str, str]:
    if picture or any(head[at:].startswith(magic) for at, magic in _MAGIC):
        return _refuse("INPUT_CORRUPT", "the file is damaged or cut off: its beginning is fine, the rest can't be read")
    return _refuse("INPUT_NOT_MEDIA", "the file is no media file that ffmpeg can read")


def _refuse(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


if __name__ == "__main__":
    main()
