"""Segments and samples, encrypted and in the clear again. Pure.

Whole segments by RFC 8216, 4.3.2.4 (AES-128, CBC, PKCS #7); samples of fragments by common encryption (ISO/IEC
23001-7), `cenc` and `cbcs`, only to look into what the packager encrypted.
"""

import struct
from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.padding import PKCS7

from reelmill.media import fragments
from reelmill.media.encrypted import CENC
from reelmill.media.fragments import Protection

_BLOCK = 16
_SUBSAMPLES = 0x2  # of senc
_TABLES = frozenset({b"senc", b"saiz", b"saio"})


def sealed(key: bytes, vector: bytes, data: bytes) -> bytes:
    """A whole segment, encrypted."""
    padder, encryptor = PKCS7(8 * _BLOCK).padder(), Cipher(AES(key), CBC(vector)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def opened(key: bytes, vector: bytes, data: bytes) -> bytes:
    """A whole segment in the clear. Raises ValueError where that is no key of it."""
    decryptor, padder = Cipher(AES(key), CBC(vector)).decryptor(), PKCS7(8 * _BLOCK).unpadder()
    return padder.update(decryptor.update(data) + decryptor.finalize()) + padder.finalize()


def decrypted(data: bytes, key: bytes, protection: Protection) -> bytes:
    """A segment of fragments whose samples are decrypted where they lie; of their tables nothing is read any more.

    Raises ValueError, struct.error or IndexError for what is no such segment.
    """
    made = bytearray(data)
    for kind, begin, end in fragments.boxes(data):
        if kind == b"moof" and (table := _table(data, begin, end)):
            at, sizes = fragments.samples(data, begin, end)
            for size, (vector, parts) in zip(sizes, _each(data, *table, protection), strict=True):
                made[at : at + size] = _sample(data[at : at + size], key, vector, parts, protection)
                at += size
            for place in _tables(data, begin, end):
                made[place : place + 4] = b"free"
    return bytes(made)


def _tables(data: bytes, begin: int, end: int) -> Iterator[int]:
    """Where the kinds of those boxes stand by which readers find samples to be encrypted (ISO/IEC 23001-7, 7)."""
    for kind, at, until in fragments.boxes(data, begin, end):
        if kind == b"traf":
            yield from (inner - 4 for kind, inner, _ in fragments.boxes(data, at, until) if kind in _TABLES)


def _table(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    """Where a fragment tells how its samples are encrypted; None: they are not."""
    return fragments.inside(data, b"traf", b"senc", begin=begin, end=end)


def _each(data: bytes, at: int, end: int, protection: Protection) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """Of each sample its vector, and how many bytes are clear and then encrypted, in turn; none: it is one part."""
    flags, count = struct.unpack_from(">II", data, at)
    at += 8
    for _ in range(count):
        vector = protection.vector or data[at : at + protection.vector_bytes]
        at += 0 if protection.vector else protection.vector_bytes
        parts = []
        if flags & _SUBSAMPLES:
            (several,) = struct.unpack_from(">H", data, at)
            parts = [struct.unpack_from(">HI", data, at + 2 + 6 * i) for i in range(several)]
            at += 2 + 6 * several
        if at > end:
            raise ValueError("a table of samples that is too short")
        yield vector, parts


def _sample(data: bytes, key: bytes, vector: bytes, parts: Sequence[tuple[int, int]], protection: Protection) -> bytes:
    counter = Cipher(AES(key), CTR(vector.ljust(_BLOCK, b"\0"))).decryptor()  # goes on over a sample's parts
    made, at = bytearray(), 0
    for clear, hidden in parts or [(0, len(data))]:
        part = data[at + clear : at + clear + hidden]
        made += data[at : at + clear]
        made += counter.update(part) if protection.scheme == CENC else _pattern(part, key, vector, protection)
        at += clear + hidden
    return bytes(made + data[at:])


def _pattern(data: bytes, key: bytes, vector: bytes, protection: Protection) -> bytes:
    """A part of which some blocks are encrypted and others skipped, in turn; what is less than a block is clear."""
    decryptor = Cipher(AES(key), CBC(vector)).decryptor()  # each part begins anew
    taken, skipped = protection.pattern if any(protection.pattern) else (1, 0)
    made, at = bytearray(), 0
    while at < len(data):
        whole = min(taken * _BLOCK, (len(data) - at) // _BLOCK * _BLOCK)
        made += decryptor.update(data[at : at + whole])
        made += data[at + whole : at + whole + skipped * _BLOCK] if whole else data[at:]
        at += whole + skipped * _BLOCK if whole else len(data)
    return bytes(made)
