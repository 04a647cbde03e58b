"""How much the tests do: enough for each change, or, where REELMILL_TEST_LONG is set (`make long`), for a release."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")
_LONG = bool(os.environ.get("REELMILL_TEST_LONG"))
_ALIKE = bool(os.environ.get("CI")) and not _LONG

SEED = int(os.environ.get("REELMILL_TEST_SEED") or 0) or (1 if _ALIKE else random.randrange(1, 2**31))
"""Of all that happens by chance. In CI every change is judged by the same; developers and `make long` search on. Tests
print it where they use it, and REELMILL_TEST_SEED repeats it."""


for_a_release = pytest.mark.skipif(not _LONG, reason="for `make long`")
"""Of a test that goes through many mechanisms at moments that nobody chose; others prove each of them once."""


def short_or_long(short: int, long: int) -> int:
    """How often, or for how many seconds."""
    return long if _LONG else short


def some_or_all(all_of_them: Sequence[T], *some: T) -> Sequence[T]:
    """Cases that prove each mechanism once, or, for a release, all. Raises ValueError of one that is none of them."""
    if missing := [one for one in some if one not in all_of_them]:
        raise ValueError(f"no such case: {missing}")
    return all_of_them if _LONG else some
