"""/sign-in and /sign-out: a key or a token, of the issuer too, becomes a session, and is shown to nobody again."""

import time
from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console import openid
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
        return shown(caller, back, "")

    def shown(caller: Caller, back: str, wrong: str, status: int = 200) -> Response:
        issuer = openid.issuer_of(room.inside.settings)
        return room.show("sign_in.html", caller, status=status, back=back, wrong=wrong, issuer=issuer)

    async def sign_in(request: Request, caller: Caller, fields: FormData) -> Response:
        token, back = text(fields, "token"), own_path(text(fields, "next"))
        try:
            cookie = await _begin(room, request, token)
        except Problem as problem:
            if problem.status not in (400, 401):
                raise
            return shown(caller, back, problem.detail, problem.status)
        answer = to(back)
        _set(answer, cookie, SECONDS, secure=is_secure(request.headers))
        return answer

    async def sign_out(request: Request, caller: Caller, fields: FormData) -> Response:
        answer = to(_PATH)
        _set(answer, "", 0, secure=is_secure(request.headers))
        return answer

    async def begin(request: Request, token: str, back: str) -> Response:
        cookie, answer = await _begin(room, request, token), to(back)
        _set(answer, cookie, SECONDS, secure=openid.is_secure(request, room.inside.settings))
        return answer

    def refuse(caller: Caller, back: str, wrong: str) -> Response:
        return shown(caller, back, wrong, 401)

    own = [room.page(_PATH, show), room.action(_PATH, sign_in), room.action("/sign-out", sign_out)]
    return [*own, *openid.endpoints(room, begin, refuse)]


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


def _set(answer: Response, cookie: str, seconds: int, *, secure: bool) -> None:
    answer.set_cookie(COOKIE, cookie, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")
