"""What is told of broken files and of what is no media, by bytes made by hand."""

import io
import struct

import pytest

from reelmill.media.anatomy import anatomy
from reelmill.media.anatomy_pictures import raw_photo
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.foreign import foreign, unknown


def told(data: bytes) -> Diagnosis | None:
    """What a file's own structure tells."""
    return anatomy(io.BytesIO(data), len(data))


def box(name: bytes, inner: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(inner), name) + inner


MP4 = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"trak"))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bytes(8000), "no_data"),
        (b"x" * 3000 + bytes(5000), "no_data"),
        (b"x" * 7000 + bytes(1000), None),  # a little of it: silence, a black picture
        (b"x" * 8000, None),
        (bytes(100), None),  # too short to tell
    ],
)
def test_a_film_that_was_never_filled_in_is_told_by_some_places_in_it(data: bytes, kind: str | None) -> None:
    found = told(MP4 + box(b"mdat", data))
    assert (found.kind if found else None) == kind


GIF = b"GIF89a\x10\0\x10\0\x80\0\0" + bytes(6) + b"\x2c" + bytes(8) + b"\0\2\3abc\0"


def tiff(*tags: tuple[int, int], mark: bytes = b"") -> bytes:
    """A little-endian one whose tags are short numbers."""
    head = b"II*\0" + struct.pack("<I", 12) + (mark or bytes(4))
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    return head + struct.pack("<H", len(tags)) + entries + bytes(40)


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (tiff((254, 1), (271, 9), (330, 9)), True),  # as Nikon's and Sony's
        (tiff((256, 9), (50706, 1)), True),  # DNG
        (tiff((256, 9), mark=b"CR\2\0"), True),
        (tiff((254, 0), (271, 9), (330, 9)), False),
        (tiff((254, 1), (330, 9)), False),  # of a program, not of a camera
        (b"II*\0", False),
    ],
)
def test_a_raw_photo_is_told_and_not_its_preview(data: bytes, raw: bool) -> None:
    found = raw_photo(io.BytesIO(data), data)
    assert (found is not None) == raw
    if raw:
        assert told(data) == found and found is not None and found.kind == "raw_photo"


def test_a_gif_without_its_end_is_cut_off() -> None:
    assert told(GIF + b"\x3b") is None
    assert told(GIF + b"\x3b" + bytes(40)) is None  # something behind it
    found = told(GIF)
    assert found is not None and found.kind == "cut_off"


def aiff(name: bytes = b"SSND", there: int = 900) -> bytes:
    sound = struct.pack(">4sI", name, 1000) + bytes(there)
    return b"FORM" + struct.pack(">I", 1030) + b"AIFF" + struct.pack(">4sI", b"COMM", 19) + bytes(20) + sound


@pytest.mark.parametrize(("codec", "told_of"), [(b"DWVW", True), (b"sowt", False), (b"\0\1\2\3", False)])
def test_an_aiff_of_a_codec_that_nobody_reads_names_it(codec: bytes, told_of: bool) -> None:
    common = b"COMM" + struct.pack(">I", 22) + bytes(18) + codec
    data = b"FORM" + struct.pack(">I", 200) + b"AIFC" + common + b"SSND" + struct.pack(">I", 100) + bytes(100)
    found = told(data)
    assert (found is not None) == told_of
    assert found is None or (found.code == "INPUT_UNSUPPORTED" and "(DWVW)" in found.cause)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(aiff(there=1000), None), (aiff(), "cut_off"), (aiff(b"\xff\xfe\x01\x02", 1000), "structure_damaged")],
)
def test_an_aiff_is_known_by_its_parts(data: bytes, kind: str | None) -> None:
    found = told(data)
    assert (found.kind if found else None) == kind


WORDS = "the harbour was light " * 40


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [(WORDS, "text"), ("<!DOCTYPE html><html><body>" + WORDS, "web_page"), ('{"error": "' + WORDS, "json")],
)
def test_a_text_of_two_bytes_a_letter_is_told_as_one_of_one(encoding: str, text: str, kind: str) -> None:
    data = text.encode(encoding)
    found = foreign(data, len(data))
    assert found is not None and found.kind == kind


def test_what_only_begins_like_a_text_of_two_bytes_a_letter_is_none() -> None:
    data = b"\xff\xfe" + bytes(range(256)) * 30
    assert foreign(data, len(data)) is None


def film(*, sizes: int = 9, begins: int = 0) -> bytes:
    """A film's skeleton: how many samples its table has, and where its edit begins in 1,000 of it."""
    elst = box(b"elst", struct.pack(">IIIIHH", 0, 1, 1000, begins, 1, 0))
    mdhd = box(b"mdhd", struct.pack(">IIIIII", 0, 0, 0, 1000, 1000, 0))
    stbl = box(b"minf", box(b"stbl", box(b"stsz", struct.pack(">III", 0, 0, sizes))))
    moov = box(b"moov", box(b"trak", box(b"edts", elst) + box(b"mdia", mdhd + stbl)))
    return box(b"ftyp", b"isom\0\0\0\0") + moov + box(b"mdat", b"x" * 100)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (film(), None),
        (film(sizes=0), "no_data"),
        (film(begins=999), None),
        (film(begins=1000), "index_damaged"),
        (film(begins=2**32 - 1), None),  # a pause
    ],
)
def test_an_index_that_leads_to_nothing_or_shows_nothing_is_told(data: bytes, kind: str | None) -> None:
    found = told(data)
    assert (found.kind if found else None) == kind


def flv(*, size: int = 0, tag: int = 9) -> bytes:
    meta = b"\x02\0\x0aonMetaData\x08\0\0\0\1\0\x08filesize\0" + struct.pack(">d", size)
    tags = b"".join(
        bytes((kind,)) + len(data).to_bytes(3) + bytes(7) + data + bytes(4)
        for kind, data in ((18, meta), (9, b"x" * 50), (tag, b"x" * 50))
    )
    return b"FLV\1\5\0\0\0\x09" + bytes(4) + tags


def asf(size: int, *, flags: int = 2) -> bytes:
    told = struct.pack("<QQQQQQII", size, 0, 9, 10**7, 10**7, 0, flags, 3200)
    properties = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\0\xc0\x0c\x20\x53\x65" + bytes(24) + told
    return b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c" + bytes(14) + properties + bytes(200)


UNIT = b"\0\0\0\1"
STREAM = UNIT + b"\x65\x88" + b"x" * 90 + UNIT + b"\x41\x9a" + b"x" * 90
DISC = b"".join(b"\0\0\0\0G" + bytes((1,)) * 187 for _ in range(32))  # 32 packets behind four bytes each
PACK = b"\0\0\1\xba" + bytes(10) + b"\0\0\1\xe0\0\x40"


OGG = b"OggS\0\2" + bytes(20) + b"\1\5abcde" + b"OggS\0\0" + bytes(20) + b"\1\5abcde"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (flv(), None),
        (flv(size=10**6), "cut_off"),
        (flv()[:-20], "cut_off"),
        (flv(tag=77), "structure_damaged"),
        (asf(200), None),
        (asf(10**6), "cut_off"),
        (asf(10**6, flags=1), None),  # sent as it came
        (STREAM, "parameters_missing"),
        (UNIT + b"\x67\x42" + b"x" * 9 + STREAM, None),
        (UNIT + b"\x42\x01" + b"x" * 9 + STREAM, None),
        (UNIT + b"\x42\x01" + b"x" * 9 + UNIT + b"\x44\x01" + b"x" * 9, "no_data"),
        (UNIT + b"\x67\x42" + b"x" * 9 + UNIT + b"\x06\x05" + b"x" * 9, "no_data"),
        (OGG, "no_data"),
        (OGG[:40] + b"\7" + OGG[41:], None),
        (box(b"ftyp", b"heic" + bytes(4)) + box(b"meta", bytes(4)), "no_data"),
        (MP4[:16] + bytes(900), "no_data"),  # a download that did not end
        (DISC * 3, None),
        ((b"\xc0" + DISC[1:192] + bytes(len(DISC) - 192)) * 3, "encrypted"),
        ((PACK + b"\x80" + bytes(60)) * 9, None),
        ((PACK + b"\x90" + bytes(60)) * 9, "encrypted"),
        (b"ID3\4\0\0\0\0\0\x64" + bytes(100), "no_data"),
    ],
)
def test_streams_and_sounds_are_known_by_their_packets(data: bytes, kind: str | None) -> None:
    found = told(data)
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bytes(range(256)) * 64, "noise"),
        (bytes(range(256)) * 4, "not_media"),  # too few to tell
        (bytes(range(128)) * 64, "not_media"),
        (b"\1\2" * 90 + b"\0\0\0\x40moov" + bytes(900), "no_beginning"),
    ],
)
def test_what_nobody_knows_is_told_by_its_order(data: bytes, kind: str) -> None:
    assert unknown(data).kind == kind
