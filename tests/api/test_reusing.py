"""What is told beforehand of results that a job would take: no more than is known."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import planning
from api.test_service import CONTEXT, TENANT, Api
from api.test_service import api as api
from jobs import job
from unit.test_media_golden import CLIP
from unit.test_media_reuse import BYTES

from reelmill import __version__
from reelmill.api.reusing import MADE, NOT_KNOWN, NOT_LOOKED_FOR, TAKEN, Known, Reusing
from reelmill.media import reuse
from reelmill.media.builds import builds
from reelmill.media.contract import Loudness, PlanContext
from reelmill.store.leases import FinishedTask, LeaseStore
from reelmill.store.results import ResultStore
from reelmill.store.workers import LivingWorker, WorkerStore
from reelmill.v1.jobs_pb2 import DeleteJobRequest, Job

PLACE, ENGINE = "c" * 64, "engine=1"
FILM = {"name": "film", "transcode": {}}
WORKER = LivingWorker(
    owner="a", version=__version__, kinds=("run_job",), pool="default", labels=(ENGINE,), slots=1, running=0
)
WANTED, PLAN = job("file:///a", FILM), PlanContext(threads=2)
GRAPH, PROGRAMS = planning.graph(WANTED, CLIP, threads=2), builds(ENGINE)
[KEY] = reuse.keys(WANTED, GRAPH, {"": BYTES}, builds=PROGRAMS).values()


async def test_it_is_told_where_every_worker_would_find_the_same(api: Api) -> None:
    results, workers = ResultStore(api.database), WorkerStore(api.database)
    reusing = Reusing(
        results=results,
        workers=workers,
        context=PLAN,
        within=timedelta(days=1),
        least_cpu_seconds=0.0,
        silent_after=timedelta(minutes=1),
    )
    made = await api.create(outputs=[FILM])
    task = await api.claim()
    await LeaseStore(api.database, lease_seconds=60).complete([FinishedTask(lease=task.lease, keys={"film": KEY})])
    await results.keep_digests(TENANT, {PLACE: BYTES})

    async def known(
        reusing: Reusing = reusing,
        tenant_id: UUID = TENANT,
        wanted: Job = WANTED,
        places: Mapping[str, str] = {"": PLACE},
        facts: Mapping[Any, Any] = {},
    ) -> Known:
        [one] = (await reusing.known(tenant_id, wanted, wanted, GRAPH, places, facts)).values()
        return one

    taken, unknown, none = Known(reuse=TAKEN, of=made.id), Known(reuse=NOT_KNOWN), Known(reuse=NOT_LOOKED_FOR)
    assert await known() == unknown, "no worker lives"
    await workers.announce(WORKER)
    assert await known() == taken
    assert await known(places={"": "d" * 64}) == await known(places={"": ""}) == unknown
    assert await known(tenant_id=uuid4()) == unknown
    for other in (replace(WORKER, owner="b", labels=("engine=2",)), replace(WORKER, owner="c", version="0.0.0")):
        await workers.announce(other)
        assert await known() == unknown, "whoever takes it may find another"
        await workers.forget(other.owner)
    await workers.forget(WORKER.owner)
    await workers.announce(replace(WORKER, owner="older", version="0.0.0"))
    assert await known() == unknown, "another release plans it"
    await workers.forget("older")
    await workers.announce(WORKER)
    # Something was only guessed: what was asked for like this came to that key before.
    guessed = {Loudness(step=GRAPH.steps[0], seconds=1): None}
    assert await known(facts=guessed) == unknown
    memos = reuse.asked(WANTED, {"": BYTES}, " ".join(PROGRAMS.values()), PLAN)
    await results.keep_digests(TENANT, {memos["film"]: KEY})
    assert await known(facts=guessed) == taken
    assert await known(replace(reusing, within=timedelta(0))) == none
    assert await known(replace(reusing, least_cpu_seconds=1e9)) == none
    assert await known(wanted=job("file:///a", FILM, reuse=False)) == none
    await api.service.DeleteJob(DeleteJobRequest(id=made.id), CONTEXT)
    assert await known() == Known(reuse=MADE)
