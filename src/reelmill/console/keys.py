"""/keys: who may call, and what was done with which key."""

import asyncio
from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console.callers import Caller
from reelmill.console.pages import Room, text
from reelmill.console.rendering import to
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.v1 import access_pb2 as pb

PAGE_KEYS, PAGE_EVENTS = 100, 50
ROLES = {
    "SUBMITTER": "submit jobs, and see and cancel its user’s",
    "VIEWER": "see everything but keys, change nothing",
    "OPERATOR": "everything but keys and tenants",
    "ADMIN": "everything",
}


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The lists and their forms."""

    async def listed(caller: Caller, request: Request, *, token: str = "", problem: Problem | None = None) -> Response:
        page, before = (request.query_params.get(name, "")[:1024] for name in ("page", "before"))
        keys, events = await asyncio.gather(
            caller.ask("ListKeys", pb.ListKeysRequest(page_size=PAGE_KEYS, page_token=page)),
            caller.ask("ListAuditEvents", pb.ListAuditEventsRequest(page_size=PAGE_EVENTS, page_token=before)),
        )
        values = {"keys": keys, "events": events, "roles": ROLES, "token": token, "problem": problem}
        return room.show("keys.html", caller, status=problem.status if problem else 200, **values)

    async def show(request: Request, caller: Caller) -> Response:
        return await listed(caller, request)

    async def add(request: Request, caller: Caller, fields: FormData) -> Response:
        role = text(fields, "role")
        if role not in ROLES:
            raise Problem(400, "INVALID_REQUEST", f"role must be one of {', '.join(ROLES)}")
        asked = pb.CreateKeyRequest(name=text(fields, "name"), user=text(fields, "user"), role=role)
        try:
            made = await caller.ask("CreateKey", asked)
        except Problem as problem:
            if problem.status != 400:
                raise
            return await listed(caller, request, problem=problem)
        return await listed(caller, request, token=made.token)

    async def do(request: Request, caller: Caller, fields: FormData) -> Response:
        key_id, what = request.path_params["id"], text(fields, "do")
        if what == "revoke":
            await caller.ask("RevokeKey", pb.RevokeKeyRequest(id=key_id))
            return to("/keys")
        if what == "rotate":
            made = await caller.ask("RotateKey", pb.RotateKeyRequest(id=key_id))
            return await listed(caller, request, token=made.token)
        raise Problem(400, "INVALID_REQUEST", f"{what[:40]!r} is nothing to do with a key")

    return [room.page("/keys", show), room.action("/keys", add), room.action("/keys/{id}", do)]
