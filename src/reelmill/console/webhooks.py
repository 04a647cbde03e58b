"""/webhooks: who is told of jobs, what each was told, and to tell it once more."""

import time
from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console.callers import Caller
from reelmill.console.pages import Room, text
from reelmill.console.rendering import to
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.v1 import webhooks_pb2 as pb

SINCE_HOURS = {"1": "the last hour", "6": "the last 6 hours", "24": "the last day", "168": "the last week"}
PAGE_ENDPOINTS, PAGE_DELIVERIES = 100, 50
EVENTS = ("job.queued", "job.processing", "job.completed", "job.failed", "job.cancelled", "webhook.disabled")


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The lists and their forms."""

    async def listed(caller: Caller, *, secret: str = "", problem: Problem | None = None) -> Response:
        found = await caller.ask("ListWebhooks", pb.ListWebhooksRequest(page_size=PAGE_ENDPOINTS))
        status = problem.status if problem else 200
        return room.show(
            "webhooks.html", caller, status=status, found=found, events=EVENTS, secret=secret, problem=problem
        )

    async def show(_request: Request, caller: Caller) -> Response:
        return await listed(caller)

    async def add(_request: Request, caller: Caller, fields: FormData) -> Response:
        events = [str(event) for event in fields.getlist("events")]
        try:
            made = await caller.ask("CreateWebhook", pb.CreateWebhookRequest(url=text(fields, "url"), events=events))
        except Problem as problem:
            if problem.status != 400:
                raise
            return await listed(caller, problem=problem)
        return await listed(caller, secret=made.secret)

    async def deliveries(request: Request, caller: Caller) -> Response:
        webhook_id, page = request.path_params["id"], request.query_params.get("page", "")[:1024]
        asked = pb.ListDeliveriesRequest(id=webhook_id, page_size=PAGE_DELIVERIES, page_token=page)
        found = await caller.ask("ListDeliveries", asked)
        return room.show("deliveries.html", caller, found=found, webhook_id=webhook_id, page=page, hours=SINCE_HOURS)

    async def do(request: Request, caller: Caller, fields: FormData) -> Response:
        webhook_id, what = request.path_params["id"], text(fields, "do")
        if what == "test":
            await caller.ask("TestWebhook", pb.TestWebhookRequest(id=webhook_id))
        elif what == "enable":
            await caller.ask("EnableWebhook", pb.EnableWebhookRequest(id=webhook_id))
        elif what == "remove":
            await caller.ask("DeleteWebhook", pb.DeleteWebhookRequest(id=webhook_id))
            return to("/webhooks")
        elif what == "rotate":
            made = await caller.ask("RotateWebhookSecret", pb.RotateWebhookSecretRequest(id=webhook_id))
            return await listed(caller, secret=made.secret)
        elif what == "redeliver":
            delivery = text(fields, "delivery")
            if not delivery:  # an empty id would stand for all
                raise Problem(400, "INVALID_REQUEST", "say which delivery is to be sent once more")
            await caller.ask("Redeliver", pb.RedeliverRequest(id=webhook_id, delivery_id=delivery))
        elif what == "redeliver_since":
            hours = text(fields, "hours")
            if hours not in SINCE_HOURS:
                raise Problem(400, "INVALID_REQUEST", f"hours must be one of {', '.join(SINCE_HOURS)}")
            asked = pb.RedeliverRequest(id=webhook_id)
            asked.since.FromSeconds(int(time.time()) - 3600 * int(hours))
            await caller.ask("Redeliver", asked)
        else:
            raise Problem(400, "INVALID_REQUEST", f"{what[:40]!r} is nothing to do with an endpoint")
        return to(f"/webhooks/{webhook_id}")

    return [
        room.page("/webhooks", show),
        room.action("/webhooks", add),
        room.page("/webhooks/{id}", deliveries),
        room.action("/webhooks/{id}", do),
    ]
