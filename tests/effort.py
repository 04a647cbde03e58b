"""How much the tests do: enough for each change, or, where REELMILL_TEST_LONG is set (`make long`), for a release."""

import os
import random

_LONG = bool(os.environ.get("REELMILL_TEST_LONG"))

SEED = int(os.environ.get("REELMILL_TEST_SEED") or 0) or random.randrange(1, 2**31)
"""Of all that happens by chance; tests print it where they use it, and REELMILL_TEST_SEED repeats it."""
SAME_SEED = int(os.environ.get("REELMILL_TEST_SEED") or 0) or (1 if os.environ.get("CI") else SEED)
"""Of searches for counter-examples: a change is judged by the same ones each time, while developers search on."""


def short_or_long(short: int, long: int) -> int:
    """How often, or for how many seconds."""
    return long if _LONG else short
