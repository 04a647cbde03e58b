"""The cache in Redis, shared by all processes.

What is kept where (all names begin with `reelmill:`):

    reelmill:status:{tenant_id}:{job_id}   hash: version (decimal), final (0 or 1), job (serialized Job); of one that
                                           lives long: version, final, queued (the Job), known (when, microseconds)
    reelmill:watermark:{scope}             since:accepts:state (see port.py), or the name of one that only begins
    reelmill:progress:{tenant_id}:{job_id} hash: fence (decimal), progress (serialized Progress); of a job of several
                                           tasks for each {task_id}:fence, :progress, :part (its shares, "0.25 0.5")
    reelmill:{channel}                     publish/subscribe; the message is empty

Every key has a TTL. A script compares versions and fences, so that no race lets the older win.
"""

import asyncio
import math
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError, NoScriptError

from reelmill.cache.breaker import Breaker
from reelmill.cache.missed import Missed
from reelmill.cache.port import CacheUnavailable, Status, Subscription, Watermark, job_channel
from reelmill.cache.redis_channels import AWAY, PREFIX, RedisChannels
from reelmill.jobs.progress import Part, combined
from reelmill.passwords import Password, parts_of
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import CACHE_HITS, CACHE_MISSES, CACHE_STALE
from reelmill.v1.jobs_pb2 import Progress

log = get_logger(__name__)
_TIMEOUT_SECONDS = 0.5
_PROGRESS_SECONDS = 15.0
_CONNECTIONS = 32
_FORM = re.compile("([0-9]+):([0-9]+):(.*)")
_IDLE_SECONDS = 5.0  # after which a connection is not trusted: one that died without a word would cost a timeout

# The watermark is the first key of each script that needs it. Its words: since, accepts.
_WATERMARK = """
local since, accepts
local watermark = redis.call('GET', KEYS[1])
if watermark then
    since, accepts = string.match(watermark, '^(%d+):(%d+):')
    since, accepts = tonumber(since), tonumber(accepts)
end
"""
# KEYS: then one a status. ARGV: TTL of what lives long in ms; for each: version, final, job, TTL in ms, channel, known.
# What is there of the same version stays, unless this one may live long, or that one is believed no more.
_PUT = (
    _WATERMARK
    + """
for i = 2, #KEYS do
    local key = KEYS[i]
    local version, final, job, ttl, channel, known = unpack(ARGV, i * 6 - 10, i * 6 - 5)
    local kept, kept_known = unpack(redis.call('HMGET', key, 'version', 'known'))
    local newer = not kept or tonumber(kept) < tonumber(version)
    local long = known ~= '0' and accepts and tonumber(known) >= accepts
    local doubted = kept_known and not (since and tonumber(kept_known) >= since)
    if newer or tonumber(kept) == tonumber(version) and (long or doubted) then
        redis.call('DEL', key)
        if long then
            redis.call('HSET', key, 'version', version, 'final', final, 'queued', job, 'known', known)
            redis.call('PEXPIRE', key, ARGV[1])
        else
            redis.call('HSET', key, 'version', version, 'final', final, 'job', job)
            redis.call('PEXPIRE', key, ttl)
        end
        if newer then
            redis.call('PUBLISH', channel, '')
        end
    end
end
"""
)
# KEYS: then the status.
_GET = (
    _WATERMARK
    + """
local version, final, job, queued, known = unpack(
    redis.call('HMGET', KEYS[2], 'version', 'final', 'job', 'queued', 'known'))
if not job and queued and since and tonumber(known) >= since then
    job = queued
end
return job and {version, final, job}
"""
)
# KEYS: the watermark. ARGV: the name of a new one, its TTL in ms.
_BEGIN = """
local watermark = redis.call('GET', KEYS[1])
if not watermark then
    watermark = ARGV[1]
    redis.call('SET', KEYS[1], watermark, 'PX', ARGV[2])
end
return {watermark, redis.call('PTTL', KEYS[1])}
"""
# KEYS: the watermark, then statuses. ARGV: the watermark as it was, as it is to be, its TTL in ms, then versions.
_ADVANCE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return -1
end
local removed = 0
for i = 2, #KEYS do
    local kept = redis.call('HGET', KEYS[i], 'version')
    if kept and tonumber(kept) < tonumber(ARGV[i + 2]) then
        removed = removed + redis.call('DEL', KEYS[i])
    end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return removed
"""
# KEYS: the progress. ARGV: fence, progress, TTL in ms, channel, and of a part its fields' prefix and its shares.
_PUT_PROGRESS = """
local prefix = ARGV[5]
local kept = redis.call('HGET', KEYS[1], prefix .. 'fence')
if not kept or tonumber(kept) <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], prefix .. 'fence', ARGV[1], prefix .. 'progress', ARGV[2])
    if prefix ~= '' then
        redis.call('HSET', KEYS[1], prefix .. 'part', ARGV[6])
    end
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    redis.call('PUBLISH', ARGV[4], '')
end
"""


class _Pool(BlockingConnectionPool):
    """Connects anew where a connection was idle for long."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._released: dict[AbstractConnection, float] = {}

    async def get_connection(self, *command: Any, **options: Any) -> AbstractConnection:
        """A connection that is free at once, without the timer and the lock of one that is waited for."""
        if not self._available_connections:
            waited: AbstractConnection = await super().get_connection(*command, **options)  # type: ignore[no-untyped-call]  # it has no types
            return waited
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """A call has ended."""
        self._released[connection] = time.monotonic()
        await super().release(connection)

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Before a call."""
        try:
            if time.monotonic() - self._released.get(connection, math.inf) > _IDLE_SECONDS:
                await connection.disconnect(nowait=True)
            await super().ensure_connection(connection)
        except BaseException:  # given up while it connected: the answers to its greetings may still come
            await connection.disconnect(nowait=True)
            raise


def status_key(tenant_id: UUID, job_id: UUID) -> str:
    """Where a job's status is kept."""
    return f"{PREFIX}status:{tenant_id}:{job_id}"


def progress_key(tenant_id: UUID, job_id: UUID) -> str:
    """Where a running attempt's progress is kept."""
    return f"{PREFIX}progress:{tenant_id}:{job_id}"


class _Credentials(CredentialProvider):
    """Who we are to Redis, asked for at each new connection."""

    def __init__(self, user: str | None, password: Password) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """The password, after the user where there is one."""
        password = self._password() or ""
        return (self._user, password) if self._user else (password,)


class RedisCache:
    """Implements reelmill.cache.port.Cache. Before `start` and after `stop` it is as if away."""

    def __init__(
        self,
        url: str,
        *,
        status_ttl_seconds: float,
        final_ttl_seconds: float,
        scope: str = "",
        password: Password | None = None,
    ) -> None:
        """`url`: redis://[user:password@]host:port/db or rediss://…. Raises ValueError for another.

        `scope`: of the watermark; one for each database, where several share a Redis. `password` takes the place of
        the URL's, for each new connection.
        """
        if parts_of(url) is None:
            raise ValueError("REELMILL_CACHE_URL: in user and password write / as %2F, @ as %40, [ as %5B")
        try:
            self._pool: BlockingConnectionPool = _Pool.from_url(
                url,
                protocol=2,
                max_connections=_CONNECTIONS,
                timeout=_TIMEOUT_SECONDS,
                socket_timeout=None,  # each call has one for all that it waits for, which costs less
                socket_connect_timeout=_TIMEOUT_SECONDS,
                # One more try: the first may have hit a connection that the server closed long ago.
                # None after a timeout: a slow server must cost no more than one.
                retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
            )
        except ValueError as error:
            reason = "in user and password write / as %2F, @ as %40" if "Port could not" in str(error) else error
            raise ValueError(f"REELMILL_CACHE_URL: {reason}") from None
        if password is not None and "password" in self._pool.connection_kwargs:
            user = self._pool.connection_kwargs.pop("username", None)
            del self._pool.connection_kwargs["password"]
            self._pool.connection_kwargs["credential_provider"] = _Credentials(user, password)
        self._redis = Redis(connection_pool=self._pool)
        self._put = self._redis.register_script(_PUT)
        self._get = self._redis.register_script(_GET)
        self._begin = self._redis.register_script(_BEGIN)
        self._advance = self._redis.register_script(_ADVANCE)
        self._put_progress = self._redis.register_script(_PUT_PROGRESS)
        self._status_ttl_seconds = status_ttl_seconds
        self._final_ttl_seconds = final_ttl_seconds
        self._watermark_key = f"{PREFIX}watermark:{scope}"
        self._watermark_seconds = status_ttl_seconds / 2  # its reading may be as old again when it is set
        self._breaker = Breaker("redis", AWAY)
        self._channels = RedisChannels(self._pool)
        self._missed = Missed(self._put_now)
        self._started = False

    async def start(self) -> None:
        """Connect in the background."""
        self._started = True
        self._channels.start()

    async def stop(self) -> None:
        """Disconnect."""
        self._started = False
        await self._missed.stop()
        await self._channels.stop()
        await self._pool.disconnect()

    async def put(self, statuses: Sequence[Status]) -> None:
        """Keep each status unless one of the same or a later version is there; notify its channel."""
        if not statuses or not self._started:
            return
        done = False
        try:
            done = await self._put_now(statuses)
        finally:  # also where who tells of a change is cancelled while he does
            if not done and self._started:
                self._missed.add(statuses)

    async def _put_now(self, statuses: Sequence[Status]) -> bool:
        keys = [self._watermark_key, *(status_key(s.tenant_id, s.job_id) for s in statuses)]
        arguments: list[str | int | bytes] = [_milliseconds(self._final_ttl_seconds)]
        for s in statuses:
            ttl_seconds = self._final_ttl_seconds if s.final else self._status_ttl_seconds
            channel = PREFIX + job_channel(s.tenant_id, s.job_id)
            arguments += (s.version, int(s.final), s.job, _milliseconds(ttl_seconds), channel, s.known_us)
        answer: bool = await self._call(lambda: _true(self._run(self._put, keys, arguments)), False)
        return answer

    async def get(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        """The status, or None where there is none or Redis is away."""
        keys = (self._watermark_key, status_key(tenant_id, job_id))
        found = await self._call(lambda: self._run(self._get, keys, ()), None)
        if found is None:
            CACHE_MISSES.inc()
            return None
        CACHE_HITS.inc()
        version, final, job = found
        return Status(tenant_id=tenant_id, job_id=job_id, version=int(version), final=final == b"1", job=job)

    async def put_progress(
        self, tenant_id: UUID, job_id: UUID, fence: int, progress: bytes, part: Part | None = None
    ) -> None:
        """Keep an attempt's progress for 15 s unless a later attempt's is there; notify its channel."""
        ttl, channel = _milliseconds(_PROGRESS_SECONDS), PREFIX + job_channel(tenant_id, job_id)
        place = (f"{part.task_id}:", f"{part.share!r} {part.before!r}") if part else ("", "")
        arguments: list[str | int | bytes] = [fence, progress, ttl, channel, *place]
        keys = (progress_key(tenant_id, job_id),)
        await self._call(lambda: self._run(self._put_progress, keys, arguments), None)

    async def get_progress(self, tenant_id: UUID, job_id: UUID) -> bytes | None:
        """The newest progress of the job, or None."""
        key = progress_key(tenant_id, job_id)
        kept: dict[bytes, bytes] = await self._call(lambda: self._redis.hgetall(key), {})
        parts = []
        for name, shares in kept.items():
            task_id, _, what = name.decode().partition(":")
            if what == "part":
                share, before = map(float, shares.split())
                part = Part(task_id=UUID(task_id), share=share, before=before)
                parts.append((part, Progress.FromString(kept[f"{task_id}:progress".encode()])))
        return combined(parts).SerializeToString() if parts else kept.get(b"progress")

    async def watermark(self) -> Watermark | None:
        """The watermark, begun where there was none; None where Redis is away."""
        name = f"begins {secrets.token_hex(8)}"  # no two are alike: who saw one that is gone does not follow another
        lives = _milliseconds(self._watermark_seconds)
        found = await self._call(lambda: self._begin([self._watermark_key], [name, lives]), None)
        if found is None:
            return None
        token, left = found[0].decode(), found[1]
        age_seconds = max(0.0, (lives - left) / 1000)
        if not (match := _FORM.fullmatch(token)):
            return Watermark(token=token, age_seconds=age_seconds)
        since, accepts, state = int(match[1]), int(match[2]), match[3]
        return Watermark(since_us=since, accepts_us=accepts, state=state, token=token, age_seconds=age_seconds)

    async def advance(self, before: Watermark, now: Watermark, changed: Sequence[tuple[UUID, UUID, int]]) -> bool:
        """Remove what is older than `changed`, and set the next watermark, in one step."""
        keys = [self._watermark_key, *(status_key(tenant_id, job_id) for tenant_id, job_id, _ in changed)]
        token = f"{now.since_us}:{now.accepts_us}:{now.state}"
        arguments: list[str | int] = [before.token, token, _milliseconds(self._watermark_seconds)]
        arguments += [version for _, _, version in changed]
        removed: int = await self._call(lambda: self._advance(keys, arguments), -1)
        if removed > 0:
            CACHE_STALE.inc(removed)
            log.info("removed statuses that a change had gone by", statuses=removed)
        return removed >= 0

    async def get_task_progress(self, tenant_id: UUID, job_id: UUID) -> dict[UUID | None, bytes]:
        """The newest progress of each of the job's tasks; under None that of the only one."""
        key = progress_key(tenant_id, job_id)
        kept: dict[bytes, bytes] = await self._call(lambda: self._redis.hgetall(key), {})
        tasks: dict[UUID | None, bytes] = {}
        for name, value in kept.items():
            task_id, _, what = name.decode().rpartition(":")
            if what == "progress":
                tasks[UUID(task_id) if task_id else None] = value
        return tasks

    async def notify(self, channel: str) -> None:
        """Wake the subscribers of a channel, in all processes."""
        await self._call(lambda: self._redis.publish(PREFIX + channel, b""), 0)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscription]:
        """Listen to a channel while the context is open."""
        async with self._channels.subscribe(channel) as subscriber:
            yield subscriber

    async def check(self) -> None:
        """Raise CacheUnavailable unless Redis answers now."""
        if not self._started:
            raise CacheUnavailable("the cache is not started")
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._redis.ping()
        except AWAY as error:
            raise CacheUnavailable(f"Redis is away: {str(error) or type(error).__name__}") from error

    async def _call(self, operation: Callable[[], Awaitable[Any]], miss: Any) -> Any:
        async def in_time() -> Any:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await operation()

        return await self._breaker.call(in_time, miss) if self._started else miss

    async def _run(self, script: AsyncScript, keys: Sequence[str], arguments: Sequence[str | int | bytes]) -> Any:
        """What a script answers, straight from a connection: its client's ways around a command cost half as much."""
        try:
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
            try:
                command = connection.pack_command("EVALSHA", script.sha, len(keys), *keys, *arguments)
                await connection.send_packed_command(command, check_health=False)
                return await connection.read_response()
            finally:
                await self._pool.release(connection)
        except (NoScriptError, ConnectionError):  # of a new server, or a connection that it closed long ago: once more
            return await script(keys, arguments)


async def _true(awaited: Awaitable[Any]) -> bool:
    await awaited
    return True


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
