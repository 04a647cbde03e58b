"""Why a file is refused: by what it lacks, and by what is found wrong with it. Runs in the prober's child."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import av
import av.error
import av.logging

from reelmill.media.anatomy import anatomy
from reelmill.media.diagnosis import LINE_CHARACTERS, Diagnosis
from reelmill.media.failures import best_of, diagnosis_of
from reelmill.media.foreign import HEAD_BYTES, foreign, unknown
from reelmill.media.formats.containers import MAX_PIXELS
from reelmill.media.opened import AnyFile, demuxed
from reelmill.v1.media_pb2 import MediaInfo

# What a file's first bytes promise: such a file that can't be read is damaged, not something else.
_MAGIC = ((4, b"ftyp"), (4, b"moov"), (0, b"\x1aE\xdf\xa3"), (0, b"OggS"), (0, b"fLaC"))
_LOOKED_AT = frozenset({"INPUT_NOT_MEDIA", "INPUT_CORRUPT"})
_PACKETS, _LINES = 200, 100
_UNDECODABLE = {
    "code": "INPUT_UNSUPPORTED",
    "message": "the file's picture and sound are in codecs that ffmpeg can't decode",
    "kind": "codec_unsupported",
    "remedy": "Convert it with the program that made it, or with one that knows the codec, and submit that.",
}


def explained(told: dict[str, str], file: AnyFile, picture: str | None) -> dict[str, str]:
    """A refusal with what is found wrong with the file, where that may be its reason."""
    if "cause" in told or (told["code"] not in _LOOKED_AT and told is not _UNDECODABLE):
        return told
    opened = told["code"] != "INPUT_NOT_MEDIA"
    # What nobody could open has said nothing of itself by that.
    return told | found_in(file, picture, lambda: None if opened else unknown(file.head(HEAD_BYTES)))


def found_in(
    file: AnyFile, picture: str | None, else_: Callable[[], Diagnosis | None] = lambda: None
) -> dict[str, str]:
    """`code`, `message`, `kind`, `cause`, `remedy` and `line`; nothing where nothing is found.

    `else_` is asked where its own bytes tell nothing, before what libav says of it.
    """
    lines = _said(file, picture)
    diagnosis = _of(file) or else_() or diagnosis_of(lines)
    if diagnosis is None:
        return {"line": best_of(lines)[:LINE_CHARACTERS]} if lines else {}
    return told(replace(diagnosis, line=(diagnosis.line or best_of(lines))[:LINE_CHARACTERS]))


def told(diagnosis: Diagnosis) -> dict[str, str]:
    """A refusal for what is found."""
    line = diagnosis.line
    return {
        "code": diagnosis.code,
        "message": f"{diagnosis.cause}: {line}" if line else diagnosis.cause,
        "kind": diagnosis.kind,
        "cause": diagnosis.cause,
        "remedy": diagnosis.remedy,
        "line": line,
    }


def _of(file: AnyFile) -> Diagnosis | None:
    try:
        return anatomy(file.apart(), file.size) or foreign(file.head(HEAD_BYTES), file.size)
    except (MemoryError, RecursionError, OSError):
        return None


def _said(file: AnyFile, picture: str | None) -> list[str]:
    """What libav says of a file, as ffmpeg prints it."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said:
            try:
                with file.opened(picture) as container:
                    for packet in islice(demuxed(container), _PACKETS):
                        if packet.stream.type in ("video", "audio") and packet.stream.codec_context is not None:
                            packet.decode()
            except (av.error.FFmpegError, MemoryError, ValueError) as error:
                said.append((av.logging.ERROR, "in#0", f"Error opening input: {error.__class__.__doc__ or error}"))
    finally:
        av.logging.set_level(level)
    return [_line(*one) for one in said[:_LINES]]


def _line(level: int, name: str, text: str) -> str:
    grade = "error" if level <= av.logging.ERROR else "warning"
    return f"[{name}] [{grade}] {text.strip()}"


def unusable(info: MediaInfo) -> dict[str, str] | None:
    """Why a file that could be opened is refused, or None."""
    if not any(s.kind in (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO) for s in info.streams):
        return refuse("INPUT_NOT_MEDIA", "the file has no picture and no sound")
    if not any(s.codec for s in info.streams):
        return _UNDECODABLE
    if not any((s.width and s.height) or s.channels for s in info.streams):
        return refuse("INPUT_CORRUPT", "the file's picture or sound can't be read: it is damaged, or far too large")
    for stream in info.streams:
        if stream.width * stream.height > MAX_PIXELS:
            return _too_large(stream.width, stream.height)
    for layer in (info.composition.picture, info.composition.alpha):
        tiles = sum(info.streams[i].width * info.streams[i].height for i in layer.streams)
        if layer.width * layer.height > MAX_PIXELS or tiles > 2 * MAX_PIXELS:
            return _too_large(layer.width, layer.height)
    return None


def _too_large(width: int, height: int) -> dict[str, str]:
    message = f"the picture has {width} × {height} pixels; at most {MAX_PIXELS} pixels are accepted"
    return refuse("INPUT_UNSUPPORTED", message)


def unreadable(picture: bool, head: bytes) -> dict[str, str]:
    """A file that libav can't open."""
    if picture or any(head[at:].startswith(magic) for at, magic in _MAGIC):
        cause = "the file is damaged or cut off: its beginning is fine, the rest can't be read"
        return refuse("INPUT_CORRUPT", cause) | {"kind": "data_damaged"}
    return refuse("INPUT_NOT_MEDIA", "ffmpeg finds no media in the file; give a video, sound or picture")


def refuse(code: str, message: str) -> dict[str, str]:
    """What is answered of a file that is not accepted."""
    return {"code": code, "message": message}
