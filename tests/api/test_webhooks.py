"""WebhookService in the test's own process: what is told once and kept nowhere, what is refused, whose it is."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from api.test_service import Context
from api.test_tenants import THEM, US, tenant
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from jobs import job
from store.kit import Store, new_job

from reelmill.api.addresses import Addresses
from reelmill.api.checks import Checks
from reelmill.api.webhooks_service import WebhookService
from reelmill.jobs.errors import InvalidRequest, NotFound, WrongState
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.signed_urls import PURPOSE, granted
from reelmill.standard_webhooks import secret_bytes
from reelmill.storage.presigned import Presigned
from reelmill.storage.storage import Storage
from reelmill.store.database import Database
from reelmill.store.deliveries import DeliveryStore, Patience, Try
from reelmill.store.webhooks import WebhookStore, purpose
from reelmill.v1 import webhooks_pb2 as pb
from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

KEYS = Keys([b"k" * 32])
URL = "https://example.com/hook?token=abc"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.from_settings(Settings(data_dir=tmp_path, http_allowed_networks=("10.1.0.0/16",)))  # type: ignore[arg-type]


@pytest.fixture
def service(database: Database, storage: Storage) -> WebhookService:
    return WebhookService(WebhookStore(database), storage, KEYS, tenant)


async def everything(database: Database) -> str:
    """All that the database holds, as text, and in hexadecimal."""
    async with database.connection() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return "\n".join(
            [str(row[0]) for t in tables for row in await connection.fetch(f"SELECT t::text FROM {t['tablename']} t")]
        )


async def test_a_secret_is_told_once_and_kept_sealed(
    service: WebhookService, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await service.CreateWebhook(pb.CreateWebhookRequest(url=URL, events=["job.failed"]), US)
    again = await service.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=made.webhook.id), US)
    jobs = await service.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id="jobs"), US)
    assert again.webhook == made.webhook and not jobs.HasField("webhook")
    sent = await service.TestWebhook(pb.TestWebhookRequest(id=made.webhook.id), US)
    answers = [
        await service.ListWebhooks(pb.ListWebhooksRequest(), US),
        await service.ListDeliveries(pb.ListDeliveriesRequest(id=made.webhook.id), US),
        await service.EnableWebhook(pb.EnableWebhookRequest(id=made.webhook.id), US),
        sent,
    ]
    kept, logged = await everything(database), capsys.readouterr()
    secrets = [one.secret for one in (made, again, jobs)]
    assert len(set(secrets)) == 3
    for secret in secrets:
        raw = secret_bytes(secret)
        assert len(raw) == 32
        for text in (*map(str, answers), kept, logged.out, logged.err):
            assert secret.removeprefix("whsec_") not in text and raw.hex() not in text
    [tenant_id] = [value for _, value in US.invocation_metadata()]
    store = DeliveryStore(database)
    for signer, mine in ((made.webhook.id, secrets[1::-1]), (tenant_id, secrets[2:])):
        sealed = (await store.secrets([UUID(signer)]))[UUID(signer)]
        assert [KEYS.open(one, purpose(UUID(signer))) for one in sealed] == [secret_bytes(one) for one in mine]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "example.com",
        "http://",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://example.com/#there",
        "http://127.0.0.1/",
        "http://[::1]:80/",
        "http://169.254.169.254/latest",
        "http://10.2.0.1/",
        "http://[::ffff:10.2.0.1]/",
        "https://example.com:99999/",
    ],
)
async def test_an_address_that_nothing_is_sent_to_is_refused_when_it_is_given(
    service: WebhookService, storage: Storage, url: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await service.CreateWebhook(pb.CreateWebhookRequest(url=url), US)
    assert [violation.field for violation in caught.value.violations] == ["url"]
    own = job()
    own.webhook.url = url
    assert [v.field for v in Checks(storage).job(own, "job")] == ["job.webhook.url"]


async def test_an_address_that_is_allowed_is_taken(service: WebhookService, storage: Storage) -> None:
    for url in ("http://10.1.2.3:8080/", "https://example.com", "https://xn--bcher-kva.example/a?b=c"):
        assert (await service.CreateWebhook(pb.CreateWebhookRequest(url=url), US)).webhook.url == url
        own = job()
        own.webhook.url = url
        assert Checks(storage).job(own, "job") == []
    [refused] = Checks(storage, seals=False).of(tenant(THEM).tenant_id).job(own, "job")
    assert "REELMILL_SECRETS_KEY" in refused.description


async def test_without_a_key_there_are_no_webhooks(database: Database, storage: Storage) -> None:
    service = WebhookService(WebhookStore(database), storage, None, tenant)
    for call in (
        lambda: service.CreateWebhook(pb.CreateWebhookRequest(url=URL), US),
        lambda: service.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id="jobs"), US),
    ):
        with pytest.raises(WrongState, match="REELMILL_SECRETS_KEY"):
            await call()
    assert not (await service.ListWebhooks(pb.ListWebhooksRequest(), US)).webhooks


async def test_what_came_of_a_delivery_is_shown(service: WebhookService, database: Database) -> None:
    made = await service.CreateWebhook(pb.CreateWebhookRequest(url=URL), US)
    sent = await service.TestWebhook(pb.TestWebhookRequest(id=made.webhook.id), US)
    asked = pb.ListDeliveriesRequest(id=made.webhook.id)
    [waiting] = (await service.ListDeliveries(asked, US)).deliveries
    assert waiting == sent and not waiting.HasField("duration")
    store = DeliveryStore(database)
    [due] = await store.claim(
        [UUID(made.webhook.id)], slow=False, endpoints=1, each=1, limit=1, lease=timedelta(minutes=1)
    )
    one = Try(delivery=due, outcome="delivered", delivered=True, away=False, status=204, answer="thanks", seconds=1.25)
    await store.record([one], Patience())
    [told] = (await service.ListDeliveries(asked, US)).deliveries
    assert (told.id, told.message_id, told.type) == (sent.id, sent.message_id, sent.type)
    assert (told.state, told.outcome) == (pb.WebhookDelivery.DELIVERED, pb.WebhookDelivery.TAKEN)
    assert (told.tries, told.status, told.answer, told.duration) == (
        1,
        204,
        "thanks",
        Duration(seconds=1, nanos=250000000),
    )
    assert told.HasField("try_time") and told.try_time.ToDatetime() >= told.create_time.ToDatetime()


async def test_lists_go_by_pages(service: WebhookService) -> None:
    ids = [(await service.CreateWebhook(pb.CreateWebhookRequest(url=URL), US)).webhook.id for _ in range(3)]
    for _ in range(3):
        await service.TestWebhook(pb.TestWebhookRequest(id=ids[0]), US)
    seen: list[str] = []
    token, sent = "", []
    while True:
        page = await service.ListWebhooks(pb.ListWebhooksRequest(page_size=2, page_token=token), US)
        seen += [one.id for one in page.webhooks]
        if not (token := page.next_page_token):
            break
    assert seen == ids
    while True:
        found = await service.ListDeliveries(pb.ListDeliveriesRequest(id=ids[0], page_size=2, page_token=token), US)
        sent += [int(one.id) for one in found.deliveries]
        if not (token := found.next_page_token):
            break
    assert sent == sorted(sent, reverse=True) and len(sent) == 3
    for wrong in ("?", "AAAA", "é"):
        with pytest.raises(InvalidRequest):
            await service.ListDeliveries(pb.ListDeliveriesRequest(id=ids[0], page_token=wrong), US)


Call = Callable[[WebhookService, str, Context], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "DeleteWebhook": lambda s, i, c: s.DeleteWebhook(pb.DeleteWebhookRequest(id=i), c),
    "EnableWebhook": lambda s, i, c: s.EnableWebhook(pb.EnableWebhookRequest(id=i), c),
    "RotateWebhookSecret": lambda s, i, c: s.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=i), c),
    "TestWebhook": lambda s, i, c: s.TestWebhook(pb.TestWebhookRequest(id=i), c),
    "ListDeliveries": lambda s, i, c: s.ListDeliveries(pb.ListDeliveriesRequest(id=i), c),
    "Redeliver": lambda s, i, c: s.Redeliver(pb.RedeliverRequest(id=i, since=Timestamp(seconds=1)), c),
}


async def test_another_tenants_webhook_and_what_is_none_are_not_there(service: WebhookService) -> None:
    methods = {method.name for method in pb.DESCRIPTOR.services_by_name["WebhookService"].methods}
    assert {*CALLS, "CreateWebhook", "ListWebhooks"} == methods
    theirs = (await service.CreateWebhook(pb.CreateWebhookRequest(url=URL), THEM)).webhook.id
    await service.TestWebhook(pb.TestWebhookRequest(id=theirs), THEM)
    for name, call in CALLS.items():
        for webhook_id in (theirs, "01a20d22-f85a-70f1-b8c8-3ea9223e6a52", "nobody"):
            with pytest.raises(NotFound):
                await call(service, webhook_id, US)
                pytest.fail(name)
    assert not (await service.ListWebhooks(pb.ListWebhooksRequest(), US)).webhooks
    [delivery] = (await service.ListDeliveries(pb.ListDeliveriesRequest(id=theirs), THEM)).deliveries
    assert (delivery.type, delivery.state, delivery.tries) == ("webhook.test", delivery.PENDING, 0)


async def test_what_is_sent_again_is_named_in_one_way(service: WebhookService, database: Database) -> None:
    webhook_id = (await service.CreateWebhook(pb.CreateWebhookRequest(url=URL), US)).webhook.id
    sent = await service.TestWebhook(pb.TestWebhookRequest(id=webhook_id), US)
    both = {"delivery_id": sent.id, "since": Timestamp(seconds=1)}
    for wrong in ({}, both):
        with pytest.raises(InvalidRequest):
            await service.Redeliver(pb.RedeliverRequest(id=webhook_id, **wrong), US)
    with pytest.raises(NotFound):
        await service.Redeliver(pb.RedeliverRequest(id=webhook_id, delivery_id="9" * 20), US)
    async with database.connection() as connection:
        await connection.execute("UPDATE webhook_deliveries SET state = 'FAILED', next_time = NULL")
    request = pb.RedeliverRequest(id=webhook_id, delivery_id=sent.id)
    assert (await service.Redeliver(request, US)).deliveries == 1
    assert (await service.Redeliver(request, US)).deliveries == 0


async def test_a_secret_ends_as_late_as_was_asked_for(service: WebhookService, database: Database) -> None:
    made = await service.CreateWebhook(pb.CreateWebhookRequest(url=URL), US)
    left: list[float] = []
    for overlap in (Duration(), None, Duration(seconds=60)):
        await service.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=made.webhook.id, overlap=overlap), US)
        async with database.connection() as connection:
            query = "SELECT extract(epoch FROM end_time - clock_timestamp())::float8 FROM webhook_secrets"
            left += [row[0] for row in await connection.fetch(f"{query} WHERE end_time IS NOT NULL")]
            await connection.execute("DELETE FROM webhook_secrets WHERE end_time IS NOT NULL")
    assert [round(seconds, -1) for seconds in left] == [0, 86_400, 60]


async def test_a_job_and_its_webhook_are_written_together(database: Database) -> None:
    store = Store(database)
    own, plain = new_job(), new_job()
    own.job.webhook.url = URL
    await store.jobs.create(tenant(US).tenant_id, tenant(US).user_id, [own, plain])
    rows = await store.rows("SELECT job_id, url FROM webhooks")
    assert [tuple(row) for row in rows] == [(own.id, URL)]
    assert (await store.jobs.get(tenant(US).tenant_id, own.id)).webhook.url == URL


async def test_files_of_our_own_storage_get_addresses_that_expire(storage: Storage) -> None:
    own = OutputFile(uri=storage.own("outputs/t/j-1/a/%C3%BC%20b.mp4"), content_type="video/mp4", sha256="00")
    other = OutputFile(uri="file:///media/out/b.mp4")
    shown = Job(outputs=[Output(name="a", files=[own, other])])
    presigned = Presigned(s3_endpoint="")
    addresses = Addresses(storage, presigned, KEYS, public_url="https://media.example.com/")
    told = await addresses.with_files(shown, seconds=60)
    assert shown.outputs[0].files[0].download_url == told.outputs[0].files[1].download_url == ""
    split = urlsplit(told.outputs[0].files[0].download_url)
    assert split.netloc == "media.example.com"
    path = unquote(split.path).removeprefix("/v1/signed/")
    grant = granted(path, parse_qs(split.query), KEYS.derived(PURPOSE), now=0)
    assert (grant.path, grant.content_type) == ("outputs/t/j-1/a/ü b.mp4", "video/mp4")
    with pytest.raises(WrongState, match="REELMILL_SECRETS_KEY"):
        await Addresses(storage, presigned, None, public_url="").with_files(shown, seconds=60)
