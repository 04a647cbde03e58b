"""A job that was done before is known by what it asks for of which bytes: before its inputs are fetched or probed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Unavailable
from reelmill.media import reuse
from reelmill.media.contract import PlanContext
from reelmill.storage.fetch import Fetched
from reelmill.storage.storage import Storage
from reelmill.storage.unchanged import place_of
from reelmill.telemetry.logs import get_logger
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.attempt import Attempt
from reelmill.worker.reusing import Reuse, Taken

log = get_logger(__name__)
_LONG = frozenset({"transcode", "package", "concat", "preview", "analyze", "compare"})
"""Operations whose work may be worth a question before it is known how much it is."""


async def take_again(
    mine: Reuse | None, attempt: Attempt, stages: Sequence[Job], storage: Storage, context: PlanContext
) -> Taken | None:
    """All that a job asks for, where all of it is there; its inputs are only asked what they are now.

    No input is asked that no worker has hashed. None: the job goes the usual way. Raises Stopped.
    """
    if mine is None or attempt.task.spec or len(stages) != 1 or not reuse.wants(stages[0]):
        return None
    [job] = stages
    if _LONG.isdisjoint(str(output.WhichOneof("operation")) for output in job.outputs):
        return None
    try:
        digests = await attempt.unless_stopped(_digests(mine, job, storage))
        memos = reuse.asked(job, digests, mine.engine, context)
        told = await mine.results.digests(storage.tenant_id, memos.values()) if memos else {}
        keys = {name: told[memo] for name, memo in memos.items() if memo in told}
        found = await mine.results.find(storage.tenant_id, set(keys.values()), within=mine.within) if keys else {}
    except (AttemptFailed, Unavailable) as error:  # the usual way tells it, or does without
        log.info("can't ask what is there", reason=str(error))
        return None
    results = {name: found[key] for name, key in keys.items() if key in found and found[key].output == name}
    every = {output.name for output in job.outputs}
    if results.keys() != every:
        return None
    taken = await mine.copies(attempt, storage, results)
    copied = {one.output for one in taken.files}
    if copied != every:
        attempt.receipts.clear()
        for output in copied:  # it is looked for again, or made
            await mine.drop(attempt, storage, output)
        return None
    mine.note(attempt, storage, keys, digests)
    return taken


async def _digests(mine: Reuse, job: Job, storage: Storage) -> dict[str, str]:
    """SHA-256 of all inputs by name, as they are now; empty where one is not known."""
    seen = {reuse.seen(item.uri) for item in job.inputs}
    if (await mine.results.digests(storage.tenant_id, seen)).keys() != seen:
        return {}
    places = {item.name: await _place(storage, item.uri) for item in job.inputs}
    known = await mine.results.digests(storage.tenant_id, places.values()) if all(places.values()) else {}
    found = {name: known[place] for name, place in places.items() if place in known}
    return found if found.keys() == places.keys() else {}


async def _place(storage: Storage, uri: str) -> str:
    if storage.is_remote(uri):
        told = await storage.look(uri)
        fetched = Fetched(path=Path(), size_bytes=told.size_bytes, validator=told)
    else:
        fetched = await storage.fetch(uri, None)
    return await asyncio.to_thread(place_of, storage, uri, fetched)
