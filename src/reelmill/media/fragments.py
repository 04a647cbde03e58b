"""Fragments of MP4: what they hold, when it is shown, and what a player must be told of it beforehand. Pure.

Of files that a packager of ours wrote: boxes by ISO/IEC 14496-12, names of codecs by RFC 6381 and the codecs' own
documents (14496-15 annex E, AV1's and VP9's bindings to ISOBMFF).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

_NO_KEY = 0x10000  # sample_is_non_sync_sample
_DURATION, _FLAGS = 0x8, 0x20  # that tfhd has
_OFFSET, _FIRST = 0x1, 0x4  # that trun has
_EACH = {0x100: "duration", 0x200: "size", 0x400: "flags", 0x800: "composition"}
_FIELDS_BEFORE = {"v": 78, "a": 28}  # bytes of a sample entry before its boxes
_RANGES = {16: "PQ", 18: "HLG"}  # transfer characteristics (ITU-T H.273), as HLS calls them


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragment:
    """Samples of one track; times in ticks of its clock."""

    place: int
    """Where it begins in the bytes it was read of."""
    shown: int
    """When the first of its samples is shown."""
    ticks: int
    """How long all together are decoded."""
    count: int
    key: bool
    """Whether its first sample can be decoded alone."""
    first_end: int
    """Where its first sample ends in the bytes it was read of."""
    encrypted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """How samples are encrypted (ISO/IEC 23001-7)."""

    scheme: str
    """cenc, cbcs, …"""
    key_id: bytes
    vector_bytes: int
    """Of each sample's own vector; 0: all have one."""
    vector: bytes
    """That one."""
    pattern: tuple[int, int]
    """Blocks that are encrypted, and that are skipped."""
    pssh: tuple[bytes, ...] = ()
    """Boxes for protection systems."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """What the beginning of a stream tells of it."""

    scale: int
    """Ticks a second."""
    hidden: int
    """Ticks at its beginning that are decoded and not shown: what a decoder needs first, or frames that are put off."""
    codec: str
    """Its name, as HLS and DASH have it in CODECS."""
    channels: int = 0
    sample_rate_hz: int = 0
    range: str = ""
    """Of a picture's light, as HLS has it in VIDEO-RANGE."""
    protection: Protection | None = None


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Boxes that lie in a part of `data`: kind, and where its content begins and ends. Raises ValueError."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, begin + 8)
            head = 16
        size = size or end - begin
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        yield kind, begin + head, min(begin + size, end)
        begin += size


def inside(data: bytes, *path: bytes, begin: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """Where the content of the first box at the end of a path lies; None for none."""
    place: tuple[int, int] | None = (begin, len(data) if end is None else end)
    for kind in path:
        if place is None:
            return None
        place = next(((a, b) for found, a, b in boxes(data, *place) if found == kind), None)
    return place


def track(beginning: bytes) -> Track:
    """The only track that a file's beginning (moov) tells of. Raises ValueError, struct.error or IndexError."""
    clock = inside(beginning, b"moov", b"trak", b"mdia", b"mdhd")
    entries = inside(beginning, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    if clock is None or entries is None:
        raise ValueError("it tells of no track")
    at = clock[0]
    (scale,) = struct.unpack_from(">I", beginning, at + (20 if beginning[at] == 1 else 12))
    hidden = 0
    if edits := inside(beginning, b"moov", b"trak", b"edts", b"elst"):
        at = edits[0]
        wide = beginning[at] == 1
        (hidden,) = struct.unpack_from(">q" if wide else ">i", beginning, at + (16 if wide else 12))
    kind, begin, end = next(boxes(beginning, entries[0] + 8, entries[1]))
    kind, protection = _protected(beginning, kind, begin, end)
    found = _entry(beginning, kind, begin, end)
    return replace(found, scale=scale, hidden=max(0, hidden), protection=protection)


def _protected(data: bytes, kind: bytes, begin: int, end: int) -> tuple[bytes, Protection | None]:
    """What a sample entry would be in the clear, and how it is encrypted; with all boxes for protection systems."""
    if kind not in (b"encv", b"enca"):
        return kind, None
    begin += _FIELDS_BEFORE["v" if kind == b"encv" else "a"]
    place, close = _within(data, b"sinf", begin, end)
    original, _ = _within(data, b"frma", place, close)
    scheme, _ = _within(data, b"schm", place, close)
    schi, behind = _within(data, b"schi", place, close)
    at, _ = _within(data, b"tenc", schi, behind)
    one, count = data[at + 5], data[at + 7]
    more = at + 24  # of all samples' vector, its length first
    moov = inside(data, b"moov")
    assert moov is not None, "its entry lies in it"
    systems = tuple(data[a - 8 : b] for box, a, b in boxes(data, *moov) if box == b"pssh")
    return data[original : original + 4], Protection(
        scheme=data[scheme + 4 : scheme + 8].decode("latin-1"),
        key_id=data[at + 8 : at + 24],
        vector_bytes=count,
        vector=data[more + 1 : more + 1 + data[more]] if not count else b"",
        pattern=(one >> 4, one & 15),
        pssh=systems,
    )


def _entry(data: bytes, kind: bytes, begin: int, end: int) -> Track:
    """What a sample entry says of its codec; of its track's times it knows nothing."""
    name = kind.decode("latin-1")
    if name in ("mp4a", "Opus"):
        channels, _, _, rate = struct.unpack_from(">HHII", data, begin + 16)
        codec = "opus" if name == "Opus" else _mp4a(data, *_within(data, b"esds", begin + _FIELDS_BEFORE["a"], end))
        return Track(scale=0, hidden=0, codec=codec, channels=channels, sample_rate_hz=rate >> 16)
    begin += _FIELDS_BEFORE["v"]
    colours = inside(data, b"colr", begin=begin, end=end)
    transfer = 1
    if colours and data[colours[0] : colours[0] + 4] == b"nclx":
        (transfer,) = struct.unpack_from(">H", data, colours[0] + 6)
    made = {"avc1": (b"avcC", _avc), "hvc1": (b"hvcC", _hevc), "vp09": (b"vpcC", _vp9), "av01": (b"av1C", _av1)}
    if name not in made:
        raise ValueError(f"a stream of {name}")
    box, told = made[name]
    place, _ = _within(data, box, begin, end)
    return Track(scale=0, hidden=0, codec=told(data[place:end]), range=_RANGES.get(transfer, "SDR"))


def _within(data: bytes, kind: bytes, begin: int, end: int) -> tuple[int, int]:
    if (found := inside(data, kind, begin=begin, end=end)) is None:
        raise ValueError(f"a sample entry without {kind.decode()}")
    return found


def _avc(told: bytes) -> str:
    return f"avc1.{told[1:4].hex()}"


def _hevc(told: bytes) -> str:
    space, tier, profile = told[1] >> 6, told[1] >> 5 & 1, told[1] & 31
    compatible = int(f"{int.from_bytes(told[2:6], 'big'):032b}"[::-1], 2)
    limits = told[6:12].rstrip(b"\0")
    parts = [
        f"{('', 'A', 'B', 'C')[space]}{profile}",
        f"{compatible:X}",
        f"{'LH'[tier]}{told[12]}",
        *(f"{byte:X}" for byte in limits),
    ]
    return "hvc1." + ".".join(parts)


def _vp9(told: bytes) -> str:
    profile, level, packed, primaries, transfer, matrix = told[4:10]
    numbers = profile, level, packed >> 4, packed >> 1 & 7, primaries, transfer, matrix, packed & 1
    return "vp09." + ".".join(f"{number:02d}" for number in numbers)


def _av1(told: bytes) -> str:
    profile, level = told[1] >> 5, told[1] & 31
    tier, high, twelve = told[2] >> 7, told[2] >> 6 & 1, told[2] >> 5 & 1
    return f"av01.{profile}.{level:02d}{'MH'[tier]}.{(12 if twelve else 10) if high else 8:02d}"


def _mp4a(data: bytes, begin: int, end: int) -> str:
    """The kind of AAC: the first five bits of what its decoder is told (descriptor 5, inside 4, inside 3)."""
    at = begin + 4
    while at < end:
        tag = data[at]
        at += 1
        while data[at] & 0x80:  # the length, seven bits a byte
            at += 1
        at += 1
        if tag == 5:
            return f"mp4a.40.{data[at] >> 3}"
        at += {3: 3, 4: 13}.get(tag, end)
    raise ValueError("a sound whose decoder is told nothing")


def fragments(data: bytes) -> list[Fragment]:
    """All fragments of a segment. Raises ValueError, struct.error or IndexError for what is none."""
    return [_fragment(data, a, b) for kind, a, b in boxes(data) if kind == b"moof"]


def _fragment(data: bytes, begin: int, end: int) -> Fragment:
    place = inside(data, b"traf", begin=begin, end=end)
    if place is None:
        raise ValueError("a fragment of no track")
    usual = usual_flags = usual_size = decoded = 0
    runs: list[tuple[int, int]] = []
    encrypted = False
    for kind, a, b in boxes(data, *place):
        encrypted |= kind == b"senc"
        if kind == b"tfhd":
            usual, usual_size, usual_flags = _defaults(data, a)
        elif kind == b"tfdt":
            (decoded,) = struct.unpack_from(">Q" if data[a] == 1 else ">I", data, a + 4)
        elif kind == b"trun":
            runs.append((a, b))
    if len(runs) != 1:
        raise ValueError(f"a fragment of {len(runs)} runs")
    version, flags, count, offset, first, at = _run(data, runs[0][0])
    fields = [name for bit, name in _EACH.items() if flags & bit]
    values = struct.unpack_from(f">{count * len(fields)}I", data, at)

    def of(name: str, else_: int) -> list[int]:
        if name not in fields:
            return [else_] * count
        return list(values[fields.index(name) :: len(fields)])

    lengths, moved = of("duration", usual), of("composition", 0)
    if version == 1:
        moved = [one - 2**32 if one >= 2**31 else one for one in moved]
    shown, time = [], decoded
    for length, by in zip(lengths, moved, strict=True):
        shown.append(time + by)
        time += length
    marks = of("flags", usual_flags)
    mark = marks[0] if first is None else first
    moof = begin - 8
    return Fragment(
        place=moof,
        shown=min(shown),
        ticks=sum(lengths),
        count=count,
        key=not mark & _NO_KEY,
        first_end=moof + offset + of("size", usual_size)[0],
        encrypted=encrypted,
    )


def samples(data: bytes, begin: int, end: int) -> tuple[int, list[int]]:
    """Where the samples of the fragment whose content lies there begin, and their sizes. Raises as `fragments`."""
    traf = inside(data, b"traf", begin=begin, end=end)
    if traf is None or (told := inside(data, b"tfhd", begin=traf[0], end=traf[1])) is None:
        raise ValueError("a fragment of no track")
    if (run := inside(data, b"trun", begin=traf[0], end=traf[1])) is None:
        raise ValueError("a fragment of no run")
    _, usual, _ = _defaults(data, told[0])
    _, flags, count, offset, _, at = _run(data, run[0])
    fields = [name for bit, name in _EACH.items() if flags & bit]
    values = struct.unpack_from(f">{count * len(fields)}I", data, at)
    sizes = list(values[fields.index("size") :: len(fields)]) if "size" in fields else [usual] * count
    return begin - 8 + offset, sizes


def _defaults(data: bytes, at: int) -> tuple[int, int, int]:
    """Duration, size and flags of samples that don't tell theirs."""
    (flags,) = struct.unpack_from(">I", data, at)
    at += 8
    found = {}
    for bit, size in ((0x1, 8), (0x2, 4), (_DURATION, 4), (0x10, 4), (_FLAGS, 4)):
        if flags & bit:
            found[bit] = int.from_bytes(data[at : at + size], "big")
            at += size
    return found.get(_DURATION, 0), found.get(0x10, 0), found.get(_FLAGS, 0)


def _run(data: bytes, at: int) -> tuple[int, int, int, int, int | None, int]:
    """Version, flags, count, where samples lie from the fragment on, the first one's flags; where its table begins."""
    flags, count = struct.unpack_from(">II", data, at)
    version, flags = flags >> 24, flags & 0xFFFFFF
    if not count:
        raise ValueError("a run of no samples")
    at += 8
    offset, first = 0, None
    if flags & _OFFSET:
        (offset,) = struct.unpack_from(">i", data, at)
        at += 4
    if flags & _FIRST:
        (first,) = struct.unpack_from(">I", data, at)
        at += 4
    return version, flags, count, offset, first, at


def index(data: bytes) -> tuple[tuple[int, int], list[tuple[int, int]]] | None:
    """Where a file's index (sidx) begins and ends, and where the segments do that it tells of; None for none."""
    place = next(((a, b) for kind, a, b in boxes(data) if kind == b"sidx"), None)
    if place is None:
        return None
    at, behind = place
    wide = data[at] == 1
    _, offset = struct.unpack_from(">QQ" if wide else ">II", data, at + 12)
    at += 12 + (16 if wide else 8)
    (count,) = struct.unpack_from(">H", data, at + 2)
    found, begin = [], behind + offset
    for size, _, _ in struct.iter_unpack(">III", data[at + 4 : at + 4 + 12 * count]):
        found.append((begin, begin + (size & 0x7FFFFFFF)))
        begin = found[-1][1]
    return (place[0] - 8, behind), found
