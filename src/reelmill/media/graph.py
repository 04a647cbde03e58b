"""How steps come together: which share a process, and which waits for which. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from reelmill.media.promises import PlannedFile
from reelmill.media.steps import Cost, Program, Reading, Step

MOST_ENCODING = 4.0
"""Times the decode: whose encoder takes more gains less than a fifth by sharing one, and others wait for it."""
_ALONE = frozenset({"asetnsamples"})
"""Filters that make more frames of one: beside a picture's encoder ffmpeg (9.0.2) then waits for ever."""


def fused(steps: Iterable[Step], *, memory_bytes: int = 0) -> tuple[Step, ...]:
    """Steps that read the same become one, in the order of the first of each, as far as memory lasts (0: any)."""
    made: list[Step] = []
    newest: dict[tuple[Program, tuple[Reading, ...]], int] = {}
    for step in steps:
        alone = not step.shares or step.program is not Program.FFMPEG or not step.filters.isdisjoint(_ALONE)
        if alone or step.cost.writing_cpu > MOST_ENCODING * step.cost.reading_cpu:
            made.append(step)
            continue
        key = step.program, step.reads
        at = newest.get(key)
        both = _both(made[at], step) if at is not None else None
        if at is not None and both and (not memory_bytes or both.memory_bytes <= memory_bytes):
            made[at] = both
        else:
            newest[key] = len(made)
            made.append(step)
    return tuple(made)


def together(steps: Sequence[Step], *, memory_bytes: int = 0) -> tuple[Step, ...]:
    """Steps that are alike in what they read as one, whatever their encoders take, as far as memory lasts (0: any)."""
    made: list[Step] = []
    for step in steps:
        both = _both(made[-1], step) if made and made[-1].reads == step.reads else None
        if both and (not memory_bytes or both.memory_bytes <= memory_bytes):
            made[-1] = both
        else:
            made.append(step)
    return tuple(made)


def in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps, each after those whose files it reads. Raises ValueError where one waits for itself, or for nobody."""
    waits = waits_for(steps)
    done: dict[int, Step] = {}
    while len(done) < len(steps):
        ready = [i for i in range(len(steps)) if i not in done and waits[i] <= done.keys()]
        if not ready:
            raise ValueError("steps wait for each other")
        done |= {i: steps[i] for i in ready}
    return tuple(done.values())


def waits_for(steps: Sequence[Step]) -> tuple[frozenset[int], ...]:
    """For each step the places of those whose files it reads. Raises ValueError for a file that none writes."""
    makers = {file: i for i, step in enumerate(steps) for file in _written(step)}
    found = []
    for step in steps:
        paths = [reading.of for reading in step.reads if isinstance(reading.of, PurePosixPath)]
        paths = [*(path for path in paths if path not in dict(step.texts)), *step.after]
        if missing := [path for path in paths if path not in makers]:
            raise ValueError(f"no step writes {missing[0]}")
        found.append(frozenset(makers[path] for path in paths))
    return tuple(found)


def _written(step: Step) -> Iterable[PurePosixPath]:
    """Filters write files of their own beside that of the muxer."""
    promised = (thing.path for thing in step.promised if isinstance(thing, PlannedFile))
    return (*(writing.path for writing in step.writes), *promised)


def _both(first: Step, second: Step) -> Step:
    one, other = first.cost, second.cost
    cost = Cost(
        seconds=max(one.seconds, other.seconds),
        reading_cpu=max(one.reading_cpu, other.reading_cpu),
        writing_cpu=one.writing_cpu + other.writing_cpu,
        reading_bytes=max(one.reading_bytes, other.reading_bytes),
        writing_bytes=one.writing_bytes + other.writing_bytes,
    )
    return replace(first, writes=first.writes + second.writes, cost=cost, texts=first.texts + second.texts)
