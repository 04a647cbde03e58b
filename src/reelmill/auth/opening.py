"""From settings to who asks: the policy, and the key that a deployment brings along."""

from collections.abc import Sequence

from reelmill.auth.authenticator import Authenticator
from reelmill.auth.policy import Policy
from reelmill.auth.roles import Role
from reelmill.auth.tokens import parse
from reelmill.jobs.errors import Conflict
from reelmill.settings import Settings
from reelmill.store.access import KeyStore, NewKey, TenantStore
from reelmill.store.database import Database
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
ADMIN_KEY = "REELMILL_ADMIN_KEY"
"""The setting, and the name of the keys that it made."""


async def open_authenticator(settings: Settings, database: Database, hosts: Sequence[str]) -> Authenticator:
    """Who asks callers of a process that listens on these hosts. Raises ValueError, naming the setting."""
    keys = KeyStore(database)
    if settings.admin_key:
        await register_admin(keys, settings.admin_key)
    others = None
    if settings.oidc_issuer:
        from reelmill.auth import openid  # late: a start without an issuer needs no JOSE

        issuer = openid.Issuer.of(settings)
        issuer_keys = openid.IssuerKeys(issuer, openid.guarded_fetch(settings))
        others = openid.OpenIdTokens(issuer, issuer_keys, keys, TenantStore(database))
    # Who names an issuer wants its callers known, but on loopback.
    policy = Policy(settings.authentication, hosts, keys, known_otherwise=others is not None)
    await policy.begin()
    return Authenticator(keys, policy, requests_per_second=settings.key_requests_per_second, others=others)


async def register_admin(keys: KeyStore, text: str) -> None:
    """Store a key of role admin that a deployment made; those that it had made before are revoked with a new one.

    Raises ValueError, naming the setting and never its value.
    """
    token = parse(text.strip())
    if token is None:
        raise ValueError(f"{ADMIN_KEY}: must be rm_<id>_<secret><checksum>, such as `reelmill keys token` prints")
    new = NewKey(id=token.id, hash=token.hash)
    try:
        made = await keys.register(DEFAULT_IDENTITY.tenant_id, new, name=ADMIN_KEY, role=Role.ADMIN)
    except Conflict as error:
        raise ValueError(f"{ADMIN_KEY}: {error}") from error
    if made:
        log.info("a key of role admin was made, as a setting says", key_id=token.id)
