"""Why a file is refused: by what it lacks, and by what is found wrong with it. Runs in the prober's child."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import av
import av.error
import av.logging

from reelmill.media import texts, timeline
from reelmill.media.altered import altered
from reelmill.media.anatomy import anatomy
from reelmill.media.beginnings import first_of
from reelmill.media.damage import CUT, cut_short, damaged
from reelmill.media.diagnosis import LINE_CHARACTERS, Diagnosis
from reelmill.media.failures import best_of, diagnosis_of
from reelmill.media.foreign import HEAD_BYTES, by_its_end, foreign, unknown
from reelmill.media.foreign_kinds import END_BYTES
from reelmill.media.formats.containers import MAX_PIXELS
from reelmill.media.opened import AnyFile, demuxed, described
from reelmill.media.showing import shown
from reelmill.v1.media_pb2 import MediaInfo

# What a file's first bytes promise: such a file that can't be read is damaged, not something else.
_MAGIC = ((4, b"ftyp"), (4, b"moov"), (0, b"\x1aE\xdf\xa3"), (0, b"OggS"), (0, b"fLaC"))
_LOOKED_AT = frozenset({"INPUT_NOT_MEDIA", "INPUT_CORRUPT"})
_PACKETS, _LINES = 200, 100
_CAPTIONS_HEAD = 1024
_FROM_BEGINNING = "Take the file or the recording from its very beginning, of a stream with its first segment."
_UNDECODABLE, _EMPTY, _NO_PACKETS = "codec_unsupported", "no_streams", "no_data"
_TOLD_BETTER = frozenset({"cut_off", "encrypted", "no_data", "no_streams", "structure_damaged"})
"""What is found in a file's own parts says more than that none of its packets came."""
_TAG = re.compile(
    r"Stream #.{0,60}: (Video|Audio|Unknown): none(?: \([^()]{1,40}\))? ?\((.{1,24}?) / 0x([0-9A-Fa-f]+)\)"
)
_CODEC_ID = re.compile(rb"\x86([\x83-\xbf])([VA]_[A-Z0-9/_.]{1,61})")  # of Matroska: its length is told before it


def explained(told: dict[str, str], file: AnyFile, picture: str | None) -> dict[str, str]:
    """A refusal with what is found wrong with the file, where that may be its reason."""
    if "cause" in told or (told["code"] not in _LOOKED_AT and told.get("kind") != _UNDECODABLE):
        return told
    opened = told["code"] != "INPUT_NOT_MEDIA" or told.get("kind") == _EMPTY
    # What nobody could open has said nothing of itself by that.
    found = found_in(file, picture, lambda: None if opened else unknown(file.head(HEAD_BYTES), file.size))
    if told.get("kind") == found.get("kind") == _UNDECODABLE:  # it names the codecs
        return found | told | {"cause": told["message"]}
    if told.get("kind") == _NO_PACKETS and found.get("kind") not in _TOLD_BETTER:
        return found | told | {"cause": told["message"], "remedy": CUT}
    if told.get("kind") == _EMPTY and found.get("kind") in (None, "text", "unreadable"):
        return found | told | {"cause": told["message"]}
    return told | found


def found_in(
    file: AnyFile, picture: str | None, else_: Callable[[], Diagnosis | None] = lambda: None
) -> dict[str, str]:
    """`code`, `message`, `kind`, `cause`, `remedy` and `line`; nothing where nothing is found.

    `else_` is asked where its own bytes tell nothing, before what libav says of it.
    """
    captions = texts.kind_of(file.head(_CAPTIONS_HEAD)) is not None  # which libav is not asked for
    lines = [] if captions else _said(file, picture)
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
        head = file.head(HEAD_BYTES)
        if (captions := texts.kind_of(head[:_CAPTIONS_HEAD])) is not None:
            return without_cues(file.head(texts.MOST_BYTES), captions)
        beside = file.apart()
        found = altered(head) or anatomy(beside, file.size) or foreign(head, file.size)
        if found is not None:
            return found
        if first_of(head):
            return None
        beside.seek(max(0, file.size - END_BYTES))
        return by_its_end(beside.read(END_BYTES))
    except (MemoryError, RecursionError, OSError):
        return None


def _said(file: AnyFile, picture: str | None) -> list[str]:
    """What libav says of a file, as ffmpeg prints it."""
    level = av.logging.get_level()
    repeated = av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)  # else a line is told when another comes, which may be of another file
    try:
        with av.logging.Capture() as said:
            try:
                with file.opened(picture) as container:
                    for packet in islice(demuxed(container), _PACKETS):
                        if packet.stream.type in ("video", "audio") and packet.stream.codec_context is not None:
                            packet.decode()
            except (av.error.FFmpegError, MemoryError, ValueError) as error:
                reason = (
                    getattr(error, "strerror", "") or error
                )  # not what libav said last: that may be of another file
                said.append((av.logging.ERROR, "in#0", f"Error opening input: {reason}"))
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(repeated)
    return [_line(*one) for one in said[:_LINES]]


def _line(level: int, name: str, text: str) -> str:
    grade = "error" if level <= av.logging.ERROR else "warning"
    return f"[{name}] [{grade}] {text.strip()}"


def unusable(info: MediaInfo, file: AnyFile | None = None, picture: str | None = None) -> dict[str, str] | None:
    """Why a file that could be opened is refused, or None."""
    if not any(s.kind in (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO) for s in info.streams):
        there = ", ".join(sorted({s.codec or "something unknown" for s in info.streams})[:4])
        what = f"the file has no picture and no sound{f', but only {there}' if there else ''}"
        return refuse("INPUT_NOT_MEDIA", what) | {"kind": _EMPTY}
    if not any(s.codec for s in info.streams):
        return of_codecs(file, picture) if file is not None else undecodable("", b"")
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


def without_packets(info: MediaInfo, demuxer: str) -> dict[str, str]:
    """What is told of a file all of which was read, and in which no picture and no sound came."""
    kinds = {MediaInfo.Stream.VIDEO: "picture", MediaInfo.Stream.AUDIO: "sound"}
    told = " and ".join(dict.fromkeys(kinds[s.kind] for s in info.streams if s.kind in kinds))
    if not told and (others := unusable(info)) is not None and info.streams:
        return others
    what = f"the file has a header ({demuxer}) that tells of {told or 'nothing'}, and no frame of it follows"
    return refuse("INPUT_CORRUPT", what) | {"kind": _NO_PACKETS}


def without_cues(data: bytes, format: str) -> Diagnosis | None:
    """What is told of captions with nothing in them; None: there are some."""
    marks = {"ass": b"Dialogue:", "scc": b"\t", "ttml": b"<p"}
    if marks.get(format, b"-->") in (data.replace(b"\0", b"") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data):
        return None
    cause = f"the file is captions ({format.upper()}) with not one cue in it: there is no line and no time"
    remedy = "Give captions with some text in them, or leave them out."
    return Diagnosis(kind="captions_unreadable", code="INPUT_CORRUPT", cause=cause, remedy=remedy)


def undecodable(text: str, head: bytes) -> dict[str, str]:
    """Of a file with codecs that nobody here decodes: which, as their container calls them.

    `text`: as libav describes it.
    """
    tags = [f"{kind.lower()}: {tag if tag.isprintable() and '[' not in tag else '0x' + number}"
            for kind, tag, number in _TAG.findall(text)]  # fmt: skip
    if head.startswith(b"\x1aE\xdf\xa3"):
        tags += [name[: length[0] & 0x7F].decode() for length, name in _CODEC_ID.findall(head)]
    named = f" ({', '.join(dict.fromkeys(tags[:4]))})" if tags else ""
    return refuse("INPUT_UNSUPPORTED", f"the file is in a codec that ffmpeg can't decode{named}") | {
        "kind": _UNDECODABLE,
        "remedy": "Convert it with the program that made it, or with one that knows the codec, and submit that.",
    }


def of_codecs(file: AnyFile, picture: str | None) -> dict[str, str]:
    """As `undecodable`, of a file that can be opened."""
    try:
        with file.opened(picture) as container:
            return undecodable(described(container), file.head(HEAD_BYTES))
    except (av.error.FFmpegError, MemoryError):
        return undecodable("", b"")


def of_opened(told: dict[str, str], file: AnyFile, picture: str | None) -> Diagnosis | None:
    """What a file lacks that can be opened, and of which `told` is told: its end, a key frame, a decoder."""
    if "info" not in told:
        return None
    times = timeline.unpacked(told["timeline"]) if "timeline" in told else None
    if times is not None and times.cut_off:
        there = max((track.end for track in times.tracks.values()), default=0)
        return cut_short(there / timeline.SECOND, times.claimed / timeline.SECOND)
    seen = shown(MediaInfo.FromString(base64.b64decode(told["info"])))
    track = times.tracks.get(seen.index) if times is not None and times.measured and seen is not None else None
    if track is not None and track.frames and not track.keys:
        return damaged("parameters_missing", "no picture of the file can be decoded: there is no key frame in it, and"
                        " all refer to others that are missing", _FROM_BEGINNING)  # fmt: skip
    return of_unknown_codec(file, picture)


def of_unknown_codec(file: AnyFile, picture: str | None) -> Diagnosis | None:
    """What is told of a file that can be opened, some of whose streams nobody here decodes; None: all can be."""
    told = of_codecs(file, picture)
    if "(" not in told["message"]:
        return None
    return Diagnosis(kind=told["kind"], code=told["code"], cause=told["message"], remedy=told["remedy"])


def _too_large(width: int, height: int) -> dict[str, str]:
    message = f"the picture has {width} × {height} pixels; at most {MAX_PIXELS} pixels are accepted"
    return refuse("INPUT_UNSUPPORTED", message)


def unreadable(picture: bool, head: bytes) -> dict[str, str]:
    """A file that libav can't open."""
    if picture or any(head[at:].startswith(magic) for at, magic in _MAGIC):
        cause = "the file is damaged or cut off: its beginning is fine, the rest can't be read"
        return refuse("INPUT_CORRUPT", cause) | {"kind": "data_damaged"}
    return refuse("INPUT_NOT_MEDIA", "ffmpeg finds no media in the file; give a video, sound or picture")


def list_of_others() -> dict[str, str]:
    """A file that leads to others, which would be opened in our name."""
    told = refuse("INPUT_UNSUPPORTED", "the file is a list of other files, a playlist; give the media file itself")
    return told | {"kind": "playlist"}


def refuse(code: str, message: str) -> dict[str, str]:
    """What is answered of a file that is not accepted."""
    return {"code": code, "message": message}
