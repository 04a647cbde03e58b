"""OpenID Connect: tokens of an issuer beside our keys. Signatures by its published keys, claims by settings."""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from reelmill.auth.callers import Caller
from reelmill.auth.roles import Role
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.settings import Settings
from reelmill.storage import guarded_http
from reelmill.store.access import KeyStore, TenantStore
from reelmill.store.tenancy import DEFAULT_IDENTITY, DEFAULT_TENANT, Identity
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
KEYS_SECONDS = 600.0
"""How long an issuer's keys are taken for its keys."""
_AGAIN_SECONDS = 30.0  # at least, between two fetches: whoever names a key that is not there asks for one
_FETCH_SECONDS = 5.0
_MOST_BYTES = 2**20  # of a document of the issuer's
_KNOWN_SECONDS = 5.0  # as long as a key of ours
_MOST_KNOWN = 10_000
_MOST_SUBJECT = 200  # letters
_LEEWAY_SECONDS = 30  # between our clock and the issuer's
# Signatures by a key that the issuer alone has. No HMAC: its key would be public; and no "none".
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")

Fetch = Callable[[str], Awaitable[bytes]]
"""The bytes at a URL. Raises Unavailable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issuer:
    """Whose tokens are taken, and what their claims mean."""

    issuer: str
    audience: str
    jwks_url: str = ""
    """Of its keys; empty: where its configuration says."""
    tenant_claim: str = ""
    """Has the tenant's name; empty: all are of the first tenant."""
    role_claim: str = "roles"
    roles: Mapping[str, Role]
    """What a value of that claim means."""

    @classmethod
    def of(cls, settings: Settings) -> "Issuer":
        """That of the settings, which have one. Raises ValueError, naming the setting."""
        if not settings.oidc_audience:
            raise ValueError("REELMILL_OIDC_AUDIENCE: is needed, or any application's token of that issuer would do")
        roles = {}
        for entry in settings.oidc_roles or [f"{role}={role}" for role in Role]:
            value, _, role = entry.rpartition("=")
            if not value or role not in set(Role):
                raise ValueError(f"REELMILL_OIDC_ROLES: {entry!r} is no value=role of {', '.join(Role)}")
            roles[value] = Role(role)
        return cls(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            jwks_url=settings.oidc_jwks_url,
            tenant_claim=settings.oidc_tenant_claim,
            role_claim=settings.oidc_role_claim,
            roles=roles,
        )

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """The first role, in the order of their table, that a token's claim means."""
        told = claims.get(self.role_claim)
        values = told if isinstance(told, list) else [told]
        meant = {self.roles[value] for value in values if isinstance(value, str) and value in self.roles}
        return next((role for role in Role if role in meant), None)


class IssuerKeys:
    """An issuer's keys, fetched when they are old or one is asked for that is not among them."""

    def __init__(self, issuer: Issuer, fetch: Fetch) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._turn = asyncio.Lock()

    async def get(self, *, missed: bool = False) -> KeySet:
        """The keys; `missed`: one is not among those that there were. Raises Unavailable."""
        async with self._turn:
            age = time.monotonic() - self._fetched
            if self._keys is None or age > (_AGAIN_SECONDS if missed else KEYS_SECONDS):
                self._keys, self._fetched = await self._read(), time.monotonic()
            return self._keys

    async def _read(self) -> KeySet:
        try:
            url = self._issuer.jwks_url or await self._discovered()
            return KeySet.import_key_set(json.loads(await self._fetch(url)))
        except (Unavailable, ValueError, TypeError, KeyError, JoseError) as error:
            if self._keys is None:
                raise Unavailable(f"the keys of {self._issuer.issuer} can't be had: {error}") from error
            log.warning("an issuer's keys can't be had; those before go on", reason=str(error))
            return self._keys

    async def _discovered(self) -> str:
        address = f"{self._issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
        told = json.loads(await self._fetch(address))
        if told["issuer"] != self._issuer.issuer:
            raise ValueError(f"{address} is of another issuer")
        return str(told["jwks_uri"])


class OpenIdTokens:
    """Knows callers by an issuer's tokens."""

    def __init__(self, issuer: Issuer, issuer_keys: IssuerKeys, keys: KeyStore, tenants: TenantStore) -> None:
        self._issuer = issuer
        self._issuer_keys = issuer_keys
        self._keys = keys
        self._tenants = tenants
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._users: OrderedDict[tuple[UUID, str], UUID] = OrderedDict()
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer.issuer},
            aud={"essential": True, "value": issuer.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def caller(self, text: str) -> Caller | None:
        """Whose a token is; None where it is no good one. Raises Unavailable."""
        digest = hashlib.sha256(text.encode()).digest()
        known = self._known.get(digest)
        if known and time.monotonic() < known[1]:
            return known[0]
        claims = await self._read(text)
        if claims is None or (role := self._issuer.role(claims)) is None:
            return None
        user = f"oidc:{claims['sub']}"  # which no user of a key is called
        if len(user) > _MOST_SUBJECT or "\0" in user:
            return None
        tenant_id = await self._tenant(claims)
        if tenant_id is None:
            return None
        identity = Identity(
            tenant_id=tenant_id, user_id=await self._user(tenant_id, user), own_only=role == Role.SUBMITTER
        )
        caller = Caller(identity=identity, role=role, user=user)
        left = claims["exp"] - time.time()
        self._known[digest] = caller, time.monotonic() + max(0.0, min(_KNOWN_SECONDS, left))
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return caller

    async def _read(self, text: str) -> Mapping[str, Any] | None:
        """A token's claims, if issuer, audience, times and signature are good."""
        for missed in (False, True):
            keys = await self._issuer_keys.get(missed=missed)
            try:
                claims = jwt.decode(text, keys, algorithms=_ALGORITHMS).claims
                self._claims.validate(claims)
            except (JoseError, ValueError, TypeError, KeyError):  # of what a stranger wrote: anything
                continue  # once more, with keys that may be newer
            return claims if isinstance(claims.get("sub"), str) and claims["sub"] else None
        return None

    async def _tenant(self, claims: Mapping[str, Any]) -> UUID | None:
        name = claims.get(self._issuer.tenant_claim) if self._issuer.tenant_claim else DEFAULT_TENANT
        if not isinstance(name, str) or "\0" in name:
            return None
        try:
            return await self._tenants.find(DEFAULT_IDENTITY.tenant_id, name, everyone=True)
        except NotFound:
            return None

    async def _user(self, tenant_id: UUID, name: str) -> UUID:
        found = self._users.get((tenant_id, name))
        if found is None:
            found = self._users[tenant_id, name] = await self._keys.user(tenant_id, name)
            if len(self._users) > _MOST_KNOWN:
                self._users.popitem(last=False)
        return found


def guarded_fetch(settings: Settings) -> Fetch:
    """Fetches from public addresses, and from networks that inputs may come from."""

    async def fetch(url: str) -> bytes:
        guarded = guarded_http.client(allowed=settings.allowed_networks, read_timeout_seconds=_FETCH_SECONDS)
        body = bytearray()
        try:
            async with asyncio.timeout(2 * _FETCH_SECONDS), guarded, guarded.stream("GET", url) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise Unavailable(f"{url} has more than {_MOST_BYTES} bytes")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(f"{url}: {error or type(error).__name__}") from error
        return bytes(body)

    return fetch
