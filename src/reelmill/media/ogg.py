"""Whether pages of Ogg follow each other, and whether they are several files. Runs in the prober's child."""

import struct
from typing import IO

_HEAD = struct.Struct("<4sBB20xB")  # RFC 3533, 6: a mark, a version, flags, …, and how many lengths follow
_MARK, _BEGINS = b"OggS", 2
_NEAR = 300  # a page's head has 282 bytes at most
_MOST_PAGES = 500_000  # 2 s; the pages of hours of film


def is_chained(file: IO[bytes]) -> bool:
    """Whether streams begin after others, as far as pages follow each other without a gap."""
    at, begun = 0, False
    for _ in range(_MOST_PAGES):
        file.seek(at)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:4] != _MARK:
            return False
        _, _, flags, count = _HEAD.unpack(head)
        if flags & _BEGINS and begun:
            return True
        begun = begun or not flags & _BEGINS
        at += _HEAD.size + count + sum(file.read(count))
    return False


def is_chain(data: bytes) -> bool:
    """Whether it is pages without a gap, the first of which begins near its start."""
    at = data.find(_MARK, 0, _NEAR)
    while at >= 0 and at + _HEAD.size <= len(data):
        mark, _, _, count = _HEAD.unpack_from(data, at)
        if mark != _MARK:
            return False
        begin = at + _HEAD.size
        at = begin + count + sum(data[begin : begin + count])
    return at >= 0
