"""Broken files of 36 rarer kinds: those of a set of 50 that are files, and not jobs which no input fits, written anew.

Somebody who had not seen the table thought of them. At first sight 37 of the 50 were told right (2026-11-27).
"""

import binascii
import random
import struct
import zlib
from pathlib import Path

from media.broken import Kinds, Sound
from media.kit import make

_DAMAGED = ("data_damaged", "structure_damaged", "header_damaged", "too_many_errors", "nothing_decoded", "unreadable")
_BLACK = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2")
_TONE = ("-f", "lavfi", "-i", "sine=duration=2")


class Rare(Sound):
    """The few sound files that these are broken from."""

    def __init__(self, folder: Path) -> None:
        (folder / "talk.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")

        def made(name: str, *arguments: str) -> bytes:
            return make(folder / name, *arguments).read_bytes()

        h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
        self.fast = made("f.mp4", *_BLACK, *_TONE, *h264, "-movflags", "+faststart")
        self.wav, self.ogg = made("s.wav", *_TONE), made("s.ogg", *_TONE, "-c:a", "libvorbis")
        self.ts = made("s.ts", *_BLACK, *h264, "-x264-params", "keyint=infinite:scenecut=0")
        self.jpeg = made("s.jpg", *_BLACK, "-frames:v", "1", "-pix_fmt", "yuvj420p")
        self.words = made("w.mp4", "-i", str(folder / "talk.srt"), "-c:s", "mov_text")
        self.samples = made("s.s16", *_TONE, "-f", "s16le")


KINDS = Kinds(Rare, "rare ")
kind = KINDS.kind


# --- No media --------------------------------------------------------------------------------------------------------


@kind("data")
def table(sound: Rare, chance: random.Random) -> bytes:
    return b"PAR1" + chance.randbytes(4000) + struct.pack("<I", 400) + b"PAR1"


@kind("data")
def array(sound: Rare, chance: random.Random) -> bytes:
    return b"\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9), }".ljust(128) + bytes(324)


@kind("data")
def messages_of_a_robot(sound: Rare, chance: random.Random) -> bytes:
    return b"#ROSBAG V2.0\n" + struct.pack("<I", 69) + chance.randbytes(5000)


@kind("model")
def scene(sound: Rare, chance: random.Random) -> bytes:
    return b"BLENDER-v401REND" + chance.randbytes(6000)


@kind("project")
def cut_in_final_cut(sound: Rare, chance: random.Random) -> bytes:
    clips = b"".join(b'<asset-clip ref="r%d" duration="3s"/>\n' % i for i in range(50))
    return b'<?xml version="1.0"?>\n<!DOCTYPE fcpxml>\n<fcpxml version="1.10">' + clips + b"</fcpxml>"


@kind("project")
def mix_in_reaper(sound: Rare, chance: random.Random) -> bytes:
    return b'<REAPER_PROJECT 0.1 "7.0"\r\n' + b"  <TRACK\r\n    VOLPAN 1 0\r\n  >\r\n" * 30 + b">\r\n"


@kind("notes")
def notes_for_instruments(sound: Rare, chance: random.Random) -> bytes:
    return b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + struct.pack(">I", 900) + chance.randbytes(900)


@kind("data")
def packets_of_a_network(sound: Rare, chance: random.Random) -> bytes:
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + chance.randbytes(3000)


@kind("placeholder")
def what_annex_did_not_fetch(sound: Rare, chance: random.Random) -> bytes:
    return b"/annex/objects/SHA256E-s%d--%064x.mkv\n" % (chance.randrange(10**9), chance.getrandbits(256))


@kind("document")
def cache_of_small_pictures(sound: Rare, chance: random.Random) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\0\3\0\xfe\xff\x09\0" + chance.randbytes(7000)


@kind("archive")
def packed_by_zstandard(sound: Rare, chance: random.Random) -> bytes:
    return b"\x28\xb5\x2f\xfd\xa0" + chance.randbytes(9000)


@kind("encrypted")
def encrypted_disk(sound: Rare, chance: random.Random) -> bytes:
    return b"encrcdsa\0\0\0\2\0\0\0\x10" + chance.randbytes(20000)


@kind("disc_menu")
def table_of_a_disc(sound: Rare, chance: random.Random) -> bytes:
    return b"DVDVIDEO-VMG\0\0\0\1".ljust(2048, b"\0") + chance.randbytes(4096)


@kind("encrypted")
def recorder_of_a_home(sound: Rare, chance: random.Random) -> bytes:
    return b"TiVo\0\4\0\x0d\0\x50".ljust(3072, b"\0") + chance.randbytes(30000)


@kind("playlist")
def sheet_of_tracks(sound: Rare, chance: random.Random) -> bytes:
    tracks = "".join(f"  TRACK {i:02} AUDIO\r\n    INDEX 01 {i:02}:00:00\r\n" for i in range(1, 9))
    return f'REM DATE 2001\r\nTITLE "Live"\r\nFILE "live.ape" WAVE\r\n{tracks}'.encode()


@kind("playlist")
def stations(sound: Rare, chance: random.Random) -> bytes:
    return b"[playlist]\nnumberofentries=1\nFile1=http://radio.example.com/live\nLength1=-1\n"


@kind("side_file")
def notes_beside_a_clip(sound: Rare, chance: random.Random) -> bytes:
    return b'<?xml version="1.0"?>\n<NonRealTimeMeta xmlns="urn:x"><Duration value="9"/></NonRealTimeMeta>'


@kind("layers")
def drawing_in_layers(sound: Rare, chance: random.Random) -> bytes:
    return b"gimp xcf v010\0" + struct.pack(">III", 64, 64, 0) + chance.randbytes(900)


@kind("text_encoded")
def attached_to_a_letter(sound: Rare, chance: random.Random) -> bytes:
    lines = (binascii.b2a_uu(sound.fast[at : at + 45]) for at in range(0, len(sound.fast), 45))
    return b"begin 600 clip.mp4\n" + b"".join(lines) + b"`\nend\n"


@kind("captions_unreadable")
def captions_of_a_disc(sound: Rare, chance: random.Random) -> bytes:
    return b"# VobSub index file, v7\nsize: 720x576\n" + b"timestamp: 00:00:01:000, filepos: 000000000\n" * 20


# --- Films and sounds ------------------------------------------------------------------------------------------------


@kind("no_data")
def stuffing(sound: Rare, chance: random.Random) -> bytes:
    return (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 300


@kind("parameters_missing")
def without_a_key_frame(sound: Rare, chance: random.Random) -> bytes:
    packets = [sound.ts[at : at + 188] for at in range(0, len(sound.ts), 188)]
    units = [i for i, one in enumerate(packets) if one[1] & 0x40 and (one[1] & 0x1F, one[2]) == (1, 0)]
    return b"".join(one for i, one in enumerate(packets) if i < units[0] or i >= units[1])


@kind("no_data")
def notes_of_a_stream_alone(sound: Rare, chance: random.Random) -> bytes:
    notes = b"\2\0\x0aonMetaData\x08\0\0\0\0\0\0\x09"
    return b"FLV\1\5\0\0\0\x09\0\0\0\0\x12" + struct.pack(">I", len(notes))[1:] + bytes(7) + notes + bytes(4)


@kind("codec_unsupported")
def codec_that_flv_does_not_know(sound: Rare, chance: random.Random) -> bytes:
    tag = b"\x1d" + chance.randbytes(400)
    return b"FLV\1\1\0\0\0\x09" + (bytes(4) + b"\x09" + struct.pack(">I", len(tag))[1:] + bytes(7) + tag) * 20


@kind("no_streams")
def words_alone(sound: Rare, chance: random.Random) -> bytes:
    return sound.words


@kind("altered")
def bytes_in_pairs(sound: Rare, chance: random.Random) -> bytes:
    made = bytearray(sound.wav[: len(sound.wav) // 2 * 2])
    made[::2], made[1::2] = made[1::2], made[::2]
    return bytes(made)


@kind("text_mode", *_DAMAGED)
def seven_bits(sound: Rare, chance: random.Random) -> bytes:
    return bytes(value & 0x7F for value in sound.fast)


@kind("not_media", "noise")
def samples_alone(sound: Rare, chance: random.Random) -> bytes:
    return sound.samples


@kind(*_DAMAGED, "no_data", "cut_off")
def pages_with_other_checksums(sound: Rare, chance: random.Random) -> bytes:
    pages = sound.ogg.split(b"OggS")
    return b"OggS".join(one[:18] + bytes(4) + one[22:] if one else one for one in pages)


# --- Pictures --------------------------------------------------------------------------------------------------------


@kind("no_data")
def head_of_a_gif(sound: Rare, chance: random.Random) -> bytes:
    colours = bytes(value % 256 for value in range(768))
    return b"GIF89a\x40\0\x40\0\xf7\0\0" + colours + b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0\x3b"


@kind("feature_unsupported", *_DAMAGED)
def jpeg_of_arithmetic_coding(sound: Rare, chance: random.Random) -> bytes:
    return sound.jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1)


@kind("feature_unsupported", *_DAMAGED)
def tiff_of_another_packing(sound: Rare, chance: random.Random) -> bytes:
    values = ((256, 9), (257, 9), (258, 8), (259, 34712), (262, 1), (273, 200), (277, 1), (278, 9), (279, 81))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(values)) + entries + bytes(4)
    return head.ljust(200, b"\0") + chance.randbytes(81)


@kind("feature_unsupported")
def picture_for_a_phone(sound: Rare, chance: random.Random) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 6, 0, 0, 0))
    pixels = zlib.compress(bytes(68))[2:-4]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", b"P\0 \2") + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# --- Captions --------------------------------------------------------------------------------------------------------


@kind("captions_unreadable", "no_video")
def captions_without_a_cue(sound: Rare, chance: random.Random) -> bytes:
    return b"WEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE to be filled in\n"


@kind("captions_unreadable")
def captions_without_times(sound: Rare, chance: random.Random) -> bytes:
    return b"".join(b"%d\nLine %d of them.\n\n" % (i, i) for i in range(1, 30))


@kind("captions_unreadable", "no_video")
def captions_without_dialogue(sound: Rare, chance: random.Random) -> bytes:
    return b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
