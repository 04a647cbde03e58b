"""libfaketime: a library that shows a process another wall clock."""

from collections.abc import Mapping
from pathlib import Path

from services.process import MissingError


def library() -> str:
    """The library's path. Raises MissingError."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise MissingError("libfaketime is not installed (Debian: apt-get install libfaketime)")
    return str(found[0])


def shifted(hours: int) -> Mapping[str, str]:
    """Variables that shift a process's wall clock, and leave its monotonic one. Raises MissingError."""
    return {"LD_PRELOAD": library(), "FAKETIME": f"{hours:+d}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
