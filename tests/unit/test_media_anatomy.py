"""What is told of broken files and of what is no media, by bytes made by hand."""

import io
import struct

import pytest

from reelmill.media.anatomy import anatomy
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.foreign import foreign


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


def test_a_gif_without_its_end_is_cut_off() -> None:
    assert told(GIF + b"\x3b") is None
    assert told(GIF + b"\x3b" + bytes(40)) is None  # something behind it
    found = told(GIF)
    assert found is not None and found.kind == "cut_off"


def aiff(name: bytes = b"SSND", there: int = 900) -> bytes:
    sound = struct.pack(">4sI", name, 1000) + bytes(there)
    return b"FORM" + struct.pack(">I", 1030) + b"AIFF" + struct.pack(">4sI", b"COMM", 19) + bytes(20) + sound


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
