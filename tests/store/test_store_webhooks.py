"""Webhooks: who is told is decided with the job's change; of a job in order, by who holds the message, and apart."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from store.kit import BAD_INPUT, TENANT, USER, Store, made, new_job
from store.test_store_published import complete, parts, shown

from reelmill.jobs.errors import NotFound, WrongState
from reelmill.store.deliveries import FIRST, DeliveryStore, DueDelivery, Patience, Try
from reelmill.store.webhooks import WebhookStore
from reelmill.v1.jobs_pb2 import Job

URL = "https://example.com/hook"
LEASE, OVER = timedelta(seconds=60), timedelta(seconds=-1)
OTHER = uuid4()


def seal(signer_id: UUID) -> bytes:
    return b"sealed " + signer_id.bytes


@pytest.fixture
def webhooks(store: Store) -> WebhookStore:
    return WebhookStore(store.database)


@pytest.fixture
def deliveries(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database)


async def hook(webhooks: WebhookStore, *events: str, tenant_id: UUID = TENANT) -> UUID:
    return (await webhooks.create(tenant_id, URL, events, seal)).id


async def claim(deliveries: DeliveryStore, lease: timedelta = LEASE, **options: Any) -> list[DueDelivery]:
    given = {"slow": False, "endpoints": 100, "each": 100, "limit": 100} | options
    found = await deliveries.claim(await deliveries.waiting(after=FIRST, limit=100), lease=lease, **given)
    return sorted(found, key=lambda d: d.id)


def taken(*due: DueDelivery) -> list[Try]:
    return [Try(delivery=one, outcome="delivered", delivered=True, away=False, status=200) for one in due]


def refused(*due: DueDelivery, wait_seconds: float = 0.0) -> list[Try]:
    how: Any = {"outcome": "rejected", "delivered": False, "away": False, "status": 400}
    return [Try(delivery=one, wait_seconds=wait_seconds, **how) for one in due]


def away(*due: DueDelivery, asked_seconds: float = 0.0, slow: bool = False) -> list[Try]:
    how: Any = {"outcome": "timeout", "delivered": False, "away": True}
    return [Try(delivery=one, asked_seconds=asked_seconds, slow=slow, **how) for one in due]


def told(due: Sequence[DueDelivery]) -> list[tuple[str, str]]:
    return [(one.type, str(one.job.id if one.job else "")) for one in due]


NOW = Patience(first_wait=timedelta(0), longest_wait=timedelta(0))


async def test_each_state_is_told_once_to_who_asked_for_it_in_order(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    every, ends = await hook(webhooks), await hook(webhooks, "job.completed", "job.failed")
    await hook(webhooks, tenant_id=OTHER)
    new, bad = new_job(body="mine"), new_job()
    own = new_job()
    own.job.webhook.url, own.job.webhook.events[:] = "https://example.com/own", ["job.queued", "job.completed"]
    await store.jobs.create(TENANT, USER, [new, bad, own])
    for item in (new, own):
        await store.complete(await store.claim(item), made())
    await store.leases.fail((await store.claim(bad)).lease, BAD_INPUT)

    rows = await store.rows("SELECT * FROM webhook_deliveries ORDER BY id")
    by_endpoint: dict[UUID, list[tuple[str, UUID]]] = {}
    for row in rows:
        by_endpoint.setdefault(row["webhook_id"], []).append((row["type"], row["job_id"]))
    states = ("job.queued", "job.processing", "job.completed")
    assert [t for t, job_id in by_endpoint[every] if job_id == new.id] == list(states)
    assert sorted(by_endpoint[ends]) == sorted(
        [("job.completed", new.id), ("job.completed", own.id), ("job.failed", bad.id)]
    )
    [mine] = by_endpoint.keys() - {every, ends}
    assert by_endpoint[mine] == [("job.queued", own.id), ("job.completed", own.id)]
    assert {row["tenant_id"] for row in rows} == {TENANT}

    first = [one for one in await claim(deliveries) if one.webhook_id == every]
    assert [one.type for one in first] == ["job.queued"] * 3, "of a job one, the first"
    assert await claim(deliveries) == [], "each is held"
    seen: list[tuple[DueDelivery, Job]] = []
    while first:
        assert await deliveries.record(taken(*first), NOW) == []
        seen += [(one, one.job) for one in first if one.job]
        first = [one for one in await claim(deliveries) if one.webhook_id == every]
    of_new = [(one, job) for one, job in seen if job.id == str(new.id)]
    assert [one.type for one, _ in of_new] == list(states)
    assert [one.sequence for one, _ in of_new] == [job.version for _, job in of_new] == [1, 2, 3]
    queued, running, completed = (job for _, job in of_new)
    assert [Job.State.Name(job.state) for _, job in of_new] == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert not queued.HasField("start_time") and not queued.HasField("end_time") and not queued.outputs[0].files
    assert running.HasField("start_time") and not running.HasField("end_time") and running.attempt == 1
    assert completed == await store.jobs.get(TENANT, new.id)
    [failed] = [job for one, job in seen if one.type == "job.failed"]
    assert (failed.state, failed.error.code, failed.error.stderr_tail) == (Job.FAILED, BAD_INPUT.code, "")
    assert len({one.message_id for one, _ in seen}) == len(seen) == 9


async def test_what_a_transaction_takes_back_is_told_to_nobody(store: Store, webhooks: WebhookStore) -> None:
    await hook(webhooks)
    new = await store.submit()
    with pytest.raises(ZeroDivisionError):
        async with store.database.transaction() as connection:
            await connection.execute(
                "UPDATE jobs SET state = 'CANCELLED', cancel_time = now(), end_time = now() WHERE id = $1", new.id
            )
            assert await connection.fetchval("SELECT count(*) FROM webhook_deliveries") == 2
            raise ZeroDivisionError
    assert await store.value("SELECT count(*) FROM webhook_deliveries") == 1


async def test_what_is_not_taken_holds_up_its_job_and_no_other(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    await hook(webhooks)
    new = await store.submit()
    await store.jobs.cancel(TENANT, new.id, "")
    [first] = await claim(deliveries)
    await deliveries.record(refused(first, wait_seconds=3600), NOW)
    assert await claim(deliveries) == [], "job.cancelled waits behind job.queued"
    assert await store.value("SELECT count(DISTINCT next_time) FROM webhook_deliveries") == 1
    other = await store.submit()
    [one] = await claim(deliveries)
    assert told([one]) == [("job.queued", str(other.id))]
    await store.rows("UPDATE webhook_deliveries SET next_time = now() WHERE job_id = $1", new.id)
    [again] = await claim(deliveries)
    assert (again.message_id, again.tries) == (first.message_id, 2)
    await deliveries.record(refused(again), Patience(give_up=OVER))
    [then] = await claim(deliveries)
    assert then.type == "job.cancelled", "what is given up holds up nothing"
    [gone] = await store.rows("SELECT state, outcome, status, tries FROM webhook_deliveries WHERE id = $1", first.id)
    assert tuple(gone) == ("FAILED", "rejected", 400, 2)


async def test_who_lost_its_lease_records_nothing(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    await hook(webhooks)
    await store.submit()
    [first] = await claim(deliveries, lease=OVER)
    [second] = await claim(deliveries)
    assert (first.id, first.message_id) == (second.id, second.message_id)
    await deliveries.record(refused(first), Patience(give_up=OVER))
    assert await store.value("SELECT state FROM webhook_deliveries") == "PENDING"
    await deliveries.record(taken(second), NOW)
    await deliveries.record(refused(second), NOW)
    assert await store.value("SELECT state FROM webhook_deliveries") == "DELIVERED"


async def test_an_endpoint_that_is_away_is_left_alone_longer_each_time_and_tried_with_one_message(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    webhook_id = await hook(webhooks)
    for _ in range(3):
        await store.submit()
    due = await claim(deliveries)
    assert len(due) == 3
    patience = Patience(first_wait=timedelta(seconds=100), longest_wait=timedelta(seconds=300))
    waits = []
    for asked in (0.0, 0.0, 0.0, 0.0, 900.0):
        await deliveries.record(away(*due, asked_seconds=asked, slow=True), patience)
        assert await claim(deliveries) == await claim(deliveries, slow=True) == []
        waits.append(await store.value("SELECT extract(epoch FROM not_before - clock_timestamp())::int FROM webhooks"))
        await store.rows("UPDATE webhooks SET not_before = now()")
        assert await claim(deliveries) == [], "it waits among the slow ones"
        due = await claim(deliveries, slow=True)
        assert len(due) == 1
    for wait, middle in zip(waits, (100, 200, 300, 300, 900), strict=True):
        assert 0.75 * middle < wait < 1.25 * middle, waits
    assert (await webhooks.get(TENANT, webhook_id)).failing_since
    await deliveries.record(taken(*due), patience)
    endpoint = await webhooks.get(TENANT, webhook_id)
    assert endpoint.failing_since is None and len(await claim(deliveries)) == 2, "all that waits comes at once"


async def test_an_endpoint_that_took_nothing_for_too_long_is_disabled_and_others_hear_of_it(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    lost, witness = await hook(webhooks, "job.queued"), await hook(webhooks, "webhook.disabled")
    await hook(webhooks, "webhook.disabled", tenant_id=OTHER)
    for _ in range(2):
        await store.submit()
    due = await claim(deliveries, lease=OVER)
    assert await deliveries.record(away(*due), NOW) == [], "it has failed for a moment"
    at_once = replace(NOW, disable=OVER)
    assert await deliveries.record(taken(due[0]), at_once) == []
    assert await deliveries.record(away(due[1]), at_once) == [lost]
    assert await deliveries.disable(lost, "it took nothing") is True
    assert await deliveries.disable(lost, "it took nothing") is False
    endpoint = await webhooks.get(TENANT, lost)
    assert endpoint.disable_time and endpoint.disable_reason == "it took nothing"
    await store.submit()
    [message] = await claim(deliveries)
    assert (message.webhook_id, message.type, message.job) == (witness, "webhook.disabled", None)
    assert str(lost).encode() in message.data
    kinds = await store.rows("SELECT headers->>'ce_type' AS kind FROM outbox WHERE topic = 'events' ORDER BY id")
    assert [row["kind"] for row in kinds].count("reelmill.webhook.disabled") == 1
    await webhooks.enable(TENANT, lost)
    assert (await claim(deliveries))[0].webhook_id == lost, "what it was still to hear it hears"


async def test_of_many_endpoints_each_gets_its_turn(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    for _ in range(4):
        await hook(webhooks)
    for _ in range(3):
        await store.submit()
    waiting = await deliveries.waiting(after=FIRST, limit=3)
    assert waiting == sorted(waiting) and len(waiting) == 3
    assert len(await deliveries.waiting(after=waiting[-1], limit=3)) == 1
    assert len(await claim(deliveries, limit=1, lease=OVER)) == 1
    seen: dict[UUID, int] = {}
    while due := await claim(deliveries, endpoints=2, each=2):
        assert len({one.webhook_id for one in due}) <= 2 and len(due) <= 4
        for one in due:
            seen[one.webhook_id] = seen.get(one.webhook_id, 0) + 1
    assert sum(seen.values()) == 12 and max(seen.values()) == 3
    assert await deliveries.measure(await deliveries.waiting(after=FIRST, limit=9)) == (0.0, 0)


async def test_what_was_told_is_listed_and_sent_again_with_the_same_id(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    webhook_id = await hook(webhooks, "job.queued")
    jobs = [await store.submit() for _ in range(3)]
    due = await claim(deliveries)
    await deliveries.record(taken(*due[:2]) + refused(due[2], wait_seconds=60), NOW)
    listed = await webhooks.deliveries(TENANT, webhook_id, before=2**63 - 1, limit=9)
    assert [one.job_id for one in listed] == [job.id for job in reversed(jobs)]
    assert [(one.state, one.outcome, one.status) for one in listed[:2]] == [
        ("PENDING", "rejected", 400),
        ("DELIVERED", "delivered", 200),
    ]
    assert await webhooks.deliveries(TENANT, webhook_id, before=listed[0].id, limit=1) == listed[1:2]
    assert await webhooks.deliveries(TENANT, webhook_id, before=2**63 - 1, limit=9, state="FAILED") == []
    assert await webhooks.deliveries(TENANT, jobs[0].id, before=2**63 - 1, limit=9) == listed[2:]
    assert await webhooks.redeliver(TENANT, webhook_id, delivery_id=due[0].id, since=None) == 1
    assert await webhooks.redeliver(TENANT, webhook_id, delivery_id=due[0].id, since=None) == 0, "it is pending"
    [again] = await claim(deliveries)
    assert (again.message_id, again.tries) == (due[0].message_id, 2)
    await deliveries.record(taken(again), NOW)
    since = datetime(2000, 1, 1, tzinfo=UTC)
    assert await webhooks.redeliver(TENANT, webhook_id, delivery_id=None, since=since) == 2
    assert await webhooks.redeliver(TENANT, jobs[0].id, delivery_id=None, since=since) == 0
    assert await webhooks.redeliver(TENANT, webhook_id, delivery_id=None, since=datetime.now(UTC)) == 0


async def test_another_tenants_webhooks_are_not_there(store: Store, webhooks: WebhookStore) -> None:
    webhook_id, new = await hook(webhooks), await store.submit()
    [delivery] = await webhooks.deliveries(TENANT, webhook_id, before=2**63 - 1, limit=9)
    assert await webhooks.page(OTHER, after=FIRST, limit=9) == []
    for subject in (webhook_id, new.id):
        for call in (
            lambda s: webhooks.deliveries(OTHER, s, before=2**63 - 1, limit=9),
            lambda s: webhooks.redeliver(OTHER, s, delivery_id=delivery.id, since=None),
            lambda s: webhooks.get(OTHER, s),
            lambda s: webhooks.enable(OTHER, s),
            lambda s: webhooks.rotate(OTHER, s, LEASE, seal),
            lambda s: webhooks.test(OTHER, s),
            lambda s: webhooks.delete(OTHER, s),
        ):
            with pytest.raises(NotFound):
                await call(subject)
    assert [one.id for one in await webhooks.page(TENANT, after=FIRST, limit=9)] == [webhook_id]


async def test_secrets_change_over(store: Store, webhooks: WebhookStore, deliveries: DeliveryStore) -> None:
    webhook_id = await hook(webhooks)
    numbers = iter(range(1, 100))

    async def rotate(signer: UUID | None, overlap: timedelta) -> None:
        await webhooks.rotate(TENANT, signer, overlap, lambda _: bytes([next(numbers)]))

    first = seal(webhook_id)
    await rotate(webhook_id, timedelta(hours=1))
    assert (await deliveries.secrets([webhook_id]))[webhook_id] == [b"\x01", first]
    await rotate(webhook_id, timedelta(hours=2))
    assert (await deliveries.secrets([webhook_id]))[webhook_id] == [b"\x02", b"\x01", first]
    await rotate(webhook_id, timedelta(0))
    assert (await deliveries.secrets([webhook_id]))[webhook_id] == [b"\x03"], "none before it signs any longer"
    for _ in range(5):
        await rotate(webhook_id, timedelta(hours=3))
    assert (await deliveries.secrets([webhook_id]))[webhook_id] == [b"\x08", b"\x07", b"\x06", b"\x05"]
    await deliveries.give_secret(TENANT, TENANT, b"made")
    await deliveries.give_secret(TENANT, TENANT, b"made by another")
    await rotate(None, timedelta(hours=1))
    assert (await deliveries.secrets([TENANT]))[TENANT] == [b"\x09", b"made"]
    await store.rows("UPDATE webhook_secrets SET end_time = '-infinity' WHERE end_time IS NOT NULL")
    await store.retention.trim()
    assert await store.value("SELECT count(*) FROM webhook_secrets") == 2


async def test_what_is_removed_takes_all_with_it_and_stands_in_no_jobs_way(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    webhook_id = await hook(webhooks)
    own = new_job()
    own.job.webhook.url = URL
    await store.jobs.create(TENANT, USER, [own])
    due = await claim(deliveries)
    assert {one.signer_id for one in due} == {webhook_id, TENANT}
    await webhooks.delete(TENANT, webhook_id)
    assert await store.value("SELECT count(*) FROM webhook_secrets") == 0
    assert await deliveries.record(taken(*due), NOW) == []
    await store.jobs.cancel(TENANT, own.id, "")
    assert await store.value("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1", webhook_id) == 0
    await store.retention.delete_jobs(OVER, own_storage="file:///", limit=9)
    for table in ("jobs", "webhooks", "webhook_deliveries"):
        assert await store.value(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_tenant_has_so_many_webhooks_and_no_more(
    webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelmill.store.webhooks.MOST_WEBHOOKS", 2)
    await hook(webhooks)
    last = await hook(webhooks)
    with pytest.raises(WrongState, match="2 webhooks"):
        await hook(webhooks)
    await hook(webhooks, tenant_id=OTHER)
    await webhooks.delete(TENANT, last)
    await hook(webhooks)


async def test_of_a_job_that_publishes_a_message_shows_what_was_published_then(
    store: Store, webhooks: WebhookStore, deliveries: DeliveryStore
) -> None:
    await hook(webhooks, "job.processing", "job.failed")
    _, a, b = await parts(store)
    await complete(store, a)
    await store.leases.fail(b.lease, BAD_INPUT)
    [running] = await claim(deliveries)
    await deliveries.record(taken(running), NOW)
    [failed] = await claim(deliveries)
    assert running.job and failed.job
    assert (running.job.state, shown(running.job)) == (Job.PROCESSING, {"a": 0, "b": 0})
    assert (failed.job.state, shown(failed.job)) == (Job.FAILED, {"a": 1, "b": 0})
