"""What a job will take, and how long what runs still has, as ranges. Pure.

Reckoned work (reckoning.py) × the ratios that were measured of its kind (jobs/measures.py).
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from reelmill.jobs.measures import Kind, Measure, Range, Rates
from reelmill.media.reckoning import Work

BEFORE, AFTER, TASK = Kind("before"), Kind("after"), Kind("task")
"""A task before its first step (it fetches, probes, plans), after its last (it checks, uploads), and all of it."""
_BESIDE_SECONDS = {BEFORE: 0.5, AFTER: 0.5}
_MATTERS = 0.1  # of the core-seconds: kinds of less say little about how sure the whole is
NOTHING = Range()


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a job, or one of its outputs, will take."""

    cpu: Range = NOTHING
    """Core-seconds."""
    bytes: Range = NOTHING
    """That are written."""
    seconds: Range = NOTHING
    """From its beginning to its end."""
    measurements: int = 0
    """How many of the kind that is known least stand behind it; 0: some of it is only reckoned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """Of a job, and of each of its outputs."""

    job: Estimate
    outputs: Mapping[str, Estimate] = field(default_factory=dict)


def cpu_of(works: Iterable[Work], rates: Rates) -> Range:
    """Core-seconds of some works."""
    return total(rates.spread(work.kind, Measure.CPU).times(work.cpu) for work in works)


def bytes_of(works: Iterable[Work], rates: Rates) -> Range:
    """What some works write."""
    return total(rates.spread(work.kind, Measure.BYTES).times(work.bytes) for work in works if work.bytes)


def seconds_of(works: Iterable[Work], rates: Rates, threads: int) -> Range:
    """How long a process that does some works runs, where each codec has so many threads."""
    each = (rates.spread(work.kind, Measure.WALL).times(work.cpu) for work in works)
    return total(each).times(1 / max(1, threads))


def beside(kind: Kind, rates: Rates) -> Range:
    """How long a task takes BEFORE or AFTER its steps."""
    return rates.spread(kind, Measure.WALL).times(_BESIDE_SECONDS[kind])


def ratio_beside(kind: Kind, seconds: float) -> float:
    """What is counted of the time that one took."""
    return seconds / _BESIDE_SECONDS[kind]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Tasks of their own that a job becomes, which are alike."""

    outputs: tuple[str, ...]
    count: int = 1
    """Chunks of these outputs; another task joins them."""


def estimated(
    steps: Sequence[Sequence[Work]],
    tasks: Sequence[Task],
    rates: Rates,
    *,
    threads: int,
    slots: int,
    tries: Sequence[Sequence[Work]] = (),
) -> Estimates:
    """What a job of these steps takes on so many slots.

    `tasks`: those that it becomes; none where the first one makes all outputs. `tries`: of samples, which the first one
    makes before.
    """
    if tries:
        return _with_tries(estimated(steps, tasks, rates, threads=threads, slots=slots), tries, rates, threads)
    walls = [seconds_of(works, rates, threads) for works in steps]
    names = dict.fromkeys(work.output for works in steps for work in works if work.output)
    outputs = {name: _output(name, steps, walls, rates) for name in names}
    before, after = beside(BEFORE, rates), beside(AFTER, rates)
    if tasks:
        whole = [
            before + _walls(set(task.outputs), steps, walls).times(1 / task.count) + after
            for task in tasks
            for _ in range(task.count)
        ]
        joins = before + after if any(task.count > 1 for task in tasks) else NOTHING
        seconds = before + Range(
            least=makespan([wall.least for wall in whole], slots),
            likely=makespan([wall.likely for wall in whole], slots),
            most=makespan([wall.most for wall in whole], slots),
        )
        seconds += joins
    else:
        seconds = before + total(walls) + after
    every = [work for works in steps for work in works]
    job = Estimate(
        cpu=cpu_of(every, rates),
        bytes=bytes_of(every, rates),
        seconds=seconds,
        measurements=_known(every, rates),
    )
    return Estimates(job=job, outputs=outputs)


def _with_tries(found: Estimates, tries: Sequence[Sequence[Work]], rates: Rates, threads: int) -> Estimates:
    """All of them come before anything else does."""
    outputs = dict(found.outputs)
    for name in outputs:
        own = [work for works in tries for work in works if work.output == name]
        outputs[name] = _later(outputs[name], own, rates, threads)
    every = [work for works in tries for work in works]
    return Estimates(job=_later(found.job, every, rates, threads), outputs=outputs)


def _later(one: Estimate, tries: Sequence[Work], rates: Rates, threads: int) -> Estimate:
    if not tries:
        return one
    seconds = one.seconds + seconds_of(tries, rates, threads)
    known = min(one.measurements, _known(tries, rates))
    return replace(one, cpu=one.cpu + cpu_of(tries, rates), seconds=seconds, measurements=known)


def makespan(seconds: Iterable[float], slots: int) -> float:
    """How long tasks take that free slots take in their order."""
    free = [0.0]
    for one in seconds:
        begin = heapq.heappop(free) if len(free) >= max(1, slots) else 0.0
        heapq.heappush(free, begin + one)
    return max(free)


def total(ranges: Iterable[Range]) -> Range:
    """The sum."""
    return reduce(Range.__add__, ranges, NOTHING)


def _walls(names: set[str], steps: Sequence[Sequence[Work]], walls: Sequence[Range]) -> Range:
    """Of the steps that make some outputs."""
    return total(wall for works, wall in zip(steps, walls, strict=True) if any(work.output in names for work in works))


def _output(name: str, steps: Sequence[Sequence[Work]], walls: Sequence[Range], rates: Rates) -> Estimate:
    own = [work for works in steps for work in works if work.output == name]
    cpu, every = cpu_of(own, rates), list(own)
    for works in steps:
        makes = {work.output for work in works if work.output}
        if name in makes:  # what they share is of each the same part
            shared = [work for work in works if not work.output]
            cpu += cpu_of(shared, rates).times(1 / len(makes))
            every += shared
    return Estimate(
        cpu=cpu,
        bytes=bytes_of(own, rates),
        seconds=_walls({name}, steps, walls),
        measurements=_known(every, rates),
    )


def _known(works: Sequence[Work], rates: Rates) -> int:
    whole = math.fsum(work.cpu for work in works)
    kinds = {work.kind: 0.0 for work in works}
    for work in works:
        kinds[work.kind] += work.cpu
    return min((int(rates.known(k, Measure.CPU)) for k, cpu in kinds.items() if cpu >= _MATTERS * whole), default=0)
