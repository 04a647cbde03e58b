"""Tells webhooks what is due, at least once and of each job in order. Any number of schedulers may."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import httpx

from reelmill.batching import Batcher
from reelmill.jobs.errors import Unavailable
from reelmill.points import reach
from reelmill.sealing import Keys, Unsealable
from reelmill.serving import allow_files
from reelmill.settings import Settings
from reelmill.storage import guarded_http
from reelmill.storage.networks import Network
from reelmill.store.database import Database
from reelmill.store.deliveries import FIRST, DeliveryStore, DueDelivery, Patience, Try
from reelmill.store.webhooks import new_secret, purpose
from reelmill.supervise import end
from reelmill.telemetry import metrics
from reelmill.telemetry.logs import get_logger
from reelmill.webhooks.payloads import body_of
from reelmill.webhooks.sending import SLOW_SECONDS, send, tried

log = get_logger(__name__)
_LOOKED_AT = 2000  # endpoints with something to tell them, of which a round asks
_EACH = 8  # messages to one endpoint at once, of as many jobs
_CLAIMED = 64  # messages that one claim brings
_MOST_BYTES = 64 * 2**20  # of the jobs that messages on their way are about: from then on none are claimed
_QUICK, _SLOW = 256, 1024  # endpoints that are told at once
_RESOLVING_THREADS = 16  # of each lane: a name that is not found is waited for there
_SPARE_SECONDS = 30.0  # of a lease, beyond the longest try
_MEASURE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderConfig:
    """How a sender behaves."""

    allowed: Sequence[Network]
    """Networks that it sends to besides the public internet."""
    patience: Patience = field(default_factory=Patience)
    timeout_seconds: float = 15.0
    poll_seconds: float = 1.0

    @property
    def lease(self) -> timedelta:
        """How long a message is ours."""
        return timedelta(seconds=self.timeout_seconds + _SPARE_SECONDS)


@dataclass(kw_only=True, eq=False, slots=True)
class _Lane:
    """Endpoints that are quick, or those that are not: neither takes the other's room, connections or threads."""

    slow: bool
    most: int
    client: httpx.AsyncClient
    told: dict[UUID, float] = field(default_factory=dict)
    """Endpoints that are being told something, and since when."""

    @property
    def room(self) -> int:
        """How many more may be told. Among the quick ones, who turns out to be slow takes nobody's place."""
        since = -math.inf if self.slow else time.monotonic() - SLOW_SECONDS
        return self.most - sum(began > since for began in self.told.values())


class Sender:
    """Tells until cancelled."""

    def __init__(self, store: DeliveryStore, keys: Keys | None, config: SenderConfig) -> None:
        """`keys` open what signs; without, nothing is sent."""
        self._store = store
        self._keys = keys
        self._config = config
        self._lanes: list[_Lane] = []
        self._after = FIRST
        self._nudged = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._records: Batcher[Try, None] = Batcher(self._record)

    async def run(self) -> None:
        """Look again and again; at once where somebody has been told something."""
        allow_files(_QUICK + _SLOW)
        self._bytes = 0
        async with AsyncExitStack() as stack:
            self._lanes = [await self._lane(stack, slow=False), await self._lane(stack, slow=True)]
            measured = -math.inf
            try:
                while True:
                    self._nudged.clear()
                    try:
                        await self.round()
                        if time.monotonic() - measured > _MEASURE_SECONDS:
                            measured = time.monotonic()
                            await self._measure()
                    except Unavailable as error:
                        log.warning("webhooks wait", reason=str(error))
                        metrics.WEBHOOK_OLDEST_DUE.set(math.nan)
                        metrics.WEBHOOKS_FAILING.set(math.nan)
                        await asyncio.sleep(self._config.poll_seconds)
                    try:
                        async with asyncio.timeout(self._config.poll_seconds):
                            await self._nudged.wait()
                    except TimeoutError:
                        continue
            finally:
                await end(*self._sending)

    async def _lane(self, stack: AsyncExitStack, *, slow: bool) -> _Lane:
        resolving = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolving")
        stack.callback(resolving.shutdown, wait=False, cancel_futures=True)
        most = _SLOW if slow else _QUICK
        client = guarded_http.client(
            allowed=self._config.allowed,
            read_timeout_seconds=self._config.timeout_seconds,
            redirects=False,
            connections=2 * most * _EACH,
            resolving=resolving,
        )
        return _Lane(slow=slow, most=most, client=await stack.enter_async_context(client))

    async def round(self) -> None:
        """Claim what is due, and begin to send it. Raises Unavailable."""
        waiting = await self._store.waiting(after=self._after, limit=_LOOKED_AT)
        whole = len(waiting) < _LOOKED_AT
        if whole and self._after != FIRST:
            self._nudged.set()  # those before them
        self._after = FIRST if whole else waiting[-1]
        if waiting and self._keys is None:
            log.warning("webhooks are told nothing: the setting REELMILL_SECRETS_KEY is missing", webhooks=len(waiting))
            return
        for lane in self._lanes:
            free = [one for one in waiting if not any(one in other.told for other in self._lanes)]
            if free and lane.room > 0 and self._bytes < _MOST_BYTES:
                await self._begin(lane, free)

    async def _begin(self, lane: _Lane, webhook_ids: Sequence[UUID]) -> None:
        claimed_at = time.monotonic()
        due = await self._store.claim(
            webhook_ids, slow=lane.slow, endpoints=lane.room, each=_EACH, limit=_CLAIMED, lease=self._config.lease
        )
        if len(due) == _CLAIMED:
            self._nudged.set()
        by_endpoint: dict[UUID, list[DueDelivery]] = {}
        for delivery in due:
            by_endpoint.setdefault(delivery.webhook_id, []).append(delivery)
        secrets = await self._secrets(due) if due else {}
        for webhook_id, deliveries in by_endpoint.items():
            lane.told[webhook_id] = claimed_at
            telling = self._tell(lane, webhook_id, deliveries, secrets)
            task = asyncio.create_task(telling, name="webhooks.tell")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _secrets(self, due: Sequence[DueDelivery]) -> Mapping[UUID, Sequence[bytes]]:
        """The opened secrets by their signers; of a signer whose are of another key there are none."""
        assert self._keys
        signers = {delivery.signer_id: delivery.tenant_id for delivery in due}
        found = await self._store.secrets(list(signers))
        if missing := signers.keys() - found.keys():
            for signer_id in missing:  # of jobs' own endpoints, until the tenant asks for one
                _, sealed = new_secret(self._keys, signer_id)
                await self._store.give_secret(signer_id, signers[signer_id], sealed)
            found = await self._store.secrets(list(signers))
        opened: dict[UUID, list[bytes]] = {}
        for signer_id, secrets in found.items():
            for sealed in secrets:
                try:
                    opened.setdefault(signer_id, []).append(self._keys.open(sealed, purpose(signer_id)))
                except Unsealable as error:
                    log.error("a webhook's secret can't be opened", signer_id=str(signer_id), reason=str(error))
        return opened

    async def _tell(
        self, lane: _Lane, webhook_id: UUID, deliveries: Sequence[DueDelivery], secrets: Mapping[UUID, Sequence[bytes]]
    ) -> None:
        """Send what is due to one endpoint. What can't be recorded is sent again, once its lease has ended."""
        size_bytes = sum(one.job.ByteSize() for one in deliveries if one.job)
        self._bytes += size_bytes
        sends = (self._send(lane, one, secrets.get(one.signer_id, ())) for one in deliveries)
        try:
            for error in await asyncio.gather(*sends, return_exceptions=True):
                if isinstance(error, Unavailable):
                    log.warning(
                        "what a webhook was told can't be recorded", webhook_id=str(webhook_id), reason=str(error)
                    )
                elif error:
                    log.error("a webhook can't be told; trying again later", webhook_id=str(webhook_id), exc_info=error)
        finally:
            del lane.told[webhook_id]
            self._bytes -= size_bytes
            self._nudged.set()

    async def _send(self, lane: _Lane, delivery: DueDelivery, secrets: Sequence[bytes]) -> None:
        if time.monotonic() - lane.told[delivery.webhook_id] > _SPARE_SECONDS / 2:
            return  # this process stood still: by the answer another one might have it
        patience, timeout_seconds = self._config.patience, self._config.timeout_seconds
        if secrets:
            try:
                body = body_of(delivery)
            except Exception as error:  # whatever is wrong with one message, the others go on
                log.exception("a webhook's message can't be made", message_id=delivery.message_id)
                one = tried(delivery, "rejected", patience, answer=type(error).__name__)
            else:
                one = await send(lane.client, delivery, body, secrets, patience, timeout_seconds=timeout_seconds)
                await reach("webhook.sent")
        else:
            one = tried(delivery, "unsigned", patience, answer="its secret can't be opened: see REELMILL_SECRETS_KEY")
        metrics.WEBHOOK_TRIES[one.outcome].inc()
        await self._records.submit(one)

    async def _record(self, tries: Sequence[Try]) -> Sequence[None]:
        """Record how tries went; endpoints that want nothing, or took nothing for too long, are disabled."""
        patience = self._config.patience
        lost = dict.fromkeys(await self._store.record(tries, patience), f"it took nothing for {patience.disable}")
        lost |= {one.delivery.webhook_id: "it answered 410: gone" for one in tries if one.gone}
        for webhook_id, reason in lost.items():
            if await self._store.disable(webhook_id, reason):
                metrics.WEBHOOKS_DISABLED.inc()
                log.warning("a webhook is disabled", webhook_id=str(webhook_id), reason=reason)
        return [None] * len(tries)

    async def _measure(self) -> None:
        waiting = await self._store.waiting(after=FIRST, limit=_LOOKED_AT)
        oldest_seconds, failing = await self._store.measure(waiting) if waiting else (0.0, 0)
        metrics.WEBHOOK_OLDEST_DUE.set(oldest_seconds)
        metrics.WEBHOOKS_FAILING.set(failing)


def make_sender(settings: Settings, database: Database) -> Sender:
    """A sender. Raises ValueError, naming the setting, for keys of another form."""
    keys = Keys.of(*settings.key_places)
    return Sender(DeliveryStore(database), keys, SenderConfig(allowed=settings.allowed_networks))
