"""Where a task may run: in a pool of workers, and of those on one that has all the labels that it needs.

A place is written as one text, the pool and the labels in order, so that an index knows what a worker can take: a
worker asks for its pool with each choice of its labels.
"""

import re
from collections.abc import Iterable
from itertools import chain, combinations

DEFAULT_POOL = "default"
MAX_LABELS = 4
"""Of a worker: it asks for 2 to the power of them places."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.=-]{0,61}[a-z0-9])?")


def place(pool: str = DEFAULT_POOL, needs: Iterable[str] = ()) -> str:
    """The place of a task that needs these labels. Raises ValueError for a name that none may have."""
    return " ".join([checked(pool), *sorted({checked(label) for label in needs})])


def places(pool: str, labels: Iterable[str]) -> list[str]:
    """Every place that a worker of this pool with these labels can serve. Raises ValueError."""
    have = sorted(set(labels))
    if len(have) > MAX_LABELS:
        raise ValueError(f"{len(have)} labels; a worker has at most {MAX_LABELS}")
    chosen = chain.from_iterable(combinations(have, count) for count in range(len(have) + 1))
    return [place(pool, needs) for needs in chosen]


def checked(name: str) -> str:
    """The name of a pool or label. Raises ValueError for one that can't be."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r}: a pool or label has 1 to 63 of a-z, 0-9, '_', '.', '=' and '-', no sign at its ends"
        )
    return name
