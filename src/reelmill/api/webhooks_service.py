"""WebhookService: who is told of jobs, and what they were told. What is sent the schedulers send."""

from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from reelmill.api.identity import Identify, calling
from reelmill.api.listing import number_token, page_token, parse_number_token, parse_page_token
from reelmill.jobs.errors import InvalidRequest, NotFound, Violation, WrongState
from reelmill.sealing import Keys
from reelmill.storage.storage import Storage
from reelmill.store.tenancy import Identity
from reelmill.store.webhooks import JOBS, Delivery, Endpoint, WebhookStore, new_secret
from reelmill.telemetry.logs import get_logger
from reelmill.v1 import webhooks_pb2 as pb
from reelmill.v1 import webhooks_pb2_grpc

log = get_logger(__name__)
_PAGE = 50
_OVERLAP = timedelta(days=1)
_NEWEST = 2**63 - 1
_NO_KEY = "there are no webhooks here: the setting REELMILL_SECRETS_KEY, which seals their secrets, is missing"


class WebhookService(webhooks_pb2_grpc.WebhookServiceServicer):
    """Rows only: nothing is sent from here."""

    def __init__(
        self, webhooks: WebhookStore, storage: Storage, keys: Keys | None, identify: Identify = calling
    ) -> None:
        """`storage` knows which addresses may be sent to."""
        self._webhooks = webhooks
        self._storage = storage
        self._keys = keys
        self._identify = identify

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, context: Any) -> pb.WebhookSecret:
        """Add an endpoint."""
        if problem := self._storage.callback_violation(request.url):
            raise InvalidRequest([Violation("url", problem)])
        sealing = _Sealing(self._keys)
        events = [event for event in request.events if event]
        endpoint = await self._webhooks.create(self._who(context).tenant_id, request.url, events, sealing.seal)
        log.info("a webhook is added", webhook_id=str(endpoint.id))
        return pb.WebhookSecret(webhook=_shown(endpoint), secret=sealing.told)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, context: Any) -> pb.ListWebhooksResponse:
        """Answer a page of endpoints."""
        size, after = request.page_size or _PAGE, parse_page_token(request.page_token) or UUID(int=0)
        found = await self._webhooks.page(self._who(context).tenant_id, after=after, limit=size + 1)
        more = page_token(str(found[size - 1].id)) if len(found) > size else ""
        return pb.ListWebhooksResponse(webhooks=map(_shown, found[:size]), next_page_token=more)

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, context: Any) -> pb.Webhook:
        """Remove an endpoint."""
        endpoint = await self._webhooks.delete(self._who(context).tenant_id, _id(request.id))
        log.info("a webhook is removed", webhook_id=str(endpoint.id))
        return _shown(endpoint)

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, context: Any) -> pb.Webhook:
        """Try an endpoint again."""
        return _shown(await self._webhooks.enable(self._who(context).tenant_id, _id(request.id)))

    async def RotateWebhookSecret(self, request: pb.RotateWebhookSecretRequest, context: Any) -> pb.WebhookSecret:
        """Give an endpoint, or all jobs' own, a new secret."""
        tenant_id = self._who(context).tenant_id
        overlap = request.overlap.ToTimedelta() if request.HasField("overlap") else _OVERLAP
        webhook_id = None if request.id == JOBS else _id(request.id)
        sealing = _Sealing(self._keys)
        await self._webhooks.rotate(tenant_id, webhook_id, overlap, sealing.seal)
        log.info("a webhook has a new secret", webhook_id=request.id)
        answer = pb.WebhookSecret(secret=sealing.told)
        if webhook_id:
            answer.webhook.CopyFrom(_shown(await self._webhooks.get(tenant_id, webhook_id)))
        return answer

    async def TestWebhook(self, request: pb.TestWebhookRequest, context: Any) -> pb.WebhookDelivery:
        """Write a message of the type webhook.test."""
        return _told(await self._webhooks.test(self._who(context).tenant_id, _id(request.id)))

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        """Answer a page of deliveries."""
        size = request.page_size or _PAGE
        state = pb.WebhookDelivery.State.Name(request.state) if request.state else None
        before = parse_number_token(request.page_token) if request.page_token else _NEWEST
        found = await self._webhooks.deliveries(
            self._who(context).tenant_id, _id(request.id), before=before, limit=size + 1, state=state
        )
        more = number_token(found[size - 1].id) if len(found) > size else ""
        return pb.ListDeliveriesResponse(deliveries=map(_told, found[:size]), next_page_token=more)

    async def Redeliver(self, request: pb.RedeliverRequest, context: Any) -> pb.RedeliverResponse:
        """Send messages once more."""
        if bool(request.delivery_id) == request.HasField("since"):
            raise InvalidRequest([Violation("delivery_id", "give either a delivery's id, or since")])
        number = int(request.delivery_id) if request.delivery_id else None
        if number is not None and number > _NEWEST:
            raise NotFound(f"there is no delivery {number}")
        since = request.since.ToDatetime(tzinfo=UTC) if request.HasField("since") else None
        sent = await self._webhooks.redeliver(
            self._who(context).tenant_id, _id(request.id), delivery_id=number, since=since
        )
        return pb.RedeliverResponse(deliveries=sent)

    def _who(self, context: Any) -> Identity:
        return self._identify(context)


class _Sealing:
    """Makes a secret, and keeps it until it is told."""

    def __init__(self, keys: Keys | None) -> None:
        """Raises WrongState where nothing can be sealed."""
        if keys is None:
            raise WrongState(_NO_KEY)
        self._keys = keys
        self.told = ""

    def seal(self, signer_id: UUID) -> bytes:
        """A new secret of a signer's, sealed."""
        self.told, sealed = new_secret(self._keys, signer_id)
        return sealed


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(f"there is no webhook {text!r}: its id is a UUID") from error


def _shown(endpoint: Endpoint) -> pb.Webhook:
    shown = pb.Webhook(
        id=str(endpoint.id), url=endpoint.url, events=endpoint.events, disable_reason=endpoint.disable_reason
    )
    for name in ("create_time", "disable_time", "failing_since"):
        if time := getattr(endpoint, name):
            getattr(shown, name).FromDatetime(time)
    return shown


def _told(delivery: Delivery) -> pb.WebhookDelivery:
    told = pb.WebhookDelivery(
        id=str(delivery.id),
        webhook_id=str(delivery.webhook_id),
        message_id=delivery.message_id,
        type=delivery.type,
        job_id=str(delivery.job_id or ""),
        sequence=delivery.sequence,
        tries=delivery.tries,
        status=delivery.status,
        answer=delivery.answer,
        state=delivery.state,
        outcome=_OUTCOMES.get(delivery.outcome, delivery.outcome.upper()) or None,
    )
    if delivery.outcome:
        told.duration.FromMilliseconds(round(delivery.duration_seconds * 1000))
    for name in ("create_time", "try_time", "next_time"):
        if time := getattr(delivery, name):
            getattr(told, name).FromDatetime(time)
    return told


_OUTCOMES = {"delivered": "TAKEN"}
