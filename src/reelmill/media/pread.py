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
        view = memoryview(buffer)
        data = os.pread(self._descriptor, len(view), self._at)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        from_there = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        if from_there + offset < 0:
            raise OSError("before the beginning")
        self._at = from_there + offset
        return self._at

    def tell(self) -> int:
        return self._at


def apart(descriptor: int) -> BinaryIO:
    """The file of a descriptor from its start, whose own offset stays as it is."""
    return cast(BinaryIO, io.BufferedReader(_Apart(descriptor)))
