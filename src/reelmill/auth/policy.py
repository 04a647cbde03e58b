"""Whether a call needs a key.

`keys` and `none` say it. Where nobody chose, it goes by who can reach us: on loopback nobody is asked. Elsewhere a
system with keys asks for one; one that was in use before there were keys goes on without, and says so in its log, until
the first is made; and one with neither does not start.
"""

import time
from collections.abc import Sequence

from reelmill.auth.callers import is_loopback
from reelmill.store.access import KeyStore
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
REMEDY = (
    "make a key (`reelmill keys create NAME --role admin --database`), or set keys and give REELMILL_ADMIN_KEY; "
    "none lets everybody do everything"
)
_LOOK_SECONDS = 5.0  # between two looks for the first key


class Policy:
    """What a process asks of its callers. `begin` comes first."""

    def __init__(self, chosen: str, hosts: Sequence[str], keys: KeyStore, *, known_otherwise: bool = False) -> None:
        """`chosen`: keys, none, or empty. `hosts`: where the process listens.

        `known_otherwise`: callers may have no key, and be known all the same.
        """
        self._known_otherwise = known_otherwise
        self.chosen = chosen
        self._elsewhere = [host for host in hosts if not is_loopback(host)]
        self._keys = keys
        self._asks = chosen == "keys"
        self._was_in_use = False
        self._looked = 0.0

    async def begin(self) -> None:
        """Look what there is. Raises ValueError, naming the setting and the remedy, where nobody chose and must."""
        if self.chosen:
            return
        self._asks, self._was_in_use = await self._keys.in_use()
        self._asks = self._asks or self._known_otherwise
        self._looked = time.monotonic()
        if not self._elsewhere or self._asks:
            return
        where = ", ".join(self._elsewhere)
        if not self._was_in_use:
            raise ValueError(
                f"REELMILL_AUTHENTICATION: others can reach {where}, and the database has no key: choose keys or none; "
                f"{REMEDY}"
            )
        log.warning("whoever reaches us may do everything: REELMILL_AUTHENTICATION is not set", address=where)

    async def asks(self, *, exposed: bool) -> bool:
        """Whether a call needs a key; `exposed`: it came by a gateway that others can reach. Raises Unavailable."""
        if self.chosen:
            return self._asks
        if not (self._elsewhere or exposed):
            return False
        if not self._asks and time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._asks, _ = await self._keys.in_use()
        return self._asks or not self._was_in_use
