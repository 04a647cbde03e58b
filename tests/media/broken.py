"""Files that are broken or no media, of many kinds, made by script: what people send, and what it should be called.

Each kind makes its files by a random generator of its own.
"""

import base64
import functools
import gzip
import io
import json
import random
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from media.kit import make


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A file, and by which names its fault may go."""

    name: str
    path: Path
    kinds: frozenset[str]


@functools.cache
def once(name: str, *arguments: str) -> bytes:
    """A file that ffmpeg makes, for all that break it."""
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder) / name, *arguments).read_bytes()


class Sound:
    """Sound files, which others are broken from; each is made once."""

    def __init__(self, folder: Path) -> None:
        film = ("-f", "lavfi", "-i", "testsrc2=size=128x72:rate=10:duration=4", "-f", "lavfi", "-i", "sine=duration=4")
        h264 = ("-c:v", "libx264", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac")
        small = ("-f", "lavfi", "-i", "testsrc2=size=128x72", "-frames:v", "1")
        self.mp4 = once("s.mp4", *film, *h264)
        self.fast = once("f.mp4", *film, *h264, "-movflags", "+faststart")
        self.fragments = once("g.mp4", *film, *h264, "-movflags", "+frag_keyframe+empty_moov")
        self.mkv = once("s.mkv", *film, *h264)
        self.webm = once(
            "s.webm", *film, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"
        )
        self.avi = once("s.avi", *film, "-c:v", "mpeg4", "-c:a", "libmp3lame")
        self.ts = once("s.ts", *film, *h264)
        self.wav = once("s.wav", *film[4:])
        self.flac = once("s.flac", *film[4:])
        self.ogg = once("s.ogg", *film[4:], "-c:a", "libvorbis")
        self.mp3 = once("s.mp3", *film[4:], "-c:a", "libmp3lame")
        self.flv = once("s.flv", *film, *h264, "-ar", "44100")
        self.png = once("s.png", *small)
        self.jpeg = once("s.jpg", *small)
        self.gif = once("s.gif", *small)
        self.webp = once("s.webp", *small)
        self.tiff = once("s.tiff", *small)
        self.bmp = once("s.bmp", *small)
        self.key = bytes(range(16)).hex()
        self.cenc = once("e.mp4", *film, *h264, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", self.key,
            "-encryption_kid", self.key,
        )  # fmt: skip


_Make = Callable[[Any, random.Random], bytes]
S = TypeVar("S", bound=Sound)


class Kinds(Generic[S]):
    """Kinds of broken files."""

    def __init__(self, sound: Callable[[Path], S], seed: str = "") -> None:
        """`sound` makes, in a folder, what they are broken from."""
        self._sound, self._seed = sound, seed
        self.known: dict[str, tuple[Callable[[S, random.Random], bytes], frozenset[str]]] = {}

    def kind(self, *names: str) -> Callable[[_Make], _Make]:
        """One of them, and by which names its fault may go."""

        def known(build: _Make) -> _Make:
            self.known[build.__name__] = (build, frozenset(names))
            return build

        return known

    def made(self, folder: Path, of_a_kind: int = 1) -> list[Broken]:
        """So many of each kind."""
        sound, made = self._sound(folder), []
        for name, (build, kinds) in self.known.items():
            for i in range(of_a_kind):
                path = folder / f"{name}-{i}.mp4"
                path.write_bytes(build(sound, random.Random(f"{self._seed}{name} {i}")))
                made.append(Broken(name=path.stem, path=path, kinds=kinds))
        return made


KINDS = Kinds(Sound)
kind = KINDS.kind


def _cut(data: bytes, chance: random.Random, low: float = 0.2, high: float = 0.8) -> bytes:
    return data[: int(len(data) * chance.uniform(low, high))]


def _garbage(data: bytes, chance: random.Random, begin: float, end: float) -> bytes:
    a, b = int(len(data) * begin), int(len(data) * end)
    return data[:a] + chance.randbytes(b - a) + data[b:]


# --- No media --------------------------------------------------------------------------------------------------------


@kind("empty")
def no_bytes(sound: Sound, chance: random.Random) -> bytes:
    return b""


@kind("web_page")
def html(sound: Sound, chance: random.Random) -> bytes:
    begin = chance.choice((b"<!DOCTYPE html>\n", b"\xef\xbb\xbf\n<!-- saved -->\n<!doctype HTML>", b"<html lang=en>"))
    return begin + b"<html><head><title>Sign in</title></head><body>404 not found</body></html>\n" * 50


@kind("service_error")
def bucket_error(sound: Sound, chance: random.Random) -> bytes:
    code = chance.choice(("AccessDenied", "NoSuchKey", "ExpiredToken")).encode()
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>' + code + b"</Code><Message>no</Message></Error>"


@kind("json")
def json_answer(sound: Sound, chance: random.Random) -> bytes:
    return json.dumps(chance.choice(({"error": "forbidden", "code": 403}, [{"id": 1}], {"a": {"b": 2}}))).encode()


@kind("text")
def text(sound: Sound, chance: random.Random) -> bytes:
    words = ["lorem", "ipsum", "dolor", "sit", "amet", "größe", "été"]
    return " ".join(chance.choices(words, k=900)).encode(chance.choice(("utf-8", "latin-1")))


@kind("text")
def table_of_numbers(sound: Sound, chance: random.Random) -> bytes:
    return "".join(f"{i},{chance.random():.4f}\n" for i in range(400)).encode()


@kind("pdf")
def pdf(sound: Sound, chance: random.Random) -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + chance.randbytes(4000) + b"\n%%EOF\n"


@kind("archive")
def zipped(sound: Sound, chance: random.Random) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        archive.writestr("holiday/film.mp4", sound.mp4)
    return made.getvalue()


@kind("encrypted")
def zipped_with_password(sound: Sound, chance: random.Random) -> bytes:
    body = chance.randbytes(5000)
    head = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 1, 8, 0, 0, zlib.crc32(body), len(body), 9000, 8, 0)
    return head + b"film.mp4" + body


@kind("archive")
def packed(sound: Sound, chance: random.Random) -> bytes:
    return chance.choice((gzip.compress(sound.mp4), b"Rar!\x1a\x07\x01\0" + chance.randbytes(3000),
                          b"7z\xbc\xaf\x27\x1c\0\4" + chance.randbytes(3000)))  # fmt: skip


@kind("document")
def office(sound: Sound, chance: random.Random) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr(chance.choice(("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")), "<x/>" * 99)
    return made.getvalue()


@kind("program")
def program(sound: Sound, chance: random.Random) -> bytes:
    return chance.choice((b"\x7fELF\2\1\1\0", b"MZ\x90\0\3\0\0\0", b"#!/bin/sh\n")) + chance.randbytes(6000)


@kind("database")
def database(sound: Sound, chance: random.Random) -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE films (name text)")
        connection.executemany("INSERT INTO films VALUES (?)", [(str(chance.random()),)] * 100)
        return connection.serialize()


@kind("encrypted")
def encrypted_whole(sound: Sound, chance: random.Random) -> bytes:
    begin = chance.choice((b"Salted__", b"age-encryption.org/v1\n-> X25519 ", b"-----BEGIN PGP MESSAGE-----\n\n"))
    return begin + base64.b64encode(chance.randbytes(6000)) if begin[:1] == b"-" else begin + chance.randbytes(6000)


@kind("large_file_pointer")
def pointer(sound: Sound, chance: random.Random) -> bytes:
    oid = chance.randbytes(32).hex()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {chance.randrange(10**8)}\n".encode()


@kind("text_encoded")
def in_base64(sound: Sound, chance: random.Random) -> bytes:
    body = base64.encodebytes(chance.choice((sound.mp4, sound.png, sound.mkv)))
    return body if chance.random() < 0.7 else b"data:video/mp4;base64," + body


@kind("address")
def address(sound: Sound, chance: random.Random) -> bytes:
    return f"https://videos.example/{chance.randrange(10**6)}.mp4\n".encode()


@kind("nothing_but_zeros")
def zeros(sound: Sound, chance: random.Random) -> bytes:
    return bytes(chance.randrange(5000, 300000))


@kind("drawing")
def vector(sound: Sound, chance: random.Random) -> bytes:
    return b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"><rect/></svg>' * 9


@kind("resource_fork")
def side_file(sound: Sound, chance: random.Random) -> bytes:
    return b"\0\x05\x16\x07\0\2\0\0Mac OS X        " + chance.randbytes(4000)


@kind("begins_late", "page_answer")
def something_before(sound: Sound, chance: random.Random) -> bytes:
    before = chance.choice((b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n", b"\r\n", chance.randbytes(37)))
    return before + chance.choice((sound.fast, sound.png, sound.mkv))


@kind("unreadable", "noise", "header_damaged", "data_damaged")
def noise(sound: Sound, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(20000, 200000))


# --- Films -----------------------------------------------------------------------------------------------------------


@kind("cut_off", "no_index")
def cut_before_index(sound: Sound, chance: random.Random) -> bytes:
    return _cut(sound.mp4, chance)


@kind("cut_off")
def cut_behind_index(sound: Sound, chance: random.Random) -> bytes:
    return _cut(sound.fast, chance, 0.4, 0.8)


@kind("cut_off")
def cut_within_index(sound: Sound, chance: random.Random) -> bytes:
    return sound.fast[: chance.randrange(100, 800)]


@kind("no_index")
def without_index(sound: Sound, chance: random.Random) -> bytes:
    return sound.mp4[: sound.mp4.rindex(b"moov") - 4]


@kind("no_index", "structure_damaged")
def index_renamed(sound: Sound, chance: random.Random) -> bytes:
    name = bytes(chance.choices(b"abcdefgh", k=4))
    return sound.mp4.replace(b"moov", name)


@kind("index_damaged", "structure_damaged", "no_streams", "header_damaged")
def index_of_garbage(sound: Sound, chance: random.Random) -> bytes:
    at = sound.mp4.rindex(b"moov") + 4
    return sound.mp4[:at] + chance.randbytes(len(sound.mp4) - at)


@kind("index_damaged", "no_streams", "structure_damaged")
def index_with_wrong_sizes(sound: Sound, chance: random.Random) -> bytes:
    data, at = bytearray(sound.mp4), 0
    while (at := data.find(b"trak", at + 1)) >= 0:
        data[at - 4 : at] = struct.pack(">I", chance.randrange(2, 8))
    return bytes(data)


@kind("no_data")
def index_alone(sound: Sound, chance: random.Random) -> bytes:
    ftyp = sound.mp4[: struct.unpack(">I", sound.mp4[:4])[0]]
    return ftyp + sound.mp4[sound.mp4.rindex(b"moov") - 4 :]


@kind("no_beginning")
def segment_alone(sound: Sound, chance: random.Random) -> bytes:
    return sound.fragments[sound.fragments.index(b"moof") - 4 :]


@kind("no_streams")
def no_tracks(sound: Sound, chance: random.Random) -> bytes:
    return sound.mp4.replace(b"trak", b"free")


@kind("encrypted")
def protected(sound: Sound, chance: random.Random) -> bytes:
    return sound.cenc


@kind("too_many_errors", "data_damaged", "unreadable", "nothing_decoded", "parameters_missing", "decoder_refused")
def garbage_for_film(sound: Sound, chance: random.Random) -> bytes:
    data = sound.mp4
    begin, end = data.index(b"mdat") + 4, data.rindex(b"moov") - 4
    return data[:begin] + chance.randbytes(end - begin) + data[end:]


@kind("cut_off", "data_damaged", "structure_damaged", "header_damaged", "unreadable")
def matroska_cut(sound: Sound, chance: random.Random) -> bytes:
    return _cut(chance.choice((sound.mkv, sound.webm)), chance)


@kind("no_data", "cut_off")
def matroska_header_alone(sound: Sound, chance: random.Random) -> bytes:
    data = chance.choice((sound.mkv, sound.webm))
    return data[: data.index(b"\x1f\x43\xb6\x75")]


@kind("header_damaged")
def matroska_without_header(sound: Sound, chance: random.Random) -> bytes:
    return sound.mkv[:4] + chance.randbytes(len(sound.mkv) - 4)


@kind("cut_off", "no_data")
def wav_header_alone(sound: Sound, chance: random.Random) -> bytes:
    return sound.wav[: sound.wav.index(b"data") + chance.randrange(0, 8)]


@kind("header_damaged", "structure_damaged", "unreadable")
def wav_without_format(sound: Sound, chance: random.Random) -> bytes:
    return sound.wav.replace(b"fmt ", b"fmx ")


@kind("encrypted")
def scrambled(sound: Sound, chance: random.Random) -> bytes:
    data = bytearray(sound.ts)
    for at in range(0, len(data), 188):
        data[at + 3] |= 0x80
        data[at + 4 : at + 188] = chance.randbytes(184)
    return bytes(data)


@kind("codec_unsupported")
def codec_nobody_has(sound: Sound, chance: random.Random) -> bytes:
    return sound.mp4.replace(b"avc1", b"zzq1").replace(b"mp4a", b"zzs1")


# --- Pictures --------------------------------------------------------------------------------------------------------


@kind("cut_off")
def picture_cut(sound: Sound, chance: random.Random) -> bytes:
    return _cut(chance.choice((sound.png, sound.jpeg, sound.webp)), chance, 0.3, 0.9)


@kind("size_impossible")
def picture_too_large(sound: Sound, chance: random.Random) -> bytes:
    width, height = chance.choice(((60000, 60000), (0, 10), (2**31 - 1, 5)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return sound.png[:8] + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + sound.png[33:]


@kind("structure_damaged", "data_damaged", "too_many_errors", "unreadable", "size_impossible", "header_damaged")
def picture_of_garbage(sound: Sound, chance: random.Random) -> bytes:
    data = chance.choice((sound.png, sound.jpeg))
    return data[:12] + chance.randbytes(len(data) - 12)


@kind("cut_off", "structure_damaged", "unreadable")
def tiff_cut(sound: Sound, chance: random.Random) -> bytes:
    return sound.tiff[: chance.randrange(8, len(sound.tiff) // 2)]
