"""Files that say more than they show: place, author, camera and notes, in every way that their formats know."""

import base64
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from media.kit import make

NEEDLE = "Zq7Kx"  # in every text that must not get out
LATITUDE = (7340033, 65537)  # a rational that nothing else has
_PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.1")
_VIDEO = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")
_TONE = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")
_ENCODED = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
_XMP = (
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    f"<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' dc:creator='{NEEDLE}-xmp'/></rdf:RDF></x:xmpmeta>"
).encode()


def text(what: str) -> str:
    """A text to be found again."""
    return f"{NEEDLE}-{what}"


def exif(order: str = ">", extra: dict[int, tuple[int, bytes]] | None = None, strip: bytes = b"") -> bytes:
    """A TIFF file with author, camera, serial number, note and place; with `extra` and `strip` a picture too."""
    ascii_, undefined, rational, long_, byte = 2, 7, 5, 4, 1
    place = {
        1: (ascii_, b"N\0"),
        2: (rational, struct.pack(f"{order}6I", *LATITUDE, 51, 1, 30, 1)),
        3: (ascii_, b"E\0"),
        4: (rational, struct.pack(f"{order}6I", 2, 1, *LATITUDE, 20, 1)),
        29: (ascii_, b"2026:01:02\0"),
    }
    details = {
        0x9286: (undefined, b"ASCII\0\0\0" + text("comment").encode()),
        0x927C: (undefined, text("maker").encode()),
        0xA431: (ascii_, text("serial").encode() + b"\0"),
        0xA430: (ascii_, text("owner").encode() + b"\0"),
    }
    main = {
        0x010E: (ascii_, text("description").encode() + b"\0"),
        0x010F: (ascii_, text("make").encode() + b"\0"),
        0x013B: (ascii_, text("artist").encode() + b"\0"),
        0x8298: (ascii_, text("copyright").encode() + b"\0"),
        0x9C9D: (byte, text("author").encode("utf-16-le")),
        **(extra or {}),
    }
    sizes = {ascii_: 1, undefined: 1, byte: 1, rational: 8, long_: 4, 3: 2}

    def folder(entries: dict[int, tuple[int, bytes]], at: int) -> bytes:
        head, rest = struct.pack(f"{order}H", len(entries)), b""
        start = at + 2 + 12 * len(entries) + 4
        for tag, (kind, value) in sorted(entries.items()):
            head += struct.pack(f"{order}HHI", tag, kind, len(value) // sizes[kind])
            if len(value) <= 4:
                head += value.ljust(4, b"\0")
            else:
                head += struct.pack(f"{order}I", start + len(rest))
                rest += value + b"\0" * (len(value) % 2)
        return head + struct.pack(f"{order}I", 0) + rest

    def number(value: int) -> tuple[int, bytes]:
        return long_, struct.pack(f"{order}I", value)

    begin = 8 + len(strip) + len(strip) % 2
    main |= {0x8769: number(0), 0x8825: number(0)}
    if strip:
        main[0x0111] = number(8)
    length = len(folder(main, begin))
    main[0x8769] = number(begin + length)
    main[0x8825] = number(begin + length + len(folder(details, begin + length)))
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", begin)
    body = strip + b"\0" * (len(strip) % 2) + folder(main, begin)
    body += folder(details, begin + length)
    return head + body + folder(place, 8 + len(body))


def icc(colorants: Sequence[Sequence[float]] = ()) -> bytes:
    """A colour profile of a screen whose name is private; `colorants` are X Y Z of red, green and blue."""
    name = text("profile").encode() + b"\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * (78 + -len(name) % 4)}
    for letter, colour in zip((b"r", b"g", b"b"), colorants, strict=False):
        tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in colour))
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    return (head + b"\0" * 12 + b"acsp").ljust(128, b"\0") + table + body


def coloured(path: Path, colour: Sequence[int], profile: bytes) -> Path:
    """A picture of one colour that a profile says the meaning of."""
    if path.suffix == ".tiff":
        path.write_bytes(_raster(bytes(colour) * 64 * 48, profile))
        return path
    source = "color=0x{:02x}{:02x}{:02x}:size=64x48,format=rgb24".format(*colour)
    options = {".jpg": ("-pix_fmt", "yuvj444p", "-q:v", "1"), ".webp": ("-c:v", "libwebp", "-lossless", "1")}
    plain = make(path, "-f", "lavfi", "-i", source, "-frames:v", "1", *options.get(path.suffix, ())).read_bytes()
    if path.suffix == ".jpg":
        data = b"ICC_PROFILE\0\1\1" + profile
        path.write_bytes(plain[:2] + b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data + plain[2:])
    elif path.suffix == ".png":
        path.write_bytes(_with_chunks(plain, (b"iCCP", b"screen\0\0" + zlib.compress(profile))))
    else:
        path.write_bytes(_extended(plain, profile))
    return path


def jpeg(path: Path, order: str = ">") -> Path:
    """EXIF, XMP, IPTC, a profile and a comment."""
    plain = make(path, *_PICTURE, "-frames:v", "1", "-update", "1").read_bytes()
    parts = (
        (0xE1, b"Exif\0\0" + exif(order)),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP),
        (0xE2, b"ICC_PROFILE\0\1\1" + icc()),
        (
            0xED,
            b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 40) + b"\x1c\x02\x50" + text("iptc").encode(),
        ),
        (0xFE, text("comment").encode()),
    )
    segments = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in parts)
    path.write_bytes(plain[:2] + segments + plain[2:])
    return path


def png(path: Path) -> Path:
    """eXIf, tEXt, zTXt, iTXt, a profile, a time."""
    plain = make(path, *_PICTURE, "-frames:v", "1", "-update", "1").read_bytes()
    parts = (
        (b"iCCP", b"screen\0\0" + zlib.compress(icc())),
        (b"eXIf", exif()),
        (b"tEXt", b"Author\0" + text("text").encode()),
        (b"zTXt", b"Comment\0\0" + zlib.compress(text("ztext").encode())),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP),
        (b"iTXt", b"Title\0\1\0\0\0" + zlib.compress(text("itext").encode())),
        (b"tIME", struct.pack(">HBBBBB", 2026, 1, 2, 3, 4, 5)),
    )
    path.write_bytes(_with_chunks(plain, *parts))
    return path


def _with_chunks(plain: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks after IHDR."""
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return plain[:33] + b"".join(chunks) + plain[33:]


def tiff(path: Path) -> Path:
    """A picture whose own tags are all of it."""
    pixels = bytes((x * 3 + y * 5 + c * 60) % 256 for y in range(48) for x in range(64) for c in range(3))
    path.write_bytes(_raster(pixels, icc()))
    return path


def _raster(pixels: bytes, profile: bytes) -> bytes:
    """A TIFF of 64×48 pixels."""
    short = {0x0100: 64, 0x0101: 48, 0x0103: 1, 0x0106: 2, 0x0115: 3, 0x0116: 48}
    extra = {tag: (3, struct.pack("<H", value)) for tag, value in short.items()}
    extra |= {0x0102: (3, struct.pack("<3H", 8, 8, 8)), 0x0117: (4, struct.pack("<I", len(pixels)))}
    return exif("<", extra | {0x02BC: (1, _XMP), 0x8773: (7, profile)}, pixels)


def webp(path: Path) -> Path:
    """EXIF, XMP and a profile."""
    plain = make(path, *_PICTURE, "-frames:v", "1", "-c:v", "libwebp").read_bytes()
    path.write_bytes(_extended(plain, icc(), (b"EXIF", exif("<")), (b"XMP ", _XMP)))
    return path


def _extended(plain: bytes, profile: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A WebP of 64×48 pixels with a profile before and further chunks behind its picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    flags = bytes([0x2C if parts else 0x20, 0, 0, 0])
    body = b"WEBP" + chunk(b"VP8X", flags + (63).to_bytes(3, "little") + (47).to_bytes(3, "little"))
    body += chunk(b"ICCP", profile) + plain[12:] + b"".join(chunk(*part) for part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tags(*names: str, where: str = "") -> list[str]:
    return [part for name in names for part in (f"-metadata{where}", f"{name}={text(name)}")]


def _chapters(folder: Path) -> Path:
    file = folder / "chapters.txt"
    file.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle={text('chapter')}\n")
    return file


def _words(folder: Path) -> Path:
    file = folder / "words.srt"
    file.write_text(f"1\n00:00:00,000 --> 00:00:00,900\nGPS (48.8584, 2.2945) {text('words')}\n")
    return file


def mp4(path: Path) -> Path:
    """iTunes' tags, QuickTime's keys, a place, chapters, a clock, and notes in the picture's own stream."""
    user = "086f3693-b7b3-4f2c-9653-21492feee5b8+" + text("sei")
    inputs = (*_VIDEO, *_TONE, "-i", str(_chapters(path.parent)), "-map_metadata", "2")
    tags = _tags("title", "artist", "comment", "com.apple.quicktime.make", "com.apple.quicktime.model")
    place = ("-metadata", "com.apple.quicktime.location.ISO6709=+48.8584+002.2945/" + text("place"))
    streams = (
        *_tags("handler_name", where=":s:v"),
        *_tags("handler_name", where=":s:a"),
        "-metadata:s:a",
        "language=deu",
    )
    other = (
        "-timecode",
        "11:22:33:04",
        "-movflags",
        "use_metadata_tags",
        "-bsf:v",
        f"h264_metadata=sei_user_data={user}",
    )
    return make(path, *inputs, "-map", "0", "-map", "1", *_ENCODED, *tags, *place, *streams, *other)


def mov(path: Path) -> Path:
    """Timed notes in a track of their own, as drones write their way; user data and a clock."""
    inputs = (*_VIDEO, *_TONE, "-i", str(_words(path.parent)))
    tags = (*_tags("title", "make", "model"), "-metadata", "location=+48.8584+002.2945/")
    return make(
        path,
        *inputs,
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        *_ENCODED,
        "-c:s",
        "mov_text",
        *tags,
        "-timecode",
        "11:22:33:04",
    )


def mkv(path: Path) -> Path:
    """Tags of file and tracks, a track's name, chapters, an attachment, subtitles."""
    attached = path.with_suffix(".txt")
    attached.write_text(text("attachment"))
    inputs = (*_VIDEO, *_TONE, "-i", str(_words(path.parent)), "-i", str(_chapters(path.parent)), "-map_metadata", "3")
    tags = (
        *_tags("title", "artist", "LOCATION"),
        *_tags("title", "serial", where=":s:v"),
        *_tags("title", where=":s:a"),
    )
    return make(
        path,
        *inputs,
        *("-map", "0", "-map", "1", "-map", "2", *_ENCODED, *tags, "-metadata:s:a", "language=fra"),
        *("-attach", str(attached), "-metadata:s:t", "mimetype=text/plain"),
    )


def mp3(path: Path) -> Path:
    """ID3 of both versions, a comment, a cover with EXIF."""
    cover = jpeg(path.with_suffix(".cover.jpg"))
    tags = (*_tags("title", "artist", "comment", "TXXX"), "-id3v2_version", "3", "-write_id3v1", "1")
    maps = ("-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    return make(path, *_TONE, "-i", str(cover), *maps, *tags)


def flac(path: Path) -> Path:
    """Comments, and a cover with EXIF."""
    cover = jpeg(path.with_suffix(".cover.jpg"))
    maps = ("-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    return make(path, *_TONE, "-i", str(cover), *maps, *_tags("title", "artist", "comment", "GPS"))


def leaks(path: Path) -> list[str]:
    """What a file tells that is private: by its bytes, by what is packed in them, and by FFmpeg's reading."""
    data = path.read_bytes()
    found = [f"bytes: {shown!r}" for shown in _shown(data)]
    for at in re.finditer(rb"x[\x01\x5e\x9c\xda]", data):
        unpacker = zlib.decompressobj()
        try:
            found += [f"packed: {shown!r}" for shown in _shown(unpacker.decompress(data[at.start() :], 2**20))]
        except zlib.error:
            continue
    found += [f"tag: {tag}" for tag in _told(path) if NEEDLE in tag or "48.858" in tag or "11:22:33" in tag]
    return found


def _shown(data: bytes) -> Iterator[bytes]:
    needles = [NEEDLE.encode(coding) for coding in ("utf-8", "utf-16-le", "utf-16-be")]
    needles += [struct.pack(f"{order}II", *LATITUDE) for order in "<>"] + [b"+48.8584", b"GPS ("]
    for needle in needles:
        if (at := data.find(needle)) >= 0:
            yield data[max(0, at - 8) : at + 24]


def _told(path: Path) -> Iterator[str]:
    with av.open(str(path), metadata_errors="replace") as container:
        for thing in (container, *container.streams):
            for name, value in thing.metadata.items():
                yield f"{name}={value}"
                if len(value) > 100:  # a picture in a comment
                    try:
                        yield base64.b64decode(value).decode("latin-1")
                    except ValueError:
                        continue
        yield from (f"chapter={chapter}" for chapter in container.chapters())
