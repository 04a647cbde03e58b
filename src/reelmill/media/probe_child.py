"""What a warm child does to look into a file (warm_child.py)."""

import base64
import os
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from typing import IO, Any, BinaryIO

import av
import av.error
import av.subtitles.codeccontext
import av.subtitles.stream  # PyAV itself loads it at the first file with subtitles: too late
from av.stream import Discard, Disposition

from reelmill.media import (
    animations,
    bookmarks,
    colours,
    compositions,
    cropping,
    endings,
    heif,
    languages,
    looking,
    measuring,
    ogg,
    profiles,
    shapes,
    texts,
    timeline,
    tracks,
)
from reelmill.media.formats.containers import DEMUXERS, MAX_PIXELS, STILL_DEMUXERS
from reelmill.media.packets import Recorder
from reelmill.media.pread import apart
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

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
# Lists of other files, which would be opened in our name.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"<MPD", b"v=0\r\no=", b"[playlist]")
_DEFAULT = int(Disposition.default)
_ROLES = (
    (int(Disposition.comment), TrackSelector.COMMENTARY),
    (int(Disposition.visual_impaired | Disposition.descriptions), TrackSelector.AUDIO_DESCRIPTION),
    (int(Disposition.hearing_impaired), TrackSelector.HARD_OF_HEARING),
    (int(Disposition.dub), TrackSelector.DUBBED),
    (int(Disposition.original), TrackSelector.ORIGINAL),
)
_PACKETS_FOR_A_PICTURE = 1000
_LOOK_SECONDS = 3.0  # for a stream that seems to have nothing; what is not found by then is taken as said
_START_CODE, _MOST_UNITS = b"\0\0\1", 1000  # of a picture of HEVC
# A sound of no length: what opening it loads, a file that comes later needs no more.
_SILENCE = bytes.fromhex("52494646240000005741564566d7420100000044ac000088580100020010006461746100000000")
_CHAINED = "the file is several films of Ogg, one after the other, which ffmpeg does not read; make one file of them"
_OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": ",".join(sorted(DEMUXERS))}


def prepare() -> None:
    """Do once what each file needs."""
    try:
        with av.open(BytesIO(_SILENCE), format="wav", metadata_errors="replace") as container:
            describe(container, len(_SILENCE))
    except av.error.FFmpegError:
        return


class _Open:
    """An open file, by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        return os.pread(self._descriptor, count, 0)

    def apart(self) -> BinaryIO:
        """It, to be read beside libav."""
        return apart(self._descriptor)

    def opened(self, format: str | None) -> Any:
        """Open it with libav, which reads on from the descriptor's offset: so one opened before ends with this."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        options = {**_OPTIONS, "fd": str(self._descriptor)}
        return av.open("fd:", format=format, options=options, metadata_errors="replace")


class _Held:
    """A file that was made here, in memory; as one that is open."""

    def __init__(self, made: bytes) -> None:
        self._made = made
        self.size = len(made)

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        return self._made[:count]

    def apart(self) -> BinaryIO:
        """It, to be read beside libav."""
        return BytesIO(self._made)

    def opened(self, format: str | None) -> Any:
        """Open it with libav."""
        return av.open(self.apart(), format=format, options=_OPTIONS, metadata_errors="replace")


def answer(seen: int | bytes, looks: Sequence[float] = (), span: Sequence[float] = ()) -> dict[str, str]:
    """`info` (a serialized MediaInfo, base64), `demuxer` and mostly `timeline`, or `code` and `message`.

    `seen`: a file that is open, at its start, or what was made here. `looks` and `span`: times that matter, as
    `measuring.sought` takes them.
    """
    file = _Open(seen) if isinstance(seen, int) else _Held(seen)
    size = file.size
    if size == 0:
        return _refuse("INPUT_EMPTY", "the file is empty")
    head = file.head(1024)
    if any(mark in head for mark in _PLAYLISTS):
        return _refuse("INPUT_UNSUPPORTED", "the file is a list of other files; give the media file itself")
    if (text := texts.kind_of(head)) is not None:
        if size > texts.MOST_BYTES:
            return _refuse(
                "INPUT_UNSUPPORTED", f"the captions have {size} bytes; at most {texts.MOST_BYTES} are accepted"
            )
        track = MediaInfo.Stream(kind=MediaInfo.Stream.SUBTITLE, codec=texts.FORMATS[text])
        return _answer(MediaInfo(format=text, size_bytes=size, streams=[track]), text)
    picture = next((name for at, magic, name in _PICTURES if head[at:].startswith(magic)), None)
    if picture == "webp_pipe" and animations.is_cut_off(head, size):
        return _unreadable(True, head)
    if picture == "webp_pipe" and (animated := animations.of_webp(file.apart())) is not None:
        return _unusable(animated[0]) or _answer(animated[0], "webp_anim", animated[1])
    shown_seconds = animations.of_png(file.apart()) if picture == "png_pipe" else None
    if shown_seconds is not None:
        picture = None
    try:
        if heif.is_short_form(head, file.apart()):
            raise heif.Unsupported("the picture is told in the short form of HEIC and AVIF, which ffmpeg does not read")
        with file.opened(picture) as container:
            demuxer = container.format.name.split(",")[0]
            if demuxer not in DEMUXERS:
                return _refuse("INPUT_UNSUPPORTED", f"files of format {demuxer} are not accepted")
            info = describe(container, size)
            if picture and info.streams:
                meant = profiles.primaries(file.head(profiles.HEAD_BYTES), picture)
                info.streams[0].color_primaries = meant or info.streams[0].color_primaries
            cropping.tell(info, cropping.views(file.apart(), demuxer, container.streams))
            if demuxer == "mov" and (made := compositions.composition(file.apart(), container.streams)) is not None:
                info.composition.CopyFrom(made)
            shown = tracks.shown(info)
            if demuxer == "ogg" and shown is not None and ogg.is_chained(file.apart()):
                return _refuse("INPUT_UNSUPPORTED", _CHAINED)
            index = shown.index if shown is not None else None
            walked = not picture and not info.composition.still and measuring.is_walked(container, file.apart(), size)
            fragments = demuxer == "mov" and endings.has_fragments(file.apart())
            recorder = measuring.recorder(container, info, index, fragments=fragments) if walked else None
            whole, first = _look(container, info, shown, recorder)
            for described in info.streams:
                # What uncompressed pictures of AVI have beside their colours is rubbish: no player looks at it.
                described.alpha &= not (demuxer == "avi" and described.codec == "rawvideo")
            # What was read before an error is what there is.
            read = recorder is not None and (whole or (recorder.broken and recorder.reached > 0))
            times = recorder.timeline(measured=True) if recorder is not None and read else None
            still = bool(picture) or info.composition.still
            if (
                times is not None
                and recorder is not None
                and endings.is_cut_off(
                    file.apart(),
                    demuxer,
                    size,
                    claimed_seconds=info.duration_seconds,
                    seconds=times.seconds,
                    reached=recorder.reached,
                )
            ):
                times = replace(times, cut_off=True)
            if not still and times is None:
                times = measuring.sought(
                    container, info, index, looks, file.apart(), size, first, span=(span[0], span[1]) if span else None
                )
                times = replace(times, broken=recorder is not None and recorder.broken)
            if times is not None:
                times = replace(times, fragments=fragments)
            if times is not None:
                _tell_lengths(info, times, shown_seconds)
            if shown is not None and demuxer in shapes.DEMUXERS:
                _tell_shapes(container, lambda: file.opened(picture), shown, file.apart(), size)
    except heif.Unsupported as error:
        return _refuse("INPUT_UNSUPPORTED", f"{error}; make a JPEG or PNG of it")
    except cropping.NoSizeError:
        return _refuse(
            "INPUT_UNSUPPORTED", "the part of the picture that is shown has no size; make a sound copy of it"
        )
    except (struct.error, IndexError, KeyError):
        return _refuse("INPUT_CORRUPT", "the file's picture is not all there: it is damaged or cut off")
    except (av.error.FFmpegError, MemoryError):
        return _unreadable(bool(picture), head)
    if (problem := _unusable(info)) is not None:
        return problem
    return _answer(info, demuxer, times)


def _answer(info: MediaInfo, demuxer: str, times: timeline.Timeline | None = None) -> dict[str, str]:
    told = {"info": base64.b64encode(info.SerializeToString()).decode(), "demuxer": demuxer}
    return told | ({"timeline": timeline.packed(times)} if times is not None else {})


def _tell_lengths(info: MediaInfo, times: timeline.Timeline, shown_seconds: float | None) -> None:
    """What packets hold, instead of what the file claims."""
    if times.cut_off:
        return
    info.duration_seconds = times.seconds
    for stream in info.streams:
        if (track := times.tracks.get(stream.index)) is not None:
            stream.duration_seconds = (track.end - track.start) / timeline.SECOND
    if shown_seconds is not None and info.streams:
        info.duration_seconds = info.streams[0].duration_seconds = shown_seconds


def _unusable(info: MediaInfo) -> dict[str, str] | None:
    """Why a file that could be opened is refused, or None."""
    if not any(s.kind in (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO) for s in info.streams):
        return _refuse("INPUT_NOT_MEDIA", "the file has no picture and no sound")
    if not any((s.width and s.height) or s.channels for s in info.streams):
        return _refuse("INPUT_CORRUPT", "the file's picture or sound can't be read: it is damaged, or far too large")
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
    return _refuse("INPUT_UNSUPPORTED", message)


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
    described.alpha = _has_alpha(stream.format) or stream.metadata.get("alpha_mode") == "1"
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


def _look(
    container: Any, info: MediaInfo, shown: MediaInfo.Stream | None, recorder: Recorder | None
) -> tuple[bool, looking.First | None]:
    """What packets tell: which streams have any, and how the picture is turned, its fields, whether parts are clear.

    Answers whether all were read, for a `recorder` to see, and what the picture's first one tells.
    """
    first = None
    unseen = {
        s.index for s in info.streams if s.kind in (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO) and not s.frames
    }
    picture = shown.index if shown is not None and shown.width * shown.height <= MAX_PIXELS else None
    left = _PACKETS_FOR_A_PICTURE
    until = time.monotonic() + _LOOK_SECONDS
    walk = measuring.Walk() if recorder is not None else None
    if picture is not None and container.streams[picture].codec_context is not None:
        container.streams[picture].codec_context.thread_count = 1  # to start more costs more than one picture
    try:
        for packet in container.demux():
            index = packet.stream_index
            if packet.size:
                unseen.discard(index)
            if index == picture and shown is not None:
                left -= 1
                first = first or looking.first(packet)
                if _seen(packet, shown, alone=left == _PACKETS_FOR_A_PICTURE - 1) or not left:
                    picture = None
            if walk is not None and recorder is not None:
                measuring.take(recorder, packet)
                if walk.over():
                    return False, first
                continue
            if (not unseen and picture is None) or time.monotonic() > until:
                return False, first
            if index not in unseen and index != picture:
                packet.stream.discard = Discard.all  # what is looked for may come after minutes of others
    except (av.error.FFmpegError, MemoryError):  # ffmpeg will say what is wrong
        if recorder is not None:
            recorder.broken = True
        return False, first
    for index in unseen:
        info.streams[index].empty = True
    return True, first


def _tell_shapes(container: Any, anew: Callable[[], Any], shown: MediaInfo.Stream, file: IO[bytes], size: int) -> None:
    if shapes.is_large(container, size):
        found, interlaced = shapes.sought(container, container.streams[shown.index], file, size)
    else:  # from its first packet on
        with anew() as again:
            found, interlaced = shapes.read(again, again.streams[shown.index])
    shown.shapes.extend(found)
    shown.interlaced |= interlaced
    for first in shown.shapes[:1]:  # the library may tell a later one
        shown.width, shown.height = first.width, first.height
        shown.pixel_aspect_ratio = first.pixel_aspect_ratio


def _seen(packet: Any, described: MediaInfo.Stream, *, alone: bool) -> bool:
    """Whether a picture came out of a packet; then it is described. `alone`: no packet came before this one."""
    context = packet.stream.codec_context
    if context is None:
        return True
    if context.name == "hevc" and packet.size:
        described.alpha |= _layered(bytes(packet), context.extradata or b"")
    frame = _decoded(packet, context, alone=alone and packet.is_keyframe)
    if frame is None:
        return False
    described.pixel_format = described.pixel_format or frame.format.name
    # A display matrix counts against the clock.
    described.rotation_degrees = round(-frame.rotation / 90) * 90 % 360
    described.interlaced |= bool(frame.interlaced_frame)
    described.alpha |= _has_alpha(frame.format)
    return True


def _decoded(packet: Any, context: Any, *, alone: bool) -> Any:
    """The picture that comes out, if any; `alone`: without waiting for those that may be shown before it."""
    frames = packet.decode()
    if alone and packet.size and not frames:
        frames = context.decode(None)
        context.flush_buffers()
        frames = frames or packet.decode()  # it is not whole, or hidden: so wait
    return next(iter(frames), None)


def _has_alpha(pixels: Any) -> bool:
    # A palette may have transparent colours.
    return pixels is not None and (pixels.name == "pal8" or any(part.is_alpha for part in pixels.components))


def _layered(packet: bytes, extradata: bytes) -> bool:
    """Whether a picture of HEVC has a second layer: its opacity, which not every decoder shows."""
    lengths = extradata[:1] == b"\1"  # before each unit, or else start codes
    size = (extradata[21] & 3) + 1 if lengths else 3
    at = 0 if lengths else packet.find(_START_CODE)
    for _ in range(_MOST_UNITS):
        if at < 0 or at + size + 2 > len(packet):
            return False
        first, second = packet[at + size], packet[at + size + 1]
        if (first & 1) << 5 | second >> 3:
            return True
        at = at + size + int.from_bytes(packet[at : at + size], "big") if lengths else packet.find(_START_CODE, at + 3)
    return False


def _seconds(value: int | None, base: Fraction | None) -> float:
    return max(0.0, float(value * base)) if value and base else 0.0


def _tagged_seconds(stream: Any) -> float:
    """What Matroska's usual DURATION tag says (00:01:02.500000000); 0 without one."""
    try:
        hours, minutes, seconds = map(float, stream.metadata.get("DURATION", "").split(":"))
    except ValueError:
        return 0.0
    return max(0.0, hours * 3600 + minutes * 60 + seconds)


def _unreadable(picture: bool, head: bytes) -> dict[str, str]:
    if picture or any(head[at:].startswith(magic) for at, magic in _MAGIC):
        return _refuse("INPUT_CORRUPT", "the file is damaged or cut off: its beginning is fine, the rest can't be read")
    return _refuse("INPUT_NOT_MEDIA", "ffmpeg finds no media in the file; give a video, sound or picture")


def _refuse(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
