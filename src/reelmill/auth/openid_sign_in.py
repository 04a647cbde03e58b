"""Signing in at an issuer of OpenID Connect: the authorization code flow, with PKCE.

A browser is sent to the issuer with a state of ours, and comes back with it and a code, for which the issuer gives us a
token. Whether that token is good, and whose, is the api's to say, as of any other.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from reelmill.auth.openid import KEYS_SECONDS, Fetch, guarded_fetch
from reelmill.jobs.errors import Unauthenticated, Unavailable
from reelmill.settings import Settings
from reelmill.storage import guarded_http

_SECONDS = 10.0  # for the issuer's answer to a code
_MOST_BYTES = 2**16  # of that answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a browser brings along to the issuer, and we keep for its return."""

    state: str
    """Comes back with it: so it was this browser that went."""
    nonce: str
    """Comes back in an ID token: so that was made for this visit."""
    verifier: str
    """Its SHA-256 went along: so who stole the code can't use it."""

    @classmethod
    def new(cls) -> "Asked":
        """Of random letters."""
        return cls(**{name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")})


class IssuerSignIn:
    """An issuer, as the client of it that the settings name."""

    def __init__(self, settings: Settings, fetch: Fetch | None = None) -> None:
        self._settings = settings
        self._fetch = fetch or guarded_fetch(settings)
        self._told: Mapping[str, Any] = {}
        self._fetched = 0.0

    async def address(self, asked: Asked, back: str) -> str:
        """Where a browser is sent, to come back to the address `back`. Raises Unavailable."""
        endpoint = await self._endpoint("authorization_endpoint")
        digest = hashlib.sha256(asked.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": back,
            "scope": "openid",
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def token(self, asked: Asked, code: str, back: str) -> str:
        """What the issuer gives for a code: its ID token where that is for us, else the access token.

        Raises Unauthenticated where it gives none, Unavailable.
        """
        settings = self._settings
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        fields |= {"code_verifier": asked.verifier, "client_id": settings.oidc_client_id}
        status, told = await self._post(await self._endpoint("token_endpoint"), fields)
        if status != 200:
            reason = str(told.get("error", ""))[:64]
            raise Unauthenticated(f"the issuer gave no token{f': {reason}' if reason.isprintable() and reason else ''}")
        id_token = told.get("id_token")
        if isinstance(id_token, str) and _claim(id_token, "nonce") != asked.nonce:
            raise Unauthenticated("the issuer's token was made for another visit")
        token = id_token if settings.oidc_audience == settings.oidc_client_id else told.get("access_token")
        if not isinstance(token, str) or not token:
            raise Unauthenticated("the issuer gave no token")
        return token

    async def _post(self, url: str, fields: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        settings, body = self._settings, bytearray()
        name, secret = settings.oidc_client_id, settings.oidc_client_secret.get_secret_value()
        auth = httpx.BasicAuth(quote(name, safe=""), quote(secret, safe="")) if secret else None
        guarded = guarded_http.client(allowed=settings.allowed_networks, read_timeout_seconds=_SECONDS)
        try:
            async with guarded, guarded.stream("POST", url, data=dict(fields), auth=auth, timeout=_SECONDS) as answer:
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise Unavailable(f"{url} answers more than {_MOST_BYTES} bytes")
            told = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unavailable(f"{url}: {type(error).__name__}") from error  # its text may quote the answer
        return answer.status_code, told if isinstance(told, dict) else {}

    async def _endpoint(self, name: str) -> str:
        """An endpoint by the issuer's configuration. Raises Unavailable."""
        if not self._told or time.monotonic() - self._fetched > KEYS_SECONDS:
            issuer = self._settings.oidc_issuer
            address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                told = json.loads(await self._fetch(address))
                if told["issuer"] != issuer:
                    raise ValueError(f"{address} is of another issuer")
            except (ValueError, TypeError, KeyError) as error:
                raise Unavailable(f"{address} is no configuration of {issuer}") from error
            self._told, self._fetched = told, time.monotonic()
        found = self._told.get(name)
        if not isinstance(found, str) or urlsplit(found).scheme not in ("http", "https"):
            raise Unavailable(f"the configuration of {self._settings.oidc_issuer} has no {name}")
        return found


def _claim(token: str, name: str) -> object:
    """A claim of a token that came from its issuer itself; the api looks at its signature. None where it has none."""
    try:
        part = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return told.get(name)
    except (IndexError, ValueError, AttributeError):
        return None
