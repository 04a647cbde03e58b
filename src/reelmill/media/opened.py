"""Files that a child was given, open or in memory, as libav and we read them."""

import os
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

import av
import av.logging

from reelmill.media.formats.containers import DEMUXERS
from reelmill.media.pread import apart

OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": ",".join(sorted(DEMUXERS))}
"""No file leads to another, and none is read by what opens others."""


class OpenFile:
    """An open file, by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        return os.pread(self._descriptor, count, 0)

    def apart(self) -> BinaryIO:
        """It, to be read beside libav."""
        return apart(self._descriptor)

    def opened(self, format: str | None) -> Any:
        """Open it with libav, which reads on from the descriptor's offset: so one opened before ends with this."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        options = {**OPTIONS, "fd": str(self._descriptor)}
        return av.open("fd:", format=format, options=options, metadata_errors="replace")


class HeldFile:
    """A file that was made here, in memory; as one that is open."""

    def __init__(self, made: bytes) -> None:
        self._made = made
        self.size = len(made)

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        return self._made[:count]

    def apart(self) -> BinaryIO:
        """It, to be read beside libav."""
        return BytesIO(self._made)

    def opened(self, format: str | None) -> Any:
        """Open it with libav."""
        return av.open(self.apart(), format=format, options=OPTIONS, metadata_errors="replace")


def demuxed(container: Any, *streams: Any) -> Iterator[Any]:
    """Packets of an open file: of some streams, or of all that it began with.

    Of one that comes up on the way nobody hears, as with ffmpeg; PyAV raises IndexError for each of its packets.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return


class EncryptedError(Exception):
    """A packet holds what nobody can decode without its key."""


def in_the_clear(packets: Iterable[Any]) -> Iterator[Any]:
    """Packets, until one is encrypted (ISO/IEC 23001-7). Raises EncryptedError: decoders conceal what they can't read.

    By the side data of each, for what comes first may be in the clear.
    """
    for packet in packets:
        if packet.has_sidedata("encryption_info"):
            raise EncryptedError
        yield packet


def described(container: Any) -> str:
    """What libav tells of an open file, also side data and tags of streams, which PyAV does not show otherwise."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())
    finally:
        av.logging.set_level(level)


AnyFile = OpenFile | HeldFile
