"""Reads a container's packets for what they tell of its streams, which its header does not."""

import time
from typing import Any, NamedTuple

import av.error
from av.stream import Discard

from reelmill.media import looking, measuring, turning
from reelmill.media.description import has_alpha
from reelmill.media.formats.containers import MAX_PIXELS
from reelmill.media.opened import demuxed, in_the_clear
from reelmill.media.openings import is_forgotten
from reelmill.media.packets import Recorder
from reelmill.v1.media_pb2 import MediaInfo

_PACKETS_FOR_A_PICTURE = 1000
_LOOK_SECONDS = 3.0  # for a stream that seems to have nothing; what is not found by then is taken as said
_START_CODE, _MOST_UNITS = b"\0\0\1", 1000  # of a picture of HEVC


class Walked(NamedTuple):
    """What packets told."""

    whole: bool
    """All were read."""
    first: looking.First | None
    """What the picture's first one tells."""
    forgets: bool = False
    """A picture was decoded, of which its decoder keeps nothing."""


def walk(container: Any, info: MediaInfo, shown: MediaInfo.Stream | None, recorder: Recorder | None) -> Walked:
    """Fill in which streams have packets, and how the picture is turned, its fields, whether parts are clear.

    A `recorder` sees them.
    """
    first, forgets = None, False
    unseen = {
        s.index for s in info.streams if s.kind in (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO) and not s.frames
    }
    picture = shown.index if shown is not None and shown.width * shown.height <= MAX_PIXELS else None
    left = _PACKETS_FOR_A_PICTURE
    until = time.monotonic() + _LOOK_SECONDS
    walked, packets = measuring.Walk() if recorder is not None else None, in_the_clear(demuxed(container))
    if picture is not None and container.streams[picture].codec_context is not None:
        container.streams[picture].codec_context.thread_count = 1  # to start more costs more than one picture
    try:
        for packet in packets:
            index = packet.stream_index
            if packet.size:
                unseen.discard(index)
            if index == picture and shown is not None:
                left -= 1
                first, alone = first or looking.first(packet), left == _PACKETS_FOR_A_PICTURE - 1
                if (seen := _seen(packet, shown, alone=alone)) or not left:
                    picture = None
                    forgets = seen and alone and is_forgotten(shown.codec, packet)
            if walked is not None and recorder is not None:
                measuring.take(recorder, packet)
                if walked.over():
                    return Walked(False, first, forgets)
                if picture is None and not unseen:
                    return Walked(measuring.rest(packets, recorder, walked), first, forgets)
                continue
            if (not unseen and picture is None) or time.monotonic() > until:
                return Walked(False, first, forgets)
            if index not in unseen and index != picture:
                packet.stream.discard = Discard.all  # what is looked for may come after minutes of others
    except (av.error.FFmpegError, MemoryError):  # ffmpeg will say what is wrong
        if recorder is not None:
            recorder.broken = True
        return Walked(False, first)
    for index in unseen:
        info.streams[index].empty = True
    return Walked(True, first, forgets)


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
    described.rotation_degrees = turning.degrees(frame)
    described.interlaced |= bool(frame.interlaced_frame)
    described.alpha |= has_alpha(frame.format)
    return True


def _decoded(packet: Any, context: Any, *, alone: bool) -> Any:
    """The picture that comes out, if any; `alone`: without waiting for those that may be shown before it."""
    frames = packet.decode()
    if alone and packet.size and not frames:
        frames = context.decode(None)
        context.flush_buffers()
        frames = frames or packet.decode()  # it is not whole, or hidden: so wait
    return next(iter(frames), None)


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
