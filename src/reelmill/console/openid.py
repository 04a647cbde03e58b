"""/sign-in/openid: to the issuer of OpenID Connect and back, with a token that becomes a session."""

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reelmill.console.callers import Caller
from reelmill.console.pages import Room, own_path
from reelmill.console.policy import HEADERS
from reelmill.console.sessions import VISIT_COOKIE, VISIT_SECONDS
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.jobs.errors import Unauthenticated
from reelmill.settings import Settings

if TYPE_CHECKING:
    from reelmill.auth.openid_sign_in import IssuerSignIn

START, _BACK = "/sign-in/openid", "/sign-in/openid/back"
_MOST_LETTERS = 4096  # of a code

Begin = Callable[[Request, str, str], Awaitable[Response]]
"""Makes a token a session and leads on; its arguments after the request: the token, and where to. Raises Problem."""
Refuse = Callable[[Caller, str, str], Response]
"""The page to sign in, with where to lead on and what was wrong."""


def issuer_of(settings: Settings) -> str:
    """How people know the issuer whose page they sign in at: its host; empty where there is none."""
    return urlsplit(settings.oidc_issuer).netloc if settings.oidc_issuer and settings.oidc_client_id else ""


def endpoints(room: Room, begin: Begin, refuse: Refuse) -> Sequence[Endpoint]:
    """There and back; none without an issuer that knows us."""
    settings = room.inside.settings
    if not issuer_of(settings):
        return []

    @cache
    def issuer() -> "IssuerSignIn":
        from reelmill.auth.openid_sign_in import IssuerSignIn  # late: it takes HTTP's client along

        return IssuerSignIn(settings)

    async def start(request: Request, _caller: Caller) -> Response:
        from reelmill.auth.openid_sign_in import Asked

        asked, back = Asked.new(), own_path(request.query_params.get("next", "/"))
        answer = _led(await issuer().address(asked, _address(request, settings)))
        cookie = room.sessions.visit({**asdict(asked), "next": back}, now=time.time())
        _keep(answer, request, settings, cookie, VISIT_SECONDS)
        return answer

    async def back(request: Request, caller: Caller) -> Response:
        from reelmill.auth.openid_sign_in import Asked

        told = room.sessions.visited(request.cookies.get(VISIT_COOKIE, ""), now=time.time())
        state, code = (request.query_params.get(name, "")[:_MOST_LETTERS] for name in ("state", "code"))
        where = own_path(str(told.get("next", "/")))
        try:
            if not told or not hmac.compare_digest(state.encode(), str(told["state"]).encode()):
                raise Unauthenticated("this browser did not ask the issuer, or did so too long ago; sign in again")
            if not code:
                raise Unauthenticated("the issuer did not let you in")
            asked = Asked(state=told["state"], nonce=told["nonce"], verifier=told["verifier"])
            token = await issuer().token(asked, code, _address(request, settings))
            answer = await begin(request, token, where)
        except Unauthenticated as error:
            answer = refuse(caller, where, str(error))
        except Problem as problem:
            if problem.status not in (400, 401):
                raise
            answer = refuse(
                caller, where, "the server takes no such token of the issuer's; it may give you no role here"
            )
        _keep(answer, request, settings, "", 0)
        return answer

    return [room.page(START, start), room.page(_BACK, back)]


def _address(request: Request, settings: Settings) -> str:
    """Where the issuer sends browsers back to, which it was told beforehand."""
    here = settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return f"{here}{_BACK}"


def _led(address: str) -> Response:
    return RedirectResponse(address, 303, {**HEADERS, "Cache-Control": "no-store"})


def _keep(answer: Response, request: Request, settings: Settings, cookie: str, seconds: int) -> None:
    """Have a browser keep a visit, for the way back alone."""
    secure = is_secure(request, settings)
    # Lax: it is the issuer's page that leads back.
    answer.set_cookie(VISIT_COOKIE, cookie, max_age=seconds, path=START, secure=secure, httponly=True, samesite="lax")


def is_secure(request: Request, settings: Settings) -> bool:
    """Whether a browser that comes back reaches us by https."""
    return _address(request, settings).startswith("https://")
