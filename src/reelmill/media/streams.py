"""The streams of a package as they were written: what each of their segments holds, measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from reelmill.media import fragments, transport
from reelmill.media.encrypted import Opening
from reelmill.media.fragments import Track
from reelmill.media.playlists import Segment
from reelmill.media.transport import Portion

INIT, WHOLE = "init.mp4", "stream.mp4"
"""Of a stream in segments what comes before them; of one in a single file that file."""
SUFFIX, TRANSPORT = ".m4s", ".ts"
"""Of segments: of fragments, and of transport streams."""
_HEAD_BYTES = 2**15  # of a segment: the boxes before its media, mostly
_MOST_HEAD_BYTES = 2**22  # a minute of 240 frames a second takes 230 kB
_FRAME = transport.SCALE // 25  # ticks of a frame that is the only one
_BEGINNING_BYTES = 2**24  # of a file: what comes before its first segment, with an index of 65,535 of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A picture or a sound in segments."""

    track: Track
    beginning: Segment | None
    """What comes before each segment; None: each says all by itself."""
    segments: tuple[Segment, ...]
    starts: tuple[int, ...]
    """When each begins, in ticks from the beginning of the stream's clock, and when the last one ends."""
    keys: tuple[Segment, ...]
    """The first frame of each, by which players seek."""
    frame_rate: Fraction
    """Frames or packets a second, in the mean."""
    independent: bool
    """Whether each can be played alone."""
    index: tuple[int, int] | None = None
    """Where a single file's index begins and ends."""
    clear: int = 0
    """Of a stream whose samples are encrypted, how many segments at its beginning are not."""


def sizes(segments: Sequence[Segment], folder: Path) -> list[int]:
    """Bytes of each."""
    return [one.size if one.size is not None else (folder / one.name).stat().st_size for one in segments]


def measured(folder: Path, opening: Opening | None = None) -> Stream:
    """A stream out of the folder that its files lie in. Raises ValueError, OSError, struct.error or IndexError.

    `opening`: of segments that are encrypted whole.
    """
    if (whole := folder / WHOLE).is_file():
        return _of_one_file(whole)
    if names := sorted(path.name for path in folder.glob(f"*{TRANSPORT}")):
        return _transported(folder, names, opening)
    names = sorted(path.name for path in folder.glob(f"*{SUFFIX}"))
    with (folder / INIT).open("rb") as file:
        track = fragments.track(file.read(_BEGINNING_BYTES))
    places = [(name, 0, None) for name in names]
    return _stream(folder, track, Segment(INIT, 0.0), places, opening=opening)


def _of_one_file(path: Path) -> Stream:
    with path.open("rb") as file:
        data = file.read(_BEGINNING_BYTES)
    found = fragments.index(data)
    if found is None:
        raise ValueError(f"{path.name} has no index")
    (begin, end), parts = found
    places = [(path.name, a, b - a) for a, b in parts]
    return _stream(path.parent, fragments.track(data), Segment(path.name, 0.0, 0, begin), places, (begin, end))


def _stream(
    folder: Path,
    track: Track,
    beginning: Segment,
    places: Sequence[tuple[str, int, int | None]],
    index: tuple[int, int] | None = None,
    opening: Opening | None = None,
) -> Stream:
    starts: list[int] = []
    keys: list[tuple[str, int, int]] = []
    count, ticks, independent, end = 0, 0, True, 0
    clear = 0
    for i, (name, begin, size) in enumerate(places):
        place = Segment(name, 0.0, begin, size)
        head = _head(folder, place) if opening is None else opening(i, bytes_of(folder, place))
        found = fragments.fragments(head)
        if not found:
            raise ValueError(f"{name} has no fragment at {begin}")
        first = found[0]
        starts.append(max(0, first.shown - track.hidden))
        end = first.shown - track.hidden + sum(one.ticks for one in found)
        keys.append((name, begin + first.place, first.first_end - first.place))
        count += sum(one.count for one in found)
        ticks += sum(one.ticks for one in found)
        independent &= first.key
        clear += clear == i and not any(one.encrypted for one in found)
    if not starts or ticks <= 0:
        raise ValueError("it has no segments")
    starts.append(end)
    lasts = [(after - before) / track.scale for before, after in pairwise(starts)]
    return Stream(
        track=track,
        beginning=beginning,
        segments=tuple(Segment(n, last, b, s) for (n, b, s), last in zip(places, lasts, strict=True)),
        starts=tuple(starts),
        keys=tuple(Segment(n, last, b, s) for (n, b, s), last in zip(keys, lasts, strict=True)),
        frame_rate=Fraction(count * track.scale, ticks),
        independent=independent,
        index=index,
        clear=clear if track.protection else 0,
    )


def _transported(folder: Path, names: Sequence[str], opening: Opening | None) -> Stream:
    """A stream in segments that are each a transport stream."""
    found: list[Portion] = []
    for i, name in enumerate(names):
        data = (folder / name).read_bytes()
        data = opening(i, data) if opening else data
        found.append(transport.portion(data, found[-1].shown if found else transport.OFFSET))
    first, end, track = found[0], found[-1], found[0].track
    count, ticks = sum(one.count for one in found), sum(one.ticks for one in found)
    last = end.shown + end.ticks
    if not ticks:  # of a picture's last frame nobody knows how long it stays: as long as others, in the mean
        frame = (end.last - first.shown) // (count - 1) if count > 1 else _FRAME
        last, ticks = end.last + frame, end.last + frame - first.shown
    if not track.codec or ticks <= 0:
        raise ValueError("its first segment does not say what it is")
    starts = [max(0, one.shown - transport.OFFSET) for one in found]
    starts.append(last - transport.OFFSET)
    lasts = [(after - start) / track.scale for start, after in pairwise(starts)]
    named = list(zip(names, lasts, found, strict=True))
    return Stream(
        track=track,
        beginning=None,
        segments=tuple(Segment(name, seconds) for name, seconds, _ in named),
        starts=tuple(starts),
        keys=tuple(Segment(name, seconds, 0, one.first_end) for name, seconds, one in named),
        frame_rate=Fraction(count * track.scale, ticks),
        independent=all(one.key for one in found),
    )


def _head(folder: Path, segment: Segment) -> bytes:
    """A segment at least as far as its media begin."""
    count = _HEAD_BYTES
    while True:
        data = bytes_of(folder, replace(segment, size=count if segment.size is None else min(count, segment.size)))
        begun = any(kind == b"mdat" for kind, _, _ in fragments.boxes(data))
        if begun or len(data) < count or count >= _MOST_HEAD_BYTES:
            return data
        count *= 8


def bytes_of(folder: Path, segment: Segment) -> bytes:
    """What a segment is."""
    with (folder / segment.name).open("rb") as file:
        file.seek(segment.begin)
        return file.read() if segment.size is None else file.read(segment.size)
