"""/sign-in and /sign-out: a key or a token becomes a session, and is shown to nobody again."""

import time
from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console.callers import Caller
from reelmill.console.pages import Room, own_path, text
from reelmill.console.policy import is_secure
from reelmill.console.rendering import to
from reelmill.console.sessions import COOKIE, SECONDS
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.v1 import media_pb2

_PATH = "/sign-in"


def endpoints(room: Room) -> Sequence[Endpoint]:
    """Both of them."""

    async def show(request: Request, caller: Caller) -> Response:
        back = own_path(request.query_params.get("next", "/"))
        return room.show("sign_in.html", caller, back=back, wrong="")

    async def sign_in(request: Request, caller: Caller, fields: FormData) -> Response:
        token, back = text(fields, "token"), own_path(text(fields, "next"))
        try:
            cookie = await _begin(room, request, token)
        except Problem as problem:
            if problem.status not in (400, 401):
                raise
            return room.show("sign_in.html", caller, status=problem.status, back=back, wrong=problem.detail)
        answer = to(back)
        _set(answer, request, cookie, SECONDS)
        return answer

    async def sign_out(request: Request, caller: Caller, fields: FormData) -> Response:
        answer = to(_PATH)
        _set(answer, request, "", 0)
        return answer

    return [room.page(_PATH, show), room.action(_PATH, sign_in), room.action("/sign-out", sign_out)]


async def _begin(room: Room, request: Request, token: str) -> str:
    """A session's cookie. Raises Problem."""
    if not token:
        raise Problem(400, "INVALID_REQUEST", "give a key or a token")
    # What any role may ask: the answer is not looked at.
    await room.callers.with_token(request, token).ask("ListPresets", media_pb2.ListPresetsRequest())
    try:
        return room.sessions.begin(token, now=time.time())
    except ValueError as error:
        raise Problem(400, "INVALID_REQUEST", str(error)) from error


def _set(answer: Response, request: Request, cookie: str, seconds: int) -> None:
    secure = is_secure(request.headers)
    answer.set_cookie(COOKIE, cookie, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")
