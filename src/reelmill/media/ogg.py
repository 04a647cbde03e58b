"""Whether an Ogg file is several, one after the other. Runs in the prober's child."""

import struct
from typing import IO

_HEAD = struct.Struct("<4sBB20xB")  # RFC 3533, 6: a mark, a version, flags, …, and how many lengths follow
_BEGINS = 2
_MOST_PAGES = 500_000  # 2 s; the pages of hours of film


def is_chained(file: IO[bytes]) -> bool:
    """Whether streams begin after others, as far as pages follow each other without a gap."""
    at, begun = 0, False
    for _ in range(_MOST_PAGES):
        file.seek(at)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:4] != b"OggS":
            return False
        _, _, flags, count = _HEAD.unpack(head)
        if flags & _BEGINS and begun:
            return True
        begun = begun or not flags & _BEGINS
        at += _HEAD.size + count + sum(file.read(count))
    return False
