"""Imports of many modules at once, as commands begin with."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage among what modules make, now or later: all of it stays. That is a seventh of a start."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:  # not within another one's
            gc.freeze()
            gc.enable()
