"""More broken files, of kinds that nobody had thought of when the table of causes was written; by now it knows them."""

import base64
import bz2
import io
import json
import lzma
import random
import tarfile
from pathlib import Path

from media.broken import Kinds, Sound
from media.kit import make

_TROUBLE = frozenset({"data_damaged", "structure_damaged", "header_damaged", "nothing_decoded", "too_many_errors"})


class More(Sound):
    """Sound files, and some more of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        film = ("-f", "lavfi", "-i", "testsrc2=size=128x72:rate=10:duration=4", "-f", "lavfi", "-i", "sine=duration=4")
        h264 = ("-c:v", "libx264", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac")
        self.mov = make(folder / "s.mov", *film, *h264, "-movflags", "+faststart").read_bytes()
        self.rf64 = make(folder / "r.wav", *film[4:], "-rf64", "always").read_bytes()
        self.moving = make(folder / "m.gif", *film[:4]).read_bytes()


KINDS = Kinds(More, "more ")
kind = KINDS.kind


def _cut(data: bytes, chance: random.Random, low: float = 0.3, high: float = 0.8) -> bytes:
    return data[: int(len(data) * chance.uniform(low, high))]


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(("harbour", "seven", "and", "the", "light", "was", "gone")) for _ in range(count))


# --- No media --------------------------------------------------------------------------------------------------------


@kind("document", "text")
def rich_text(sound: More, chance: random.Random) -> bytes:
    return (r"{\rtf1\ansi\deff0 {\fonttbl {\f0 Times;}}" + _words(chance, 400) + "}").encode()


@kind("archive")
def tarball(sound: More, chance: random.Random) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as file:
        entry = tarfile.TarInfo("talk.mp4")
        entry.size = len(sound.mp4)
        file.addfile(entry, io.BytesIO(sound.mp4))
    return made.getvalue()


@kind("archive")
def seven_zip(sound: More, chance: random.Random) -> bytes:
    return b"7z\xbc\xaf\x27\x1c\0\4" + chance.randbytes(chance.randrange(5000, 60000))


@kind("archive")
def rar(sound: More, chance: random.Random) -> bytes:
    return b"Rar!\x1a\x07\x01\0" + chance.randbytes(chance.randrange(5000, 60000))


@kind("archive")
def xz_or_bzip2(sound: More, chance: random.Random) -> bytes:
    return chance.choice((lzma.compress, bz2.compress))(sound.mp4)


@kind("text", "web_page", "feed", "xml")
def feed(sound: More, chance: random.Random) -> bytes:
    items = "".join(f"<item><title>{_words(chance, 4)}</title></item>" for _ in range(60))
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Talks</title>{items}</channel></rss>'.encode()


@kind("text")
def settings_in_yaml(sound: More, chance: random.Random) -> bytes:
    lines = (f"key{i}: {_words(chance, 3)}" for i in range(90))
    return ("---\n" + "\n".join(lines) + "\n").encode()


@kind("program", "text")
def shell_script(sound: More, chance: random.Random) -> bytes:
    return b"#!/bin/sh\nset -e\n" + "\n".join(f"echo {_words(chance, 5)}" for _ in range(80)).encode()


@kind("program")
def windows_program(sound: More, chance: random.Random) -> bytes:
    head = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(44) + b"\x80\0\0\0"
    return head.ljust(128, b"\0") + b"PE\0\0\x64\x86" + chance.randbytes(chance.randrange(20000, 60000))


@kind("encrypted")
def pgp_message(sound: More, chance: random.Random) -> bytes:
    body = base64.encodebytes(chance.randbytes(20000)).decode()
    return f"-----BEGIN PGP MESSAGE-----\n\n{body}-----END PGP MESSAGE-----\n".encode()


@kind("encrypted")
def openssl_salted(sound: More, chance: random.Random) -> bytes:
    return b"Salted__" + chance.randbytes(chance.randrange(20000, 90000))


@kind("web_page")
def page_in_utf16(sound: More, chance: random.Random) -> bytes:
    return f"<!DOCTYPE html><html><body><p>{_words(chance, 300)}</p></body></html>".encode("utf-16")


@kind("web_page")
def page_behind_a_comment(sound: More, chance: random.Random) -> bytes:
    before = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by a proxy -->\n'
    return f'{before}<html xmlns="http://www.w3.org/1999/xhtml"><body>{_words(chance, 200)}</body></html>'.encode()


@kind("json")
def lines_of_json(sound: More, chance: random.Random) -> bytes:
    return "\n".join(json.dumps({"id": i, "said": _words(chance, 6)}) for i in range(200)).encode()


@kind("page_answer", "json")
def answer_with_headers(sound: More, chance: random.Random) -> bytes:
    body = json.dumps({"error": _words(chance, 9), "status": chance.choice((401, 403, 429))})
    return f"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{body}".encode()


@kind("text_encoded")
def data_address(sound: More, chance: random.Random) -> bytes:
    return b"data:video/mp4;base64," + base64.b64encode(sound.mp4)


@kind("text_encoded", "text")
def digits_of_hex(sound: More, chance: random.Random) -> bytes:
    text = sound.mp4.hex()
    return "\n".join(text[i : i + 64] for i in range(0, len(text), 64)).encode()


@kind("shortcut", "address")
def shortcut(sound: More, chance: random.Random) -> bytes:
    return f"[InternetShortcut]\r\nURL=https://media.example.com/{chance.randrange(10**9)}.mp4\r\n".encode()


# --- Films and sounds ------------------------------------------------------------------------------------------------


@kind("no_data", "cut_off")
def fragments_that_never_came(sound: More, chance: random.Random) -> bytes:
    return sound.fragments[: sound.fragments.index(b"moof") - 4]


@kind("cut_off", "made")  # what was recorded in fragments is a film up to where it broke off
def fragments_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.fragments, chance)


@kind("cut_off")
def mov_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.mov, chance)


@kind("cut_off")
def avi_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.avi, chance)


@kind("cut_off")
def flac_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.flac, chance)


@kind("cut_off")
def wav_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.wav, chance)


@kind("cut_off")
def large_wav_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.rf64, chance)


@kind("cut_off")
def mp3_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.mp3, chance)


@kind("no_index", "cut_off", "no_data")
def type_alone(sound: More, chance: random.Random) -> bytes:
    return sound.mp4[: int.from_bytes(sound.mp4[:4])]


@kind("no_data", "cut_off", "nothing_decoded")
def flac_header_alone(sound: More, chance: random.Random) -> bytes:
    return sound.flac[: chance.randrange(42, 80)]


@kind("no_data", *_TROUBLE)
def film_of_zeros(sound: More, chance: random.Random) -> bytes:
    begin = sound.fast.index(b"mdat") + 4
    return sound.fast[:begin] + bytes(len(sound.fast) - begin)


@kind("cut_off", "no_data", "unreadable", *_TROUBLE)
def clusters_of_zeros(sound: More, chance: random.Random) -> bytes:
    begin = sound.mkv.index(b"\x1f\x43\xb6\x75")
    return sound.mkv[:begin] + bytes(len(sound.mkv) - begin)


@kind("unreadable", "no_streams", "parameters_missing", "scrambled", "encrypted", *_TROUBLE)
def packets_of_garbage(sound: More, chance: random.Random) -> bytes:
    made = bytearray(sound.ts)
    for at in range(4 * 188, len(made) - 188, 188):
        made[at + 4 : at + 188] = chance.randbytes(184)
    return bytes(made)


@kind("no_beginning", "begins_late", "no_index", "unreadable", *_TROUBLE)
def halves_in_the_wrong_order(sound: More, chance: random.Random) -> bytes:
    middle = int(len(sound.mp4) * chance.uniform(0.3, 0.6))
    return sound.mp4[middle:] + sound.mp4[:middle]


@kind("text_mode", "no_index", "index_damaged", "cut_off", *_TROUBLE)
def sent_as_text(sound: More, chance: random.Random) -> bytes:
    return sound.mp4.replace(b"\n", b"\r\n")


@kind("text_encoded", "no_index", "index_damaged", "unreadable", "cut_off", *_TROUBLE)
def saved_as_unicode(sound: More, chance: random.Random) -> bytes:
    return sound.mkv.decode("latin-1").encode()


# --- Pictures --------------------------------------------------------------------------------------------------------


@kind("cut_off")
def gif_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.moving, chance)


@kind("cut_off")
def webp_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.webp, chance)


@kind("cut_off")
def bmp_cut(sound: More, chance: random.Random) -> bytes:
    return _cut(sound.bmp, chance)


@kind("size_impossible", "header_damaged", "structure_damaged")
def picture_without_size(sound: More, chance: random.Random) -> bytes:
    return sound.png[:16] + bytes(8) + sound.png[24:]
