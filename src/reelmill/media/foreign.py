"""What a file is that is no media: by its first bytes, as far as people send such files. Pure."""

import base64
import binascii
import codecs
import math
import re
from dataclasses import dataclass

from reelmill.media.altered import zeros_first
from reelmill.media.beginnings import begins, first_of, is_at, places
from reelmill.media.diagnosis import AGAIN, Diagnosis
from reelmill.media.packed import packed
from reelmill.media.signatures import by_signature, name_of

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


_A_TEXT = "the file is no media but a text"
_OF_MANY = frozenset({"data", "design", "disc_image", "document", "layers", "model", "notes", "program"})
"""Kinds of which each has many formats."""
_WIDE = {order: codecs.getdecoder(f"utf-16-{order}") for order in ("le", "be")}  # who asks may open no file later
_BLANK = rb"(?:\xef\xbb\xbf)?\s*"
_XML = rb"(?:<\?xml[^>]{0,200}>\s*)?"
_COMMENTS = rb"(?:<!--.{0,2000}?-->\s*)*"
# The first that fits holds.
_KINDS: tuple[Known, ...] = (
    _known("web_page", _BLANK + _XML + _COMMENTS + rb"<(!doctype html|html|head|body|script|style|meta|title|h1)\b",
           "a web page (HTML), such as one that asks for a login or tells an error", _ADDRESS),
    _known("service_error", _BLANK + _XML + rb"<Error\b",
           "a storage service's error (XML) in the place of the media", _ADDRESS),
    _known("drawing", _BLANK + _XML + _COMMENTS + rb"(?:<!doctype svg[^>]{0,400}>\s*)?<svg\b",
           "a vector drawing (SVG)", "Draw it as PNG in the size that you need, and submit that."),
    _known("page_answer", rb"HTTP/\d(\.\d)? \d{3}", "a server's answer with its headers before the content",
           "Save the content alone, without the headers (`curl -o FILE ADDRESS`)."),
    _known("captions_unreadable", rb"\d{1,5}[ \t]*\r?\n[^\n]{1,200}\n(?:[^\n]{1,200}\n){0,3}\r?\n\d{1,5}[ \t]*\r?\n",
           "captions (SRT) without a time in them", "Save them as SRT or WebVTT, with the time of each."),
    _known("captions_unreadable", rb"(# VobSub index file|<SAMI>|\{\d+\}\{\d+\}|\[\d\d:\d\d[.:]\d\d\]"
                                   rb"|\d:\d\d:\d\d\.\d{3},\d)",
           "captions in a format that is not read (VobSub, SAMI, MicroDVD, LRC, SBV)", "Save them as SRT or WebVTT."),
    _known("xml", _BLANK + rb"<\?xml\b", "a text in XML"),
    _known("large_file_pointer", rb"version https://git-lfs", "a pointer of Git LFS to a file, not the file",
           "Fetch the file with `git lfs pull`, and submit that."),
    _known("shortcut", rb"(\[InternetShortcut\]|\[Desktop Entry\]|L\0\0\0\x01\x14\x02\0|bplist00.{0,40}URL)",
           "a shortcut to something else", _ITSELF),
    _known("torrent", rb"d\d+:(announce|created|comment|info)", "a torrent, not what it leads to",
           "Fetch what it leads to, and submit that."),
    _known("encrypted", rb"(Salted__|age-encryption\.org|-----BEGIN (PGP|AGE|CMS|PKCS7)|LUKS\xba\xbe|AES[\x00-\x03]\0|"
                        rb"VeraCrypt|encrcdsa|\xc2\xfc|\x85[\x01-\x04].{1}\x03|\x8c\x0d\x04|gocryptfs|RCLONE\0\0)",
           "encrypted", _DECRYPT),
    _known("key_file", rb"(-----BEGIN [A-Z ]+-----|ssh-(rsa|ed25519) )", "a key or certificate, in text"),
    _known("pdf", rb".{0,1024}%PDF-\d", "a document (PDF)", "Save its pages as pictures, and submit those."),
    _known("document", rb"\{\\rtf", "a document (RTF)"),
    _known("document", rb"(%!PS|\xc5\xd0\xd3\xc6)", "a document (PostScript)"),
    _known("document", rb"(AT&TFORM|ITSF|.{60}BOOKMOBI)", "a book or document (DjVu, CHM, Kindle)"),
    _known("archive", rb"Rar!\x1a\x07", "a packed archive (RAR)", _UNPACK),
    _known("archive", rb"7z\xbc\xaf\x27\x1c", "a packed archive (7-Zip)", _UNPACK),
    _known("archive", rb"\x28\xb5\x2f\xfd", "a packed archive (Zstandard)", _UNPACK),
    _known("archive", rb"\x04\x22\x4d\x18", "a packed archive (LZ4)", _UNPACK),
    _known("archive", rb"MSCF", "a packed archive (CAB, a cabinet of Windows)", _UNPACK),
    _known("archive", rb"!<arch>", "a packed archive (ar, such as a Debian package)", _UNPACK),
    _known("archive", rb"(xar!|LZIP|0707[01][127]|\xed\xab\xee\xdb|\x1f\x9d|PACK\0\0\0|.{2}-l[hz].-)",
           "a packed archive (such as xar, lzip, cpio, RPM, compress, LHA, or a pack of git)", _UNPACK),
    _known("archive", rb".{257}ustar", "a packed archive (tar)", _UNPACK),
    _known("disc_image", rb".{32769}CD001|.{32769}BEA01|QFI\xfb|conectix|vhdxfile|KDMV",
           "a disk image, of a disc or of a virtual machine",
           "Open it, and submit a film from it (VIDEO_TS or BDMV)."),
    _known("disc_menu", rb"(DVDVIDEO-V|INDX0[123]00|MPLS0|HDMV0)", "a disc's list of chapters, not its film",
           "Submit the disc's .VOB or .m2ts files."),
    _known("program", rb"(\x7fELF|MZ.{58}|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|\0asm|dex\n0)",
           "a program (an executable file)"),
    _known("program", rb"#!\s*/", "a program (a script)"),
    _known("database", rb"SQLite format 3\0", "a database (SQLite)"),
    _known("database", rb"\0\x01\0\0Standard (Jet|ACE)", "a database (Access)"),
    _known("database", rb"(PGDMP|-- (MySQL|MariaDB|PostgreSQL|phpMyAdmin|SQLite))", "a dump of a database"),
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
    _known("data", rb"(PAR1|ORC\0|Obj\x01|ARROW1|\x89HDF|CDF[\x01\x02]|\x93NUMPY|SIMPLE  =)",
           "a file of data (such as Parquet, Avro, Arrow, HDF5, NetCDF, NumPy, FITS)"),
    _known("data", rb"(\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\x0a\x0d\x0d\x0a)",
           "a capture of network traffic (pcap)"),
    _known("data", rb"(\x80[\x02-\x05](\x95|[\]}c(q])|GGUF|.{8}\{\"(__metadata__|[\w.]+\":\{\"dtype))",
           "a model or other data of a program (pickle, GGUF, safetensors)"),
    _known("email", rb"!BDN", "a mailbox (Outlook's PST)", "Save its attachment, and submit that."),
    _known("icon", rb"\0\0[\x01\x02]\0[\x01-\x40]\0.{3}\0[\0\x01]\0", "an icon or cursor of Windows (ICO)",
           "Save it as PNG, and submit that."),
    _known("playlist", rb"(?:(?:REM|PERFORMER|TITLE|CATALOG) [^\n]{0,200}\n)*FILE \"[^\n]{1,300}(WAVE|MP3|BINARY)",
           "a cue sheet, a list of the tracks in another file", "Submit the sound file that it leads to."),
    _known("calendar", rb"BEGIN:V(CALENDAR|CARD)", "a calendar or an address card, in text"),
    _known("design", rb"(AC10\d\d|\x06\x06\xed\xf5\xd8\x1d\x46\xe5)", "a drawing of a design program",
           "Save it as PNG or TIFF, and submit that."),
    _known("font", rb"(ttcf\0|\0\x01\0\0\0.{7}(?:[A-Z/ 0-9]{4})|OTTO\0|wOF[F2])", "a font"),
    _known("email", rb"(Received: |Return-Path: |Delivered-To: |MIME-Version: |From [^\n]{1,200}\d{4}\n)",
           "an e-mail", "Save its attachment, and submit that."),
    _known("model", rb"BLENDER", "a project of Blender", "Render it, and submit the film or picture."),
    _known("model", rb"(glTF|solid |ply\n|Kaydara FBX)", "a model in three dimensions",
           "Render it, and submit the film or picture."),
    _known("json", _BLANK + rb"[\[{]\s*[\"\]}{\[]", "a text in JSON, such as a service's answer", _ADDRESS),
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
    if (found := packed(head, _noun)) is not None:
        return found
    if (before := _before(head)) is not None:
        return before
    wide = _wide(head)
    for known in _KINDS:
        if known.pattern.match(wide or head):
            return _no_media(known.kind, _cause(known, head), known.remedy)
    return _no_media("text", f"{_A_TEXT} (UTF-16)", _ITSELF) if wide else _of_text(head[:_TEXT_BYTES])


def _cause(known: Known, head: bytes) -> str:
    """In which the library's name stands too, where it says more."""
    if known.kind == "encrypted":
        return f"the file is {known.what}, and no media as it stands"
    name = name_of(head) if known.kind in _OF_MANY else ""
    return f"the file is no media but {known.what}{f' ({name})' if name else ''}"


def unknown(head: bytes, size: int = 0) -> Diagnosis:
    """What is told of a file that nobody can open and that is nothing that is known, by its first HEAD_BYTES."""
    begun = begins(head)
    amid = next((name for mark, name in _WITHIN if mark in head and not begun), "")
    if (count := zeros_first(head, size)) and not begun:
        what = f", and behind them lies a part of {amid}" if amid else ""
        cause = f"the file's first {count} bytes are all 0x{head[0]:02x}{what}: its header never came"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    if amid:
        cause = f"the file begins amid {amid}: its first bytes are missing, or overwritten"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    if not begun and (named := by_signature(head)) is not None:
        return named
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


def _noun(head: bytes) -> str:
    """What bytes are that came out of a packed file; empty where they are nothing that is known."""
    if known := next((known for known in _KINDS if known.pattern.match(head)), None):
        return known.what
    return "a text" if _of_text(head) is not None else ""


def _before(head: bytes) -> Diagnosis | None:
    """Media that begins later than with the first byte."""
    found = places(head)
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
    return _no_media("text", _A_TEXT, _ITSELF)


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
    if all(byte in _ASCII for byte in bytes_) or first_of(bytes_) or is_at(bytes_):
        return _encoded()
    return _encoded() if head[:5] == b"data:" else None


def _encoded() -> Diagnosis:
    remedy = "Decode it (`base64 -d INPUT > copy`), and submit what comes out."
    return _no_media("text_encoded", "the file is Base64, a text that something else was made into", remedy)


_ASCII = frozenset((*range(32, 127), 9, 10, 12, 13))
_PRINTABLE = _ASCII | set(range(128, 256))


def _no_media(kind: str, cause: str, remedy: str) -> Diagnosis:
    return Diagnosis(kind=kind, code="INPUT_NOT_MEDIA", cause=cause, remedy=remedy)
