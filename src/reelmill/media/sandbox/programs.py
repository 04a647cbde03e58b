"""What a program is to the kernel: read from its first bytes."""

import os
import re
import struct
from functools import cache
from pathlib import Path

from reelmill.media.sandbox.reach import Program

_HEAD_BYTES = 2**16
_MOST_HEADERS = 64
_MOST_PATHS = 100
_PATH = re.compile(rb"""/[^\s"'$;:|&<>()]+""")
_INTERPRETER = 3  # PT_INTERP
_MOST_LEVELS = 4  # of scripts; the kernel allows as many


@cache
def program(path: str) -> Program:
    """The program at a path. Of one that can't be read nothing is known: it gets what any might need."""
    return _program(Path(path), _MOST_LEVELS)


def _program(path: Path, levels: int) -> Program:
    real = path.resolve()
    try:
        with real.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return Program(runs=(real,), script=True)
    if head.startswith(b"#!") and levels:
        inner = (_program(path, levels - 1) for path in named(head) if os.access(path, os.X_OK) and path.is_file())
        return Program(runs=(real, *(run for one in inner for run in one.runs)), script=True)
    loader = interpreter(head)
    if loader is None:
        return Program(runs=(real,))
    return Program(runs=(real, Path(loader).resolve()), libraries=True)


def named(script: bytes) -> tuple[Path, ...]:
    """Paths that a script names, its interpreter's first: what it may go over into. Pure."""
    return tuple(dict.fromkeys(Path(os.fsdecode(path)) for path in _PATH.findall(script)[:_MOST_PATHS]))


def interpreter(head: bytes) -> str | None:
    """The loader that a 64-bit ELF file names; None for one that is linked statically. Pure."""
    try:
        if head[:6] != b"\x7fELF\x02\x01":
            return None
        (at,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
        for i in range(min(count, _MOST_HEADERS)):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", head, at + i * size)
            if kind == _INTERPRETER:
                return head[offset : offset + length].rstrip(b"\0").decode()
    except (struct.error, UnicodeDecodeError):
        return None
    return None
