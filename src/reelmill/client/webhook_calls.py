"""The methods of WebhookService as values, for both clients. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from reelmill.client.calls import Call, Listing
from reelmill.v1 import webhooks_pb2 as pb

_PATH = "/reelmill.v1.WebhookService/"


def create_webhook(url: str, events: Sequence[str]) -> Call[pb.WebhookSecret]:
    """CreateWebhook."""
    request = pb.CreateWebhookRequest(url=url, events=events)
    return Call(path=f"{_PATH}CreateWebhook", request=request, answer=pb.WebhookSecret)


def webhooks(page_size: int) -> Listing[pb.ListWebhooksResponse, pb.Webhook]:
    """ListWebhooks."""

    def page(token: str) -> Call[pb.ListWebhooksResponse]:
        request = pb.ListWebhooksRequest(page_size=page_size, page_token=token)
        return Call(path=f"{_PATH}ListWebhooks", request=request, answer=pb.ListWebhooksResponse)

    return Listing(page=page, items=lambda p: p.webhooks, following=lambda p: p.next_page_token, start="")


def delete_webhook(webhook_id: str) -> Call[pb.Webhook]:
    """DeleteWebhook."""
    return Call(path=f"{_PATH}DeleteWebhook", request=pb.DeleteWebhookRequest(id=webhook_id), answer=pb.Webhook)


def enable_webhook(webhook_id: str) -> Call[pb.Webhook]:
    """EnableWebhook."""
    return Call(path=f"{_PATH}EnableWebhook", request=pb.EnableWebhookRequest(id=webhook_id), answer=pb.Webhook)


def rotate_webhook_secret(webhook_id: str, overlap: timedelta | None) -> Call[pb.WebhookSecret]:
    """RotateWebhookSecret."""
    request = pb.RotateWebhookSecretRequest(id=webhook_id)
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    return Call(path=f"{_PATH}RotateWebhookSecret", request=request, answer=pb.WebhookSecret)


def test_webhook(webhook_id: str) -> Call[pb.WebhookDelivery]:
    """TestWebhook."""
    return Call(path=f"{_PATH}TestWebhook", request=pb.TestWebhookRequest(id=webhook_id), answer=pb.WebhookDelivery)


def deliveries(webhook_id: str, state: str, page_size: int) -> Listing[pb.ListDeliveriesResponse, pb.WebhookDelivery]:
    """ListDeliveries."""

    def page(token: str) -> Call[pb.ListDeliveriesResponse]:
        request = pb.ListDeliveriesRequest(id=webhook_id, page_size=page_size, page_token=token, state=state or None)
        return Call(path=f"{_PATH}ListDeliveries", request=request, answer=pb.ListDeliveriesResponse)

    return Listing(page=page, items=lambda p: p.deliveries, following=lambda p: p.next_page_token, start="")


def redeliver(webhook_id: str, delivery_id: str, since: datetime | None) -> Call[pb.RedeliverResponse]:
    """Redeliver."""
    request = pb.RedeliverRequest(id=webhook_id, delivery_id=delivery_id)
    if since is not None:
        request.since.FromDatetime(since)
    return Call(path=f"{_PATH}Redeliver", request=request, answer=pb.RedeliverResponse)
