"""What a warm child does to look into a file (warm_child.py)."""

import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

import av
import av.error
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream  # PyAV itself loads it at the first file with subtitles: too late

from reelmill.media import (
    animations,
    claims,
    compositions,
    cropping,
    endings,
    heif,
    holes,
    jpeg,
    measuring,
    ogg,
    profiles,
    refusing,
    scrambling,
    shapes,
    showing,
    timeline,
    turning,
    unaided,
    walking,
)
from reelmill.media.description import describe
from reelmill.media.formats.containers import DEMUXERS, JOINED
from reelmill.media.opened import AnyFile, EncryptedError, HeldFile, OpenFile
from reelmill.media.packets import Recorder
from reelmill.media.refusing import refuse
from reelmill.v1.media_pb2 import MediaInfo

# A sound of no length: what opening it loads, a file that comes later needs no more.
_SILENCE = bytes.fromhex("52494646240000005741564566d7420100000044ac000088580100020010006461746100000000")
_CHAINED = (
    "the file is several films, one after the other, or several sounds, of which ffmpeg reads the first alone; submit"
    " each, and join them with the operation concat"
)


class _ChainedError(Exception):
    """A file is several, one after the other, which are not read as one."""


def prepare() -> None:
    """Do once what each file needs."""
    turning.prepare()
    try:
        with av.open(BytesIO(_SILENCE), format="wav", metadata_errors="replace") as container:
            describe(container, len(_SILENCE))
    except av.error.FFmpegError:
        return


Keep = Callable[[Any], None]
"""Takes a container that may stay open."""


def answer(
    seen: int | bytes,
    looks: Sequence[float] = (),
    span: Sequence[float] = (),
    *,
    partial: bool = False,
    keep: Keep | None = None,
) -> dict[str, str]:
    """`info` (a serialized MediaInfo, base64), `demuxer` and mostly `timeline`, or what `refusing` tells.

    `seen`: a file that is open, at its start, or what was made here. `looks` and `span`: times that matter, as
    `measuring.sought` takes them; `partial`: parts of the file were left out, and are zeros. `keep` gets the container,
    open, if what is read after a seek is as from a new one.
    """
    file = OpenFile(seen) if isinstance(seen, int) else HeldFile(seen)
    told = _told_of(file, looks, span, partial, keep)
    return refusing.explained(told, file, unaided.picture(file.head(unaided.HEAD_BYTES))) if "code" in told else told


def why(seen: int) -> dict[str, str]:
    """What is wrong with a file that is open, as `answer` tells it of one that it refuses; nothing: not known."""
    file = OpenFile(seen)

    picture = unaided.picture(file.head(unaided.HEAD_BYTES))
    return refusing.found_in(
        file, picture, lambda: refusing.of_opened(_told_of(file, (), (), False, None), file, picture)
    )


def _told_of(
    file: AnyFile, looks: Sequence[float], span: Sequence[float], partial: bool, keep: Keep | None
) -> dict[str, str]:
    if (told := unaided.told(file)) is not None:
        return told
    head = file.head(unaided.HEAD_BYTES)
    picture = unaided.picture(head)
    shown_seconds = animations.of_png(file.apart()) if picture == "png_pipe" else None
    if shown_seconds is not None:
        picture = None
    try:
        if heif.is_short_form(head, file.apart()):
            raise heif.Unsupported("the picture is told in the short form of HEIC and AVIF, which ffmpeg does not read")
        with ExitStack() as closing:
            container, silent = _opened(file, picture) if keep is not None else (file.opened(picture), False)
            closing.callback(container.close)
            told, may_stay = _told_by(container, file, picture, looks, span, shown_seconds, partial)
            if keep is not None and silent and may_stay:
                closing.pop_all()
                keep(container)
            return told
    except heif.Unsupported as error:
        return refuse("INPUT_UNSUPPORTED", f"{error}; make a JPEG or PNG of it")
    except _ChainedError:
        return refuse("INPUT_UNSUPPORTED", _CHAINED)
    except EncryptedError:
        return refusing.told(scrambling.encrypted())
    except holes.Torn as torn:
        return refusing.told(torn.diagnosis())
    except heif.Incomplete as lacking:
        return refusing.told(lacking.diagnosis)
    except cropping.NoSizeError:
        return refuse("INPUT_UNSUPPORTED", "the part of the picture that is shown has no size; make a sound copy of it")
    except (struct.error, IndexError, KeyError):
        return refuse("INPUT_CORRUPT", "the file's picture is not all there: it is damaged or cut off")
    except (av.error.FFmpegError, MemoryError):
        return refusing.unreadable(bool(picture), head)


def _opened(file: AnyFile, picture: str | None) -> tuple[Any, bool]:
    """An open container, and whether libav had nothing to say: what it says is the one's who opens it for a still."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said:
            return file.opened(picture), not said
    finally:
        av.logging.set_level(level)


def _told_by(
    container: Any,
    file: AnyFile,
    picture: str | None,
    looks: Sequence[float],
    span: Sequence[float],
    shown_seconds: float | None,
    partial: bool,
) -> tuple[dict[str, str], bool]:
    """What an open container tells, and whether it may stay open.

    `shown_seconds`: of an animation, how long it is shown.
    """
    demuxer = container.format.name.split(",")[0]
    if demuxer not in DEMUXERS:
        return refuse("INPUT_UNSUPPORTED", f"files of format {demuxer} are not accepted"), False
    if (locked := scrambling.scrambled(container, file, demuxer)) is not None:
        return refusing.told(locked), False
    info = describe(container, file.size)
    if picture and info.streams:
        meant = profiles.primaries(file.head(profiles.HEAD_BYTES), picture)
        info.streams[0].color_primaries = meant or info.streams[0].color_primaries
    turned = turning.turned(file.head(profiles.HEAD_BYTES)) if picture == "jpeg_pipe" and info.streams else None
    cropping.tell(info, cropping.views(file.apart(), demuxer, container.streams))
    if demuxer == "mov" and (made := compositions.composition(file.apart(), container.streams)) is not None:
        info.composition.CopyFrom(made)
    shown = showing.shown(info)
    chained = demuxer == "ogg" and shown is not None and ogg.is_chained(file.apart())
    if chained or endings.is_joined(file.apart(), demuxer, file.size):
        raise _ChainedError
    if turned is not None and shown is not None and shown.pixel_format:
        shown.rotation_degrees = turned
        return refusing.unusable(info) or _jpeg(info, file.head(profiles.HEAD_BYTES)), False
    times, forgets = _times(container, file, info, shown, picture, looks, span, partial)
    if times is not None:
        _tell_lengths(info, times, shown_seconds)
    if shown is not None and demuxer in shapes.DEMUXERS:
        _tell_shapes(container, lambda: file.opened(picture), shown, file.apart(), file.size)
    if times is not None and times.measured and not (times.tracks or times.broken or partial):
        return refusing.without_packets(info, demuxer), False
    # MP4's index is whole from the beginning: where a seek leads does not depend on what was read before.
    sound = demuxer == "mov" and times is not None and not (times.damaged or times.fragments)
    return refusing.unusable(info, file, picture) or unaided.answer(info, demuxer, times), forgets and sound


def _times(
    container: Any,
    file: AnyFile,
    info: MediaInfo,
    shown: MediaInfo.Stream | None,
    picture: str | None,
    looks: Sequence[float],
    span: Sequence[float],
    partial: bool,
) -> tuple[timeline.Timeline | None, bool]:
    """When what is shown; None of a still picture. And as Walked.forgets.

    What packets tell of streams is told in `info`.
    """
    demuxer, size = container.format.name.split(",")[0], file.size
    index = shown.index if shown is not None else None
    still = bool(picture) or info.composition.still
    walked = not still and measuring.is_walked(container, file.apart(), size)
    fragments = demuxer == "mov" and endings.has_fragments(file.apart())
    recorder = measuring.recorder(container, info, index, fragments=fragments) if walked else None
    whole, first, forgets = walking.walk(container, info, shown, recorder)
    for described in info.streams:
        # What uncompressed pictures of AVI have beside their colours is rubbish: no player looks at it.
        described.alpha &= not (demuxer == "avi" and described.codec == "rawvideo")
    # What was read before an error is what there is.
    read = recorder is not None and (whole or (recorder.broken and recorder.reached > 0))
    if recorder is not None and read:
        times = recorder.timeline(measured=True)
        cut = endings.is_cut_off(
            file.apart(),
            demuxer,
            size,
            claimed_seconds=info.duration_seconds,
            seconds=times.seconds,
            reached=recorder.reached,
        )
        times = replace(times, cut_off=cut)
    elif still:
        return None, False
    else:
        until = (span[0], span[1]) if span else None
        times = measuring.sought(container, info, index, looks, file.apart(), size, first, span=until)
        times = replace(times, broken=recorder is not None and recorder.broken)
    if demuxer in JOINED and recorder is not None and _goes_on_elsewhere(info, times, recorder):
        raise _ChainedError
    if not partial:
        holes.check(file.apart(), demuxer, info, times, recorder if read else None, fragments=fragments)
    told, there = claims.claim(file.apart(), demuxer, size, seconds=times.seconds)
    if endings.is_short(told, there):
        info.duration_seconds = told
        for stream in info.streams:
            stream.duration_seconds = told  # its reader counts what is there
        times = replace(times, cut_off=True, claimed=round(told * timeline.SECOND))
    return replace(times, fragments=fragments), forgets


def _goes_on_elsewhere(info: MediaInfo, times: timeline.Timeline, walked: Recorder) -> bool:
    """Whether another picture begins where the first one ends, as in a film that was put behind another.

    Where both were made alike their streams have the same numbers, and are one. What is short may lie apart too.
    """
    first, *others = [s.index for s in info.streams if s.kind == MediaInfo.Stream.VIDEO and not s.empty] or [-1]
    if first not in times.tracks or times.tracks[first].end - times.tracks[first].start < timeline.SECOND:
        return False
    return any(walked.follows(other, first) for other in others)


def _jpeg(info: MediaInfo, head: bytes) -> dict[str, str]:
    told = unaided.answer(info, "jpeg_pipe")
    return told | ({"comes_smaller": "yes"} if jpeg.comes_smaller(head) else {})


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
