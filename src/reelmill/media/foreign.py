"""What a file is that is no media: by its first bytes, as far as people send such files. Pure."""

import base64
import binascii
import codecs
import math
import re

from reelmill.media.altered import zeros_first
from reelmill.media.beginnings import begun, ends_of, first_of, is_at, places
from reelmill.media.damage import CUT
from reelmill.media.diagnosis import AGAIN, Diagnosis
from reelmill.media.foreign_kinds import ADDRESS, DECRYPT, ITSELF, KINDS, Known, by_end, header_alone
from reelmill.media.packed import packed
from reelmill.media.signatures import by_signature, name_of

HEAD_BYTES = 65536
"""So many are looked at."""
_TEXT_BYTES = 4096
_SHORT_BYTES = 64
"""What is shorter has letters of any other alphabet by chance."""
_A_TEXT = "the file is no media but a text"
_OF_MANY = frozenset({"data", "design", "disc_image", "document", "layers", "model", "notes", "program"})
"""Kinds of which each has many formats."""
_WIDE = {order: codecs.getdecoder(f"utf-16-{order}") for order in ("le", "be")}  # who asks may open no file later
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
    if (nothing := header_alone(head, size)) is not None:
        return nothing
    for known in KINDS:
        if known.begins(wide or head):
            return Diagnosis(kind=known.kind, code=known.code, cause=_cause(known, head), remedy=known.remedy)
    return _no_media("text", f"{_A_TEXT} (UTF-16)", ITSELF) if wide else _of_text(head[:_TEXT_BYTES])


def _cause(known: Known, head: bytes) -> str:
    """In which the library's name stands too, where it says more."""
    if known.kind == "encrypted":
        return f"the file is {known.what}, and no media as it stands"
    if known.code != "INPUT_NOT_MEDIA":
        return f"the file is {known.what}"
    name = name_of(head) if known.kind in _OF_MANY else ""
    return f"the file is no media but {known.what}{f' ({name})' if name else ''}"


def unknown(head: bytes, size: int = 0) -> Diagnosis:
    """What is told of a file that nobody can open and that is nothing that is known, by its first HEAD_BYTES."""
    known = begun(head) or first_of(head)
    amid = next((name for mark, name in _WITHIN if mark in head and not known), "")
    if (count := zeros_first(head, size)) and not known:
        what = f", and behind them lies a part of {amid}" if amid else ""
        cause = f"the file's first {count} bytes are all 0x{head[0]:02x}{what}: its header never came"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    if amid:
        cause = f"the file begins amid {amid}: its first bytes are missing, or overwritten"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    if known:
        cause = f"the file begins as {known}, and what follows can't be read as such: it is damaged or cut off"
        return Diagnosis(kind="data_damaged", code="INPUT_CORRUPT", cause=cause, remedy=CUT)
    if (named := by_signature(head)) is not None:
        return named
    if _disorder(head) > _OF_NOISE and len(head) >= _NOISE_BYTES:
        cause = "the file's bytes have no order at all, as of what is encrypted, packed, or a part of another file"
        return _no_media("noise", cause, DECRYPT)
    cause = "the file begins like no media that is known here: it has no header, or is something else"
    return _no_media("not_media", cause, ITSELF)


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
    text = _WIDE[order](head[: len(head) // 2 * 2], "replace")[0].replace("\ufeff", "") if order else ""
    letters = sum(one.isprintable() or one.isspace() for one in text[:_TEXT_BYTES])
    return text.encode() if letters > 0.97 * len(text[:_TEXT_BYTES]) else b""


def _filled(head: bytes, size: int) -> Diagnosis:
    """All bytes are the same."""
    what = "zeros" if head[:1] == b"\0" else f"the byte 0x{head[0]:02x}"
    cause = f"the file's first {len(head)} of {size} bytes are nothing but {what}: it was reserved and not filled"
    return Diagnosis(kind="nothing_but_zeros", code="INPUT_NOT_MEDIA", cause=cause, remedy=f"{AGAIN}.")


def by_its_end(end: bytes) -> Diagnosis | None:
    """What a file is, by its last END_BYTES; None where they tell nothing."""
    if (name := ends_of(end)) != "":
        cause = f"the file ends as {name} does, and does not begin so: its first bytes are missing, or overwritten"
        return Diagnosis(kind="no_beginning", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    known = by_end(end)
    if known is None:
        return None
    return Diagnosis(kind=known.kind, code=known.code, cause=_cause(known, b""), remedy=known.remedy)


def _noun(head: bytes) -> str:
    """What bytes are that came out of a packed file; empty where they are nothing that is known."""
    if known := next((known for known in KINDS if known.begins(head)), None):
        return known.what
    return "a text" if _of_text(head) is not None else ""


def _before(head: bytes) -> Diagnosis | None:
    """Media that begins later than with the first byte."""
    found = places(head)
    at, offset, name = min(((at, o, n) for at, o, n in found if at > o), default=(0, 0, ""))
    if not name or any(at == o for at, o, _ in found) or head[:4] in (b"\0\x05\x16\x07", b"MZ\x90\0"):
        return None
    count = at - offset
    if any(known.begins(head) for known in KINDS if known.kind not in ("page_answer", "json", "xml")):
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
        return _no_media("address", "the file holds an address, not what it leads to", ADDRESS)
    if (inner := _base64(head)) is not None:
        return inner
    printable = sum(byte in _PRINTABLE for byte in head)
    if printable < 0.97 * len(head) or b"\0" in head or (len(head) < _SHORT_BYTES and not _is_utf_8(head)):
        return None
    # What stands in it is nobody's who may but ask for jobs.
    return _no_media("text", _A_TEXT, ITSELF)


def _is_utf_8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError:
        return False
    return True


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
