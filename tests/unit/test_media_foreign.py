"""What is told of files that are no media, or media no more: packed, carried as text, changed in each byte."""

import base64
import binascii
import bz2
import gzip
import io
import lzma
import quopri
import random
import tarfile
import urllib.parse
import zipfile

import pytest

from reelmill.media import signatures
from reelmill.media.altered import altered
from reelmill.media.anatomy import anatomy
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.foreign import by_its_end, foreign, unknown

MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08free" + random.Random(1).randbytes(70_000)


def told(data: bytes) -> Diagnosis | None:
    head = data[:65536]
    return altered(head) or foreign(head, len(data)) or (None if head[4:8] == b"ftyp" else unknown(head, len(data)))


def swapped(data: bytes, width: int) -> bytes:
    return b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (swapped(MP4, 2), "two bytes swapped"),
        (swapped(MP4, 4), "four bytes in reverse"),
        (bytes(byte ^ 0xFF for byte in MP4), "inverted"),
        (bytes(byte ^ 0x5A for byte in MP4), "encrypted"),
        (bytes(int(f"{byte:08b}"[::-1], 2) for byte in MP4), "bits of each byte in reverse"),
        (MP4.decode("latin-1").encode(), "UTF-8"),
        (MP4.decode("latin-1").encode("utf-16-le"), "a zero behind each"),
        (binascii.hexlify(MP4), "hexadecimal"),
        (b"00000000: 0000 0020 6674 7970 6973 6f6d 0000 0200  ... ftypisom....\n", "hexadecimal"),
        (repr(MP4)[2:-1].encode(), "escaped"),
        (urllib.parse.quote_from_bytes(MP4).encode(), "percent-encoded"),
        (quopri.encodestring(MP4), "quoted-printable"),
        (b"begin 644 talk.mp4\n" + binascii.b2a_uu(MP4[:45]) + binascii.b2a_uu(MP4[45:90]), "uuencoded"),
        (base64.encodebytes(MP4), "Base64"),
        (MP4.replace(b"\n", b"\r\n"), "text mode"),
        (MP4.replace(b"\r", b""), "text mode"),
        (b"\x89PNG\n\x1a\n" + bytes(90), "text mode"),
        (b"\x89PNG\r\r\n\x1a\r\n" + bytes(90), "text mode"),
        (bytes(512) + MP4[512:], "first 512 bytes are all 0x00"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_done_to_all_bytes_of_media_is_told(data: bytes, words: str) -> None:
    found = told(data)
    assert found is not None and words in found.cause


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_told_of_sound_media_or_by_chance(seed: int) -> None:
    chance = random.Random(seed)
    assert altered(MP4[:32] + chance.randbytes(65_000)) is None and altered(bytes((seed,)) * 2000) is None
    found = unknown(chance.randbytes(65_536), 65_536)
    assert found.kind == "noise"


def archive(name: str, inner: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, inner)
    return made.getvalue()


def tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as file:
        file.addfile(tarfile.TarInfo("talk"), io.BytesIO())
    return made.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (gzip.compress(MP4), "archive", "(gzip), which holds MP4"),
        (bz2.compress(MP4), "archive", "archive (bzip2)"),
        (lzma.compress(MP4), "archive", "(xz), which holds MP4"),
        (gzip.compress(b"a,b,c\n" * 90), "archive", "holds a text"),
        (gzip.compress(b"SQLite format 3\0" + bytes(90)), "archive", "holds a database"),
        (tar(), "archive", "a tar archive"),
        (archive("talk.mp4", MP4), "archive", "ZIP), which holds media (mp4)"),
        (archive("word/document.xml", b"<w/>"), "document", "Word"),
        (archive("xl/workbook.xml", b"<w/>"), "document", "Excel"),
        (b"PK\5\6" + bytes(18), "archive", "nothing in it"),
        (OLE + "PowerPoint Document".encode("utf-16-le"), "document", "PowerPoint"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted", "password"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_packed_file_holds_is_told(data: bytes, kind: str, words: str) -> None:
    found = told(data)
    assert found is not None and found.kind == kind and words in found.cause


@pytest.mark.parametrize(
    ("head", "code", "words"),
    [
        (b"Obj\x01\4\x14avro.codec", "INPUT_NOT_MEDIA", "Avro"),
        (b"\xd4\xc3\xb2\xa1\2\0\4\0", "INPUT_NOT_MEDIA", "pcap"),
        (b"SQLite format 3\0", "INPUT_NOT_MEDIA", "SQLite"),
        (b"YUV4MPEG2 W64 H64 F25:1\nFRAME\n\0", "INPUT_UNSUPPORTED", "YUV4MPEG2"),
        (b"v/1\1\2\0\0\0", "INPUT_UNSUPPORTED", "OpenEXR"),
        (b".snd\0\0\0\x18\0\0", "INPUT_UNSUPPORTED", "(AU)"),
        (b"BLENDER-v306REND", "INPUT_NOT_MEDIA", "Blender"),
        (b"<REAPER_PROJECT 0.1", "INPUT_NOT_MEDIA", "project of Reaper"),
        (b"/annex/objects/SHA256E-s7--aa.mp4\n", "INPUT_NOT_MEDIA", "git-annex"),
        (b"TiVo\0\4\0\r", "INPUT_NOT_MEDIA", "encrypted"),
        (b"CTENFDAM\1\x70", "INPUT_NOT_MEDIA", "encrypted"),
        (b"\xff\x0a\xfa\x7f", "INPUT_UNSUPPORTED", "JPEG XL"),
        (b"DSD \x1c\0\0\0\0\0\0\0", "INPUT_UNSUPPORTED", "DSD"),
        (b"BIKi\x10\0\0\0", "INPUT_UNSUPPORTED", "Bink"),
        (b"Rar!\x1a\7\1\0", "INPUT_NOT_MEDIA", "RAR"),
        (b"RIFF\x99\0\0\0RMIDdata", "INPUT_NOT_MEDIA", "MIDI"),
        (b"RIFF\x99\0\0\0WXYZdata", "INPUT_NOT_MEDIA", "RIFF file of another kind"),
        (b"FORM\0\0\1\0ILBMBMHD", "INPUT_UNSUPPORTED", "ILBM"),
        (b"\3\xd9\xa2\x9a\x67\xfb\x4b\xb5", "INPUT_NOT_MEDIA", "encrypted"),
        (b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0", "INPUT_NOT_MEDIA", "icon"),
        (b"From: ada@example.com\nTo: bob@example.com\nSubject: Film\n\nHello\n", "INPUT_NOT_MEDIA", "e-mail"),
        (b"X-Mailer: a\nDate: now\nSubject: Film\nTo: b\n\nHello\n", "INPUT_NOT_MEDIA", "e-mail"),
        (b"name: film\nversion: 3\nto: disk\n", "INPUT_NOT_MEDIA", "begins like no media"),
        (b"\x30\x82\x10\0\6\x09\x2a\x86\x48\x86\xf7\r\1\7\3", "INPUT_NOT_MEDIA", "encrypted (CMS"),
        (b"\x03" + b"0010111100101011", "INPUT_NOT_MEDIA", "Pro Tools"),
        (b"PK\7\x08PK\3\4\x14\0\0\0\x08\0", "INPUT_NOT_MEDIA", "first part of a packed archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "INPUT_NOT_MEDIA", "Thumbs.db"),
        (b"<plist version='1.0'><dict><key>URL</key>", "INPUT_NOT_MEDIA", "shortcut"),
        (b"TTA1\1\0\2\0", "INPUT_CORRUPT", "begins as TTA"),
        (b"webvtt\n\n00:01.000 --> 00:02.000\nHi\n", "INPUT_NOT_MEDIA", "first line, WEBVTT"),
        (b'FILE "talk.wav" WAVE\r\n  TRACK 01 AUDIO\r\n', "INPUT_NOT_MEDIA", "cue sheet"),
        (b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=door\n", "INPUT_NOT_MEDIA", "live stream (SDP)"),
        (b'------x7\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + MP4[:99], "INPUT_NOT_MEDIA", "form-data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_file_is_is_told_by_its_signature(head: bytes, code: str, words: str) -> None:
    found = told(head + bytes(range(256)) * 2)
    assert found is not None and found.code == code and words in found.cause, found


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        (b"koly" + bytes(508), "INPUT_NOT_MEDIA", "disk image"),
        (b"TRUEVISION-XFILE.\0", "INPUT_UNSUPPORTED", "TGA"),
        (b"PK\5\6" + bytes(18), "INPUT_NOT_MEDIA", "ZIP"),
    ],
)
def test_what_a_file_is_is_told_by_its_end(end: bytes, code: str, words: str) -> None:
    found = by_its_end((random.Random(1).randbytes(600) + end)[-512:])
    assert found is not None and found.code == code and words in found.cause
    assert by_its_end(random.Random(2).randbytes(512)) is None and by_its_end(b"") is None


def test_media_whose_beginning_is_gone_is_known_by_its_end() -> None:
    for end in (b"IEND\xaeB`\x82", b"\xff\xd9"):
        found = by_its_end(random.Random(1).randbytes(500) + end)
        assert found is not None and found.kind == "no_beginning"


def test_a_few_bytes_that_are_no_letters_are_no_text() -> None:
    found = told(b"\xf0\xe1\x50\x80\x9f\xfc")
    assert found is not None and found.kind == "not_media"
    words = told("Größe".encode())
    assert words is not None and words.kind == "text"


def test_an_icon_is_no_stream_of_pictures() -> None:
    icon = b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0" + bytes(range(200)) + b"\0\0\1\1ab"
    assert anatomy(io.BytesIO(icon), len(icon)) is None


def test_no_signature_is_so_short_that_chance_may_have_it() -> None:
    assert len(signatures._SIGNATURES) > 1000
    assert all(len(one.mark) >= 4 and len(set(one.mark)) >= 3 for one in signatures._SIGNATURES)
