"""libfaketime: a library that shows a process another wall clock."""

from collections.abc import Mapping
from pathlib import Path

from services import debian


def library() -> str:
    """The library's path. Raises MissingError."""
    return debian.found(_look, "libfaketime", "libfaketime")


def _look() -> str | None:
    return next(map(str, sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def shifted(hours: int) -> Mapping[str, str]:
    """Variables that shift a process's wall clock, and leave its monotonic one. Raises MissingError."""
    return {"LD_PRELOAD": library(), "FAKETIME": f"{hours:+d}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
