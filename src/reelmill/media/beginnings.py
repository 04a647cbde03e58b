"""How files of media begin. Pure."""

import re

# FFmpeg reads some of these only because it is told so; what counts here is that nothing else begins like them.
_BEGINNINGS: tuple[tuple[bytes, int, str], ...] = (
    (b"ftypisom", 4, "MP4"), (b"ftypmp4", 4, "MP4"), (b"ftypiso", 4, "MP4"), (b"ftypqt", 4, "MOV"),
    (b"ftypM4", 4, "MP4"), (b"ftypavc", 4, "MP4"), (b"ftypheic", 4, "HEIC"), (b"ftypavif", 4, "AVIF"),
    (b"ftypmif1", 4, "HEIC"), (b"ftypmsf1", 4, "HEIC"), (b"ftypdash", 4, "MP4"), (b"ftyp3g", 4, "3GP"),
    (b"\x1aE\xdf\xa3", 0, "Matroska"), (b"OggS\0\x02", 0, "Ogg"), (b"fLaC\0\0\0\x22", 0, "FLAC"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"), (b"\xff\xd8\xff\xe0\0\x10JFIF", 0, "JPEG"), (b"\xff\xd8\xff\xe1", 0, "JPEG"),
    (b"GIF89a", 0, "GIF"), (b"GIF87a", 0, "GIF"), (b"FLV\x01", 0, "FLV"), (b"RIFF", 0, "RIFF"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "ASF"), (b"ID3\x03\0", 0, "MP3"), (b"ID3\x04\0", 0, "MP3"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", 0, "MXF"), (b"caff\0\x01", 0, "CAF"), (b"wvpk", 0, "WavPack"),
)  # fmt: skip
# So short that another file may have them amid it by chance.
_SHORT: tuple[tuple[bytes, str], ...] = (
    (b"TTA1", "TTA"), (b"MAC ", "Monkey's Audio"), (b"DKIF", "IVF"), (b"#!AMR", "AMR"), (b".RMF", "RealMedia"),
    (b"nut/multimedia container", "NUT"), (b"\0\0\1\xba", "MPEG-PS"), (b"\0\0\1\xb3", "MPEG video"),
    (b"\x0b\x77", "AC-3"), (b"\xff\xf1", "AAC"), (b"\xff\xf9", "AAC"), (b"\0\0\0\1\x67", "H.264"),
    (b"\0\0\0\1\x40", "HEVC"), (b"\xff\xfb", "MP3"),
)  # fmt: skip
# Weaker ones, of what was altered as a whole.
_FIRST = re.compile(
    rb"(?P<MP4>\0\0\0[\x08-\x60](ftyp|styp|moov|wide|free))|(?P<Matroska>\x1aE\xdf\xa3)|(?P<Ogg>OggS\0)|(?P<FLAC>fLaC\0)"
    rb"|(?P<PNG>\x89PNG\r{0,2}\n)|(?P<JPEG>\xff\xd8\xff[\xe0-\xef\xdb])|(?P<GIF>GIF8[79]a)|(?P<FLV>FLV\x01)"
    rb"|(?P<AVI>RIFF.{4}AVI )|(?P<WAV>(RIFF|RF64).{4}WAVE)|(?P<WebP>RIFF.{4}WEBP)|(?P<AIFF>FORM.{4}AIF[FC])"
    rb"|(?P<ASF>\x30\x26\xb2\x75\x8e\x66\xcf\x11)|(?P<MP3>ID3[\x02-\x04]\0)|(?P<MXF>\x06\x0e\x2b\x34\x02\x05)"
    rb"|(?P<MPEG_PS>\0\0\x01\xba[\x21\x44-\x7f])|(?P<MPEG_TS>\x47.{187}\x47.{187}\x47.{187}\x47)|(?P<TIFF>II\*\0|MM\0\*)"
    rb"|(?P<CAF>caff\0\x01)|(?P<BMP>BM.{4}\0\0\0\0.{3}\0[\x0c-\x7c]\0\0\0)",
    re.DOTALL,
)

_LASTS = ((b"IEND\xaeB`\x82", "PNG"), (b"\xff\xd9", "JPEG"))


def first_of(head: bytes) -> str:
    """The format of media that a file begins with; empty for none."""
    found = _FIRST.match(head)
    return (found.lastgroup or "").replace("_", "-") if found else ""


def places(head: bytes) -> tuple[tuple[int, int, str], ...]:
    """For each beginning where it is first found (-1: nowhere), where it would be in a file, and of which format."""
    return tuple((head.find(mark), offset, name) for mark, offset, name in _BEGINNINGS)


def begun(head: bytes) -> str:
    """Of which format that is read here a file begins; empty for none."""
    found = (name for mark, offset, name in _BEGINNINGS if head.startswith(mark, offset))
    return next(found, "") or next((name for mark, name in _SHORT if head.startswith(mark)), "")


def is_at(data: bytes) -> bool:
    """Whether one of the beginnings stands where it should, and is first found there."""
    return any(at == offset for at, offset, _ in places(data))


def ends_of(end: bytes) -> str:
    """The format of media that a file's last bytes end as no other does; empty for none."""
    return next((name for mark, name in _LASTS if end.endswith(mark)), "")
