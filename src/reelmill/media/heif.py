"""The structure of HEIC and AVIF files: which of their parts are the picture that is shown. Pure but for the reading.

Boxes as in ISO/IEC 14496-12 and 23008-12. FFmpeg's library tells their streams, whose numbers are the items', and PyAV
nothing of how they belong together. What a file chooses the size of is bounded: its boxes, items and tiles.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, BinaryIO

from reelmill.media.damage import cut_off, damaged
from reelmill.media.diagnosis import AGAIN, Diagnosis

MAX_TILES = 512  # a camera of 200 megapixels writes 400 of 768 × 768
_MOST_BOXES, _FIRST_BOXES, _MOST_EDITS = 20_000, 16, 100
_META_BYTES = 2**23
_MOST_ITEMS = 4096
_ITEM_BYTES = 2**26
_EMPTY = bytes(4096)
_DEEPEST = 4  # derived items of derived items
_CODED = frozenset({b"hvc1", b"av01", b"avc1", b"jpeg"})
_BRANDS = frozenset({b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"avif", b"avis", b"miaf"})
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


class Unsupported(Exception):
    """A picture that is made in a way that is not known."""


class Incomplete(Exception):
    """A picture some of whose items are not there."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.cause)
        self.diagnosis = diagnosis


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Coded items side by side, row by row, of which width × height pixels count."""

    items: tuple[int, ...]
    columns: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What is shown of a layer: a part, mirrored, then turned clockwise by quarters."""

    left: int
    top: int
    width: int
    height: int
    mirrored: bool = False
    quarters: int = 0

    def turned(self, quarters: int) -> "View":
        """Turned clockwise."""
        return replace(self, quarters=(self.quarters + quarters) % 4)

    def flipped(self) -> "View":
        """Left and right exchanged."""
        return replace(self, mirrored=not self.mirrored, quarters=-self.quarters % 4)

    def cropped(self, left: int, top: int, width: int, height: int) -> "View":
        """A part of what is shown; the whole where the part is none."""
        shown = (self.height, self.width) if self.quarters % 2 else (self.width, self.height)
        if min(left, top) < 0 or min(width, height) < 1 or left + width > shown[0] or top + height > shown[1]:
            return self
        x, y = left, top
        if self.quarters == 1:
            x, y = top, self.height - left - width
        elif self.quarters == 2:
            x, y = self.width - left - width, self.height - top - height
        elif self.quarters == 3:
            x, y = self.width - top - height, left
        if self.quarters % 2:
            width, height = height, width
        if self.mirrored:
            x = self.width - x - width
        return replace(self, left=self.left + x, top=self.top + y, width=width, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The picture of a file."""

    layer: Layer
    view: View
    alpha: Layer | None
    premultiplied: bool
    colours: tuple[int, int, int, bool] | None
    """Primaries, transfer and matrix by the numbers of ISO 23091-2, and whether values reach from 0 to 255."""
    profile: bytes
    """An ICC profile; empty for none."""


def is_heif(head: bytes) -> bool:
    """Whether a file that begins so has a picture of items."""
    length = int.from_bytes(head[:4], "big")
    brands = {head[at : at + 4] for at in (8, *range(16, min(length, len(head)), 4))}
    return head[4:8] == b"ftyp" and bool(brands & _BRANDS)


def is_film(head: bytes) -> bool:
    """Whether the file calls itself a sequence of pictures first, and a picture second."""
    return head[8:12] in (b"avis", b"msf1", b"hevc", b"hevx")


def picture(file: BinaryIO) -> Picture | None:
    """The picture of a file; None where it has none.

    Raises Unsupported and Incomplete, and struct.error, IndexError or KeyError for a damaged one.
    """
    for kind, at, end in _boxes(file):
        if kind == b"meta":
            file.seek(at)
            items = _Items(file.read(min(end - at, _META_BYTES)), file)
            found = items.picture()
            if found is not None:
                items.check((*found.layer.items, *(found.alpha.items if found.alpha else ())))
            return found
    return None


def alpha_tracks(file: BinaryIO) -> dict[int, int]:
    """For each track that a track tells the opacity of: the number of that one."""
    found = {}
    for kind, at, end in _boxes(file):
        if kind == b"moov":
            for track in _inside(file, at, end, b"trak"):
                number, handler, master = _track(file, *track)
                if handler == b"auxv" and master:
                    found[master] = number
    return found


def sample_entries(file: BinaryIO, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Of each track its number, and how its first samples are described.

    Raises struct.error for a damaged file.
    """
    for kind, at, end in _boxes(file):
        if kind == b"moov":
            for track in _inside(file, at, end, b"trak"):
                number, _, _ = _track(file, *track)
                for begin, finish in _inside(file, *track, b"mdia", b"minf", b"stbl", b"stsd"):
                    file.seek(begin)
                    data = file.read(min(finish - begin, most_bytes))
                    yield from ((number, entry) for _, entry in islice(parts(data, 8), 1))


def edits(file: IO[bytes]) -> Iterator[int]:
    """Of each track that has an edit list (ISO/IEC 14496-12, 8.6.6): how many of its edits show something of it.

    Raises struct.error for a damaged file.
    """
    for kind, at, end in _boxes(file):
        if kind == b"moov":
            for track in _inside(file, at, end, b"trak"):
                for begin, _ in _inside(file, *track, b"edts", b"elst"):
                    file.seek(begin)
                    version, count = struct.unpack(">B3xI", file.read(8))
                    edit = struct.Struct(">Qq4x" if version else ">Ii4x")
                    told = (edit.unpack(file.read(edit.size)) for _ in range(min(count, _MOST_EDITS)))
                    yield sum(begins >= 0 for _, begins in told)


def is_short_form(head: bytes, file: BinaryIO) -> bool:
    """Whether the picture of a file is told in a box of bits (`mini`, ISO/IEC 23008-12), which FFmpeg does not know.

    Raises struct.error for a damaged file.
    """
    if head[4:12] != b"ftypmif3":
        return False
    kinds = {kind for kind, _, _ in islice(_boxes(file), _FIRST_BOXES)}
    return b"mini" in kinds and b"meta" not in kinds


def _boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    file.seek(0, 2)
    yield from _walk(file, 0, file.tell())


def _walk(file: IO[bytes], at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of each box's content."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        size = size or end - at
        yield kind, at + head, min(at + size, end)
        at += max(size, head)


def _inside(file: IO[bytes], at: int, end: int, *path: bytes) -> Iterator[tuple[int, int]]:
    for kind, begin, finish in _walk(file, at, end):
        if kind == path[0] and path[1:]:
            yield from _inside(file, begin, finish, *path[1:])
        elif kind == path[0]:
            yield begin, finish


def _track(file: BinaryIO, at: int, end: int) -> tuple[int, bytes, int]:
    number, handler, master = 0, b"", 0
    for begin, _ in _inside(file, at, end, b"tkhd"):
        file.seek(begin)
        (number,) = struct.unpack(">I", file.read(23)[19:23] if file.read(1) == b"\1" else file.read(15)[11:])
    for begin, _ in _inside(file, at, end, b"mdia", b"hdlr"):
        file.seek(begin + 8)
        handler = file.read(4)
    for begin, _ in _inside(file, at, end, b"tref", b"auxl"):
        file.seek(begin)
        (master,) = struct.unpack(">I", file.read(4))
    return number, handler, master


class _Items:
    """The items of a meta box."""

    def __init__(self, meta: bytes, file: BinaryIO) -> None:
        self._file = file
        self._meta = dict(parts(meta, 4))
        self._kinds = dict(self._entries())
        self._references = list(self._all_references())
        self._places = dict(self._all_places())
        self._properties = dict(self._all_properties())

    def picture(self) -> Picture | None:
        if b"pitm" not in self._meta:
            return None
        pitm = self._meta[b"pitm"]
        primary = int.from_bytes(pitm[4:8] if pitm[0] else pitm[4:6], "big")
        layer, view = self._shown(primary)
        auxiliary = self._alpha_of(primary)
        alpha = self._shown(auxiliary)[0] if auxiliary else self._alpha_of_tiles(layer)
        premultiplied = any(kind == b"prem" and i == primary and auxiliary in to for kind, i, to in self._references)
        colours, profile = self._colours((primary, *layer.items[:1]))
        return Picture(
            layer=layer, view=view, alpha=alpha, premultiplied=premultiplied, colours=colours, profile=profile
        )

    def check(self, items: tuple[int, ...]) -> None:
        """Raise Incomplete where coded items reach past the end of the file, or are zeros, which none is."""
        size = self._file.seek(0, 2)
        for item in items:
            how, at, length = self._places.get(item, (1, 0, 0))
            if how:
                continue
            if at + length > size:
                raise Incomplete(cut_off(size, at + length, "the picture"))
            self._file.seek(at)
            if _EMPTY in self._file.read(min(length, _ITEM_BYTES)):
                raise Incomplete(damaged("no_data", "the picture is damaged: a part of it is zeros, as after a transfer"
                                " that did not end", f"{AGAIN}."))  # fmt: skip

    def _shown(self, item: int, depth: int = 0) -> tuple[Layer, View]:
        """Which coded items one is made of, and what is shown of them."""
        kind, of = self._kinds.get(item, b""), self._made_of(item)
        if kind == b"iden" and len(of) == 1 and depth < _DEEPEST:
            layer, view = self._shown(of[0], depth + 1)
        elif kind == b"grid":
            layer = self._grid(item, of)
            view = View(left=0, top=0, width=layer.width, height=layer.height)
        elif kind in _CODED:
            width, height = self._size(item)
            layer = Layer(items=(item,), columns=1, width=width, height=height)
            view = View(left=0, top=0, width=width, height=height)
        else:
            raise Unsupported(f"the picture is an item of kind {kind.decode('latin-1')!r}")
        for name, data in self._properties.get(item, ()):
            view = _changed(view, name, data)
        return layer, view

    def _grid(self, item: int, of: tuple[int, ...]) -> Layer:
        data = self._data(item)
        rows, columns = data[2] + 1, data[3] + 1
        width, height = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
        if rows * columns > MAX_TILES:
            raise Unsupported(f"the picture has {rows * columns} tiles, and {MAX_TILES} is the most")
        if len(of) != rows * columns or any(self._kinds.get(tile) not in _CODED for tile in of):
            raise Unsupported("the picture's tiles are not all there")
        return Layer(items=of, columns=columns, width=width, height=height)

    def _size(self, item: int) -> tuple[int, int]:
        for name, data in self._properties.get(item, ()):
            if name == b"ispe":
                width, height = struct.unpack_from(">II", data, 4)
                return width, height
        raise Unsupported("the picture does not say its size")

    def _alpha_of(self, item: int) -> int:
        """The item that tells the opacity of one; 0 for none."""
        return next((i for kind, i, to in self._references if kind == b"auxl" and item in to and self._is_alpha(i)), 0)

    def _alpha_of_tiles(self, layer: Layer) -> Layer | None:
        """The opacity of a grid whose tiles have one each."""
        items = tuple(self._alpha_of(item) for item in layer.items)
        return replace(layer, items=items) if all(items) else None

    def _is_alpha(self, item: int) -> bool:
        return any(n == b"auxC" and d[4:].split(b"\0")[0] in _ALPHA for n, d in self._properties.get(item, ()))

    def _colours(self, items: tuple[int, ...]) -> tuple[tuple[int, int, int, bool] | None, bytes]:
        found, profile = None, b""
        for item in items:
            for name, data in self._properties.get(item, ()):
                if name == b"colr" and data[:4] == b"nclx" and found is None:
                    primaries, transfer, matrix, flags = struct.unpack_from(">HHHB", data, 4)
                    found = primaries, transfer, matrix, bool(flags & 0x80)
                elif name == b"colr" and data[:4] in (b"prof", b"rICC") and not profile:
                    profile = data[4:]
        return found, profile

    def _made_of(self, item: int) -> tuple[int, ...]:
        return next((to for kind, i, to in self._references if kind == b"dimg" and i == item), ())

    def _entries(self) -> Iterator[tuple[int, bytes]]:
        data = self._meta.get(b"iinf", b"")
        for kind, entry in parts(data, 8 if data[:1] not in (b"", b"\0") else 6):
            if kind == b"infe" and entry[0] >= 2:
                wide = entry[0] >= 3
                yield int.from_bytes(entry[4 : 8 if wide else 6], "big"), entry[10:14] if wide else entry[8:12]

    def _all_references(self) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
        data = self._meta.get(b"iref", b"")
        number = "I" if data[:1] not in (b"", b"\0") else "H"
        for kind, entry in parts(data, 4):
            item, count = struct.unpack_from(f">{number}H", entry)
            yield (
                kind,
                item,
                struct.unpack_from(f">{min(count, _MOST_ITEMS)}{number}", entry, struct.calcsize(f">{number}H")),
            )

    def _all_places(self) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """For each item: how its place is meant (0: in the file, 1: in idat), where, how long; of its first extent."""
        data = self._meta.get(b"iloc", b"")
        if not data:
            return
        version = data[0]
        offset_bytes, length_bytes, base_bytes, index_bytes = data[4] >> 4, data[4] & 15, data[5] >> 4, data[5] & 15
        wide = 4 if version == 2 else 2
        count, at = int.from_bytes(data[6 : 6 + wide], "big"), 6 + wide
        for _ in range(min(count, _MOST_ITEMS)):
            item = int.from_bytes(data[at : at + wide], "big")
            at += wide
            how = 0
            if version:
                how, at = data[at + 1] & 15, at + 2
            at += 2  # which file
            base = int.from_bytes(data[at : at + base_bytes], "big")
            at += base_bytes
            extents = int.from_bytes(data[at : at + 2], "big")
            at += 2
            each = (index_bytes if version else 0) + offset_bytes + length_bytes
            begin = at + each - offset_bytes - length_bytes
            offset = int.from_bytes(data[begin : begin + offset_bytes], "big")
            length = int.from_bytes(data[begin + offset_bytes : begin + offset_bytes + length_bytes], "big")
            yield item, (how, base + offset, length)
            at += each * extents

    def _all_properties(self) -> Iterator[tuple[int, tuple[tuple[bytes, bytes], ...]]]:
        iprp = list(parts(self._meta.get(b"iprp", b""), 0))
        known = [part for kind, data in iprp if kind == b"ipco" for part in parts(data, 0)]
        for kind, data in iprp:
            if kind != b"ipma":
                continue
            wide, large = data[0] >= 1, data[3] & 1
            (count,), at = struct.unpack_from(">I", data, 4), 8
            for _ in range(min(count, _MOST_ITEMS)):
                item = int.from_bytes(data[at : at + (4 if wide else 2)], "big")
                at += 4 if wide else 2
                places, at = data[at], at + 1
                size = 2 if large else 1
                numbers = [
                    int.from_bytes(data[at + i * size : at + (i + 1) * size], "big") & (0x7FFF if large else 0x7F)
                    for i in range(places)
                ]
                at += places * size
                yield item, tuple(known[n - 1] for n in numbers if 0 < n <= len(known))

    def _data(self, item: int) -> bytes:
        how, at, length = self._places[item]
        length = min(length, 64)  # of derived items, which is all that is read
        if how == 1:
            return self._meta[b"idat"][at : at + length]
        if at >= 2**62:
            raise IndexError("no file is as long")
        self._file.seek(at)
        return self._file.read(length)


def parts(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box of a content, from a place on."""
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _changed(view: View, name: bytes, data: bytes) -> View:
    if name == b"irot":
        return view.turned(-(data[0] & 3))
    if name == b"imir":
        flipped = view.flipped()
        return flipped if data[0] & 1 else flipped.turned(2)
    if name == b"clap":
        width, height = (_fraction(data, at) for at in (0, 8))
        shown = (view.height, view.width) if view.quarters % 2 else (view.width, view.height)
        left = (shown[0] - width) / 2 + _fraction(data, 16, signed=True)
        top = (shown[1] - height) / 2 + _fraction(data, 24, signed=True)
        return view.cropped(round(left), round(top), round(width), round(height))
    return view


def _fraction(data: bytes, at: int, *, signed: bool = False) -> float:
    over, under = struct.unpack_from(">iI" if signed else ">II", data, at)
    return over / under if under else 0.0
