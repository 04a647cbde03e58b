"""Tasks that read a span of a large input fetch no more of it than that span is read from.

The task that plans has the whole file, and tells each such task which bytes (media/extents.py) and what the prober says
of the file. Where the prober says anything else of what came, where a step would begin to read earlier than was
reckoned with, or where ffmpeg complains, the task begins anew with the whole file: zeros are never taken for a film.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.media.extents import EARLIER, Extent, total_bytes
from reelmill.media.pieces import Chunk, Join
from reelmill.media.probe import TenantProber
from reelmill.media.spreading import piece_in
from reelmill.media.steps import Step
from reelmill.media.timeline import SECOND
from reelmill.storage.fetch import Fetched
from reelmill.store.leases import NewTask

LEAST_BYTES = 2 * 2**30
"""Of an input that is not fetched whole."""
_MOST_SHARE = 0.5  # of a file: who needs more had better have it whole
SUSPECT = frozenset({"INPUT_CORRUPT", "OUTPUT_INVALID", "FFMPEG_FAILED", "INPUT_NOT_MEDIA", "INPUT_UNSUPPORTED"})
"""Errors that what was left out may be the cause of."""


class Hollow(Exception):
    """What was left out of an input may have been read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a task reads of an input."""

    extents: tuple[Extent, ...]
    info: str
    """SHA-256 of what the prober says of the whole (`digest`)."""


def digest(info: bytes) -> str:
    """Of a serialized MediaInfo."""
    return hashlib.sha256(info).hexdigest()


def span_in(spec: bytes) -> tuple[int, int] | None:
    """From when to when a task reads its input, in microseconds from that one's beginning; None: all of it.

    Who joins pieces looks at what it is, and reads none of it.
    """
    match piece_in(spec) if spec else None:
        case Chunk() as chunk:
            return chunk.start, chunk.end
        case Join():
            return 0, 0
    return None


async def with_extents(
    tasks: Sequence[NewTask], inputs: Mapping[str, Fetched], prober: TenantProber
) -> tuple[NewTask, ...]:
    """Tasks that are told which bytes of large inputs they read; `inputs`: those that lie in buckets, whole, here."""
    spans = {task.id: span for task in tasks if (span := span_in(task.spec)) is not None}
    told: dict[str, tuple[str, Mapping[tuple[int, int], Sequence[Extent]]]] = {}
    different = sorted(set(spans.values()))
    for name, fetched in inputs.items():
        if different and fetched.size_bytes >= LEAST_BYTES and (found := await prober.extents(fetched.path, different)):
            told[name] = digest(found[0]), dict(zip(different, found[1], strict=True))

    def pays(name: str, found: Iterable[Extent]) -> bool:
        return total_bytes(found) <= _MOST_SHARE * inputs[name].size_bytes

    def spec(task: NewTask) -> bytes:
        fields, span = json.loads(task.spec), spans[task.id]
        extents = {
            name: {"of": of[span], "info": info}
            for name, (info, of) in told.items()
            if name in fields.get("inputs", ()) and pays(name, of[span])
        }
        return json.dumps({**fields, "extents": extents}).encode() if extents else task.spec

    return tuple(replace(task, spec=spec(task)) if told and task.id in spans else task for task in tasks)


def wanted_in(spec: bytes) -> dict[str, Wanted]:
    """What a task reads of its inputs, by their names; nothing of those that it reads whole."""
    found = json.loads(spec).get("extents", {}) if spec else {}
    return {
        name: Wanted(extents=tuple((begin, end) for begin, end in fields["of"]), info=fields["info"])
        for name, fields in found.items()
    }


def check_begins(steps: Iterable[Step], spec: bytes) -> None:
    """Raise Hollow where a step begins to read before what was reckoned with."""
    span = span_in(spec)
    begins = [reading.seek * SECOND for step in steps for reading in step.reads]
    if span is None or any(at < span[0] - EARLIER for at in begins):
        raise Hollow("it would be read from earlier on")
