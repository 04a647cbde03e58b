"""Who calls, and from where. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from reelmill.auth.roles import Role
from reelmill.store.tenancy import DEFAULT_IDENTITY, Identity

AUTHORIZATION = "authorization"
EXPOSED = ("reelmill-exposed", "1")
"""Metadata by which a gateway that others can reach says so, to an api that they can't."""
CLIENT_ADDRESS = "reelmill-client-address"
"""Metadata by which a gateway tells whom it calls for. Anybody may say so; the audit log alone repeats it."""
SHARED = " (a proxy)"
"""Ends the address of a proxy whose clients a gateway can't tell apart."""
_PEER = re.compile(r"ipv[46]:(.+):\d+")
_MOST_TOLD = 64  # letters of an address

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who calls."""

    identity: Identity
    role: Role
    key_id: str = ""
    """Empty where nobody was asked for a key."""
    user: str = ""
    """The user's name."""

    @property
    def system(self) -> bool:
        """Whether it is of the tenant whose admins look after all others."""
        return self.identity.tenant_id == DEFAULT_IDENTITY.tenant_id


ANYBODY = Caller(identity=DEFAULT_IDENTITY, role=Role.ADMIN)
"""Whoever calls where nobody is asked for a key."""


def address_of(peer: str) -> str:
    """The address in gRPC's name of a connection's other end, such as ipv4:127.0.0.1:5000."""
    match = _PEER.fullmatch(unquote(peer))
    return match[1].strip("[]") if match else peer.partition(":")[0]


def told_address(peer: str, metadata: Metadata) -> str:
    """Where a call comes from, for the audit log: what a gateway says, and the connection's own."""
    own = address_of(peer)
    for name, value in metadata:
        if name == CLIENT_ADDRESS and isinstance(value, str):
            return f"{value[:_MOST_TOLD]} by {own}"
    return own


def is_loopback(host: str) -> bool:
    """Whether who listens on a host is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
