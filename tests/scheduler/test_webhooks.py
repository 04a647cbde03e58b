"""Webhooks at real receivers: that fail, are slow or away, ask for patience, or want nothing any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from itertools import cycle
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from effort import short_or_long
from google.protobuf import json_format
from prometheus_client import REGISTRY
from receiving import Answer, Message, Receiver, status
from store.kit import TENANT, USER, Store, made, new_job
from waiting import patient, soon

from reelmill.sealing import Keys
from reelmill.standard_webhooks import InvalidWebhook, verify
from reelmill.store.deliveries import DeliveryStore, DueDelivery, Patience
from reelmill.store.jobs import NewJob
from reelmill.store.webhooks import Delivery, WebhookStore, new_secret
from reelmill.telemetry.metrics import WEBHOOK_OUTCOMES, expose
from reelmill.v1.jobs_pb2 import Job
from reelmill.webhooks import sender
from reelmill.webhooks.sender import Sender, SenderConfig
from reelmill.webhooks.sending import _beginning

KEYS = Keys([b"k" * 32])
HERE = (ip_network("127.0.0.0/8"),)
NEWEST = 2**63 - 1
# An hour of waiting is a second here.
SHORT = Patience(
    first_wait=timedelta(milliseconds=20),
    longest_wait=timedelta(milliseconds=80),
    longest_refused=timedelta(milliseconds=160),
)
STATES = ("job.queued", "job.processing", "job.completed")


@asynccontextmanager
async def sending(store: Store, **options: Any) -> AsyncIterator[Sender]:
    """A sender that runs."""
    given: dict[str, Any] = {"allowed": HERE, "patience": SHORT, "timeout_seconds": 2.0, "poll_seconds": 0.02}
    sender = Sender(DeliveryStore(store.database), options.pop("keys", KEYS), SenderConfig(**(given | options)))
    running = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def webhooks(store: Store) -> WebhookStore:
    return WebhookStore(store.database)


async def hook(webhooks: WebhookStore, url: str, *events: str, tenant_id: UUID = TENANT) -> tuple[UUID, str]:
    """An endpoint's id and secret."""
    told = ""

    def seal(signer_id: UUID) -> bytes:
        nonlocal told
        told, sealed = new_secret(KEYS, signer_id)
        return sealed

    return (await webhooks.create(tenant_id, url, events, seal)).id, told


async def completed(store: Store, *more: NewJob) -> list[str]:
    """Jobs that went through all states."""
    jobs = list(more) or [new_job()]
    await store.jobs.create(TENANT, USER, jobs)
    for task in await store.claim_these([job.task_id for job in jobs]):
        await store.complete(task, made())
    return [str(job.id) for job in jobs]


async def last(webhooks: WebhookStore, webhook_id: UUID) -> Delivery:
    return (await webhooks.deliveries(TENANT, webhook_id, before=NEWEST, limit=1))[0]


def types_by_job(messages: Sequence[Message]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for message in messages:
        found.setdefault(message.json["data"]["id"], []).append(message.json["type"])
    return found


async def test_a_message_is_the_job_as_get_shows_it_signed_with_each_secret(
    store: Store, webhooks: WebhookStore
) -> None:
    async with Receiver() as receiver, Receiver() as own, sending(store):
        webhook_id, secret = await hook(webhooks, receiver.url("/hook?a=b"))
        job = new_job()
        job.job.webhook.url = own.url("/own")
        [job_id] = await completed(store, job)
        await receiver.until(lambda: len(receiver.taken) == len(own.taken) == 3)
        messages = receiver.taken
        assert [m.json["type"] for m in messages] == list(STATES)
        assert [m.json["sequence"] for m in messages] == [1, 2, 3]
        assert len({m.id for m in messages}) == 3 and messages[0].path == "/hook?a=b"
        for message in messages:
            assert verify(message.body, message.headers, secret) == message.json
            assert message.headers["content-type"] == "application/json"
            assert message.json["timestamp"].endswith("Z")
        shown = json_format.ParseDict(messages[2].json["data"], Job())
        assert shown == await store.jobs.get(TENANT, UUID(job_id))
        with pytest.raises(InvalidWebhook):  # a job's own is signed with a secret that jobs have in common
            verify(own.taken[0].body, own.taken[0].headers, secret)

        kept: list[str] = []

        def seal(signer_id: UUID) -> bytes:
            text, sealed = new_secret(KEYS, signer_id)
            kept.append(text)
            return sealed

        await webhooks.rotate(TENANT, webhook_id, timedelta(hours=1), seal)
        await webhooks.rotate(TENANT, None, timedelta(0), seal)
        again = new_job()
        again.job.webhook.url, again.job.webhook.events[:] = own.url(), ["job.completed"]
        await completed(store, again)
        await receiver.until(lambda: len(receiver.taken) == 6 and len(own.taken) == 4)
        for one in (secret, kept[0]):
            assert verify(receiver.taken[5].body, receiver.taken[5].headers, one)
        assert verify(own.taken[3].body, own.taken[3].headers, kept[1])["type"] == "job.completed"

        await webhooks.test(TENANT, webhook_id)
        await receiver.until(lambda: len(receiver.taken) == 7)
        assert receiver.taken[6].json["type"] == "webhook.test"
        assert receiver.taken[6].json["data"] == {"webhook_id": str(webhook_id)}


async def test_nothing_more_is_claimed_while_what_is_on_its_way_is_large(
    store: Store, webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_MOST_BYTES", 1)
    rounds, go = 0, asyncio.Event()
    waiting = DeliveryStore.waiting

    async def counted(*arguments: Any, **named: Any) -> list[UUID]:
        nonlocal rounds
        rounds += 1
        return await waiting(*arguments, **named)

    async def answer(message: Message) -> Answer:
        await go.wait()
        return status(204)

    monkeypatch.setattr(DeliveryStore, "waiting", counted)
    async with Receiver(answer=answer) as slow, Receiver() as other, sending(store, timeout_seconds=60.0):
        await hook(webhooks, slow.url(), "job.queued")
        await store.submit()
        await slow.until(lambda: len(slow.messages) == 1)
        await hook(webhooks, other.url(), "job.queued")
        await store.submit()
        before = rounds
        await slow.until(lambda: rounds > before + 5)
        assert other.messages == [] and len(slow.messages) == 1
        go.set()
        await other.until(lambda: len(other.taken) == 1)


async def test_who_stood_still_sends_nothing_that_another_may_have_by_now(
    store: Store, webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare, claims, stood = 1.0, 0, 0.0
    clock, claim, secrets = time.monotonic, DeliveryStore.claim, DeliveryStore.secrets
    monkeypatch.setattr(sender, "_SPARE_SECONDS", spare)
    monkeypatch.setattr(sender, "time", SimpleNamespace(monotonic=lambda: clock() + stood))

    async def counted(*arguments: Any, **named: Any) -> list[DueDelivery]:
        nonlocal claims
        due = await claim(*arguments, **named)
        claims += bool(due)
        return due

    async def late(*arguments: Any) -> Any:
        nonlocal stood
        if claims == 1:
            stood = 0.75 * spare
        return await secrets(*arguments)

    monkeypatch.setattr(DeliveryStore, "claim", counted)
    monkeypatch.setattr(DeliveryStore, "secrets", late)
    async with Receiver() as receiver, sending(store, timeout_seconds=0.5):
        await hook(webhooks, receiver.url(), "job.queued")
        await store.submit()
        await receiver.until(lambda: len(receiver.messages) == 1)
        assert claims >= 2, "once the lease of the first had ended"


async def test_a_receiver_that_was_down_for_an_hour_gets_all_of_it_in_order(
    store: Store, webhooks: WebhookStore
) -> None:
    """It is away in each way in turn; then it takes some, and not all at once."""
    async with Receiver() as receiver, sending(store, timeout_seconds=0.5):
        ways = cycle([status(500), status(503, retry_after="0"), None, status(429), "nonsense\r\n\r\n", status(408)])
        receiver.answer = lambda message: next(ways)
        await hook(webhooks, receiver.url())
        first = await completed(store, *(new_job() for _ in range(10)))
        await receiver.until(lambda: len(receiver.messages) > 15)
        assert not receiver.taken
        await receiver.stop()
        second = await completed(store, *(new_job() for _ in range(10)))
        answers = cycle([status(500), status(200), status(404), status(204)])
        receiver.answer = lambda message: next(answers)
        await receiver.start()
        await receiver.until(lambda: len({m.id for m in receiver.taken}) == 60)
    once = list({message.id: message for message in reversed(receiver.taken)}.values())[::-1]  # each as it came first
    assert types_by_job(once) == {job_id: list(STATES) for job_id in (*first, *second)}
    bodies: dict[str, set[bytes]] = {}
    for message in receiver.messages:
        bodies.setdefault(message.id, set()).add(message.body)
    assert {len(those) for those in bodies.values()} == {1}, "a repetition says the same"


def answers_of(kind: str, other: str) -> Answer:
    """What a receiver of a kind answers."""
    endless = "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + "y" * 5000
    secret = 'no "token": "hunter2" \x1b[31m\0' + "é" * 900
    return {
        "rejected": status(403, secret),
        "moved": status(302, location=other),
        "error": status(500, "oops"),
        "throttled": status(429, retry_after="1800"),
        "late": status(503, retry_after="Fri, 31 Dec 2999 23:59:59 GMT"),
        "gone": status(410),
        "endless": endless,
        "timeout": None,
    }[kind]


async def test_of_an_answer_without_an_end_a_bounded_part_is_read() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"y" * 1000
            await asyncio.sleep(0)

    async with patient():
        assert await _beginning(httpx.Response(200, content=endless())) == "y" * 2048
    assert read == 3000


async def test_each_answer_is_told_apart(store: Store, webhooks: WebhookStore) -> None:
    expose("scheduler")
    before = tries()
    long = timedelta(minutes=20)
    patience = Patience(first_wait=long, longest_wait=long)
    async with Receiver() as receiver, Receiver() as other:
        receiver.answer = lambda message: answers_of(message.path[1:], other.url())
        kinds = ("rejected", "moved", "error", "throttled", "late", "gone", "endless", "timeout")
        ids = {kind: (await hook(webhooks, receiver.url(f"/{kind}"), "job.queued"))[0] for kind in kinds}
        ids["unreachable"] = (await hook(webhooks, "http://127.0.0.1:1/", "job.queued"))[0]
        ids["forbidden"] = (await hook(webhooks, "http://0.0.0.0:1/", "job.queued"))[0]
        ids["unsigned"], _ = await hook(webhooks, receiver.url("/unsigned"), "job.queued")
        foreign = Keys([b"x" * 32]).seal(b"s" * 32, "")
        await store.rows("UPDATE webhook_secrets SET sealed = $1 WHERE signer_id = $2", foreign, ids["unsigned"])
        await store.submit()
        async with sending(store, patience=patience, timeout_seconds=3.0):
            await receiver.until(lambda: sum(tries().values()) - sum(before.values()) >= len(ids))
            found = {kind: await last(webhooks, webhook_id) for kind, webhook_id in ids.items()}
            async with patient():
                while any(not one.outcome for one in found.values()):
                    await asyncio.sleep(0.01)
                    found = {kind: await last(webhooks, webhook_id) for kind, webhook_id in ids.items()}
    outcomes = {kind: (one.outcome, one.status, one.state) for kind, one in found.items()}
    assert outcomes == {
        "rejected": ("rejected", 403, "PENDING"),
        "moved": ("rejected", 302, "PENDING"),
        "error": ("error", 500, "PENDING"),
        "throttled": ("throttled", 429, "PENDING"),
        "late": ("error", 503, "PENDING"),
        "gone": ("gone", 410, "PENDING"),
        "endless": ("delivered", 200, "DELIVERED"),
        "timeout": ("timeout", 0, "PENDING"),
        "unreachable": ("unreachable", 0, "PENDING"),
        "forbidden": ("forbidden", 0, "PENDING"),
        "unsigned": ("unsigned", 0, "PENDING"),
    }
    assert other.messages == [], "no redirect is followed"
    assert not any(message.path == "/unsigned" for message in receiver.messages)
    answer = found["rejected"].answer
    assert answer.startswith('no "token": ***  [31m ééé') and len(answer) == 500 and "\0" not in answer
    assert len(found["endless"].answer) == 500 and found["error"].answer == "oops"
    assert found["timeout"].duration_seconds > 2.9
    until = "SELECT extract(epoch FROM not_before - clock_timestamp()) FROM webhooks WHERE id = $1"
    assert 1750 < await store.value(until, ids["throttled"]) <= 1800 and await store.value(until, ids["late"]) > 3500
    assert await store.value(until, ids["error"]) <= 1440
    assert (await webhooks.get(TENANT, ids["gone"])).disable_reason == "it answered 410: gone"
    assert [e.disable_time for e in await webhooks.page(TENANT, after=UUID(int=0), limit=99)].count(None) == 10
    counted = {outcome: value - before[outcome] for outcome, value in tries().items()}
    assert counted == dict.fromkeys(WEBHOOK_OUTCOMES, 1.0) | {"rejected": 2.0, "error": 2.0}


def tries() -> dict[str, float]:
    name = "reelmill_webhook_tries_total"
    return {outcome: REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0 for outcome in WEBHOOK_OUTCOMES}


async def test_an_endpoint_that_fails_for_days_is_disabled_with_a_message_of_its_own(
    store: Store, webhooks: WebhookStore
) -> None:
    patience = replace(SHORT, disable=timedelta(seconds=0.2))
    async with Receiver() as receiver, sending(store, patience=patience):
        receiver.answer = lambda message: status(500 if message.path == "/bad" else 200)
        bad, _ = await hook(webhooks, receiver.url("/bad"))
        good, secret = await hook(webhooks, receiver.url("/good"), "webhook.disabled")
        await store.submit()
        await receiver.until(lambda: len(receiver.taken) == 1)
        [message] = receiver.taken
        told = verify(message.body, message.headers, secret)
        assert (message.path, told["type"], told["data"]["webhook_id"]) == ("/good", "webhook.disabled", str(bad))
        endpoint = await webhooks.get(TENANT, bad)
        assert endpoint.disable_time and "took nothing" in endpoint.disable_reason
        asked = len(receiver.messages)
        await store.submit()
        await webhooks.test(TENANT, good)
        await receiver.until(lambda: len(receiver.taken) == 2)
        assert len(receiver.messages) == asked + 1, "it is asked nothing any more"
        receiver.answer = lambda message: status(200)
        await webhooks.enable(TENANT, bad)
        await receiver.until(lambda: len(receiver.taken) == 3)
        assert receiver.taken[2].json["type"] == "job.queued"


async def test_a_thousand_slow_endpoints_do_not_delay_a_fast_one(store: Store, webhooks: WebhookStore) -> None:
    """They take a connection each and answer nothing; the fast one hears of all that happens meanwhile.

    A thousand for a release; 400 are more than a sender tells at once of those that may be quick, too.
    """
    count = short_or_long(400, 1000)
    async with Receiver() as slow, Receiver() as fast:
        slow.answer = lambda message: None
        template, _ = await hook(webhooks, slow.url("/template"))
        await store.rows(
            "INSERT INTO webhooks (id, tenant_id, url, events)"
            " SELECT gen_random_uuid(), gen_random_uuid(), $1, '{}' FROM generate_series(1, $2)",
            slow.url("/slow"),
            count,
        )
        await store.rows(
            "INSERT INTO webhook_secrets (signer_id, tenant_id, sealed)"
            " SELECT w.id, w.tenant_id, s.sealed FROM webhooks w, webhook_secrets s WHERE w.url LIKE '%/slow'"
        )
        await webhooks.delete(TENANT, template)
        await store.rows(
            "INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, data)"
            " SELECT id, tenant_id, 'msg', 'webhook.test', '{}' FROM webhooks"
        )
        await hook(webhooks, fast.url())
        keys: Any = _Any()
        async with sending(store, keys=keys, timeout_seconds=120.0):
            for number in range(3):
                await completed(store)
                await fast.until(lambda: len(fast.taken) == 3 * (number + 1))  # noqa: B023
            await slow.until(lambda: len(slow.messages) == count)
            await completed(store)
            await fast.until(lambda: len(fast.taken) == 12)
    assert not slow.taken and set(map(tuple, types_by_job(fast.taken).values())) == {STATES}


class _Any:
    """Keys that open whatever was sealed for whom."""

    def open(self, sealed: bytes, purpose: str) -> bytes:
        return b"s" * 32


async def test_without_keys_nothing_is_sent_and_nothing_lost(store: Store, webhooks: WebhookStore) -> None:
    async with Receiver() as receiver:
        await hook(webhooks, receiver.url())
        job_ids = await completed(store)
        async with sending(store, keys=None) as sender:
            await sender.round()
        assert receiver.messages == []
        async with sending(store), sending(store):  # two of them
            await receiver.until(lambda: len(receiver.taken) == 3)
    assert types_by_job(receiver.messages) == {job_ids[0]: list(STATES)}


async def test_what_can_not_be_recorded_is_sent_again_with_its_id(
    store: Store, webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as receiver:
        await hook(webhooks, receiver.url(), "job.queued")
        await store.submit()
        forgotten = asyncio.Event()

        async def forget(self: Sender, tries: Sequence[Any]) -> Sequence[None]:
            forgotten.set()
            return [None] * len(tries)

        with monkeypatch.context() as patched:
            patched.setattr(Sender, "_record", forget)
            async with sending(store):
                await soon(forgotten.wait())
        assert await store.value("SELECT state FROM webhook_deliveries") == "PENDING"
        await store.rows("UPDATE webhook_deliveries SET next_time = now()")  # its lease ends
        async with sending(store):
            await receiver.until(lambda: len(receiver.taken) == 2)
    first, second = receiver.taken
    assert (first.id, first.body) == (second.id, second.body)


async def test_a_job_that_is_too_large_for_a_message_is_told_without_its_files(
    store: Store, webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as receiver, sending(store):
        await hook(webhooks, receiver.url(), "job.completed")
        await completed(store)
        await receiver.until(lambda: len(receiver.taken) == 1)
        whole = len(receiver.taken[0].body)
        for most, omitted in ((whole - 1, ["outputs.files"]), (300, ["outputs.files", "inputs", "outputs", "labels"])):
            monkeypatch.setattr("reelmill.webhooks.payloads.BODY_MAX_BYTES", most)
            receiver.taken.clear()
            await completed(store)
            await receiver.until(lambda: len(receiver.taken) == 1)
            assert receiver.taken[0].json["data"]["omitted"] == omitted
            assert receiver.taken[0].json["data"]["state"] == "COMPLETED"
