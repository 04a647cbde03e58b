"""What takes as long as a stranger's files are many is done in threads: an event loop that waits renews no lease.

Each folder that Reelmill lists or deletes is noted, and each file that it deletes, for many GB are freed in seconds, in
a thread whose event loop runs. (An audit hook is called for each id() too: 3 % of tests' own time.)
"""

import inspect
import os
import shutil
import sys
import sysconfig
from asyncio import _get_running_loop
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import reelmill

_FUNCTIONS = ((os, "listdir"), (os, "remove"), (os, "scandir"), (os, "unlink"), (shutil, "rmtree"))
_SMALL = ("cli/session.py:", "sealing.py:", "worker/keyring.py:")
"""Where files of a known size are deleted at once: keys, and marks."""
_OURS = str(Path(reelmill.__file__).parent)
_STANDARD = sysconfig.get_paths()["stdlib"]
_found: list[str] = []


def watch() -> None:
    """Begin; there is no way back."""
    for module, name in _FUNCTIONS:
        setattr(module, name, _noted(module, name, getattr(module, name)))


def found() -> list[str]:
    """What was noted since it was asked for last."""
    noted = _found[:]
    _found.clear()
    return noted


def _noted(module: ModuleType, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    # Not looked up later: at the interpreter's end it is called still, and a module's names are none any more.
    loop, note = _get_running_loop, _note

    @wraps(real)
    def noted(*arguments: Any, **named: Any) -> Any:
        if loop() is not None:
            note(f"{module.__name__}.{name}", str(arguments[0]) if arguments else "", sys._getframe(1))
        return real(*arguments, **named)

    return noted


def _note(what: str, path: str, frame: FrameType) -> None:
    if path.startswith(_OURS):
        return  # what comes along with Reelmill is of a known size
    place = _place(frame)
    if place and not place.removeprefix(f"{_OURS}/").startswith(_SMALL):
        _found.append(f"{what} of {path} on the event loop: {place}")


def _place(frame: FrameType | None) -> str:
    """Where a coroutine, or a callback, of Reelmill came to that; empty where one of a test or a library did."""
    place = ""
    while frame is not None:
        code = frame.f_code
        if "importlib" in code.co_filename:
            return ""  # it looks for a module, or for its version, where those are installed
        ours = code.co_filename.startswith(_OURS)
        if not place and not _is_standard(code.co_filename):
            if not ours:
                return ""
            place = f"{code.co_filename}:{frame.f_lineno}"
        if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            return place if ours else ""
        frame = frame.f_back
    return place


def _is_standard(path: str) -> bool:
    return path.startswith((_STANDARD, "<frozen")) and "site-packages" not in path
