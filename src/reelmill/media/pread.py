"""Reading a descriptor beside somebody who reads it too: libav's fd: goes on from where the descriptor's offset is."""

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Apart(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._at = descriptor, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        read = os.preadv(self._descriptor, [buffer], self._at)
        self._at += read
        return read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._at
        elif whence == os.SEEK_END:
            offset += os.fstat(self._descriptor).st_size
        if offset < 0:
            raise OSError("before the beginning")
        self._at = offset
        return self._at

    def tell(self) -> int:
        return self._at


def apart(descriptor: int) -> BinaryIO:
    """The file of a descriptor from its start, whose own offset stays as it is."""
    return cast(BinaryIO, io.BufferedReader(_Apart(descriptor)))
