"""The connection pool, and which of its errors mean that PostgreSQL is away."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from reelmill import __version__
from reelmill.jobs.errors import Unavailable
from reelmill.passwords import Password, parts_of
from reelmill.telemetry.metrics import POOL_CONNECTIONS, POOL_MAX, POOL_USED, POOL_WAIT

# Lost connections, servers that start or stop, and no free connection: waiting helps.
_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke while the pool took it back
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.ReadOnlySQLTransactionError,  # a primary that has just become a standby
    asyncpg.IdleInTransactionSessionTimeoutError,
)
# A wrong setting at the start. Later a password that is being changed, or a database that is being restored.
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


_ACQUIRE_SECONDS = 10.0
_IDLE_SECONDS = 5.0  # after which the pool closes a connection
_TRIES = 5  # of a statement that met a job whose tasks became more
_RELEASE_SECONDS = 2.0  # that a call that was given up may keep its connection: else a dead one keeps it for long
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")


def check_url(url: str) -> None:
    """Raise ValueError, naming the setting and not the URL, for one that is not PostgreSQL's."""
    parts = parts_of(url)  # Pythons of 2025 and later know no brackets but of the first host, nor does asyncpg there
    hosts = parts.netloc.rpartition("@")[2].split(",") if parts else []
    if not (parts and parts.scheme in ("postgresql", "postgres") and all(map(_HOST.fullmatch, hosts))):
        raise ValueError(
            "REELMILL_DATABASE_URL: must be postgresql://user:password@host:port/name; of several hosts the one in"
            " brackets comes first; in user and password write / as %2F, @ as %40, : as %3A, [ as %5B"
        )


class _Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """Goes back to the pool without a round trip; a transaction left open is rolled back all the same."""

    def get_reset_query(self) -> str:
        """No LISTEN, cursor, advisory lock or setting of a session is used on connections of the pool."""
        return ""

    async def reset(self, *, timeout: float | None = None) -> None:
        """Nothing, and without a timer, where no transaction is open."""
        if self.is_in_transaction():
            await super().reset(timeout=timeout)


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(
        self, url: str, *, pool_size: int, publish_events: bool, application: str, password: Password | None = None
    ) -> None:
        """`password` takes the place of the URL's, for each new connection.

        Raises ValueError, naming the setting, for a URL that is not PostgreSQL's.
        """
        check_url(url)
        self.url = url
        self.password = password if password and password() is not None else None
        self._pool_size = pool_size
        self._settings = {
            "application_name": f"reelmill {application} {__version__}",
            "reelmill.publish_events": "on" if publish_events else "off",
            # A client that vanished must not hold row locks for the kernel's two hours.
            "idle_in_transaction_session_timeout": "30s",
            "tcp_keepalives_idle": "10",
        }
        self._pool: asyncpg.Pool | None = None

    async def start(self) -> None:
        """Open the pool. Raises Unavailable while PostgreSQL is away."""
        try:
            self._pool = await asyncpg.create_pool(
                self.url,
                password=self.password,
                connection_class=_Connection,
                min_size=1,
                max_size=self._pool_size,
                server_settings=self._settings,
                # A connection that a proxy forgot without a word costs a call this time.
                max_inactive_connection_lifetime=_IDLE_SECONDS,
                command_timeout=10,  # a server that froze is told as away before clients lose their patience
                timeout=5,
            )
        except _AWAY as error:
            raise Unavailable(f"PostgreSQL is away: {error or type(error).__name__}") from error
        POOL_MAX.set(self._pool_size)
        POOL_CONNECTIONS.set_function(self._pool.get_size)
        POOL_USED.set_function(self._used)

    def _used(self) -> int:
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    async def stop(self) -> None:
        """Close the pool; waits up to 5 s for calls under way. Bears being called twice."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), 5)
        except (TimeoutError, *_AWAY):
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool. Errors that waiting cures come out as Unavailable."""
        if self._pool is None:
            raise Unavailable("the database pool is not open")
        try:
            began = time.monotonic()
            pool = self._pool
            # One that is free needs no timer, and no task around it.
            connection = await (pool.acquire() if pool.get_idle_size() else pool.acquire(timeout=_ACQUIRE_SECONDS))
            try:
                POOL_WAIT.observe(time.monotonic() - began)
                yield connection
            finally:
                await pool.release(connection, timeout=_RELEASE_SECONDS)
        except (*_AWAY, *_REFUSED) as error:
            raise Unavailable(f"PostgreSQL is away: {error or type(error).__name__}") from error
        except RuntimeError as error:  # uvloop's for a write to a connection that was closed in that moment
            if "handler is closed" not in str(error):
                raise
            raise Unavailable("PostgreSQL is away: the connection was closed") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection with a transaction open; commits at the end, rolls back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """Raise Unavailable unless PostgreSQL answers now."""
        async with self.connection() as connection:
            await connection.fetchval("SELECT 1", timeout=3)


async def settled(connection: asyncpg.Connection, query: str, *arguments: object) -> list[asyncpg.Record]:
    """What a statement answers; repeated where a job's tasks became more meanwhile, which guard_job notices."""
    for _ in range(_TRIES - 1):
        try:
            async with connection.transaction():  # or a savepoint, inside one
                return list(await connection.fetch(query, *arguments))
        except asyncpg.SerializationError:
            continue
    return list(await connection.fetch(query, *arguments))
