"""When the tracks of a Matroska file end, by its own structure: an index of hours would be read for nothing else.

Runs in the prober's child. What is not as usual has no answer here, and libav is asked. Elements: RFC 9559, 5; their
names and lengths: RFC 8794, 4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

_HEAD_BYTES = 2**16  # what stands before the pictures: names of tracks, not covers and fonts
_CUES_BYTES = 512  # of the index's end: some 25 key frames
_PIECE_BYTES = 2**16
_LONGEST_HEADER = 64  # of a block, or of a group up to its block
_MOST_BLOCKS, _MOST_ELEMENTS, _MOST_BEFORE = 20_000, 2000, 64
_NEAR_SECONDS = 1
_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B
_CLUSTER, _CUES = 0x1F43B675, 0x1C53BB6B
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TICK, _ENTRY, _NUMBER, _KIND, _CODEC, _DELAY, _DEFAULT = 0x2AD7B1, 0xAE, 0xD7, 0x83, 0x86, 0x56AA, 0x23E383
_OWN_TICK, _CODED = 0x23314F, 0x6D80
_VIDEO, _EDGES = 0xE0, (0x54CC, 0x54BB, 0x54DD, 0x54AA)
_CUE, _CUE_TIME, _CUE_PLACES, _CUE_CLUSTER = 0xBB, 0xB3, 0xB7, 0xF1
_CLUSTER_TIME, _SIMPLE, _GROUP, _BLOCK, _LASTS = 0xE7, 0xA3, 0xA0, 0xA1, 0x9B
# Between two blocks, wherever these lie: of a segment, a cluster and a group.
_BETWEEN = frozenset((
    _CLUSTER, _CUES, _SEEK_HEAD, _INFO, _TRACKS, 0x1043A770, 0x1941A469, 0x1254C367, 0xEC, 0xBF, _CLUSTER_TIME, 0x5854,
    0xA7, 0xAB, _SIMPLE, _GROUP, _BLOCK, 0xA2, 0x75A1, _LASTS, 0xFA, 0xFB, 0xFD, 0xA4, 0x75A2, 0x8E, 0xC8, 0xAF,
))  # fmt: skip
KINDS = ("video", "audio", "subtitle")
"""Of tracks, by libav's names."""
_SUBTITLE = 17
_KIND_NUMBERS = dict(zip((1, 2, _SUBTITLE), KINDS, strict=True))
_LACED = 0x06
_MASKS = [(1 << 7 * width) - 1 for width in range(9)]
_TIMED_OTHERWISE = (b"V_MS/", b"A_MS/", b"V_REAL/", b"A_REAL/")


class _Unusual(Exception):
    """The file is not as this module knows files."""


@dataclass(frozen=True, slots=True)
class _Track:
    kind: str
    delay: int
    lasts: int


def ends(file: IO[bytes], size: int, kinds: Sequence[str], claimed_seconds: float) -> dict[int, int]:
    """When the last block of each track ends, by the track's place, in the file's ticks; empty where that is not plain.

    `kinds`: of the tracks, as libav numbers them. Read from the last key frame on that begins a second before
    `claimed_seconds`, as far as there is one.
    """
    try:
        return _ends(file, size, kinds, claimed_seconds)
    except (_Unusual, IndexError):
        return {}


def _ends(file: IO[bytes], size: int, kinds: Sequence[str], claimed_seconds: float) -> dict[int, int]:
    head, begin, length = _head(file)
    if begin + length != size:
        raise _Unusual
    tick, tracks, cues = 1_000_000, {}, 0
    for name, at, length in _elements(head, begin, len(head)):
        if name == _SEEK_HEAD:
            cues = _sought(head, at, at + length) or cues
        elif name == _INFO:
            tick = _number(head, at, at + length, _TICK) or tick
        elif name == _TRACKS:
            tracks = _tracks(head, at, at + length, tick)
            break
    if not tracks or not cues or [track.kind for track in tracks.values()] != list(kinds):
        raise _Unusual
    near = int((claimed_seconds - _NEAR_SECONDS) * 1_000_000_000 / tick)
    found = _read(file, begin + _from(file, begin + cues, near), size, tracks)
    return {i: found[number] for i, number in enumerate(tracks) if number in found}


def edges(file: IO[bytes]) -> list[tuple[int, int, int, int]]:
    """What of each picture's left, top, right and bottom is not shown, in pixels; empty where that is not plain."""
    try:
        head, begin, _ = _head(file)
        for name, at, length in _elements(head, begin, len(head)):
            if name == _TRACKS:
                return [_cut(head, a, a + b) for name, a, b in _elements(head, at, at + length) if name == _ENTRY]
    except (_Unusual, IndexError):
        return []
    return []


def _cut(data: bytes, at: int, end: int) -> tuple[int, int, int, int]:
    for name, a, length in _elements(data, at, end):
        if name == _VIDEO:
            left, top, right, bottom = (_number(data, a, a + length, name) for name in _EDGES)
            return left, top, right, bottom
    return 0, 0, 0, 0


def first_cluster(file: IO[bytes]) -> int:
    """Where pictures and sounds begin, behind what may be reserved for an index of any size; 0: not known."""
    try:
        _, at, _ = _head(file)
        for _ in range(_MOST_BEFORE):
            file.seek(at)
            name, head, length = _element(file.read(16), 0)
            if name == _CLUSTER:
                return at
            if length < 0:
                break
            at += head + length
    except (IndexError, _Unusual):
        pass
    return 0


def is_chain(data: bytes) -> bool:
    """Whether what stands between two blocks is elements that may stand there, one behind the other."""
    at = 0
    try:
        while at < len(data):
            if not data[at]:  # no name begins so
                return False
            name, inner, length = _element(data, at)
            if name not in _BETWEEN:
                return False
            at = inner if name == _CLUSTER or length < 0 else inner + length
    except IndexError:  # the data ends within a head
        return True
    return True


def _head(file: IO[bytes]) -> tuple[bytes, int, int]:
    """The beginning of a file, where in it the segment's content begins, and how long that is; -1: it does not say."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    name, at, length = _element(head, 0)
    if name != _EBML or length < 0:
        raise _Unusual
    name, begin, length = _element(head, at + length)
    if name != _SEGMENT:
        raise _Unusual
    return head, begin, length


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Name, where the content begins, its length; -1: it is not known. Raises IndexError where the data ends before."""
    width = 9 - data[at].bit_length()
    name = int.from_bytes(data[at : at + width])
    at += width
    width = 9 - data[at].bit_length()
    if width > 8 or at + width > len(data):
        raise IndexError
    length = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
    return name, at + width, length if length < _MASKS[width] else -1


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return
        name, at, length = _element(data, at)
        if length < 0:
            raise _Unusual
        yield name, at, length
        at += length
    raise _Unusual


def _number(data: bytes, at: int, end: int, wanted: int) -> int:
    """The number that an element holds; 0 where there is none."""
    found = ((a, a + length) for name, a, length in _elements(data, at, end) if name == wanted)
    return next((int.from_bytes(data[a:b]) for a, b in found), 0)


def _sought(data: bytes, at: int, end: int) -> int:
    """Where the index is, from the segment's beginning on; 0 where nothing tells."""
    for name, a, length in _elements(data, at, end):
        if name == _SEEK and _number(data, a, a + length, _SEEK_ID) == _CUES:
            return _number(data, a, a + length, _SEEK_POSITION)
    return 0


def _tracks(data: bytes, at: int, end: int, tick: int) -> dict[int, _Track]:
    if end > len(data):
        raise _Unusual
    found = {}
    for name, a, length in _elements(data, at, end):
        if name != _ENTRY:
            continue
        told = {name: data[b : b + size] for name, b, size in _elements(data, a, a + length)}
        if _OWN_TICK in told or _CODED in told or told.get(_CODEC, b"").startswith(_TIMED_OTHERWISE):
            raise _Unusual
        number, kind, delay, lasts = (
            int.from_bytes(told.get(name, b"")) for name in (_NUMBER, _KIND, _DELAY, _DEFAULT)
        )
        if kind not in _KIND_NUMBERS or number in found or not (lasts or kind == _SUBTITLE):
            raise _Unusual
        found[number] = _Track(kind=_KIND_NUMBERS[kind], delay=(2 * delay + tick) // (2 * tick), lasts=lasts // tick)
    return found


def _from(file: IO[bytes], at: int, near: int) -> int:
    """Where the cluster of the last key frame before `near` begins, from the segment's beginning on."""
    file.seek(at)
    name, content, length = _element(file.read(16), 0)
    if name != _CUES or length < 0:
        raise _Unusual
    begin = max(0, length - _CUES_BYTES)
    file.seek(at + content + begin)
    data = file.read(length - begin)
    first = 0
    while first < len(data) and not (data[first] == _CUE and _is_chain(data, first)):
        first += 1
    place = 0
    for _, a, size in reversed(list(_elements(data, first, len(data)))):
        told = {name: (b, b + c) for name, b, c in _elements(data, a, a + size)}
        if _CUE_TIME not in told or _CUE_PLACES not in told:
            raise _Unusual
        place = _number(data, *told[_CUE_PLACES], _CUE_CLUSTER)
        if int.from_bytes(data[slice(*told[_CUE_TIME])]) <= near:
            break
    return place


def _is_chain(data: bytes, at: int) -> bool:
    try:
        *_, (name, a, length) = _elements(data, at, len(data))
    except (_Unusual, IndexError, ValueError):
        return False
    return name == _CUE and a + length == len(data)


def _read(file: IO[bytes], at: int, size: int, tracks: dict[int, _Track]) -> dict[int, int]:
    """The ends of all blocks from a cluster on."""
    found: dict[int, int] = {}
    data, begin, safe, now, clusters = b"", 0, -1, 0, 0
    for _ in range(_MOST_BLOCKS):
        if at >= size:
            return found
        i = at - begin
        if i > safe:
            file.seek(at)
            data, begin, i = file.read(_PIECE_BYTES), at, 0
            safe = len(data) - _LONGEST_HEADER if at + len(data) < size else len(data)
        if data[i] == _SIMPLE and data[i + 1] >= 0x10:  # as nearly all: a quick way, for this is asked for each block
            width = 9 - data[i + 1].bit_length()
            content = i + 1 + width
            length = int.from_bytes(data[i + 1 : content]) & _MASKS[width]
            number, when, lasts = _block(data, content)
        else:
            name, content, length = _element(data, i)
            if name == _CLUSTER and length >= 0:  # its content is read on
                clusters += 1
                at = begin + content
                continue
            if name == _CLUSTER_TIME:
                now = int.from_bytes(data[content : content + length])
            number, when, lasts = _group(data, content, length) if name == _GROUP else (-1, 0, 0)
        at = begin + content + length
        if not clusters or length < 0 or at > size:
            raise _Unusual
        if number in tracks:
            track = tracks[number]
            end = now + when - track.delay + (track.lasts if lasts < 0 else lasts)
            if end > found.get(number, -1):
                found[number] = end
    raise _Unusual


def _block(data: bytes, at: int) -> tuple[int, int, int]:
    """Number of the track, time in its cluster, and -1: how long it lasts the track says."""
    width = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
    at += width
    if data[at + 2] & _LACED:
        raise _Unusual
    return number, int.from_bytes(data[at : at + 2], signed=True), -1


def _group(data: bytes, at: int, length: int) -> tuple[int, int, int]:
    """As `_block`, of a block with more beside it."""
    number, when, lasts, end = 0, 0, -1, at + length
    while at < end:
        name, a, size = _element(data, at)
        if size < 0:
            raise _Unusual
        if name == _BLOCK:
            number, when, _ = _block(data, a)
        elif name == _LASTS:
            lasts = int.from_bytes(data[a : a + size])
        at = a + size
    return number, when, lasts
