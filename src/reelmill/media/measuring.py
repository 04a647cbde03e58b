"""Feeds a timeline from an open file, in the prober's child.

Small files are read whole, and so are those whose container has no length of its own to tell, or tells one that can't
be right. Of others, large or long (a packet costs 5 µs here, and two hours have 500,000), the index, the end, and what
a job will look at are read.
"""

import re
import struct
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import IO, Any

import av
import av.error
from av.format import Flags
from av.stream import Discard

from reelmill.media import heif, holes, looking, matroska
from reelmill.media.adts import Pace
from reelmill.media.formats.containers import JOINED, UNMEASURED
from reelmill.media.opened import demuxed, in_the_clear
from reelmill.media.packets import Recorder, Stream
from reelmill.media.timeline import SECOND, Timeline, Track
from reelmill.v1.media_pb2 import MediaInfo

_WHOLE_BYTES, _WHOLE_PACKETS = 2**24, 250_000  # 1.3 s: a film of an hour, a screen of many
_ENTRIES = 32  # of an index, at either end: an encoder puts no frame off by more
_LEAST_PACKET_BYTES = 16  # of claims about how many there are
_SOUND_RATE = 50  # packets a second, where nobody tells
_WALK_SECONDS, _WALK_PACKETS = 5.0, 4_000_000
_ROWS = 4096
_END_SECONDS, _END_PACKETS = 1, 20_000  # with 5 s the end cost a third of the probe of 2 h of Matroska
# A picture's packet in MPEG-TS and PS begins so, with the time when it is shown (ISO/IEC 13818-1, 2.4.3.7).
_SHOWN = re.compile(rb"\x00\x00\x01[\xe0-\xef\xc0-\xdf]..[\x80-\xbf][\x80-\xff].([\x21-\x3f])(..)(..)", re.DOTALL)
_MOST_SAMPLES = 8192  # in a packet of a codec that tells no size: ALAC has 4,096, AC-3 1,536, Vorbis 8,192 at most
_LONGEST_OPUS = 120_000  # microseconds
_SAMPLES, _SAMPLE_BYTES, _FIRST_BYTES = 24, 2**17, 2**14
_LEAST_END_BYTES, _END = 2**15, SECOND // 2  # a sound may be that late; where it is later, a time is looked for
_HALF_WRAP, _BEHIND = 2**32, 90_000  # a second: a sound may come that much later than its picture


def recorder(container: Any, info: MediaInfo, picture: int | None, *, fragments: bool) -> Recorder:
    """One that knows a container's streams; `picture`: the one whose frames' times are kept."""
    streams = {
        s.index: Stream(
            base=s.time_base,
            picture=s.type == "video" and s.index == picture,
            rate=float(s.average_rate or s.guessed_rate or 25) if s.type == "video" else 0.0,
            hidden=s.type == "video" and s.codec_context is not None and s.codec_context.name in ("vp8", "libvpx"),
            raw=container.format.name in UNMEASURED,
            longest=0 if container.format.name == "aac" else _samples(s),
            summed=container.format.name.startswith("mov"),
            fragments=fragments,
            claimed=max(0, int(s.duration * s.time_base * SECOND)) if s.duration and s.time_base else 0,
            delay=looking.delay(container, s),
            begin=int(s.start_time * s.time_base * SECOND) - (container.start_time or 0) if s.start_time else None,
            refreshes=s.type == "video" and s.codec_context is not None and s.codec_context.name == "h264",
            undated=container.format.name == "avi",
        )
        for s in container.streams
        if s.type in ("video", "audio") and s.time_base and not info.streams[s.index].cover
    }
    return Recorder(
        streams,
        begin=container.start_time,
        mends=bool(container.format.flags & Flags.ts_discont.value),
        bare=container.format.name in holes.BARE,
        paced=Pace() if container.format.name == "aac" else None,
        claimed=max(0, container.duration or 0),
    )


def _samples(stream: Any) -> int:
    """Microseconds that a packet of coded sound may last; 0 where nothing bounds it.

    Twice what it holds, for extensions that double the rate.
    """
    context = stream.codec_context
    if stream.type != "audio" or context is None or not stream.sample_rate or context.name.startswith("pcm"):
        return 0
    if context.name.endswith("opus"):  # 120 ms at most (RFC 6716, 2); FFmpeg tells no size
        return _LONGEST_OPUS
    return (2 * context.frame_size or _MOST_SAMPLES) * SECOND // int(stream.sample_rate)


def is_walked(container: Any, file: IO[bytes], size: int) -> bool:
    """Whether a file is to be read whole."""
    name = container.format.name.split(",")[0]
    if name in UNMEASURED or name == "ogg" or not container.duration:
        return True
    if size <= _WHOLE_BYTES and _packets(container, size) <= _WHOLE_PACKETS:
        return True
    return name in JOINED and _goes_back(file, size)


def _packets(container: Any, size: int) -> float:
    """How many a file has, roughly: as it claims, but no more than there is room for."""
    seconds = container.duration / SECOND
    found = 0.0
    for s in container.streams:
        if s.type == "video":
            found += s.frames or seconds * float(s.average_rate or s.guessed_rate or 0)
        elif s.type == "audio":
            each = s.codec_context.frame_size if s.codec_context is not None else 0
            found += s.frames or seconds * (s.sample_rate / each if each else _SOUND_RATE)
    return min(found, size / _LEAST_PACKET_BYTES)


def take(into: Recorder, packet: Any) -> None:
    """A packet of a walk."""
    if not packet.size:
        return
    first = not into.reached  # it may have what stands before it: tags, padding
    if packet.pos is not None:  # a cover lies nowhere among them
        into.passed(packet.stream_index, packet.pos, packet.size)
    if into.bare:
        if packet.size > holes.BLOCK and not first:
            into.hollow += holes.within(bytes(packet))
        if into.paced is not None:
            lasts = into.paced.lasts(memoryview(packet)[:3], packet.duration or 0)
            into.add(packet.stream_index, None, None, lasts, packet.is_keyframe)
            return
    if packet.is_discard:
        into.add_hidden(packet.stream_index, packet.pts, packet.is_keyframe)
        return
    # VP8 marks pictures that are for others to refer to alone (RFC 6386, 9.1).
    if packet.stream_index not in into.hidden or memoryview(packet)[0] >> 4 & 1:
        stream = into.refreshing.get(packet.stream_index)
        told = looking.told(packet, stream) if stream is not None else {}
        into.add(packet.stream_index, packet.pts, packet.dts, packet.duration, packet.is_keyframe, **told)


def rest(packets: Iterable[Any], into: Recorder, walk: "Walk") -> bool:
    """Take all packets that follow, as `take` does; answers whether they are all.

    Most need no look of their own: their times are collected, for each taken by itself costs several times as much.
    """
    plain: dict[int, list[tuple[int, int, int, bool]]] = {index: [] for index in into.plain}
    ordered = {index: stream for index, stream in into.refreshing.items() if index in plain}
    try:
        for packet in packets:
            index = packet.stream_index
            rows, stream = plain.get(index), ordered.get(index)
            pts, dts, key = packet.pts, packet.dts, packet.is_keyframe
            if (
                rows is None
                or pts is None
                or dts is None
                or packet.is_discard
                or (stream is not None and looking.tells(stream, key=key))
            ):
                if rows:
                    into.add_all(index, rows)
                    rows.clear()
                take(into, packet)
            elif size := packet.size:
                if packet.pos is not None:
                    into.passed(index, packet.pos, size)
                rows.append((pts, dts, packet.duration, key))
            if walk.over():
                return False
            if rows is not None and len(rows) >= _ROWS:
                into.add_all(index, rows)
                rows.clear()
        return True
    finally:
        for index, rows in plain.items():
            into.add_all(index, rows)


class Walk:
    """The bounds of a walk."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _WALK_SECONDS
        self._left = _WALK_PACKETS

    def over(self) -> bool:
        """Whether it must end; asked for each packet."""
        self._left -= 1
        return self._left <= 0 or (self._left % 256 == 0 and time.monotonic() > self._until)


def sought(
    container: Any,
    info: MediaInfo,
    picture: int | None,
    looks: Sequence[float],
    file: IO[bytes],
    size: int,
    first: looking.First | None = None,
    *,
    span: tuple[float, float] | None = None,
) -> Timeline:
    """The timeline of a large file: what it claims, its end, and frames around `looks` (seconds from its beginning).

    `first`: what the picture's first packet tells.

    Negative looks count from the picture's beginning as parts of its length: -0.25 is a quarter. Of a `span` all frames
    are found, from the second where it begins to that where it ends.
    """
    begin = container.start_time or 0
    for stream in container.streams:
        stream.discard = Discard.default  # who read before may have left some out
    tracks = {}
    covers = {s.index for s in info.streams if s.cover}
    ends = _ends(container, begin, covers, file, size)
    for s in container.streams:
        if s.type not in ("video", "audio") or not s.time_base or info.streams[s.index].cover:
            continue
        told = int(s.duration * s.time_base * SECOND) if s.duration else 0
        start = int((s.start_time or 0) * s.time_base * SECOND) - begin if s.start_time is not None else 0
        rate = float(s.average_rate or s.guessed_rate or 0) if s.type == "video" else 0.0
        end = ends.get(s.index) or (start + told if told else max(0, container.duration or 0))
        interval = round(SECOND / rate) if rate else 0
        tracks[s.index] = Track(start=max(0, start), end=end, claimed=told, interval=interval)
    if picture in tracks and (looks or span or looking.must_look(container, first)):
        stream = container.streams[picture]
        tracks[picture] = looking.looked(container, tracks[picture], stream, begin, looks, first, span)
    pictures = [s for s in container.streams if s.type == "video" and s.index in tracks]
    edited = container.format.name.startswith("mov") and _is_edited(pictures, file)
    return Timeline(tracks=tracks, claimed=max(0, container.duration or 0), edited=edited)


def _is_edited(pictures: Iterable[Any], file: IO[bytes]) -> bool:
    """Whether an edit list hides something of a picture, or puts parts of a track one behind the other."""
    with suppress(struct.error):
        if any(shown > 1 for shown in heif.edits(file)):
            return True
    for index in (stream.index_entries for stream in pictures):
        count = len(index)
        ends = (*range(min(_ENTRIES, count)), *range(max(0, count - _ENTRIES), count))
        if any(index[i].is_discard for i in ends):
            return True
    return False


def _ends(container: Any, begin: int, covers: Collection[int], file: IO[bytes], size: int) -> dict[int, int]:
    """When streams end, by index, from the end of a file; empty where that can't be found."""
    name = container.format.name.split(",")[0]
    # As whole numbers: each fraction costs as much as its packet.
    bases = {
        s.index: (s.time_base.numerator * SECOND, s.time_base.denominator)
        for s in container.streams
        if s.type in ("video", "audio") and s.time_base and s.index not in covers
    }
    if name == "mov" or not bases or not container.duration:  # what claims no length has no end to look for
        return {}
    ticks: dict[int, int] = {}
    try:
        if name == "matroska":
            ticks = _matroska_ends(container, covers, file, size)
        elif name in JOINED:  # without an index: a time is looked for, where a place is known
            last = max(_LEAST_END_BYTES, size * _END // container.duration)
            container.seek(max(0, size - last), unsupported_byte_offset=True)
            ticks = _last(container, bases.keys())
        if ticks.keys() != bases.keys():
            container.seek(max(0, container.duration - _END_SECONDS * SECOND) + begin, backward=True)
            ticks = _last(container, bases.keys())
    except (av.error.FFmpegError, MemoryError):
        return {}
    return {index: end * bases[index][0] // bases[index][1] - begin for index, end in ticks.items()}


def _last(container: Any, wanted: Collection[int]) -> dict[int, int]:
    """When the streams that are wanted end, in their own ticks, as all packets from here on tell; empty: too many."""
    ends: dict[int, int] = {}
    decoded = container.format.name == "avi"
    # There each packet of a picture lasts a tick, however long it is shown: as long as the shortest of the others.
    pictures = {i: (-1, 2**62) for i in wanted if decoded and container.streams[i].type == "video"}
    for count, packet in enumerate(in_the_clear(demuxed(container, [container.streams[i] for i in wanted]))):
        if count > _END_PACKETS:
            return {}
        stamp = packet.dts if decoded or packet.pts is None else packet.pts
        if packet.size and stamp is not None:
            end, index = stamp + (packet.duration or 0), packet.stream_index
            if end > ends.get(index, 0):
                ends[index] = end
            if index in pictures:
                last, least = pictures[index]
                pictures[index] = stamp, min(least, stamp - last) if 0 <= last < stamp else least
    lasting = {i: last + least for i, (last, least) in pictures.items() if least < 2**62}
    return {index: max(end, lasting.get(index, 0)) for index, end in ends.items()}


def _matroska_ends(container: Any, covers: Collection[int], file: IO[bytes], size: int) -> dict[int, int]:
    kinds = [s.type for s in container.streams if s.type in matroska.KINDS and s.index not in covers]
    return matroska.ends(file, size, kinds, container.duration / SECOND)


def _goes_back(file: IO[bytes], size: int) -> bool:
    """Whether times in a file of MPEG-TS or PS go back on the way, by looking into it here and there."""
    before: int | None = None
    for i in range(_SAMPLES):
        file.seek((size - _SAMPLE_BYTES) * i // (_SAMPLES - 1))
        data = file.read(_FIRST_BYTES)
        found = _SHOWN.search(data) or _SHOWN.search(data + file.read(_SAMPLE_BYTES - _FIRST_BYTES))
        if found is None:
            continue
        high, middle, low = found[1][0], int.from_bytes(found[2]), int.from_bytes(found[3])
        shown = (high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1
        if before is not None and _BEHIND < before - shown < _HALF_WRAP:
            return True
        before = shown
    return False
