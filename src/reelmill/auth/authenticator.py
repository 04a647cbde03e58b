"""Who calls, by the key that came along: looked up once in some seconds, and told alike whichever part was wrong."""

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from reelmill.auth.callers import ANYBODY, AUTHORIZATION, EXPOSED, SHARED, Caller, Metadata, address_of, told_address
from reelmill.auth.failures import MOST_BY_GATEWAY, Failures, Rates
from reelmill.auth.policy import REMEDY, Policy
from reelmill.auth.roles import Role
from reelmill.auth.tokens import PREFIX, Token, parse
from reelmill.batching import Batcher
from reelmill.jobs.errors import Busy, Unauthenticated, Unavailable
from reelmill.store.access import FoundKey, KeyStore
from reelmill.store.tenancy import Identity
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
KEY_SECONDS = 5.0
"""How long a key that was good is taken for good: so long a revoked one may go on."""
AWAY_SECONDS = 300.0
"""The same while PostgreSQL is away."""
_MOST_KEYS = 10_000  # remembered
_GOOD_SECONDS = 3600.0  # a key that was good within these is looked up though its address failed too often
WRONG = "the key is not good: it is unknown, expired or revoked, or was not copied whole"
MISSING = "a key is needed: send the header (gRPC: the metadata) Authorization: Bearer rm_…"


class Tokens(Protocol):
    """Tokens of another kind, such as OpenID Connect's."""

    async def caller(self, text: str) -> Caller | None:
        """Whose a token is; None where it is no good one."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """A key that was good."""

    caller: Caller
    hash: bytes
    until: float  # in monotonic seconds: looked up again from then on
    ends: float  # it is refused
    good: float  # it was looked up


class Authenticator:
    """Asks who calls."""

    def __init__(
        self,
        keys: KeyStore,
        policy: Policy,
        *,
        requests_per_second: float = 0.0,
        others: Tokens | None = None,
        failures: Failures | None = None,
    ) -> None:
        """`requests_per_second`: of a key; 0: any number. `others`: for tokens that are none of our keys."""
        self._keys = keys
        self._policy = policy
        self._others = others
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._reader: Batcher[str, FoundKey | None] = Batcher(keys.find)
        self._failures = failures or Failures()
        self._of_gateways = Failures(MOST_BY_GATEWAY)
        self._rates = Rates(requests_per_second)

    async def caller(self, metadata: Metadata, peer: str) -> Caller:
        """Who calls. Raises Unauthenticated, Busy for too many failures or calls, and Unavailable."""
        pairs = tuple(metadata)
        given = [value for name, value in pairs if name == AUTHORIZATION]
        asks = await self._policy.asks(exposed=EXPOSED in pairs)
        text = _bearer(given)
        if not asks and not (text or "").startswith(PREFIX):
            return ANYBODY  # what else stands there is for somebody before us
        if text is None:
            raise Unauthenticated(
                MISSING if self._policy.chosen else f"{MISSING}; whoever runs this server can {REMEDY}"
            )
        address, gateway = told_address(peer, pairs), address_of(peer)
        found = await self._found(text, address, gateway)
        if found is None:
            if SHARED not in address:
                self._failures.note(address)
            if address != gateway:
                self._of_gateways.note(gateway)
            raise Unauthenticated(WRONG)
        if not self._rates.take(found.key_id or found.user):
            raise Busy("this key calls more often than it may; try again")
        return found

    async def _found(self, text: str, address: str, gateway: str) -> Caller | None:
        token, now = parse(text), time.monotonic()
        known = self._known.get(token.id) if token else None
        if known and not (token and hmac.compare_digest(token.hash, known.hash)):
            known = None  # its id alone
        if known and now < known.until:
            return known.caller
        blocked = self._failures.blocked(address) or self._of_gateways.blocked(gateway)
        if blocked and not (known and now - known.good < _GOOD_SECONDS):
            raise Busy("too many calls from this address had no good key; try again in a minute")
        if token is None:
            return await self._others.caller(text) if self._others and not text.startswith(PREFIX) else None
        try:
            return await self._looked_up(token)
        except Unavailable:
            # Who was let in just now is: statuses are told from the cache, and nobody can revoke a key meanwhile.
            if known and now < min(known.ends, known.good + AWAY_SECONDS):
                return known.caller
            raise

    async def _looked_up(self, token: Token) -> Caller | None:
        began = time.monotonic()
        key = await self._reader.submit(token.id)
        if key is None or not hmac.compare_digest(token.hash, key.hash):
            return None
        left = math.inf if key.left_seconds is None else key.left_seconds
        if left <= 0 or key.role not in set(Role):
            self._known.pop(token.id, None)
            return None
        caller = Caller(
            identity=Identity(tenant_id=key.tenant_id, user_id=key.user_id, own_only=key.role == Role.SUBMITTER),
            role=Role(key.role),
            key_id=key.id,
            user=key.user_name,
        )
        self._known.pop(token.id, None)
        until, ends = began + min(KEY_SECONDS, left), began + left
        self._known[token.id] = _Known(caller, key.hash, until=until, ends=ends, good=began)
        if len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        if key.unnoted:
            with suppress(Unavailable):  # it is told next time
                await self._keys.note_use(key.tenant_id, key.id)
        return caller


def _bearer(given: Sequence[str | bytes]) -> str | None:
    """What stands behind Bearer; None where nothing was given; what is no bearer's is a token that is none."""
    if not given:
        return None
    if len(given) > 1 or not isinstance(given[0], str):
        return ""
    kind, _, text = given[0].partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""
