"""Small HEIC and AVIF files of any structure, for no encoder of the project writes tiles, crops or turned pictures.

Boxes as in ISO/IEC 23008-12 (HEIF) and 14496-12; pictures are coded by ffmpeg and taken out of an MP4.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from media.kit import make

_ENCODERS = {
    "hvc1": ("-c:v", "libx265", "-x265-params", "log-level=error:lossless=1", "-tag:v", "hvc1"),
    "av01": ("-c:v", "libaom-av1", "-still-picture", "1", "-crf", "1", "-cpu-used", "8"),
}
_CONFIGURATIONS = {"hvc1": b"hvcC", "av01": b"av1C"}


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box."""
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def ispe(width: int, height: int) -> bytes:
    """The size of a picture."""
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def clap(width: int, height: int, x: float, y: float) -> bytes:
    """A clean aperture; x and y say how far its middle lies from the picture's."""
    values = (width, 1, height, 1, round(2 * x), 2, round(2 * y), 2)
    return box(b"clap", struct.pack(">IIIIiIiI", *values))


def irot(quarters: int) -> bytes:
    """Turn by quarters against the clock."""
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    """Mirror: 0 upside down, 1 left and right."""
    return box(b"imir", bytes([axis]))


def nclx(primaries: int, transfer: int, matrix: int, *, full_range: bool) -> bytes:
    """Colours by the numbers of ISO 23091-2."""
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def profile(data: bytes) -> bytes:
    """Colours by an ICC profile."""
    return box(b"colr", b"prof", data)


ALPHA = full(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A part of a file: a coded picture, or what is made of others (`of`, by their places in the file)."""

    kind: str
    data: bytes
    properties: tuple[bytes, ...] = ()
    of: tuple[int, ...] = ()
    alpha_of: int | None = None
    premultiplied: bool = False
    thumbnail_of: int | None = None
    hidden: bool = False


def coded(folder: Path, source: str, width: int, height: int, *, kind: str = "hvc1", **more: object) -> Item:
    """A picture of an ffmpeg graph; gray where it is an alpha."""
    properties = tuple(more.pop("properties", ()))  # type: ignore[call-overload]
    pixels = "gray" if more.get("alpha_of") is not None else "yuv420p"
    range_ = "out_range=full" if more.get("alpha_of") is not None else "out_color_matrix=bt601:out_range=full"
    path = folder / "coded.mp4"
    graph = f"{source},scale={width}:{height}:flags=neighbor:{range_},format={pixels}"
    make(path, "-f", "lavfi", "-i", graph, "-frames:v", "1", *_ENCODERS[kind])
    boxes = path.read_bytes()
    configuration = _box(boxes, _CONFIGURATIONS[kind])
    data = _box(boxes, b"mdat")[8:]
    return Item(kind=kind, data=data, properties=(configuration, ispe(width, height), *properties), **more)  # type: ignore[arg-type]


def grid(rows: int, columns: int, width: int, height: int, of: tuple[int, ...], **more: object) -> Item:
    """A picture made of tiles."""
    properties = tuple(more.pop("properties", ()))  # type: ignore[call-overload]
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Item(kind="grid", data=data, of=of, properties=(ispe(width, height), *properties), **more)  # type: ignore[arg-type]


def write(path: Path, items: list[Item], *, primary: int, brand: bytes = b"heic", in_idat: bool = True) -> Path:
    """A file of these items, numbered from 1 in their order; `primary` is the picture's place among them."""
    properties: list[bytes] = []
    associations = b""
    references = b""
    entries = b""
    for i, item in enumerate(items):
        places = []
        for one in item.properties:
            if one not in properties:
                properties.append(one)
            places.append(properties.index(one) + 1)
        associations += struct.pack(">HB", i + 1, len(places)) + bytes(0x80 | place for place in places)
        entries += full(b"infe", 2, int(item.hidden), struct.pack(">HH4s", i + 1, 0, item.kind.encode()), b"\0")
        for kind, targets in (
            (b"dimg", item.of),
            (b"auxl", () if item.alpha_of is None else (item.alpha_of,)),
            (b"thmb", () if item.thumbnail_of is None else (item.thumbnail_of,)),
        ):
            if targets:
                numbers = struct.pack(f">HH{len(targets)}H", i + 1, len(targets), *(t + 1 for t in targets))
                references += box(kind, numbers)
        if item.alpha_of is not None and item.premultiplied:
            references += box(b"prem", struct.pack(">HHH", item.alpha_of + 1, 1, i + 1))
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    known = b"".join(
        (
            full(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", primary + 1)),
            full(b"iinf", 0, 0, struct.pack(">H", len(items)), entries),
            full(b"iref", 0, 0, references) if references else b"",
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, 0, struct.pack(">I", len(items)), associations)),
        )
    )
    idat = b"".join(item.data for item in items if in_idat and item.kind == "grid")
    if idat:
        known += box(b"idat", idat)
    # iloc: 4 bytes for offsets and lengths; where the data begin is known once its own length is.
    length = 8 + 4 + 4 + len(items) * 16
    begin = len(head) + 12 + len(known) + length + 8
    places, at, inner = b"", begin, 0
    for i, item in enumerate(items):
        inside = in_idat and item.kind == "grid"
        places += struct.pack(">HHHHII", i + 1, int(inside), 0, 1, inner if inside else at, len(item.data))
        inner, at = (inner + len(item.data), at) if inside else (inner, at + len(item.data))
    iloc = full(b"iloc", 1, 0, struct.pack(">HH", 0x4400, len(items)), places)
    assert len(iloc) == length
    data = b"".join(item.data for item in items if not (in_idat and item.kind == "grid"))
    path.write_bytes(head + full(b"meta", 0, 0, known, iloc) + box(b"mdat", data))
    return path


def _box(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind) - 4
    return data[at : at + struct.unpack(">I", data[at : at + 4])[0]]
