"""Settings → what the processes are made of, started in order and stopped in reverse."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Cache
from reelmill.embedded import EmbeddedPostgres
from reelmill.jobs.errors import Stopped, Unavailable
from reelmill.media import launcher
from reelmill.media.launcher import Launcher
from reelmill.passwords import password_of
from reelmill.queue.port import Queue
from reelmill.queue.postgres import PostgresQueue
from reelmill.redaction import redacted
from reelmill.relay import Relay
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.leases import LeaseStore
from reelmill.store.migrate import migrate, missing
from reelmill.store.outbox import OutboxStore
from reelmill.store.switches import GRAPHS
from reelmill.store.uploads import UploadStore
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_READ_FILES = ("api", "worker", "up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the processes are made of; open while `open_parts` is."""

    settings: Settings
    database: Database
    queue: Queue
    cache: Cache
    storage: Storage
    relay: Relay
    launcher: Launcher
    """Runs in processes that read media files."""

    @property
    def jobs(self) -> JobStore:
        """Jobs, for clients."""
        return JobStore(self.database)

    @property
    def leases(self) -> LeaseStore:
        """Tasks, for workers and schedulers."""
        return LeaseStore(self.database, lease_seconds=self.settings.lease_seconds)


def make_database(settings: Settings, url: str, process: str) -> Database:
    """The database at `url`; `process` names us to its administrators."""
    return Database(
        url,
        pool_size=settings.database_pool_size,
        publish_events=settings.queue_url.startswith("kafka:"),
        application=process,
        password=password_of(url, settings.secret_file("database_url")),
    )


def make_queue(settings: Settings, database: Database) -> Queue:
    """The queue that `queue_url` names. Raises ValueError, naming the setting."""
    if settings.queue_url.startswith("kafka://"):
        from reelmill.queue.kafka import KafkaQueue  # late, as Redis is

        return KafkaQueue(
            settings.queue_url,
            topic_prefix=settings.kafka_topic_prefix,
            partitions=settings.kafka_partitions,
            replication=settings.kafka_replication,
            file=settings.secret_file("queue_url"),
        )
    if settings.queue_url.startswith("postgres:"):
        return PostgresQueue(database)
    raise ValueError(f"REELMILL_QUEUE_URL: {redacted(settings.queue_url)!r} is neither kafka://… nor postgres:")


def make_cache(settings: Settings, *, alone: bool, database_url: str = "") -> Cache:
    """The cache that `cache_url` names, of the database at that URL; `alone`: for a process that is the whole system.

    Raises ValueError, naming the setting.
    """
    ttl, final_ttl = settings.status_ttl_seconds, settings.final_ttl_seconds
    if settings.cache_url.startswith(("redis://", "rediss://")):
        from reelmill.cache.redis import RedisCache  # late: a seventh of a start's time, for those who use it

        place = urlsplit(database_url)  # without the password, which may change
        scope = hashlib.sha256(f"{place.netloc.rpartition('@')[2]}{place.path}".encode()).hexdigest()[:16]
        password = password_of(settings.cache_url, settings.secret_file("cache_url"))
        return RedisCache(
            settings.cache_url, status_ttl_seconds=ttl, final_ttl_seconds=final_ttl, scope=scope, password=password
        )
    if settings.cache_url.startswith("memory:"):
        # What other processes change would grow old here: then only what never changes is kept, and may be deleted.
        return MemoryCache(status_ttl_seconds=ttl if alone else 0.0, final_ttl_seconds=final_ttl if alone else ttl)
    raise ValueError(f"REELMILL_CACHE_URL: {redacted(settings.cache_url)!r} is neither redis://… nor memory:")


@asynccontextmanager
async def database_url(settings: Settings, *, wait: bool = True) -> AsyncIterator[str]:
    """The database's URL; an embedded one runs, migrated, while the context is open. `wait`: for its end."""
    if settings.database_url != "embedded:":
        yield settings.database_url
        return
    embedded = EmbeddedPostgres.of(settings)
    url = await embedded.start()
    watching = supervised("embedded_postgres", embedded.watch)
    try:
        await migrate(url, {GRAPHS: True})  # nobody else uses it
        yield url
    finally:
        await end(watching)
        await embedded.stop(wait=wait)


@asynccontextmanager
async def open_parts(
    settings: Settings,
    *,
    process: str,
    stop: asyncio.Event | None = None,
    wait: bool = True,
    launching: Launcher | None = None,
) -> AsyncIterator[Parts]:
    """Connect to everything that `process` needs; waits for a database that is away or not migrated.

    `launching`: a launcher that runs already. `wait`: at the end for that of an embedded PostgreSQL, which comes
    either way.

    Raises Stopped where `stop` is set meanwhile.
    """
    async with AsyncExitStack() as stack:
        if launching is None:
            starting = launcher.running(settings.sandbox) if process in _READ_FILES else nullcontext(Launcher("off"))
            launching = await stack.enter_async_context(starting)
        url = await stack.enter_async_context(database_url(settings, wait=wait))
        database = make_database(settings, url, process)
        queue, storage = make_queue(settings, database), Storage.from_settings(settings, UploadStore(database))
        cache = make_cache(settings, alone=process == "up", database_url=url)
        await _patiently(database.start, stop)
        stack.push_async_callback(database.stop)
        await _patiently(lambda: _check_schema(database), stop)
        await queue.start()
        stack.push_async_callback(queue.stop)
        await cache.start()
        stack.push_async_callback(cache.stop)
        relay = Relay(OutboxStore(database), queue, interval_seconds=settings.relay_sweep_seconds)
        yield Parts(
            settings=settings,
            database=database,
            queue=queue,
            cache=cache,
            storage=storage,
            relay=relay,
            launcher=launching,
        )


async def _check_schema(database: Database) -> None:
    async with database.connection() as connection:
        if lacks := await missing(connection):
            names = ", ".join(migration.name for migration in lacks)
            raise Unavailable(f"the database lacks migrations: {names}; `reelmill migrate` applies them")


async def _patiently(start: Callable[[], Awaitable[None]], stop: asyncio.Event | None) -> None:
    """Start a part that may be away for now; a set-up's processes come up in any order."""
    began = time.monotonic()
    while True:
        try:
            return await start()
        except Unavailable as error:
            log.warning("waiting", reason=str(error), seconds=round(time.monotonic() - began))
        await asyncio.sleep(1)
        if stop and stop.is_set():
            raise Stopped
