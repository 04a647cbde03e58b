"""What a file is that is no media: by its first bytes, as far as people send such files. Pure."""

import base64
import binascii
import codecs
import math
import re
from dataclasses import dataclass

from reelmill.media.diagnosis import AGAIN, Diagnosis

HEAD_BYTES = 65536
"""So many are looked at."""
_TEXT_BYTES = 4096
_ITSELF = "Give the media file itself; this one is none, whatever its name says."
_UNPACK = "Unpack it, and submit the media file that is in it."
_DECRYPT = "Decrypt it first, with the program and the key that made it, and submit what comes out."
_ADDRESS = "Open its address in a browser to see what it answers, and submit an address that gives the media itself."


@dataclass(frozen=True, slots=True)
class Known:
    """Files that begin like this, and what is told of them."""

    kind: str
    pattern: re.Pattern[bytes]
    what: str
    """Follows "the file is"."""
    remedy: str = _ITSELF


def _known(kind: str, pattern: bytes, what: str, remedy: str = _ITSELF) -> Known:
    return Known(kind, re.compile(pattern, re.DOTALL | re.IGNORECASE), what, remedy)


_WIDE = {order: codecs.getdecoder(f"utf-16-{order}") for order in ("le", "be")}  # who asks may open no file later
_BLANK = rb"(?:\xef\xbb\xbf)?\s*"
_XML = rb"(?:<\?xml[^>]{0,200}>\s*)?"
_COMMENTS = rb"(?:<!--.{0,2000}?-->\s*)*"
# The first that fits holds.
_KINDS: tuple[Known, ...] = (
    _known("web_page", _BLANK + _XML + _COMMENTS + rb"<(!doctype html|html|head|body|script|style|meta|title|h1)\b",
           "a web page (HTML), such as one that asks for a login or tells an error, and no media", _ADDRESS),
    _known("service_error", _BLANK + _XML + rb"<Error\b",
           "a storage service's error (XML) in the place of the media", _ADDRESS),
    _known("drawing", _BLANK + _XML + _COMMENTS + rb"(?:<!doctype svg[^>]{0,400}>\s*)?<svg\b",
           "a vector drawing (SVG)", "Draw it as PNG in the size that you need, and submit that."),
    _known("page_answer", rb"HTTP/\d(\.\d)? \d{3}", "a server's answer with its headers before the content",
           "Save the content alone, without the headers (`curl -o FILE ADDRESS`)."),
    _known("xml", _BLANK + rb"<\?xml\b", "a text in XML"),
    _known("large_file_pointer", rb"version https://git-lfs", "a pointer of Git LFS to a file, not the file",
           "Fetch the file with `git lfs pull`, and submit that."),
    _known("shortcut", rb"(\[InternetShortcut\]|\[Desktop Entry\]|L\0\0\0\x01\x14\x02\0|bplist00.{0,40}URL)",
           "a shortcut to something else", _ITSELF),
    _known("torrent", rb"d\d+:(announce|created|comment|info)", "a torrent, not what it leads to",
           "Fetch what it leads to, and submit that."),
    _known("encrypted", rb"(Salted__|age-encryption\.org|-----BEGIN (PGP|AGE|CMS|PKCS7)|LUKS\xba\xbe|AES[\x00-\x03]\0|"
                        rb"VeraCrypt|\x85[\x01-\x04].{1}\x03|\x8c\x0d\x04|gocryptfs|RCLONE\0\0)",
           "encrypted", _DECRYPT),
    _known("key_file", rb"(-----BEGIN [A-Z ]+-----|ssh-(rsa|ed25519) )", "a key or certificate, in text"),
    _known("pdf", rb".{0,1024}%PDF-\d", "a document (PDF)", "Save its pages as pictures, and submit those."),
    _known("document", rb"(\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf|%!PS|\xc5\xd0\xd3\xc6|AT&TFORM|ITSF|.{60}BOOKMOBI)",
           "a document"),
    _known("archive", rb"(Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\x28\xb5\x2f\xfd|MSCF|xar!|"
                      rb"\x04\x22\x4d\x18|!<arch>|LZIP)", "a packed archive", _UNPACK),
    _known("archive", rb".{257}ustar", "a packed archive (tar)", _UNPACK),
    _known("disc_image", rb".{32769}CD001|.{32769}BEA01|QFI\xfb|conectix|vhdxfile|KDMV|encrcdsa", "the image of a disc",
           "Open it, and submit a film from it (VIDEO_TS or BDMV)."),
    _known("disc_menu", rb"(DVDVIDEO-V|INDX0[123]00|MPLS0|HDMV0)", "a disc's list of chapters, not its film",
           "Submit the disc's .VOB or .m2ts files."),
    _known("program", rb"(\x7fELF|MZ.{58}|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|#!\s*/|\0asm)",
           "a program"),
    _known("database", rb"(SQLite format 3\0|\0\x01\0\0Standard (Jet|ACE))", "a database"),
    _known("layers", rb"8BPS\0[\x01\x02]|gimp xcf", "a drawing with layers (PSD, XCF)",
           "Save it as PNG or TIFF, and submit that."),
    _known("raw_photo", rb"(.{4}ftypcrx |FUJIFILMCCD-RAW|\0MRM|FOVb|II\x2a\0\x10\0\0\0CR|IIRO|IIU\0|RAW\0)",
           "a camera's raw photo", "Develop it to JPEG, PNG or TIFF, and submit that."),
    _known("notes", rb"(MThd|Extended Module:|IMPM|PTMF|.{44}SCRM)", "notes of music, not a sound",
           "Play it into a WAV file, and submit that."),
    _known("resource_fork", rb"\0\0\0\x01Bud1", "macOS's side file of a folder (.DS_Store)"),
    _known("resource_fork", rb"\0\x05\x16[\x07\0]", "macOS's side file of another (its name begins with ._)",
           "Submit the file of the same name without the leading `._`."),
    _known("medical_picture", rb".{128}DICM", "a medical picture (DICOM)", "Save it as PNG, and submit that."),
    _known("flash", rb"[CFZ]WS[\x03-\x40]", "an animation of Flash (SWF)", "Record it as a film, and submit that."),
    _known("raw_film", rb"(.{4}RED[12V]|ARRI|SDPX|XPDS)", "a cinema camera's raw pictures",
           "Develop it into ProRes or H.264 with the camera maker's program, and submit that."),
    _known("data", rb"(PAR1|\x89HDF|CDF[\x01\x02]|\x93NUMPY|\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|"
                   rb"\x0a\x0d\x0d\x0a|SIMPLE  =|!BDN)",
           "a file of data"),
    _known("design", rb"(AC10\d\d|\x06\x06\xed\xf5\xd8\x1d\x46\xe5)", "a drawing of a design program",
           "Save it as PNG or TIFF, and submit that."),
    _known("font", rb"(ttcf\0|\0\x01\0\0\0.{7}(?:[A-Z/ 0-9]{4})|OTTO\0|wOF[F2])", "a font"),
    _known("email", rb"(Received: |Return-Path: |Delivered-To: |MIME-Version: |From [^\n]{1,200}\d{4}\n)",
           "an e-mail", "Save its attachment, and submit that."),
    _known("model", rb"(glTF|BLENDER|solid |ply\n|Kaydara FBX)", "a model in three dimensions",
           "Render it, and submit the film or picture."),
    _known("json", _BLANK + rb"[\[{]\s*[\"\]}{\[]", "a text in JSON, such as a service's answer", _ADDRESS),
)  # fmt: skip
# What media begins with, at which byte of it.
_BEGINNINGS: tuple[tuple[bytes, int, str], ...] = (
    (b"ftypisom", 4, "MP4"), (b"ftypmp4", 4, "MP4"), (b"ftypiso", 4, "MP4"), (b"ftypqt", 4, "MOV"),
    (b"ftypM4", 4, "MP4"), (b"ftypavc", 4, "MP4"), (b"ftypheic", 4, "HEIC"), (b"ftypavif", 4, "AVIF"),
    (b"\x1aE\xdf\xa3", 0, "Matroska"), (b"OggS\0\x02", 0, "Ogg"), (b"fLaC\0\0\0\x22", 0, "FLAC"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"), (b"\xff\xd8\xff\xe0\0\x10JFIF", 0, "JPEG"), (b"\xff\xd8\xff\xe1", 0, "JPEG"),
    (b"GIF89a", 0, "GIF"), (b"FLV\x01", 0, "FLV"), (b"RIFF", 0, "RIFF"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "ASF"), (b"ID3\x03\0", 0, "MP3"), (b"ID3\x04\0", 0, "MP3"),
)  # fmt: skip


# What stands within a file of a format, and nowhere else by chance.
_WITHIN = (
    (b"moov", "an MP4"), (b"mdat", "an MP4"), (b"moof", "an MP4"), (b"\x1f\x43\xb6\x75", "Matroska or WebM"),
    (b"WAVEfmt ", "a WAV"), (b"LISTmovi", "an AVI"), (b"OggS\0", "an Ogg"), (b"IHDR\0", "a PNG"), (b"JFIF\0", "a JPEG"),
)  # fmt: skip
_OF_NOISE, _NOISE_BYTES = 7.9, 2**13


def foreign(head: bytes, size: int) -> Diagnosis | None:
    """What a file is, by its first HEAD_BYTES; None where nothing tells."""
    if not head.strip(head[:1]):
        return _filled(head, size)
    if (packed := _zip(head)) is not None:
        return packed
    if (before := _before(head)) is not None:
        return before
    wide = _wide(head)
    for known in _KINDS:
        if known.pattern.match(wide or head):
            return _no_media(known.kind, f"the file is {known.what}", known.remedy)
    return _no_media("text", "the file is a text (UTF-16)", _ITSELF) if wide else _of_text(head[:_TEXT_BYTES])


def unknown(head: bytes) -> Diagnosis:
    """What is told of a file that nobody can open and that is nothing that is known, by its first HEAD_BYTES."""
    begins = any(head.startswith(mark, offset) for mark, offset, _ in _BEGINNINGS)
    amid = next((name for mark, name in _WITHIN if mark in head and not begins), "")
    if amid:
        cause = f"the file begins amid {amid}: its first bytes are missing"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    if _disorder(head) > _OF_NOISE and len(head) >= _NOISE_BYTES:
        cause = (
            "the file's bytes have no order at all, as of what is encrypted or packed, and it says nothing of itself"
        )
        return _no_media("noise", cause, _DECRYPT)
    cause = "the file begins like no media that is known here: it has no header, or is something else"
    return _no_media("not_media", cause, _ITSELF)


def _disorder(data: bytes) -> float:
    """Bits a byte that data would take at least (Shannon's entropy), if each stood for itself."""
    shares = (data.count(value) / len(data) for value in range(256))
    return -sum(share * math.log2(share) for share in shares if share)


def _wide(head: bytes) -> bytes:
    """The text of two bytes a letter in one, with a byte order mark or without; empty where it is none."""
    order = {b"\xff\xfe": "le", b"\xfe\xff": "be"}.get(head[:2], "")
    begin = head[:512]
    if not order and begin[1::2].count(0) > 0.9 * len(begin[1::2]) and 0 not in begin[::2]:
        order = "le"
    if not order and begin[::2].count(0) > 0.9 * len(begin[::2]) and 0 not in begin[1::2]:
        order = "be"
    text = _WIDE[order](head[: len(head) // 2 * 2], "replace")[0].lstrip("\ufeff") if order else ""
    letters = sum(one.isprintable() or one.isspace() for one in text[:_TEXT_BYTES])
    return text.encode() if letters > 0.97 * len(text[:_TEXT_BYTES]) else b""


def _filled(head: bytes, size: int) -> Diagnosis:
    """All bytes are the same."""
    what = "zeros" if head[:1] == b"\0" else f"the byte 0x{head[0]:02x}"
    cause = f"the file's first {len(head)} of {size} bytes are nothing but {what}: it was reserved and not filled"
    return Diagnosis(kind="nothing_but_zeros", code="INPUT_NOT_MEDIA", cause=cause, remedy=f"{AGAIN}.")


def _zip(head: bytes) -> Diagnosis | None:
    if head[:4] not in (b"PK\3\4", b"PK\5\6", b"PK\7\x08"):
        return None
    if head[6:7] and head[6] & 1:
        cause = "the file is an archive (ZIP) that is protected by a password"
        return _no_media("encrypted", cause, "Unpack it with its password, and submit the media file that is in it.")
    if any(name in head for name in (b"word/", b"xl/", b"ppt/", b"mimetypeapplication", b"AndroidManifest")):
        return _no_media("document", "the file is a document or app (in ZIP)", _ITSELF)
    return _no_media("archive", "the file is a packed archive (ZIP)", _UNPACK)


def _before(head: bytes) -> Diagnosis | None:
    """Media that begins later than with the first byte."""
    found = [(head.find(mark), offset, name) for mark, offset, name in _BEGINNINGS]
    at, offset, name = min(((at, o, n) for at, o, n in found if at > o), default=(0, 0, ""))
    if not name or any(at == o for at, o, _ in found) or head[:4] in (b"\0\x05\x16\x07", b"MZ\x90\0"):
        return None
    count = at - offset
    if any(known.pattern.match(head) for known in _KINDS if known.kind not in ("page_answer", "json", "xml")):
        return None
    return Diagnosis(
        kind="begins_late",
        code="INPUT_NOT_MEDIA",
        cause=f"{count} bytes of something else stand before what begins as {name}",
        remedy=f"Cut the first {count} bytes off (`tail -c +{count + 1} INPUT > copy`), and submit what is left.",
    )


def _of_text(head: bytes) -> Diagnosis | None:
    """A text of no kind that is known, or something else in text."""
    if re.match(rb"\s*(https?|ftp|s3|file|rtmp|rtsp|magnet)s?:[^\s]{3,2000}\s*$", head.strip()):
        return _no_media("address", "the file holds an address, not what it leads to", _ADDRESS)
    if (inner := _base64(head)) is not None:
        return inner
    printable = sum(byte in _PRINTABLE for byte in head)
    if printable < 0.97 * len(head) or b"\0" in head:
        return None
    # What stands in it is nobody's who may but ask for jobs.
    return _no_media("text", "the file is a text", _ITSELF)


def _base64(head: bytes) -> Diagnosis | None:
    start = head.split(b"base64,", 1)[-1] if head[:5] == b"data:" else head
    joined = re.sub(rb"[\r\n]", b"", start)[:400]
    joined = joined[: len(joined) // 4 * 4]
    if len(joined) < 64 or not re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", joined):
        return None
    try:
        bytes_ = base64.b64decode(joined, validate=True)
    except binascii.Error:
        return None
    if all(byte in _ASCII for byte in bytes_) or any(bytes_.find(mark) == at for mark, at, _ in _BEGINNINGS):
        return _encoded()
    return _encoded() if head[:5] == b"data:" else None


def _encoded() -> Diagnosis:
    remedy = "Decode it (`base64 -d INPUT > copy`), and submit what comes out."
    return _no_media("text_encoded", "the file is Base64, a text that something else was made into", remedy)


_ASCII = frozenset((*range(32, 127), 9, 10, 12, 13))
_PRINTABLE = _ASCII | set(range(128, 256))


def _no_media(kind: str, cause: str, remedy: str) -> Diagnosis:
    return Diagnosis(kind=kind, code="INPUT_NOT_MEDIA", cause=cause, remedy=remedy)
