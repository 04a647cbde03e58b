"""Broken files of kinds that are kept aside: thought of after the table of causes, without a look at it.

What they should be called was written down before they were run for the first time. Who mends what is told of one of
them moves it to broken_more.py, and thinks of others in its place.
"""

import gzip
import json
import random
import struct
import zipfile
from io import BytesIO
from pathlib import Path

from media.broken import Kinds, Sound
from media.kit import make

_TROUBLE = frozenset(
    {
        "cut_off",
        "data_damaged",
        "structure_damaged",
        "header_damaged",
        "nothing_decoded",
        "too_many_errors",
        "unreadable",
    }
)


class Aside(Sound):
    """Sound files, and some more of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        film = ("-f", "lavfi", "-i", "testsrc2=size=128x72:rate=10:duration=4")
        self.aiff = make(folder / "s.aiff", "-f", "lavfi", "-i", "sine=duration=4").read_bytes()
        self.avif = make(
            folder / "s.avif", *film[:4], "-frames:v", "1", "-c:v", "libaom-av1", "-cpu-used", "8"
        ).read_bytes()
        self.large = make(
            folder / "l.mp4", *film, "-c:v", "libx264", "-qp", "0", "-movflags", "+faststart"
        ).read_bytes()


KINDS = Kinds(Aside, "aside ")
kind = KINDS.kind


@kind("json")
def json_in_two_bytes_a_letter(sound: Aside, chance: random.Random) -> bytes:
    return json.dumps({"error": "expired", "trace": chance.randrange(10**9)}).encode("utf-16")


@kind("archive")
def page_that_was_packed_on_its_way(sound: Aside, chance: random.Random) -> bytes:
    return gzip.compress(b"<html><body>busy, try again</body></html>" * 99)


@kind("document", "archive")
def book(sound: Aside, chance: random.Random) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("mimetype", "application/epub+zip")
        file.writestr("OEBPS/one.xhtml", "<html/>")
    return made.getvalue()


@kind("text")
def dump_of_a_database(sound: Aside, chance: random.Random) -> bytes:
    return b"-- dump\n" + b"INSERT INTO talks VALUES (1, 'one', NULL);\n" * 200


@kind("text")
def log_of_a_server(sound: Aside, chance: random.Random) -> bytes:
    return b"2026-11-26 12:00:00,123 ERROR upload aborted by peer\n" * 200


@kind("text", "address")
def list_of_addresses(sound: Aside, chance: random.Random) -> bytes:
    return b"".join(b"https://media.example.com/%d.mp4\n" % i for i in range(40))


@kind("web_page", "text")
def piece_of_a_page(sound: Aside, chance: random.Random) -> bytes:
    return b'<div class="error"><p>Your session has ended.</p></div>\n' * 30


@kind("disc_image")
def disc(sound: Aside, chance: random.Random) -> bytes:
    return bytes(32768) + b"\x01CD001\x01" + chance.randbytes(60000)


@kind("torrent")
def torrent(sound: Aside, chance: random.Random) -> bytes:
    return b"d8:announce30:udp://tracker.example.com:80/a4:infod6:lengthi1000e4:name4:talkee" + chance.randbytes(2000)


@kind("unsupported", "playlist", "text")
def list_of_segments(sound: Aside, chance: random.Random) -> bytes:
    return b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + b"".join(b"#EXTINF:4,\n%d.ts\n" % i for i in range(30))


@kind("encrypted")
def age(sound: Aside, chance: random.Random) -> bytes:
    return b"age-encryption.org/v1\n-> X25519 abc\n" + chance.randbytes(30000)


@kind("email", "text")
def letter(sound: Aside, chance: random.Random) -> bytes:
    return b"From: a@example.com\nTo: b@example.com\nSubject: talk\nMIME-Version: 1.0\n\nSee attachment.\n" * 3


@kind("nothing_but_zeros", "no_index", *_TROUBLE)
def first_half_never_came(sound: Aside, chance: random.Random) -> bytes:
    middle = len(sound.large) // 2
    return bytes(middle) + sound.large[middle:]


@kind("no_data", *_TROUBLE)
def middle_never_came(sound: Aside, chance: random.Random) -> bytes:
    a, b = len(sound.large) // 4, len(sound.large) * 3 // 4
    return sound.large[:a] + bytes(b - a) + sound.large[b:]


@kind("no_data", *_TROUBLE)
def middle_of_matroska_never_came(sound: Aside, chance: random.Random) -> bytes:
    a, b = len(sound.mkv) // 3, len(sound.mkv) * 2 // 3
    return sound.mkv[:a] + bytes(b - a) + sound.mkv[b:]


@kind("no_beginning", "no_index", "begins_late", *_TROUBLE)
def first_bytes_lost(sound: Aside, chance: random.Random) -> bytes:
    return sound.mp4[chance.randrange(5, 30) :]


@kind("cut_off")
def aiff_cut(sound: Aside, chance: random.Random) -> bytes:
    return sound.aiff[: len(sound.aiff) // 2]


@kind("cut_off", "data_damaged", "structure_damaged", "unreadable")
def webm_cut(sound: Aside, chance: random.Random) -> bytes:
    return sound.webm[: int(len(sound.webm) * chance.uniform(0.3, 0.7))]


@kind("cut_off")
def avif_cut(sound: Aside, chance: random.Random) -> bytes:
    return sound.avif[: len(sound.avif) * 2 // 3]


@kind("codec_unsupported", *_TROUBLE)
def wav_of_a_codec_nobody_has(sound: Aside, chance: random.Random) -> bytes:
    at = sound.wav.index(b"fmt ") + 8
    return sound.wav[:at] + struct.pack("<H", 0x4242) + sound.wav[at + 2 :]


@kind("no_data", "no_streams", *_TROUBLE)
def avi_header_alone(sound: Aside, chance: random.Random) -> bytes:
    return sound.avi[: sound.avi.index(b"movi") + 4]


@kind(*_TROUBLE)
def gif_of_garbage(sound: Aside, chance: random.Random) -> bytes:
    return sound.gif[:13] + chance.randbytes(len(sound.gif))


@kind("cut_off", "data_damaged", "structure_damaged")
def jpeg_whose_end_is_zeros(sound: Aside, chance: random.Random) -> bytes:
    middle = len(sound.jpeg) // 2
    return sound.jpeg[:middle] + bytes(len(sound.jpeg) - middle)


@kind("no_data", *_TROUBLE)
def ogg_header_alone(sound: Aside, chance: random.Random) -> bytes:
    second = sound.ogg.index(b"OggS", 4)
    return sound.ogg[:second]
