"""The client for asyncio. Client has the same methods."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import grpc

from reelmill.client import calls, webhook_calls
from reelmill.client.backoff import Backoff
from reelmill.client.calls import Answer, Call, Item, Listing, Page
from reelmill.client.channel import DEFAULT_TARGET, DEFAULT_TIMEOUT_SECONDS, OPTIONS, Tls, place
from reelmill.client.errors import ReelmillError, from_rpc_error
from reelmill.client.watching import Watch
from reelmill.v1.access_pb2 import AuditEvent, CreateKeyResponse, Key, Tenant
from reelmill.v1.jobs_pb2 import EstimateJobResponse, Job, JobEvent, JobLog, OutputFile, Task
from reelmill.v1.media_pb2 import MediaInfo, Operation, Preset
from reelmill.v1.uploads_pb2 import SignedUpload
from reelmill.v1.webhooks_pb2 import Webhook, WebhookDelivery, WebhookSecret
from reelmill.v1.workers_pb2 import Worker


class AsyncClient:
    """A connection to the api, for one event loop. Raises ReelmillError; repeats calls while it is Unavailable."""

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        token: str | None = None,
        tls: Tls | bool | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        backoff: Backoff | None = None,
    ) -> None:
        """Connects at the first call. `timeout_seconds` bounds each try of a call.

        `token` is a key's, and without it that of the variable REELMILL_TOKEN, if there is one. `tls` is True for a
        certificate that the machine trusts, or says which; an address that begins with https:// has it too.
        """
        where = place(target, token, tls)
        self._metadata = where.metadata
        if where.credentials is None:
            self._channel = grpc.aio.insecure_channel(where.target, options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(where.target, where.credentials, options=OPTIONS)
        self._timeout_seconds = timeout_seconds
        self._backoff = backoff or Backoff()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect. Bears being called twice."""
        await self._channel.close()

    async def create_job(self, job: Job, request_id: str | None = None) -> Job:
        """Submit a job; it is durable once this returns. The same request_id and job answer the same job."""
        return await self._answer(calls.create_job(job, request_id))

    async def batch_create_jobs(
        self, jobs: Iterable[Job], request_ids: Sequence[str] | None = None
    ) -> list[Job | ReelmillError]:
        """Submit up to 1,000 jobs; answers for each, in order, the job or why it was refused."""
        return calls.batch_results(await self._answer(calls.batch_create_jobs(jobs, request_ids)))

    async def validate_job(self, job: Job, full: bool = False) -> Job:
        """Check a job and store nothing; answers it with its defaults filled in, and with `full` its steps."""
        return await self._answer(calls.validate_job(job, full))

    async def estimate_job(self, job: Job) -> EstimateJobResponse:
        """What a job would take, in ranges, and what it would wait behind. Inputs are fetched; nothing is stored."""
        return await self._answer(calls.estimate_job(job))

    async def get_job(self, job_id: str, full: bool = False, signed_urls_seconds: int = 0) -> Job:
        """A job; `full` adds an error's command and stderr, seconds add a `download_url` to its files for so long."""
        return await self._answer(calls.get_job(job_id, full, signed_urls_seconds))

    def list_jobs(self, filter: str = "", page_size: int = 0) -> AsyncIterator[Job]:
        """Jobs, newest first, fetched page by page. `filter` as in `state = "FAILED" AND labels.asset = "42"`."""
        return self._items(calls.list_jobs(filter, page_size))

    async def cancel_job(self, job_id: str, reason: str = "") -> Job:
        """Ask a job to stop."""
        return await self._answer(calls.cancel_job(job_id, reason))

    async def delete_job(self, job_id: str) -> None:
        """Delete a COMPLETED, FAILED or CANCELLED job, and its files in the server's own storage."""
        await self._answer(calls.delete_job(job_id))

    async def delete_jobs(self, filter: str) -> int:
        """Delete all such jobs that a filter, as in `list_jobs`, names; answers how many."""
        deleted, more = 0, True
        while more:
            answer = await self._answer(calls.delete_jobs(filter))
            deleted, more = deleted + answer.deleted, answer.more
        return deleted

    async def retry_job(self, job_id: str) -> Job:
        """Submit a FAILED or CANCELLED job again; answers the new job, the same one each time."""
        return await self._answer(calls.retry_job(job_id))

    async def watch_job(
        self, job_id: str, after_sequence: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[JobEvent]:
        """A job's events until its final one, over broken connections. Raises TimeoutError at the timeout."""
        watch = Watch(job_id, after_sequence, timeout_seconds, self._backoff)
        while True:
            call = watch.call()
            stream = self._channel.unary_stream(
                call.path,
                request_serializer=type(call.request).SerializeToString,
                response_deserializer=call.answer.FromString,
            )(call.request, timeout=watch.left_seconds, metadata=self._metadata)
            try:
                async for event in stream:
                    watch.saw(event)
                    yield event
                return
            except grpc.RpcError as error:
                if (delay := watch.delay_seconds(from_rpc_error(error))) is None:
                    return
                await asyncio.sleep(delay)
            finally:
                stream.cancel()

    async def wait(self, job_id: str, timeout_seconds: float | None = None) -> Job:
        """The job, once it is finished, in full. Raises TimeoutError at the timeout."""
        async for _ in self.watch_job(job_id, timeout_seconds=timeout_seconds):
            pass
        return await self.get_job(job_id, full=True)

    def job_events(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[JobEvent]:
        """What happened to a job so far, oldest first."""
        return self._items(calls.job_events(job_id, after_sequence))

    def job_logs(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[JobLog]:
        """A job's processing log so far, oldest first."""
        return self._items(calls.job_logs(job_id, after_sequence))

    def output_files(self, job_id: str, output: str) -> AsyncIterator[OutputFile]:
        """The files that an output of a COMPLETED job became, in their order; the job itself shows the first 100."""
        return self._items(calls.output_files(job_id, output))

    def job_tasks(self, job_id: str, page_size: int = 0) -> AsyncIterator[Task]:
        """The tasks of a job, in the order in which they were made: who runs what, and why something waits."""
        return self._items(calls.job_tasks(job_id, page_size))

    async def probe(self, uri: str) -> MediaInfo:
        """What a media file contains."""
        return await self._answer(calls.probe(uri))

    async def operations(self) -> list[Operation]:
        """What an output can ask for."""
        return list((await self._answer(calls.operations())).operations)

    async def presets(self) -> list[Preset]:
        """Operations with good settings under a name: shipped ones, then your own in their newest versions."""
        return list((await self._answer(calls.presets())).presets)

    async def sign_upload(self, name: str, *, max_bytes: int = 0, lifetime: timedelta | None = None) -> SignedUpload:
        """An address that whoever has it may PUT one file to: within an hour, or `lifetime`, and of `max_bytes`."""
        return await self._answer(calls.sign_upload(name, max_bytes, lifetime))

    async def get_preset(self, name: str) -> Preset:
        """A preset; of your own the newest version, or as `mine@3` another one."""
        return await self._answer(calls.get_preset(name))

    async def save_preset(self, preset: Preset) -> Preset:
        """Save a preset of your own; answers it with its version, which is a new one where it says something else."""
        return await self._answer(calls.save_preset(preset))

    async def delete_preset(self, name: str) -> Preset:
        """Delete a preset of your own, with all versions; jobs keep what they were submitted with."""
        return await self._answer(calls.delete_preset(name))

    def workers(self, page_size: int = 0) -> AsyncIterator[Worker]:
        """Who works, in the order of their names, fetched page by page."""
        return self._items(calls.workers(page_size))

    async def create_webhook(self, url: str, events: Sequence[str] = ()) -> WebhookSecret:
        """Have an address told of what happens to jobs; no events: of all. Its secret is told this once."""
        return await self._answer(webhook_calls.create_webhook(url, events))

    def webhooks(self, page_size: int = 0) -> AsyncIterator[Webhook]:
        """Who is told, but for jobs' own, in the order in which they were made."""
        return self._items(webhook_calls.webhooks(page_size))

    async def delete_webhook(self, webhook_id: str) -> Webhook:
        """Tell an address nothing any more, and forget it."""
        return await self._answer(webhook_calls.delete_webhook(webhook_id))

    async def enable_webhook(self, webhook_id: str) -> Webhook:
        """Try one again that was disabled, or that was away."""
        return await self._answer(webhook_calls.enable_webhook(webhook_id))

    async def rotate_webhook_secret(self, webhook_id: str, overlap: timedelta | None = None) -> WebhookSecret:
        """A new secret (id `jobs`: for jobs' own webhooks). For the overlap, or a day, the one before it signs too."""
        return await self._answer(webhook_calls.rotate_webhook_secret(webhook_id, overlap))

    async def test_webhook(self, webhook_id: str) -> WebhookDelivery:
        """Have a message of the type webhook.test sent; `deliveries` tells how that went."""
        return await self._answer(webhook_calls.test_webhook(webhook_id))

    def deliveries(self, webhook_id: str, state: str = "", page_size: int = 0) -> AsyncIterator[WebhookDelivery]:
        """What a webhook was or is to be told, newest first; or of a job. `state`: PENDING, DELIVERED or FAILED."""
        return self._items(webhook_calls.deliveries(webhook_id, state, page_size))

    async def redeliver(self, webhook_id: str, delivery_id: str = "", since: datetime | None = None) -> int:
        """Send once more what has ended: one delivery, or those written since a time. Answers how many."""
        return (await self._answer(webhook_calls.redeliver(webhook_id, delivery_id, since))).deliveries

    async def create_key(
        self, name: str, role: str, *, user: str = "", tenant: str = "", expire_time: datetime | None = None
    ) -> CreateKeyResponse:
        """Make a key; the answer has its token, which is told once. Not repeated: a second try would make another."""
        return await self._answer(calls.create_key(name, role, user=user, tenant=tenant, expire_time=expire_time))

    def list_keys(self, tenant: str = "", page_size: int = 0) -> AsyncIterator[Key]:
        """Keys, in the order of their ids, fetched page by page."""
        return self._items(calls.list_keys(tenant, page_size))

    async def revoke_key(self, key_id: str, tenant: str = "") -> Key:
        """Refuse a key from now on; who remembers it learns so within five seconds."""
        return await self._answer(calls.revoke_key(key_id, tenant))

    async def rotate_key(
        self,
        key_id: str,
        *,
        overlap: timedelta | None = None,
        expire_time: datetime | None = None,
        tenant: str = "",
    ) -> CreateKeyResponse:
        """Make a key in another's place, which goes on for `overlap` (a day). Not repeated, as create_key."""
        return await self._answer(calls.rotate_key(key_id, overlap=overlap, expire_time=expire_time, tenant=tenant))

    async def create_tenant(self, name: str) -> Tenant:
        """Make a tenant."""
        return await self._answer(calls.create_tenant(name))

    def list_tenants(self, page_size: int = 0) -> AsyncIterator[Tenant]:
        """Tenants, in the order of their names, fetched page by page."""
        return self._items(calls.list_tenants(page_size))

    def audit_events(self, tenant: str = "", page_size: int = 0) -> AsyncIterator[AuditEvent]:
        """What was done, newest first, fetched page by page."""
        return self._items(calls.audit_events(tenant, page_size))

    async def _answer(self, call: Call[Answer]) -> Answer:
        method = self._channel.unary_unary(
            call.path,
            request_serializer=type(call.request).SerializeToString,
            response_deserializer=call.answer.FromString,
        )
        attempt = 1
        while True:
            try:
                answer: Answer = await method(call.request, timeout=self._timeout_seconds, metadata=self._metadata)
                return answer
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error)
                delay = self._backoff.delay_seconds(error, attempt) if call.repeatable else None
                if delay is None:
                    raise error from rpc_error
            await asyncio.sleep(delay)
            attempt += 1

    async def _items(self, listing: Listing[Page, Item]) -> AsyncIterator[Item]:
        token = listing.start
        while True:
            page = await self._answer(listing.page(token))
            for item in listing.items(page):
                yield item
            if not (token := listing.following(page)):
                return
