"""Two tenants in one database: each method of the store shows and changes what is its caller's alone."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from store.kit import TENANT, USER, Store, made, new_job

from reelmill.jobs.errors import Conflict, NotFound
from reelmill.store.jobs import JobFilter, JobStore, NewJob
from reelmill.store.records import StoredJob

OTHER = uuid4()
Call = Callable[[JobStore, NewJob], Awaitable[object]]

# What another tenant is answered who names the job: nothing, or that there is none.
NOTHING: dict[str, Call] = {
    "owner": lambda jobs, new: jobs.owner(OTHER, new.id),
    "receipts": lambda jobs, new: jobs.receipts(OTHER, new.id),
    "sealed": lambda jobs, new: jobs.sealed(OTHER, new.id),
    "delete_some": lambda jobs, new: jobs.delete_some(
        OTHER, JobFilter(created_before=datetime.max.replace(tzinfo=UTC)), own_storage="file:///x/", limit=9
    ),
    "get_many": lambda jobs, new: jobs.get_many(OTHER, [new.id]),
    "get_retry": lambda jobs, new: jobs.get_retry(OTHER, new.id),
    "page": lambda jobs, new: jobs.page(OTHER, JobFilter(), before=None, limit=9),
    "events": lambda jobs, new: jobs.events(OTHER, new.id, after=0, limit=9),
    "events_after": lambda jobs, new: jobs.events_after(OTHER, [(new.id, 0)], limit=9),
    "versions": lambda jobs, new: jobs.versions(OTHER, [new.id]),
    "output_files": lambda jobs, new: jobs.output_files(OTHER, new.id, "a", after=-1, limit=9),
    "output_file": lambda jobs, new: jobs.output_file(OTHER, new.id, "a", "a.mp4"),
    "logs": lambda jobs, new: jobs.logs(OTHER, new.id, after=0, limit=9),
}
NOT_FOUND: dict[str, Call] = {
    "get": lambda jobs, new: jobs.get(OTHER, new.id),
    "read": lambda jobs, new: jobs.read(OTHER, new.id),
    "delete": lambda jobs, new: jobs.delete(OTHER, new.id, own_storage="file:///x/"),
    "cancel": lambda jobs, new: jobs.cancel(OTHER, new.id, "mine"),
    "tasks": lambda jobs, new: jobs.tasks(OTHER, new.id, after=UUID(int=0), limit=9, silent_after=timedelta(minutes=1)),
}


def test_each_method_that_names_a_tenant_is_tried() -> None:
    methods = inspect.getmembers(JobStore, inspect.iscoroutinefunction)
    named = {name for name, method in methods if not name.startswith("_")}
    assert named == {*NOTHING, *NOT_FOUND, "create"}


async def test_another_tenant_reads_and_changes_nothing(store: Store) -> None:
    new, retried = new_job(), new_job()
    await store.jobs.create(TENANT, USER, [new, retried])
    await store.jobs.create(TENANT, USER, [new_job(retry_of=new.id)])
    [task] = await store.claim_these([new.task_id])
    await store.complete(task, made())
    await store.jobs.cancel(TENANT, retried.id, "")
    for job in (new, retried):
        for name, call in NOTHING.items():
            assert not await call(store.jobs, job), name
        for call in NOT_FOUND.values():
            with pytest.raises(NotFound):
                await call(store.jobs, job)
    assert (await store.jobs.get(TENANT, new.id)).version == 3


async def test_a_key_and_a_retry_of_one_tenant_do_not_stand_in_the_way_of_anothers(store: Store) -> None:
    old = new_job()
    items = {t: new_job(key="k", body=str(t), retry_of=old.id) for t in (TENANT, OTHER)}
    for tenant_id, item in items.items():
        [answer] = await store.jobs.create(tenant_id, USER, [item])
        assert isinstance(answer, StoredJob) and (answer.tenant_id, answer.already) == (tenant_id, False)
        assert answer.job.id == str(item.id)
    [again] = await store.jobs.create(OTHER, USER, [new_job(key="k", body=str(TENANT))])
    assert isinstance(again, Conflict) and str(items[OTHER].id) in str(again)
