"""Media all of whose bytes were changed in one way, on their way or on purpose: which way, and how it is undone. Pure.

What comes out of undoing it begins like media, which no other bytes do by chance.
"""

import binascii
import quopri
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from reelmill.media.beginnings import first_of
from reelmill.media.diagnosis import AGAIN, Diagnosis

_WEAK = "MPEG-TS"  # of a byte at each 188, which what repeats itself may have under any key
_LEAST_BYTES = 64
_LOOKED_AT = 2048  # bytes that are undone
_TEXT_BYTES, _LEAST_LINES = 2**15, 24
_HEX_LINE = re.compile(rb"^\s*(?:[0-9a-fA-F]{4,16}[:\s|]+)?((?:[0-9a-fA-F]{2,8}[ :,]?)+)")
_ESCAPE, _NUMBER = re.compile(rb"\\x([0-9a-fA-F]{2})"), re.compile(rb"0x([0-9a-fA-F]{2})\b")
_LEAST_HIGH, _LEAST_KINDS, _REPLACED = 256, 100, b"\xef\xbf\xbd"
_PNG_MORE, _PNG_LESS = b"\x89PNG\r\r\n\x1a\r\n", b"\x89PNG\n\x1a\n"
"""How a PNG begins then: it was made so that this shows."""


class _Way(NamedTuple):
    what: str
    """Follows "the file"."""
    remedy: str
    undo: Callable[[bytes], bytes | None]


def altered(head: bytes) -> Diagnosis | None:
    """What was done to a file that begins so, if it would be media without."""
    begin = head[:_LOOKED_AT]
    if first_of(begin):
        return _as_text(head)
    for way in _WAYS:
        undone = way.undo(begin)
        if undone and (name := first_of(undone)):
            return _told("text_encoded" if way.undo in _TEXTS else "altered", f"{way.what} of what would be {name}",
                          way.remedy)  # fmt: skip
    return _xored(begin) if len(begin) > _LEAST_BYTES else None


def _told(kind: str, what: str, remedy: str) -> Diagnosis:
    return Diagnosis(kind=kind, code="INPUT_NOT_MEDIA", cause=f"the file is no media as it stands: it {what}",
                     remedy=remedy)  # fmt: skip


def _as_text(head: bytes) -> Diagnosis | None:
    """Media that was carried as a text: ends of lines were replaced, or letters that are none."""
    name, far = first_of(head), len(head) >= _TEXT_BYTES
    remedy = f"{AGAIN}; carry it as binary (`git` with `-text`, FTP with `binary`), not as a text."
    lines, pairs = head.count(b"\n"), head.count(b"\r\n")
    if (lines >= _LEAST_LINES and pairs == lines) or head.startswith(_PNG_MORE):
        return _told("text_mode", f"was {name}, and each end of a line in it (LF) was made two bytes (CR LF), as by a"
                      " transfer in text mode", remedy)  # fmt: skip
    if (far and lines >= _LEAST_LINES and not head.count(b"\r")) or head.startswith(_PNG_LESS):
        return _told("text_mode", f"was {name}, and all its carriage returns (CR) were taken away, as by a transfer in"
                      " text mode", remedy)  # fmt: skip
    high = sum(byte >= 0x80 for byte in head)
    if high >= _LEAST_HIGH and (head.count(_REPLACED) * 6 > high or _encoded_twice(head, strict=False) is not None):
        return _told("text_encoded", f"was {name}, and was read as a text and written again as UTF-8: bytes that are no"
                      " letters were replaced", remedy)  # fmt: skip
    if far and not high and len(set(head)) >= _LEAST_KINDS:
        return _told("text_mode", f"was {name}, and the eighth bit of each byte is lost, as by a transfer of 7 bits",
                      remedy)  # fmt: skip
    return None


def _swapped(width: int) -> Callable[[bytes], bytes]:
    def undo(data: bytes) -> bytes:
        whole = data[: len(data) // width * width]
        return b"".join(whole[at : at + width][::-1] for at in range(0, len(whole), width))

    return undo


def _inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _bits_reversed(data: bytes) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def _nibbles_swapped(data: bytes) -> bytes:
    return bytes((byte << 4 | byte >> 4) & 0xFF for byte in data)


def _every_second(data: bytes) -> bytes | None:
    return data[::2] if data[::2] == data[1::2] or not any(data[1::2]) else None


def _later_second(data: bytes) -> bytes | None:
    return data[1::2] if not any(data[::2]) else None


def _encoded_twice(data: bytes, *, strict: bool = True) -> bytes | None:
    """Of bytes that were taken for letters, and written down as UTF-8; not `strict`: letters of any kind."""
    for cut in range(4):  # a letter may be cut
        try:
            return data[: len(data) - cut].decode("utf-8").encode("latin-1", "strict" if strict else "replace")
        except UnicodeError:
            continue
    return None


def _hex(data: bytes) -> bytes | None:
    """Of a dump in hexadecimal digits, with places before them and letters behind, or without."""
    made = bytearray()
    for line in data.splitlines()[:64]:
        found = _HEX_LINE.match(line)
        if found is None:
            return None
        digits = re.sub(rb"[ :,]", b"", found[1])
        made += binascii.unhexlify(digits[: len(digits) // 2 * 2])
    return bytes(made)


def _escaped(data: bytes) -> bytes | None:
    if data.count(b"\\x") > 8:
        text = re.sub(rb"^\s*b?['\"]", b"", data)
        return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text)
    found = _NUMBER.findall(data)
    return bytes(int(digits, 16) for digits in found) if len(found) > 8 else None


def _percent(data: bytes) -> bytes | None:
    return unquote_to_bytes(data) if data.count(b"%") > 8 else None


def _quoted(data: bytes) -> bytes | None:
    return quopri.decodestring(data) if data.count(b"=") > 8 else None


def _uuencoded(data: bytes) -> bytes | None:
    lines = data.splitlines()
    if not lines or not re.match(rb"begin \d{3} ", lines[0]):
        return None
    try:
        return b"".join(binascii.a2b_uu(line) for line in lines[1:8])
    except binascii.Error:
        return None


def _xored(head: bytes) -> Diagnosis | None:
    """Each byte was changed with the same key of one byte."""
    for key in sorted({head[0], head[0] ^ 0x47, *(head[i] ^ byte for i in (4, 0) for byte in b"fORGI\x1a\x89\xff")}):
        name = first_of(bytes(byte ^ key for byte in head[:1024])) if key else ""
        if name and name != _WEAK:
            remedy = "Undo that with the program that made it, and submit what comes out."
            return _told("encrypted", f"is {name} each of whose bytes was changed by the same key: it is encrypted, in"
                          " a simple way", remedy)  # fmt: skip
    return None


_DECODE = "Decode it to the bytes that it stands for, and submit those."
_SWAP = f"{AGAIN}; each {{}} bytes are to be exchanged (`dd conv=swab` does so for 2)."
_TEXTS: tuple[Callable[[bytes], bytes | None], ...] = (_hex, _escaped, _percent, _quoted, _uuencoded, _encoded_twice)
_WAYS = (
    _Way("has each two bytes swapped (byte order)", _SWAP.format(2), _swapped(2)),
    _Way("has each four bytes in reverse (byte order)", _SWAP.format(4), _swapped(4)),
    _Way("has all its bits inverted", f"{AGAIN}.", _inverted),
    _Way("has the bits of each byte in reverse", f"{AGAIN}.", _bits_reversed),
    _Way("has the halves of each byte swapped", f"{AGAIN}.", _nibbles_swapped),
    _Way("has each byte twice, or a zero behind each", f"{AGAIN}.", _every_second),
    _Way("has a zero before each byte", f"{AGAIN}.", _later_second),
    _Way("is a text (UTF-8) that was made, byte by byte,", f"{AGAIN}; carry it as binary, not as a text.",
         _encoded_twice),
    _Way("is a dump in hexadecimal digits", _DECODE, _hex),
    _Way("is a text of escaped bytes", _DECODE, _escaped),
    _Way("is percent-encoded, as in an address: a text", _DECODE, _percent),
    _Way("is quoted-printable, as in an e-mail: a text", _DECODE, _quoted),
    _Way("is uuencoded: a text", _DECODE, _uuencoded),
)  # fmt: skip


def zeros_first(head: bytes, size: int) -> int:
    """How many bytes of the same value a file begins with; 0 where they are few."""
    count = len(head) - len(head.lstrip(head[:1]))
    return count if count >= 32 and count < size else 0
