"""Where a task may run: in a pool of workers, and of those on one that has all the labels that it needs.

A place is written as one text, the pool and the labels in order, so that an index knows what a worker can take: a
worker asks for its pool with each choice of its labels. One label a worker gives itself: the build of its ffmpeg.
"""

import re
from collections.abc import Iterable
from itertools import chain, combinations

DEFAULT_POOL = "default"
MAX_LABELS = 4
"""That a worker is given: it asks for 2 to the power of them places."""
ENGINE = "engine="
"""What the label begins with that names the build of a worker's ffmpeg; no other label may."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.=-]{0,61}[a-z0-9])?")


def place(pool: str = DEFAULT_POOL, needs: Iterable[str] = ()) -> str:
    """The place of a task that needs these labels. Raises ValueError for a name that none may have."""
    return " ".join([checked(pool), *sorted({checked(label) for label in needs})])


def with_label(where: str, label: str) -> str:
    """A place whose tasks need one label more. Raises ValueError for a label that none may have."""
    pool, *needs = where.split(" ")
    return place(pool, [*needs, label])


def pool_of(where: str) -> str:
    """The pool of a place."""
    return where.partition(" ")[0]


def places(pool: str, labels: Iterable[str]) -> list[str]:
    """Every place that a worker of this pool with these labels can serve. Raises ValueError."""
    have = sorted(set(labels))
    given = [label for label in have if not label.startswith(ENGINE)]
    if len(given) > MAX_LABELS:
        raise ValueError(f"{len(given)} labels; a worker has at most {MAX_LABELS}")
    if len(have) > len(given) + 1:
        raise ValueError("a worker has one ffmpeg")
    chosen = chain.from_iterable(combinations(have, count) for count in range(len(have) + 1))
    return [place(pool, needs) for needs in chosen]


def checked(name: str) -> str:
    """The name of a pool or label. Raises ValueError for one that can't be."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r}: a pool or label has 1 to 63 of a-z, 0-9, '_', '.', '=' and '-', no sign at its ends"
        )
    return name
